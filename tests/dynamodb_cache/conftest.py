"""A table on the local AWS, and caches on it that share nothing but the table."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import pytest

from dynamodb_cache import client as cache_client
from dynamodb_cache.backend import DynamoDBCache
from localaws.server import LocalAWS
from tests.dynamodb_cache import wire as wires

TABLE = "cache-tests"
_numbers = itertools.count(1)


class MakeCache(Protocol):
    """Makes caches; without a prefix, each with its own."""

    def __call__(self, *, prefix: str | None = None, **options: Any) -> DynamoDBCache: ...


@pytest.fixture(autouse=True, scope="module")
def _own_process() -> Iterator[None]:
    """Forget what other modules' tests left in this process: clients of other endpoints, breakers, counts."""
    cache_client.reset()
    yield
    cache_client.reset()


@pytest.fixture(autouse=True)
def _no_collections(settings: Any) -> None:
    """The portal's own collection is no table of these tests."""
    settings.DYNAMODB_CACHE_COLLECTIONS = []


@pytest.fixture
def dynamodb(local_aws: LocalAWS) -> Any:
    """A client, with the table made."""
    made = cache_client.client()
    with contextlib.suppress(made.exceptions.ResourceInUseException):
        made.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        )
    return made


@pytest.fixture
def make_cache(dynamodb: Any) -> MakeCache:
    """Makes caches on the table."""

    def make(*, prefix: str | None = None, **options: Any) -> DynamoDBCache:
        table = options.pop("LOCATION", TABLE)
        params = {"OPTIONS": options, "KEY_PREFIX": f"test{next(_numbers)}" if prefix is None else prefix}
        return DynamoDBCache(table, params)

    return make


@pytest.fixture
def cache(make_cache: MakeCache) -> DynamoDBCache:
    """A cache with the default options."""
    return make_cache()


@pytest.fixture
def wire(cache: DynamoDBCache) -> Iterator[wires.Wire]:
    """The wire of `cache`, and of every other cache with the same connection options."""
    with wires.on(cache) as listening:
        yield listening


@pytest.fixture
def item_of(dynamodb: Any) -> Callable[..., Any]:
    """Reads the item of a key, as it stands in the table."""

    def read(cache: DynamoDBCache, key: str, version: int | None = None) -> Any:
        stored = cache._place(key, version).stored
        return dynamodb.get_item(TableName=TABLE, Key={"k": {"S": stored}}, ConsistentRead=True).get("Item")

    return read
