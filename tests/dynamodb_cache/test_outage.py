"""Outages: what raises, what goes on without, how often that is said, and when DynamoDB is not even asked."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dynamodb_cache import client as cache_client
from dynamodb_cache.backend import DynamoDBCache
from dynamodb_cache.errors import (
    AccessDenied,
    CircuitOpen,
    DynamoDBCacheError,
    Refused,
    TableMissing,
    Throttled,
    Unavailable,
)
from tests.dynamodb_cache import wire as wires
from tests.dynamodb_cache.conftest import MakeCache
from tests.dynamodb_cache.wire import Scripted, answer, dead, refusal


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Leave no breaker open, and no line said a moment ago."""
    cache_client.reset()
    yield
    cache_client.reset()


READS: dict[str, tuple[Callable[[DynamoDBCache], Any], Any]] = {
    "get": (lambda cache: cache.get("key", "nothing"), "nothing"),
    "get_many": (lambda cache: cache.get_many(["key"]), {}),
    "has_key": (lambda cache: cache.has_key("key"), False),
    "ttl": (lambda cache: cache.ttl("key"), 0),
    "get_entry": (lambda cache: cache.get_entry("key"), None),
    "get_or_set": (lambda cache: cache.get_or_set("key", lambda: "made"), "made"),
    "leased": (lambda cache: cache.get_or_set("key", lambda: "made", lease=5, stale=5), "made"),
}
WRITES: dict[str, tuple[Callable[[DynamoDBCache], Any], Any]] = {
    "set": (lambda cache: cache.set("key", 1), None),
    "set_many": (lambda cache: cache.set_many({"key": 1, "b": 2}), ["key", "b"]),
    "delete": (lambda cache: cache.delete("key"), False),
    "delete_many": (lambda cache: cache.delete_many(["key"]), None),
    "touch": (lambda cache: cache.touch("key"), False),
    "persist": (lambda cache: cache.persist("key"), False),
    "delete_tags": (lambda cache: cache.delete_tags(["tag"]), None),
    "delete_prefix": (lambda cache: cache.delete_prefix("p:"), None),
}
ALWAYS_RAISE: dict[str, Callable[[DynamoDBCache], Any]] = {
    "add": lambda cache: cache.add("key", 1),
    "incr": lambda cache: cache.incr("key"),
    "decr": lambda cache: cache.decr("key"),
    "clear": lambda cache: cache.clear(),
}
OUTAGES: dict[str, tuple[Scripted, type[DynamoDBCacheError]]] = {
    "nobody there": (dead, Unavailable),
    "throttled": (refusal("ProvisionedThroughputExceededException"), Throttled),
    "no table": (refusal("ResourceNotFoundException"), TableMissing),
    "access denied": (refusal("AccessDeniedException"), AccessDenied),
    "old credentials": (refusal("ExpiredTokenException"), AccessDenied),
    "ill": (answer(500, {"__type": "InternalServerError"}), Unavailable),
}
QUICK: dict[str, Any] = {"MAX_ATTEMPTS": 1, "BULK_SECONDS": 0.05, "BREAKER_SECONDS": 0, "PREFIXES": ["p:"]}


@pytest.mark.parametrize("outage", OUTAGES)
def test_an_alias_that_fails_closed_raises_what_happened(make_cache: MakeCache, outage: str) -> None:
    cache = make_cache(**QUICK)
    script, error = OUTAGES[outage]
    with wires.on(cache) as wire:
        wire.always = script
        calls = {**{name: call for name, (call, _) in {**READS, **WRITES}.items()}, **ALWAYS_RAISE}
        for name, call in calls.items():
            if outage == "throttled" and name in {"set_many", "delete_many", "delete_tags", "delete_prefix"}:
                continue  # what time did not allow: see test_bulk
            with pytest.raises(error):
                call(cache)


