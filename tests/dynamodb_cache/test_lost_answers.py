"""A write is done and its answer lost: the SDK repeats it, and the cache must not mistake its own first try for another's."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.dynamodb_cache import faults
from tests.dynamodb_cache.faulty import Fault, FaultyProxy
from tests.engines.fixtures import Engine

# Only "too late" is about the client's patience: elsewhere a busy machine must not end the wait before the fault does.
OPTIONS = {"READ_TIMEOUT_SECONDS": 30, "BREAKER_SECONDS": 0}
IMPATIENT = {**OPTIONS, "READ_TIMEOUT_SECONDS": 1.5}
LOST: dict[str, Fault] = {"lost": faults.lost, "too late": faults.late(3), "cut": faults.cut}
every_loss = pytest.mark.parametrize("loss", LOST.values(), ids=LOST)


@every_loss
def test_add_says_that_it_won(engine: Engine, faulty: FaultyProxy, loss: Fault) -> None:
    cache = engine.cache(url=faulty.url, **IMPATIENT)
    faulty.next(loss)
    assert cache.add("key", "value") is True
    assert faulty.seen.count("PutItem") == 2
    assert cache.get("key") == "value"


def test_add_says_that_it_won_when_two_answers_were_lost(engine: Engine, faulty: FaultyProxy) -> None:
    cache = engine.cache(url=faulty.url, **OPTIONS, MAX_ATTEMPTS=3)
    faulty.next(faults.lost, faults.lost)
    assert cache.add("key", "value") is True


@every_loss
def test_add_that_another_beat_says_so(engine: Engine, faulty: FaultyProxy, loss: Fault) -> None:
    engine.cache().set("key", "of another")
    faulty.next(loss)
    assert engine.cache(url=faulty.url, **IMPATIENT).add("key", "value") is False
    assert engine.cache().get("key") == "of another"


@every_loss
def test_incr_counts_once_and_answers_the_count(engine: Engine, faulty: FaultyProxy, loss: Fault) -> None:
    cache = engine.cache(url=faulty.url, **IMPATIENT)
    cache.set("counter", 10, 500)
    faulty.next(loss)
    assert cache.incr("counter", 5) == 15
    assert cache.get("counter") == 15
    assert cache.decr("counter") == 14


def test_incr_counts_once_also_without_the_old_item(engine: Engine, faulty: FaultyProxy) -> None:
    """Whatever the engine tells: a count that is too high is worse than an error."""
    cache = engine.cache(url=faulty.url, **OPTIONS)
    cache.set("counter", 10)
    faulty.next(faults.lost)
    cache.incr("counter", 5)
    assert engine.cache().get("counter") == 15


@pytest.mark.parametrize("others", [1, 15])
def test_incr_counts_once_although_others_counted_before_it_was_repeated(
    engine: Engine, faulty: FaultyProxy, others: int
) -> None:
    cache = engine.cache(url=faulty.url, **OPTIONS)
    cache.set("counter", 0)
    faulty.next(faults.lost_then(lambda: [engine.cache().incr("counter", 100) for _ in range(others)]))
    assert cache.incr("counter") == 1 + 100 * others  # the number that stands
    assert faulty.seen.count("UpdateItem") == 2
    assert cache.get("counter") == 1 + 100 * others


def test_add_says_that_it_won_although_another_counted_before_it_was_repeated(
    engine: Engine, faulty: FaultyProxy
) -> None:
    cache = engine.cache(url=faulty.url, **OPTIONS)
    faulty.next(faults.lost_then(lambda: engine.cache().incr("counter", 5)))
    assert cache.add("counter", 1) is True
    assert cache.get("counter") == 6


@pytest.mark.parametrize("first", [0.5, 10**40], ids=["a float", "more than 38 digits"])
def test_incr_of_another_number_counts_once(engine: Engine, faulty: FaultyProxy, first: float) -> None:
    cache = engine.cache(url=faulty.url, **OPTIONS)
    cache.set("counter", first)

    def lose_writes(exchange: Any) -> None:
        if exchange.operation == "GetItem":
            faults.through(exchange)
        else:
            faults.lost(exchange)
            faulty.always(faults.through)

    faulty.always(lose_writes)
    assert cache.incr("counter") == first + 1
    assert cache.get("counter") == first + 1


IDEMPOTENT: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "set": (lambda cache: cache.set("key", "new"), "new"),
    "touch": (lambda cache: cache.touch("key"), "old"),
    "delete": (lambda cache: cache.delete("key"), None),
    "set_many": (lambda cache: cache.set_many({"key": "new"}), "new"),
    "delete_many": (lambda cache: cache.delete_many(["key"]), None),
    "get_or_set": (lambda cache: cache.get_or_set("key", "new"), "old"),
}


@pytest.mark.parametrize("name", IDEMPOTENT)
def test_every_other_write_leaves_what_it_should(engine: Engine, faulty: FaultyProxy, name: str) -> None:
    write, expected = IDEMPOTENT[name]
    engine.cache().set("key", "old")
    faulty.next(faults.lost)
    write(engine.cache(url=faulty.url, **OPTIONS))
    assert engine.cache().get("key") == expected


def test_touch_says_that_it_touched(engine: Engine, faulty: FaultyProxy) -> None:
    engine.cache().set("key", "value")
    faulty.next(faults.lost)
    assert engine.cache(url=faulty.url, **OPTIONS).touch("key", 1000) is True


def test_a_big_value_is_whole_and_what_it_leaves_over_expires(engine: Engine, faulty: FaultyProxy) -> None:
    """The head's repeat finds itself as the old one: the parts that it replaced are unknown then, and time clears them."""
    cache = engine.cache(url=faulty.url, **OPTIONS, COMPRESS_FROM_BYTES=10**9)
    cache.set("key", "old " * 200_000)
    faulty.always(faults.at_first(faults.lost))
    cache.set("key", "new " * 300_000)
    assert engine.cache().get("key") == "new " * 300_000
    cache.delete("key")
    assert engine.cache().get("key") is None
    assert all("t" in item for item in engine.items())
