"""What a person sees when DynamoDB does not answer and nothing can be shown or counted without it."""

import logging
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dynamodb_cache.errors import DynamoDBCacheError

logger = logging.getLogger(__name__)

WORDS = (
    "The store that the portal works with does not answer right now. Nothing was done, and nothing that stands in AWS is "
    "affected. Try again in a moment."
)
RETRY_AFTER_SECONDS = 10


class OutageMiddleware:
    """Answers 503 in words instead of an error page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass on."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer for a view that met the outage; every other exception is not ours."""
        if not isinstance(exception, DynamoDBCacheError):
            return None
        logger.warning("a page could not be answered: path=%s error=%s", request.path, exception)
        response = render(request, "503.html", {"words": WORDS}, status=503)
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response
