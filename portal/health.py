"""`/healthz`: the process answers. `/readyz`: it can do its work. Neither says anything a stranger could use.

A load balancer asks each machine by its address, without TLS: both answer whatever Host a request names.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.core.cache import cache
from django.db import Error as DatabaseFault
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import resolve

from aws.errors import AWSError
from dynamodb_cache.errors import DynamoDBCacheError
from projects.actions.operations import operations_queue

logger = logging.getLogger(__name__)

ADDRESSES = ("/healthz", "/readyz")
KEPT_SECONDS = 5  # strangers may ask as often as they like: each answer costs a call of DynamoDB and of SQS


@dataclass(slots=True)
class _Kept:
    """The last answer and when it was found; one thread at a time finds a new one."""

    answers: dict[str, bool] = field(default_factory=dict)
    found_at: float = float("-inf")
    lock: threading.Lock = field(default_factory=threading.Lock)


_kept = _Kept()


class Probes:
    """Middleware: answers both before the Host is looked at, and before any session is."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info in ADDRESSES:
            answer: HttpResponse = resolve(request.path_info).func(request)
            return answer
        return self._get_response(request)


def alive(_request: HttpRequest) -> JsonResponse:
    """Answer from the process alone."""
    return JsonResponse({"status": "ok"})


def ready(_request: HttpRequest) -> JsonResponse:
    """Answer 200 when database, cache and queue answered within the last seconds, else 503 naming what did not."""
    answers = _answers()
    body = {name: "ok" if answer else "unreachable" for name, answer in answers.items()}
    return JsonResponse(body, status=200 if all(answers.values()) else 503)


def _answers() -> dict[str, bool]:
    if time.monotonic() - _kept.found_at < KEPT_SECONDS:
        return _kept.answers
    # While AWS hangs, only one thread waits for it; the others tell what was true last, if anything was.
    if not _kept.lock.acquire(blocking=not _kept.answers):
        return _kept.answers
    try:
        if time.monotonic() - _kept.found_at >= KEPT_SECONDS:
            _kept.answers = {"database": _database(), "cache": _cache(), "queue": _queue()}
            _kept.found_at = time.monotonic()
        return _kept.answers
    finally:
        _kept.lock.release()


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseFault:  # a connection that was closed under it is no DatabaseError
        logger.warning("readyz: the database does not answer", exc_info=True)
        return False
    return True


def _cache() -> bool:
    try:
        cache.set("readyz", 1, timeout=10)
        return bool(cache.get("readyz") == 1)
    except DynamoDBCacheError:
        logger.warning("readyz: the cache does not answer", exc_info=True)
        return False


def _queue() -> bool:
    try:
        operations_queue().arn()
    except AWSError:
        logger.warning("readyz: the queue does not answer", exc_info=True)
        return False
    return True
