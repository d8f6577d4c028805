"""`get_or_set` under a lease: one computes, nobody waits longer than the lease, nothing overwrites newer news."""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import time_machine

from dynamodb_cache.backend import DynamoDBCache
from tests.dynamodb_cache.conftest import MakeCache
from tests.dynamodb_cache.wire import Wire, lost_answer


@pytest.fixture
def clock(dynamodb: Any) -> Iterator[time_machine.Traveller]:
    """A clock that stands still, for the local AWS too."""
    with time_machine.travel(1_800_000_000, tick=False) as standing:
        yield standing


class Work:
    """Computes, and counts how often; as long as it is told."""

    def __init__(self, seconds: float = 0.3) -> None:
        self.times = 0
        self._seconds = seconds
        self._lock = threading.Lock()

    def __call__(self) -> str:
        with self._lock:
            self.times += 1
            number = self.times
        time.sleep(self._seconds)
        return f"computed {number}"

    async def awaited(self) -> str:
        """Compute without blocking the loop."""
        self.times += 1
        number = self.times
        await asyncio.sleep(self._seconds)
        return f"computed {number}"


def _together(call: Callable[[], Any], count: int = 8) -> list[Any]:
    with ThreadPoolExecutor(count) as pool:
        return [one.result() for one in [pool.submit(call) for _ in range(count)]]


def test_one_computes_and_the_others_wait_for_it(cache: DynamoDBCache) -> None:
    work = Work()
    assert set(_together(lambda: cache.get_or_set("key", work, lease=5))) == {"computed 1"}
    assert work.times == 1
    assert cache.get("key") == "computed 1"


async def test_one_computes_and_the_others_wait_for_it_in_a_loop(cache: DynamoDBCache) -> None:
    work = Work()
    found = await asyncio.gather(*[cache.aget_or_set("key", work.awaited, lease=5) for _ in range(8)])
    assert set(found) == {"computed 1"}
    assert work.times == 1


def test_a_hit_is_one_request_and_a_miss_three(cache: DynamoDBCache, wire: Wire) -> None:
    assert cache.get_or_set("key", "value", lease=5) == "value"
    assert wire.operations == {"GetItem": 1, "UpdateItem": 1, "PutItem": 1}
    wire.forget()
    assert cache.get_or_set("key", "other", lease=5) == "value"
    assert wire.operations == {"GetItem": 1}


def test_a_lease_alone_is_no_entry_for_anybody_else(cache: DynamoDBCache) -> None:
    seen: dict[str, Any] = {}

    def compute() -> str:
        seen.update(get=cache.get("key"), has=cache.has_key("key"), many=cache.get_many(["key"]), ttl=cache.ttl("key"))
        seen.update(touch=cache.touch("key"), entry=cache.get_entry("key"))
        return "value"

    assert cache.get_or_set("key", compute, lease=5) == "value"
    assert seen == {"get": None, "has": False, "many": {}, "ttl": 0, "touch": False, "entry": None}
    assert cache.get("key") == "value"


def test_while_one_computes_the_others_get_the_stale_value_at_once(
    cache: DynamoDBCache, clock: time_machine.Traveller
) -> None:
    cache.get_or_set("key", "old", 10, lease=5, stale=60)
    clock.shift(10)
    assert cache.get("key") is None  # everybody else misses it
    begun, finish = threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        finish.wait(10)
        return "new"

    with ThreadPoolExecutor(1) as pool:
        holder = pool.submit(cache.get_or_set, "key", slow, 50, lease=10, stale=60)
        assert begun.wait(10)
        assert cache.get_or_set("key", lambda: pytest.fail("computed twice"), lease=10, stale=60) == "old"
        finish.set()
        assert holder.result() == "new"
    assert cache.get("key") == "new"


def test_a_stale_value_ends_too(
    cache: DynamoDBCache, item_of: Callable[..., Any], clock: time_machine.Traveller
) -> None:
    cache.get_or_set("key", "old", 10, lease=5, stale=20)
    assert item_of(cache, "key")["t"] == {"N": "1800000030"}  # DynamoDB keeps it as long
    clock.shift(29)
    assert cache._calls.look(cache._place("key", None)).stale == "old"
    clock.shift(2)
    assert repr(cache._calls.look(cache._place("key", None)).stale) == "MISSING"


def test_a_holder_that_dies_blocks_nobody_beyond_its_lease(cache: DynamoDBCache) -> None:
    place = cache._place("key", None)
    assert cache._calls.acquire(cache._calls.look(place), place, 0.5)  # and never comes back
    begun = time.monotonic()
    work = Work(0)
    assert set(_together(lambda: cache.get_or_set("key", work, lease=5), 4)) == {"computed 1"}
    assert 0.3 < time.monotonic() - begun < 5
    assert work.times == 1