@pytest.mark.parametrize("outage", OUTAGES)
def test_an_alias_that_fails_open_misses_and_drops(make_cache: MakeCache, outage: str) -> None:
    cache = make_cache(**QUICK, FAIL_OPEN=True)
    before = cache.stats()["dropped"]
    with wires.on(cache) as wire:
        wire.always = OUTAGES[outage][0]
        for name, (call, otherwise) in {**READS, **WRITES}.items():
            assert call(cache) == otherwise, name
        for call in ALWAYS_RAISE.values():
            with pytest.raises((Unavailable, TableMissing)):
                call(cache)
    assert cache.stats()["dropped"] - before >= len(READS) + len(WRITES) - 1
    assert cache.stats()["errors"] >= cache.stats()["dropped"] + len(ALWAYS_RAISE)


async def test_the_async_half_fails_open_too(make_cache: MakeCache) -> None:
    cache = make_cache(**QUICK, FAIL_OPEN=True)
    with wires.on(cache) as wire:
        wire.always = dead
        assert await cache.aget("key", "nothing") == "nothing"
        assert await cache.aset_many({"key": 1}) == ["key"]
        assert await cache.aget_or_set("key", lambda: "made") == "made"
        assert await cache.aget_or_set("key", lambda: "made", lease=5) == "made"
        with pytest.raises(Unavailable):
            await cache.aadd("key", 1)


@pytest.mark.parametrize(("outage", "level"), [("nobody there", logging.WARNING), ("access denied", logging.ERROR)])
def test_going_on_without_is_said_once_a_minute(
    make_cache: MakeCache, caplog: pytest.LogCaptureFixture, outage: str, level: int
) -> None:
    cache, other = make_cache(**QUICK, FAIL_OPEN=True), make_cache(**QUICK, FAIL_OPEN=True)
    with wires.on(cache) as wire, caplog.at_level(logging.INFO, "dynamodb_cache"):
        wire.always = OUTAGES[outage][0]
        for _ in range(5):
            cache.get("key")
        assert [record.levelno for record in caplog.records] == [level]
        other.get("key")  # another alias says it for itself
        assert len(caplog.records) == 2


def test_access_denied_names_the_action(make_cache: MakeCache) -> None:
    cache = make_cache(**QUICK)
    with wires.on(cache) as wire:
        wire.always = refusal("AccessDeniedException")
        with pytest.raises(AccessDenied, match="dynamodb:UpdateItem"):
            cache.touch("key")
        with pytest.raises(AccessDenied, match="dynamodb:BatchWriteItem"):
            cache.delete_many(["key"])


def test_a_request_that_is_wrong_is_no_outage(make_cache: MakeCache) -> None:
    cache = make_cache(**QUICK, FAIL_OPEN=True)
    with wires.on(cache) as wire:
        wire.always = refusal("ValidationException")
        with pytest.raises(Refused):
            cache.get("key")


def test_a_table_that_is_missing_says_how_to_make_it(make_cache: MakeCache) -> None:
    with pytest.raises(TableMissing, match=r"no-such-table.*manage.py dynamodb_cache create"):
        make_cache(LOCATION="no-such-table").get("key")


# -- the breaker ------------------------------------------------------------------------------------------------------


@pytest.fixture
def guarded(make_cache: MakeCache) -> Iterator[tuple[DynamoDBCache, wires.Wire]]:
    """A cache with a breaker of half a second, and its wire."""
    cache = make_cache(MAX_ATTEMPTS=1, BREAKER_SECONDS=0.5)
    with wires.on(cache) as wire:
        yield cache, wire


def _fail(cache: DynamoDBCache) -> None:
    with pytest.raises(Unavailable) as failure:
        cache.get("key")
    assert type(failure.value) is Unavailable


@pytest.mark.parametrize("outage", ["nobody there", "ill"])
def test_after_one_outage_nobody_is_asked_any_more(guarded: tuple[DynamoDBCache, wires.Wire], outage: str) -> None:
    cache, wire = guarded
    wire.always = OUTAGES[outage][0]
    _fail(cache)
    assert cache.stats()["breaker"] == "open"
    for _ in range(5):
        with pytest.raises(CircuitOpen, match="just failed"):
            cache.get("key")
    assert len(wire.requests) == 1


def test_an_outage_that_the_sdk_gets_over_does_not_open_it(make_cache: MakeCache) -> None:
    cache = make_cache()
    with wires.on(cache) as wire:
        for _ in range(3):
            wire.script.append(dead)
            assert cache.get("key") is None
        assert len(wire.requests) == 6
    assert cache.stats()["breaker"] == "closed"


