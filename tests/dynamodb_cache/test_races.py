"""What stays true when 32 threads, and 4 processes, do the same thing at the same moment, on three engines.

localaws makes writes one at a time itself; ministack and dynalite are other people's, with conditions of their own.
"""

import asyncio
import os
import time
from collections.abc import Iterator

import pytest

from tests.dynamodb_cache import together
from tests.dynamodb_cache.together import PROCESSES, THREADS, Racers
from tests.engines.fixtures import Engine

ROUNDS = 5
LONG_GONE = 0.001  # seconds
BIG = 500 * 1024  # more than an item holds


@pytest.fixture(scope="module")
def racers() -> Iterator[Racers]:
    """Four processes."""
    with together.racers() as running:
        yield running


# -- add --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", ["nothing", "an expired entry"])
def test_add_has_one_winner_among_threads(engine: Engine, before: str) -> None:
    cache = engine.cache()
    for number in range(ROUNDS):
        key = f"key-{number}"
        if before != "nothing":
            cache.set(key, "old", LONG_GONE)
        won = together.threads(lambda thread, key=key: cache.add(key, thread))
        assert sorted(won) == [False] * (THREADS - 1) + [True]
        assert cache.get(key) == won.index(True)


def test_add_has_one_winner_among_processes(engine: Engine, racers: Racers) -> None:
    keys = [f"key-{number}" for number in range(4 * ROUNDS)]
    won = racers.race(engine, lambda process: [["add", key, process] for key in keys])
    for number, (key, answers) in enumerate(zip(keys, zip(*won, strict=True), strict=True)):
        assert sorted(answers) == [False] * (PROCESSES - 1) + [True], f"round {number}"
        assert engine.cache().get(key) == answers.index(True)


async def test_gathered_aadd_has_one_winner(engine: Engine) -> None:
    cache = engine.cache()
    won = await asyncio.gather(*(cache.aadd("key", task) for task in range(THREADS)))
    assert sorted(won) == [False] * (THREADS - 1) + [True]
    assert await cache.aget("key") == won.index(True)


# -- incr -------------------------------------------------------------------------------------------------------------


def test_no_increment_of_a_thread_is_lost_and_each_answer_is_given_once(engine: Engine) -> None:
    cache = engine.cache()
    cache.set("counter", 0)
    answers = together.threads(lambda _: [cache.incr("counter") for _ in range(ROUNDS)])
    assert sorted(answer for one in answers for answer in one) == list(range(1, THREADS * ROUNDS + 1))
    assert all(one == sorted(one) for one in answers)
    assert cache.get("counter") == THREADS * ROUNDS


def test_no_increment_of_a_process_is_lost_and_each_answer_is_given_once(engine: Engine, racers: Racers) -> None:
    engine.cache().set("counter", 100)
    answers = racers.race(engine, lambda _: [["incr", "counter", 2]] * 25 + [["decr", "counter"]] * 25)
    assert engine.cache().get("counter") == 100 + PROCESSES * 25 * (2 - 1)
    assert all(isinstance(answer, int) for one in answers for answer in one)


async def test_no_gathered_aincr_is_lost(engine: Engine) -> None:
    cache = engine.cache()
    await cache.aset("counter", 0)
    answers = await asyncio.gather(*(cache.aincr("counter") for _ in range(THREADS)))
    assert sorted(answers) == list(range(1, THREADS + 1))


def test_no_increment_of_another_number_is_lost(engine: Engine) -> None:
    """A float, or more than 38 digits, is changed by compare-and-set: what meets another writer is tried again."""
    cache = engine.cache()
    for number, first in enumerate((0.5, 10**40)):
        cache.set(f"counter-{number}", first)
        answers = together.threads(lambda _, key=f"counter-{number}": cache.incr(key), count=8)
        assert sorted(answers) == [first + step for step in range(1, 9)]
        assert cache.get(f"counter-{number}") == first + 8


def test_incr_beside_touch_keeps_the_count_and_a_timeout_that_somebody_gave(engine: Engine) -> None:
    cache = engine.cache()
    cache.set("counter", 0, 1000)

    def one(thread: int) -> None:
        for _ in range(4):
            if thread % 2:
                cache.incr("counter")
            else:
                cache.touch("counter", 2000 + thread)

    together.threads(one)
    assert cache.get("counter") == THREADS // 2 * 4
    [item] = engine.items()
    assert float(item["e"]["N"]) > time.time() + 1900  # not the first timeout
    assert int(item["t"]["N"]) >= float(item["e"]["N"])