def test_nobody_waits_longer_than_a_lease(cache: DynamoDBCache) -> None:
    place = cache._place("key", None)
    assert cache._calls.acquire(cache._calls.look(place), place, 60)
    begun = time.monotonic()
    assert cache.get_or_set("key", lambda: "own", lease=0.5) == "own"
    assert 0.4 < time.monotonic() - begun < 4
    assert cache.get("key") is None  # the holder will store what it computes


def test_an_error_gives_the_lease_back(cache: DynamoDBCache) -> None:
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            cache.get_or_set("key", lambda: 1 // 0, lease=60)
    assert cache.get_or_set("key", "value", lease=60) == "value"


async def test_an_error_or_a_cancelled_task_gives_the_lease_back(cache: DynamoDBCache) -> None:
    with pytest.raises(ZeroDivisionError):
        await cache.aget_or_set("key", lambda: 1 // 0, lease=60)
    begun = asyncio.Event()

    async def endless() -> None:
        begun.set()
        await asyncio.sleep(60)

    task = asyncio.ensure_future(cache.aget_or_set("key", endless, lease=60))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await cache.aget_or_set("key", "value", lease=60) == "value"


class Endless:
    """Computes for ever, and waits for nothing that a loop knows."""

    def __await__(self) -> Iterator[None]:
        while True:
            yield


async def test_a_closed_coroutine_ends_at_once_and_leaves_the_lease_to_its_end(cache: DynamoDBCache) -> None:
    call = cache.aget_or_set("key", Endless, lease=1)
    # Step by step, since a task that is closed with its loop is closed in the middle of a step.
    while (future := call.send(None)) is not None:
        future._asyncio_future_blocking = False
        await asyncio.wait([future])
    call.close()  # raises RuntimeError when it awaits once more
    assert await cache.aget_or_set("key", "value", lease=1) == "value"


@pytest.mark.parametrize("news", ["set", "delete", "clear"])
def test_what_was_computed_does_not_overwrite_newer_news(cache: DynamoDBCache, news: str) -> None:
    def compute() -> str:
        if news == "set":
            cache.set("key", "newer")
        elif news == "delete":
            cache.delete("key")
        else:
            cache.clear()
        return "computed of what is no longer so"

    assert cache.get_or_set("key", compute, lease=5) == "computed of what is no longer so"
    assert cache.get("key") == ("newer" if news == "set" else None)


def test_lost_answers_do_no_harm(cache: DynamoDBCache, wire: Wire) -> None:
    wire.script.extend([lambda _request: None, lost_answer, lambda _request: None, lost_answer])
    assert cache.get_or_set("key", "value", lease=5) == "value"
    assert wire.operations == {"GetItem": 1, "UpdateItem": 2, "PutItem": 2}
    assert cache.get("key") == "value"


def test_large_values_and_tags_go_along(cache: DynamoDBCache, clock: time_machine.Traveller) -> None:
    large = [os.urandom(800_000) for _ in range(3)]
    assert cache.get_or_set("key", large[0], 10, lease=5, stale=60, tags=["tag"]) == large[0]
    assert cache.get("key") == large[0]
    clock.shift(10)
    assert cache.get_or_set("key", large[1], 50, lease=5, stale=60, tags=["tag"]) == large[1]
    assert cache.get("key") == large[1]
    cache.delete_tags(["tag"])
    assert cache.get("key") is None
    assert cache.get_or_set("key", large[2], lease=5) == large[2]
    assert cache.get("key") == large[2]


def test_a_stale_value_whose_tag_was_forgotten_is_not_served(
    cache: DynamoDBCache, clock: time_machine.Traveller
) -> None:
    cache.get_or_set("key", "old", 10, lease=5, stale=60, tags=["tag"])
    clock.shift(10)
    assert cache._calls.look(cache._place("key", None)).stale == "old"
    cache.delete_tags(["tag"])
    assert repr(cache._calls.look(cache._place("key", None)).stale) == "MISSING"


@pytest.mark.parametrize("timeout", [0, None])
def test_no_time_stores_nothing_and_no_end_knows_no_stale(cache: DynamoDBCache, timeout: float | None) -> None:
    assert cache.get_or_set("key", "value", timeout, lease=5, stale=5) == "value"
    assert cache.get("key") == (None if timeout == 0 else "value")
    assert cache.get_or_set("key", "again", timeout, lease=5, stale=5) == ("again" if timeout == 0 else "value")


@pytest.mark.parametrize("wrong", [{"lease": 0}, {"lease": -1}, {"stale": float("inf")}, {"lease": 1, "stale": 0}])
def test_a_lease_that_is_no_time_is_refused(cache: DynamoDBCache, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="number of seconds above 0"):
        cache.get_or_set("key", 1, **wrong)


def test_json_entries_go_stale_as_well(make_cache: MakeCache, clock: time_machine.Traveller) -> None:
    cache = make_cache(SERIALIZER="json")
    cache.get_or_set("key", {"a": 1}, 10, stale=60)
    clock.shift(10)
    place = cache._place("key", None)
    assert cache._calls.acquire(cache._calls.look(place), place, 60)
    assert cache.get_or_set("key", {"b": 1}, stale=60) == {"a": 1}