def test_then_one_probe_goes_through_and_closes_it(guarded: tuple[DynamoDBCache, wires.Wire]) -> None:
    cache, wire = guarded
    wire.always = dead
    _fail(cache)
    time.sleep(0.55)
    released = threading.Event()

    def slow(_request: Any) -> None:
        released.wait(5)

    wire.always = slow
    probe = threading.Thread(target=cache.get, args=("key",))
    probe.start()
    while len(wire.requests) < 2:
        time.sleep(0.01)
    with pytest.raises(CircuitOpen):
        cache.get("key")
    released.set()
    probe.join()
    assert cache.stats()["breaker"] == "closed"
    wire.always = None
    assert cache.get("key") is None


def test_a_probe_that_fails_opens_it_again(guarded: tuple[DynamoDBCache, wires.Wire]) -> None:
    cache, wire = guarded
    wire.always = dead
    _fail(cache)
    time.sleep(0.55)
    _fail(cache)
    with pytest.raises(CircuitOpen):
        cache.get("key")
    assert len(wire.requests) == 2


@pytest.mark.parametrize(
    "code",
    [
        "ConditionalCheckFailedException",
        "ProvisionedThroughputExceededException",
        "AccessDeniedException",
        "ResourceNotFoundException",
        "ValidationException",
    ],
)
def test_an_answer_never_opens_it(guarded: tuple[DynamoDBCache, wires.Wire], code: str) -> None:
    cache, wire = guarded
    wire.always = refusal(code)
    for _ in range(4):
        with pytest.raises((DynamoDBCacheError, ValueError)):
            cache.incr("key")
    assert cache.stats()["breaker"] == "closed"


@pytest.mark.parametrize(("outage", "others"), [("nobody there", CircuitOpen), ("ill", TableMissing)])
def test_aliases_of_one_table_share_it_and_others_when_nobody_answered(
    make_cache: MakeCache, outage: str, others: type[DynamoDBCacheError]
) -> None:
    one, two = (make_cache(MAX_ATTEMPTS=1, BREAKER_SECONDS=0.5) for _ in range(2))
    other = make_cache(MAX_ATTEMPTS=1, BREAKER_SECONDS=0.5, LOCATION="another-table")
    without = make_cache(MAX_ATTEMPTS=1, BREAKER_SECONDS=0, LOCATION="another-table")
    with wires.on(one) as wire:
        wire.always = OUTAGES[outage][0]
        _fail(one)
        with pytest.raises(CircuitOpen):
            two.get("key")
        wire.always = None
        with pytest.raises(others) as failure:
            other.get("key")
        assert type(failure.value) is others
        with pytest.raises(TableMissing):  # an answer, which closes it
            without.get("key")
        with pytest.raises(TableMissing):
            other.get("key")


def test_no_breaker_asks_every_time(make_cache: MakeCache) -> None:
    cache = make_cache(MAX_ATTEMPTS=1, BREAKER_SECONDS=0)
    with wires.on(cache) as wire:
        wire.always = dead
        for _ in range(6):
            _fail(cache)
        assert len(wire.requests) == 6
        assert cache.stats()["breaker"] == "closed"


def test_an_endpoint_that_accepts_and_is_silent_costs_its_timeouts_once(make_cache: MakeCache) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cache = make_cache(
            ENDPOINT_URL=f"http://127.0.0.1:{silent.getsockname()[1]}",
            READ_TIMEOUT_SECONDS=0.2,
            MAX_ATTEMPTS=2,
            FAIL_OPEN=True,
        )
        begun = time.monotonic()
        for _ in range(10):
            assert cache.get("key") is None
        assert 2 * 0.2 <= time.monotonic() - begun < 10 * 2 * 0.2 / 2


def test_reset_forgets_the_breaker(guarded: tuple[DynamoDBCache, wires.Wire]) -> None:
    cache, wire = guarded
    wire.always = dead
    _fail(cache)
    cache_client.reset()
    assert cache.get("key") is None
