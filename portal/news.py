"""Tell with every part of a page how long ago news from AWS could last arrive, for pages that poll (DESIGN promise 2).

What such a page fetches is no older than that. A page with a socket hears the same in its frames.
"""

from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse

from notifications import pulse

HEADER = "X-News-Seconds"


class NewsAge:
    """Middleware: sets the header; "unknown" where no intake runs."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        if request.headers.get("HX-Request") and response.status_code == HTTPStatus.OK:
            age = pulse.age_seconds()
            response[HEADER] = "unknown" if age is None else str(age)
        return response
