"""What one can know of the cache: a signal for each call, counts for each process, and neither for nothing."""

import threading
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from dynamodb_cache import client as cache_client
from dynamodb_cache.backend import DynamoDBCache
from dynamodb_cache.errors import Unavailable
from dynamodb_cache.observing import CacheCall, cache_called
from tests.dynamodb_cache import wire as wires
from tests.dynamodb_cache.conftest import TABLE, MakeCache
from tests.dynamodb_cache.wire import Wire, dead, lost_answer

request_id: ContextVar[str] = ContextVar("request_id", default="none")


class Ear:
    """Hears the signal."""

    def __init__(self) -> None:
        self.calls: list[CacheCall] = []
        self.contexts: list[str] = []

    def __call__(self, call: CacheCall, **_: Any) -> None:
        self.calls.append(call)
        self.contexts.append(request_id.get())


@pytest.fixture
def ear() -> Iterator[Ear]:
    """A receiver, taken away after the test."""
    heard = Ear()
    cache_called.connect(heard)
    yield heard
    cache_called.disconnect(heard)


def test_nobody_listening_asks_for_no_units(cache: DynamoDBCache, wire: Wire) -> None:
    cache.set("key", "value")
    cache.get_many(["key"])
    assert not any("ReturnConsumedCapacity" in body for _, body in wire.requests)


def test_a_call_tells_what_it_did(cache: DynamoDBCache, ear: Ear) -> None:
    cache.set("key", "value")
    cache.get("key")
    cache.get("absent")
    cache.get_many(["key", "absent", "other"])
    told = [(call.operation, call.keys, call.hits, call.requests, call.error) for call in ear.calls]
    assert told == [("set", 1, 0, 1, ""), ("get", 1, 1, 1, ""), ("get", 1, 0, 1, ""), ("get_many", 3, 1, 1, "")]
    written, read, missed, many = ear.calls
    assert written.bytes == read.bytes == many.bytes > 0
    assert missed.bytes == 0
    assert {(call.table, call.prefix) for call in ear.calls} == {(TABLE, cache.key_prefix)}
    assert all(call.seconds > 0 and call.units > 0 for call in ear.calls)


def test_retries_are_told(cache: DynamoDBCache, wire: Wire, ear: Ear) -> None:
    before = cache.stats()["retries"]
    wire.script.append(lost_answer)
    cache.set("key", "value")
    assert ear.calls[0].retries == 1
    assert cache.stats()["retries"] == before + 1


def test_an_error_is_told_also_where_it_was_swallowed(make_cache: MakeCache, ear: Ear) -> None:
    for fail_open in (True, False):
        cache = make_cache(MAX_ATTEMPTS=1, BREAKER_SECONDS=0, FAIL_OPEN=fail_open)
        with wires.on(cache) as wire:
            wire.always = dead
            if fail_open:
                cache.get("key")
            else:
                with pytest.raises(Unavailable):
                    cache.get("key")
    assert [call.error for call in ear.calls] == ["Unavailable", "Unavailable"]
    cache_client.reset()


def test_a_receiver_that_fails_breaks_nothing(cache: DynamoDBCache, caplog: pytest.LogCaptureFixture) -> None:
    def broken(**_: Any) -> None:
        raise RuntimeError("a receiver's own fault")

    cache_called.connect(broken)
    try:
        cache.set("key", 1)
        assert cache.get("key") == 1
    finally:
        cache_called.disconnect(broken)
    assert "a receiver's own fault" in caplog.text


async def test_a_receiver_of_an_async_call_sees_the_callers_context(cache: DynamoDBCache, ear: Ear) -> None:
    request_id.set("abc")
    await cache.aset("key", 1)
    await cache.aget_many(["key"])
    assert ear.contexts == ["abc", "abc"]


def test_stats_count_for_the_process_and_alias(make_cache: MakeCache) -> None:
    cache, other = make_cache(), make_cache()
    cache.set("a", 1)
    cache.set_many({"b": 2, "c": 3})
    cache.add("a", 1)
    cache.add("d", 1)
    cache.incr("a")
    cache.get("a")
    cache.get("absent")
    cache.get_many(["a", "b", "absent"])
    threads = [threading.Thread(target=lambda: [cache.get("a") for _ in range(5)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    again = DynamoDBCache(TABLE, {"KEY_PREFIX": cache.key_prefix})  # as in another request
    stats = again.stats()
    assert {name: stats[name] for name in ("hits", "misses", "writes", "dropped", "errors", "breaker")} == {
        "hits": 23,
        "misses": 2,
        "writes": 5,
        "dropped": 0,
        "errors": 0,
        "breaker": "closed",
    }
    assert other.stats()["hits"] == 0
