"""DynamoDB is away: it costs one timeout and not one a call, aliases fail open or closed, and all is well afterwards."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack

import pytest

from dynamodb_cache.errors import DynamoDBCacheError, Unavailable
from tests.dynamodb_cache import faults, operations, together
from tests.dynamodb_cache.faulty import FaultyProxy
from tests.engines.fixtures import Engine

Within = Callable[[float], AbstractContextManager[None]]
pytestmark = pytest.mark.parametrize("engine", ["ministack"], indirect=True)

READ_SECONDS = 0.4
ATTEMPTS = 2
BREAK_SECONDS = 3.0
OUTAGE_SECONDS = ATTEMPTS * READ_SECONDS + 2.5  # the attempts, the SDK's pause, a busy machine
OPTIONS = {
    "CONNECT_TIMEOUT_SECONDS": READ_SECONDS,
    "READ_TIMEOUT_SECONDS": READ_SECONDS,
    "MAX_ATTEMPTS": ATTEMPTS,
    "BULK_SECONDS": 1.0,
    "BREAKER_SECONDS": BREAK_SECONDS,
}
UNBROKEN = {**OPTIONS, "BREAKER_SECONDS": 0}


@pytest.fixture
def full_port() -> Iterator[str]:
    """An address whose connections are never accepted: its queue is full."""
    with ExitStack() as stack:
        listening, *fillers = [stack.enter_context(socket.socket()) for _ in range(8)]
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listening.getsockname())
        yield "http://127.0.0.1:{1}".format(*listening.getsockname())


# -- one call ---------------------------------------------------------------------------------------------------------


def test_a_dead_endpoint_is_a_clear_error_of_every_operation_at_once(
    engine: Engine, faulty: FaultyProxy, within: Within
) -> None:
    cache = engine.cache(url=faulty.url, **UNBROKEN)
    cache.get("key")  # a connection is open
    faulty.refuse()
    for operation in operations.ALL.values():
        with within(2), pytest.raises(Unavailable, match=engine.table):
            operation(cache)


def test_an_endpoint_that_does_not_connect_costs_a_second_by_default(
    engine: Engine, full_port: str, within: Within
) -> None:
    cache = engine.cache(url=full_port, MAX_ATTEMPTS=1, BREAKER_SECONDS=0)
    with pytest.raises(Unavailable, match="Connect timeout"):
        cache.get("key")  # makes the client
    with within(2), pytest.raises(Unavailable):
        cache.get("key")


def test_a_silent_endpoint_is_a_clear_error_of_every_operation_in_time(
    engine: Engine, faulty: FaultyProxy, within: Within
) -> None:
    cache = engine.cache(url=faulty.url, **UNBROKEN)
    faulty.always(faults.blackhole)
    calls = list(operations.ALL.values())

    def refused(number: int) -> str:
        with within(OUTAGE_SECONDS), pytest.raises(Unavailable) as error:
            calls[number](cache)
        return str(error.value)

    assert all(engine.table in said for said in together.threads(refused, len(calls)))


async def test_a_silent_endpoint_holds_up_neither_the_loop_nor_gathered_calls(
    engine: Engine, faulty: FaultyProxy, within: Within
) -> None:
    silent_seconds = 1.0  # longer than a busy machine holds up a loop by itself
    cache = engine.cache(url=faulty.url, **{**UNBROKEN, "READ_TIMEOUT_SECONDS": silent_seconds}, FAIL_OPEN=True)
    await cache.aget("key")  # client and threads are made
    faulty.always(faults.blackhole)
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - before)

    watching = asyncio.create_task(watch())
    with within(OUTAGE_SECONDS + ATTEMPTS * silent_seconds):
        assert await asyncio.gather(*(cache.aget("key", "nothing") for _ in range(16))) == ["nothing"] * 16
    watching.cancel()
    assert longest < silent_seconds


async def test_a_silent_endpoint_holds_up_no_other_alias(engine: Engine, faulty: FaultyProxy) -> None:
    silent = engine.cache(url=faulty.url, **UNBROKEN, FAIL_OPEN=True)
    well = engine.cache()
    await asyncio.gather(silent.aget("key"), well.aset("key", "value"))
    faulty.always(faults.blackhole)
    waiting = [asyncio.create_task(silent.aget("key")) for _ in range(32)]
    await asyncio.sleep(0.05)  # they have taken every thread that they can
    asked = asyncio.create_task(well.aget("key"))
    first, _ = await asyncio.wait([asked, *waiting], return_when=asyncio.FIRST_COMPLETED)
    assert first == {asked}
    assert asked.result() == "value"
    await asyncio.gather(*waiting)


# -- failing open -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("breaker_seconds", [0, BREAK_SECONDS], ids=["without breaker", "with breaker"])
def test_failing_open_reads_miss_and_writes_are_dropped(
    engine: Engine, faulty: FaultyProxy, breaker_seconds: float
) -> None:
    cache = engine.cache(url=faulty.url, **{**OPTIONS, "BREAKER_SECONDS": breaker_seconds}, FAIL_OPEN=True)
    cache.set("key", "old")
    faulty.refuse()
    answers = {name: call(cache) for name, call in {**operations.READS, **operations.WRITES}.items()}
    assert answers == {
        "get": "nothing",
        "has_key": False,
        "get_many": {},
        "set": None,
        "touch": False,
        "delete": False,
        "set_many": ["key", "other"],
        "delete_many": None,
    }
    assert cache.get_or_set("key", lambda: "made here") == "made here"
    for operation in (operations.PROMISES["add"], operations.PROMISES["incr"]):
        with pytest.raises(Unavailable):
            operation(cache)
    faulty.heal()
    assert engine.cache().get("key") == "old"


async def test_failing_open_holds_for_the_asynchronous_half(engine: Engine, faulty: FaultyProxy) -> None:
    cache = engine.cache(url=faulty.url, **OPTIONS, FAIL_OPEN=True)
    faulty.refuse()
    assert await cache.aget("key", "nothing") == "nothing"
    assert await cache.aget_many(["key"]) == {}
    assert await cache.aset("key", "new") is None
    assert await cache.aset_many({"key": "new"}) == ["key"]
    assert await cache.adelete("key") is False
    with pytest.raises(Unavailable):
        await cache.aadd("key", "new")


def test_an_outage_is_logged_and_not_once_a_call(
    engine: Engine, faulty: FaultyProxy, caplog: pytest.LogCaptureFixture
) -> None:
    cache = engine.cache(url=faulty.url, **UNBROKEN, FAIL_OPEN=True)
    faulty.refuse()
    for _ in range(5):
        cache.get("key")
    said = [record for record in caplog.records if record.name.startswith("dynamodb_cache")]
    assert len(said) == 1
    assert engine.table in said[0].getMessage()


# -- breaker ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fail_open", [False, True], ids=["closed", "open"])
def test_an_outage_costs_one_timeout_and_not_one_a_call(
    engine: Engine, faulty: FaultyProxy, within: Within, fail_open: bool
) -> None:
    faulty.always(faults.blackhole)

    def ask() -> None:
        cache = engine.cache(url=faulty.url, **OPTIONS, FAIL_OPEN=fail_open)  # a new one, as in every request
        if fail_open:
            assert cache.get("key", "nothing") == "nothing"
        else:
            with pytest.raises(Unavailable):
                cache.get("key")

    with within(OUTAGE_SECONDS):
        ask()
    assert len(faulty.seen) == ATTEMPTS
    with within(BREAK_SECONDS / 2):
        for _ in range(50):
            ask()
    assert len(faulty.seen) == ATTEMPTS


def test_every_operation_fails_at_once_while_the_breaker_is_open(
    engine: Engine, faulty: FaultyProxy, within: Within
) -> None:
    cache = engine.cache(url=faulty.url, **OPTIONS)
    faulty.refuse()
    with pytest.raises(Unavailable):
        cache.get("key")
    faulty.heal()
    with within(BREAK_SECONDS / 2):
        for operation in operations.ALL.values():
            with pytest.raises(DynamoDBCacheError, match=engine.table):
                operation(cache)
    assert faulty.seen == []


def test_it_recovers_by_itself(engine: Engine, faulty: FaultyProxy) -> None:
    cache = engine.cache(url=faulty.url, **OPTIONS)
    cache.set("key", "value")
    faulty.refuse()
    with pytest.raises(Unavailable):
        cache.get("key")
    faulty.heal()
    time.sleep(BREAK_SECONDS + 0.05)
    assert cache.get("key") == "value"  # the one that tries
    assert together.threads(lambda _: cache.get("key"), 8) == ["value"] * 8


def test_after_the_break_one_call_tries_and_the_others_do_not_wait(
    engine: Engine, faulty: FaultyProxy, within: Within
) -> None:
    cache = engine.cache(url=faulty.url, **OPTIONS, FAIL_OPEN=True)
    faulty.always(faults.blackhole)
    cache.get("key")
    time.sleep(BREAK_SECONDS + 0.05)
    faulty.seen.clear()
    with within(OUTAGE_SECONDS):
        assert together.threads(lambda _: cache.get("key", "nothing"), 16) == ["nothing"] * 16
    assert len(faulty.seen) == ATTEMPTS


@pytest.mark.parametrize("code", ["ProvisionedThroughputExceededException", "ValidationException"])
def test_a_refusal_of_one_request_opens_no_breaker(engine: Engine, faulty: FaultyProxy, code: str) -> None:
    """DynamoDB answers: one hot key is throttled, one value refused; other calls must go on."""
    cache = engine.cache(url=faulty.url, **OPTIONS)
    cache.set("key", "value")
    for _ in range(5):
        faulty.next(*[faults.refused(code)] * ATTEMPTS)
        with pytest.raises(DynamoDBCacheError):
            cache.get("hot")
        faulty.heal()
        assert cache.get("key") == "value"


def test_a_condition_that_fails_opens_no_breaker(engine: Engine, faulty: FaultyProxy) -> None:
    cache = engine.cache(url=faulty.url, **OPTIONS)
    assert [cache.add("key", number) for number in range(5)] == [True, *[False] * 4]
    assert cache.get("key") == 0
