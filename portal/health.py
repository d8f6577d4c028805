"""`/healthz`: the process answers. `/readyz`: it can do its work. Neither says anything a stranger could use."""

import logging

from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse

from aws.errors import AWSError
from dynamodb_cache.errors import DynamoDBCacheError
from projects.actions.operations import operations_queue

logger = logging.getLogger(__name__)


def alive(_request: HttpRequest) -> JsonResponse:
    """Answer at once; nothing outside the process is asked, so a slow AWS never restarts it."""
    return JsonResponse({"status": "ok"})


def ready(_request: HttpRequest) -> JsonResponse:
    """Answer 200 when database, cache and queue answer, else 503 naming what does not."""
    answers = {"database": _database(), "cache": _cache(), "queue": _queue()}
    ok = all(answers.values())
    body = {name: "ok" if answer else "unreachable" for name, answer in answers.items()}
    return JsonResponse(body, status=200 if ok else 503)


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
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
