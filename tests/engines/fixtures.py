"""Engines as fixtures: `ministack` and `dynalite` give an address, `engine` each of three with a fresh table.

What an engine cannot show is said in LACKS; a test asks `engine.needs(...)` and is skipped with that reason.
"""

import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.config import Config

from dynamodb_cache import DynamoDBCache
from dynamodb_cache import client as cache_client
from localaws.server import LocalAWS
from tests.engines import servers

REGION = "eu-west-1"
READY_SECONDS = 10
OLD_ITEM = "returns the item of a failed condition"
TRANSACTIONS = "has transactions"
TIME_TO_LIVE = "has UpdateTimeToLive"
LACKS: Mapping[str, frozenset[str]] = {
    "localaws": frozenset(),
    "ministack": frozenset(),
    "dynalite": frozenset({OLD_ITEM, TRANSACTIONS, TIME_TO_LIVE}),
}

_session = boto3.session.Session()  # one: it keeps the models that it has read


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine with a fresh table, and a cache on it."""

    name: str
    url: str
    table: str
    keys: Mapping[str, str] = field(repr=False)  # environment variables
    client: Any = field(repr=False)  # plain boto3, to look at the table beside the cache

    def cache(self, *, url: str | None = None, **options: Any) -> DynamoDBCache:
        """Return a new cache object, as Django makes one for every request; `url` is a proxy's."""
        known = {"REGION": REGION, "ENDPOINT_URL": url or self.url, **options}
        return DynamoDBCache(self.table, {"OPTIONS": known})

    def items(self) -> list[dict[str, Any]]:
        """Return everything in the table, expired and internal items included."""
        pages = self.client.get_paginator("scan").paginate(TableName=self.table, ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]

    def needs(self, ability: str) -> None:
        """Skip the test on an engine that lacks what it is about."""
        if ability in LACKS[self.name]:
            pytest.skip(f"{self.name} cannot show this: the test needs an engine that {ability}")


def _started(start: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    """Start an engine; one that is missing fails on the build server and skips elsewhere."""
    running = start()
    try:
        url = running.__enter__()
    except servers.EngineMissing as reason:
        if os.environ.get("CI"):
            pytest.fail(str(reason))
        pytest.skip(str(reason))
    try:
        yield url
    finally:
        running.__exit__(None, None, None)


@pytest.fixture(scope="session")
def ministack() -> Iterator[str]:
    """The address of ministack's DynamoDB; one in each test process, started when first asked for."""
    yield from _started(servers.ministack)


@pytest.fixture(scope="session")
def dynalite() -> Iterator[str]:
    """The address of dynalite; one in each test process, started when first asked for."""
    yield from _started(servers.dynalite)


@pytest.fixture(params=["localaws", "ministack", "dynalite"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """Each engine with a fresh table; the environment holds keys that it accepts."""
    name: str = request.param
    keys = {"AWS_ACCESS_KEY_ID": "111111111111", "AWS_SECRET_ACCESS_KEY": "test"}
    if name == "localaws":
        aws: LocalAWS = request.getfixturevalue("local_aws")
        url = f"http://127.0.0.1:{aws.port}"
        keys = {"AWS_ACCESS_KEY_ID": aws.home.access_key_id, "AWS_SECRET_ACCESS_KEY": aws.home.secret_access_key}
    else:
        url = request.getfixturevalue(name)
    for variable, value in keys.items():
        monkeypatch.setenv(variable, value)
    cache_client.reset()
    made = _with_table(name, url, keys)
    yield made
    made.client.delete_table(TableName=made.table)
    cache_client.reset()


def _with_table(name: str, url: str, keys: Mapping[str, str]) -> Engine:
    client = _session.client(
        "dynamodb",
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}),
    )
    table = f"cache-{uuid.uuid4().hex[:12]}"
    client.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
    )
    deadline = time.monotonic() + READY_SECONDS
    while client.describe_table(TableName=table)["Table"]["TableStatus"] != "ACTIVE":
        assert time.monotonic() < deadline, f"{name}: the table is not ready"
        time.sleep(0.01)
    return Engine(name, url, table, keys, client)
