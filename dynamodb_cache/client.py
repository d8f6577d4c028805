"""One DynamoDB client a process and Region, made lazily under a lock, made anew after a fork.

Django makes a cache object for every ASGI request; a client in each would cost 100 to 220 ms a page. A fixed user agent
takes a fifth off a small call, and our own checks replace botocore's validation.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from dynamodb_cache.errors import TableMissing, Unavailable

_CONFIG = Config(
    user_agent="stackport-cache/0.1",
    parameter_validation=False,
    connect_timeout=1,
    read_timeout=3,
    retries={"mode": "standard", "max_attempts": 3},
    max_pool_connections=32,
)
_lock = threading.Lock()
_clients: dict[tuple[int, str | None], Any] = {}


def client(region: str | None = None) -> Any:
    """Return the process's client; region, endpoint and credentials come from boto3's standard configuration."""
    key = (os.getpid(), region)
    found = _clients.get(key)
    if found is None:
        with _lock:
            found = _clients.get(key)
            if found is None:
                found = _clients[key] = boto3.session.Session().client("dynamodb", region_name=region, config=_CONFIG)
    return found


def reset() -> None:
    """Forget the clients, between tests that change where AWS is."""
    with _lock:
        _clients.clear()


@contextmanager
def errors(table: str) -> Iterator[None]:
    """Turn botocore's exceptions into ours; failed conditions pass as they are."""
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in {"ConditionalCheckFailedException", "TransactionCanceledException"}:
            raise
        if code == "ResourceNotFoundException":
            raise TableMissing(f"Table {table} does not exist. Run `manage.py dynamodb_cache create`.") from error
        raise Unavailable(f"{table}: {error}") from error
    except BotoCoreError as error:
        raise Unavailable(f"{table}: {error}") from error