# -- get_or_set -------------------------------------------------------------------------------------------------------


def test_get_or_set_gives_every_thread_the_same_answer(engine: Engine) -> None:
    cache = engine.cache()
    for number in range(ROUNDS):
        answers = together.threads(lambda thread, key=f"key-{number}": cache.get_or_set(key, lambda: f"of {thread}"))
        assert len(set(answers)) == 1
        assert cache.get(f"key-{number}") == answers[0]


def test_get_or_set_gives_every_process_the_same_answer(engine: Engine, racers: Racers) -> None:
    keys = [f"key-{number}" for number in range(2 * ROUNDS)]
    answers = racers.race(engine, lambda process: [["get_or_set", key, f"of {process}"] for key in keys])
    assert [len(set(one)) for one in zip(*answers, strict=True)] == [1] * len(keys)


def test_under_a_lease_one_thread_computes_for_all(engine: Engine) -> None:
    cache = engine.cache()
    computed: list[int] = []

    def compute(thread: int) -> str:
        computed.append(thread)
        time.sleep(0.1)
        return f"of {thread}"

    answers = together.threads(lambda thread: cache.get_or_set("key", lambda: compute(thread), lease=10))
    assert len(computed) == 1
    assert set(answers) == {f"of {computed[0]}"}


# -- touch and delete -------------------------------------------------------------------------------------------------


def test_touch_or_incr_beside_delete_bring_nothing_back(engine: Engine) -> None:
    """A blind update would make an item of what it changes; and one delete, not several, says that it was there."""
    cache = engine.cache()

    def one(thread: int, key: str) -> bool:
        if thread % 4 == 0:
            return cache.delete(key)
        if thread % 4 == 1:
            try:
                cache.incr(key)
            except ValueError:  # deleted already
                return False
            return False
        cache.touch(key, None if thread % 4 == 2 else 100)
        return False

    for number in range(ROUNDS):
        key = f"key-{number}"
        cache.set(key, 1)
        deleted = together.threads(lambda thread, key=key: one(thread, key))
        assert deleted.count(True) == 1
        assert cache.get(key) is None
    assert engine.items() == []


def test_touch_beside_delete_among_processes_brings_nothing_back(engine: Engine, racers: Racers) -> None:
    keys = [f"key-{number}" for number in range(4 * ROUNDS)]
    assert engine.cache().set_many(dict.fromkeys(keys, "value")) == []
    answers = racers.race(engine, lambda process: [["delete" if process % 2 else "touch", key] for key in keys])
    assert [one[1::2].count(True) for one in zip(*answers, strict=True)] == [1] * len(keys)
    assert engine.items() == []


# -- values of several items ------------------------------------------------------------------------------------------


def test_a_big_value_is_whole_or_missing_whoever_writes_beside_and_no_part_is_left_over(engine: Engine) -> None:
    cache = engine.cache()
    values = [bytes([thread]) * 16 + os.urandom(BIG) for thread in range(4)]
    cache.set("key", values[0])

    def one(thread: int) -> None:
        for _ in range(3):
            if thread < 4:
                cache.set("key", values[thread])
            elif thread == 4:
                cache.touch("key", 500)
            elif thread == 5:
                assert cache.get_many(["key"]).get("key") in {None, *values}
            else:
                assert cache.get("key") in {None, *values}

    together.threads(one, count=8)
    assert cache.get("key") in values
    together.threads(lambda thread: cache.set("key", values[thread]) if thread % 2 else cache.delete("key"), count=4)
    cache.delete("key")
    assert engine.items() == []


def test_add_of_a_big_value_has_one_winner_and_the_losers_leave_no_part(engine: Engine) -> None:
    cache = engine.cache()
    values = [bytes([thread]) * 16 + os.urandom(BIG) for thread in range(6)]
    won = together.threads(lambda thread: cache.add("key", values[thread]), count=6)
    assert sorted(won) == [False] * 5 + [True]
    assert cache.get("key") == values[won.index(True)]
    cache.delete("key")
    assert engine.items() == []
