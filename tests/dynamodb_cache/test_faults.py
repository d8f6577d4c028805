"""Faults of single requests: what passes is not noticed; what lasts is a clear error within the time budget.

A proxy injects them between real boto3 and ministack, which itself never throttles or fails.
"""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from dynamodb_cache.errors import DynamoDBCacheError, TableMissing, Unavailable
from tests.dynamodb_cache import faults, operations, together
from tests.dynamodb_cache.faulty import Fault, FaultyProxy
from tests.engines.fixtures import Engine

Within = Callable[[float], AbstractContextManager[None]]
pytestmark = pytest.mark.parametrize("engine", ["ministack"], indirect=True)

ATTEMPTS = 3
# Short, so that a test is; the breaker is off, so that each call is judged for itself.
OPTIONS = {
    "CONNECT_TIMEOUT_SECONDS": 0.5,
    "READ_TIMEOUT_SECONDS": 0.5,
    "MAX_ATTEMPTS": ATTEMPTS,
    "BULK_SECONDS": 1.0,
    "BREAKER_SECONDS": 0,
}
SLACK_SECONDS = 3.0  # a busy machine
# A batch asks once more until its time is over; that last call may take all its attempts, between which the SDK waits
# at most 1 and 2 s where it was throttled.
BUDGET_SECONDS = 1.0 + ATTEMPTS * 0.5 + 3 + SLACK_SECONDS
BIG = 900 * 1024  # bytes, three items
MANY = {f"key-{number}": number for number in range(130)}
PASSING: dict[str, Fault] = {
    "provisioned throughput exceeded": faults.refused("ProvisionedThroughputExceededException"),
    "throttling": faults.refused("ThrottlingException"),
    "request limit exceeded": faults.refused("RequestLimitExceeded"),
    "internal server error": faults.refused("InternalServerError", 500),
    "service unavailable": faults.told(b"<html>busy</html>", 503, kind="text/html"),
    "hung up": lambda exchange: exchange.hang_up(),
}
LASTING: dict[str, Fault] = {
    **PASSING,
    "credentials refused": faults.refused("UnrecognizedClientException"),
    "access denied": faults.refused("AccessDeniedException"),
    "a validation error": faults.refused("ValidationException"),
    "an unknown error": faults.refused("SomethingNewException"),
    "garbage": faults.told(b"\x00\xffgarbage"),
    "half of a document": faults.told(b'{"Item": {"k": {"S": '),
    "another document": faults.told(b"[1, 2, 3]"),
    "a page of a captive portal": faults.told(b"<html>sign in</html>", kind="text/html"),
    "cut in the middle": faults.cut,
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_a_fault_that_passes_is_not_noticed(engine: Engine, faulty: FaultyProxy, within: Within, fault: Fault) -> None:
    cache = engine.cache(url=faulty.url, **OPTIONS)
    engine.cache().set_many({"key": "old", "counter": 1, "gone": "old", "touched": "old"})
    expected: list[tuple[Callable[[], Any], Any]] = [
        (lambda: cache.get("key"), "old"),
        (lambda: cache.has_key("key"), True),
        (lambda: cache.get_many(["key", "nothing"]), {"key": "old"}),
        (lambda: cache.set("set", "new"), None),
        (lambda: cache.add("added", "new"), True),
        (lambda: cache.incr("counter"), 2),
        (lambda: cache.touch("touched", 9), True),
        (lambda: cache.delete("gone"), True),
        (lambda: cache.set_many({"set_many": "new"}), []),
    ]
    faulty.always(faults.at_first(fault))
    with within(BUDGET_SECONDS):
        answers = together.threads(lambda number: expected[number][0](), len(expected))
    assert answers == [answer for _, answer in expected]
    assert len(faulty.seen) == 2 * len(expected)
    stored = {"key": "old", "counter": 2, "touched": "old", "set": "new", "added": "new", "set_many": "new"}
    assert engine.cache().get_many([*stored, "gone"]) == stored


@pytest.mark.parametrize("fault", LASTING.values(), ids=LASTING)
def test_a_fault_that_lasts_is_a_clear_error_in_time(
    engine: Engine, faulty: FaultyProxy, within: Within, fault: Fault
) -> None:
    cache = engine.cache(url=faulty.url, **OPTIONS)
    engine.cache().set_many({"key": "old", "counter": 1})
    faulty.always(fault)
    calls = list(operations.ALL.items())

    def told(number: int) -> str:
        name, operation = calls[number]
        try:
            answer = operation(cache)
        except DynamoDBCacheError as error:
            return "clear" if engine.table in str(error) else f"{name} does not say which table: {error}"
        # What set_many could not store is an answer, not an error.
        return "clear" if (name, answer) == ("set_many", ["key", "other"]) else f"{name} answered {answer!r}"

    with within(BUDGET_SECONDS):
        assert together.threads(told, len(calls)) == ["clear"] * len(calls)
    faulty.heal()
    assert cache.get("key") in {None, "old", "new"}


def test_a_missing_table_says_how_to_make_it(engine: Engine, faulty: FaultyProxy) -> None:
    cache = engine.cache(url=faulty.url, **OPTIONS)
    faulty.always(faults.refused("ResourceNotFoundException"))
    for operation in operations.ALL.values():
        with pytest.raises(TableMissing, match="dynamodb_cache create"):
            operation(cache)
    assert len(faulty.seen) - faulty.seen.count("Scan") == len(operations.ALL) - 1  # it was not asked for again


def test_an_answer_with_a_wrong_checksum_is_asked_for_again_and_never_believed(
    engine: Engine, faulty: FaultyProxy
) -> None:
    cache = engine.cache(url=faulty.url, **OPTIONS)
    cache.set("balance", 1111)
    damage = faults.damaged(b"1111", b"9999")
    faulty.next(damage, damage)
    assert cache.get("balance") == 1111
    faulty.always(damage)
    with pytest.raises(Unavailable):
        cache.get("balance")


# -- time budgets -----------------------------------------------------------------------------------------------------


def test_a_slow_answer_in_time_is_used(engine: Engine, faulty: FaultyProxy) -> None:
    cache = engine.cache(url=faulty.url, **OPTIONS)
    faulty.always(faults.late(0.2))
    cache.set("key", "value")
    assert cache.get("key") == "value"
    assert faulty.seen == ["PutItem", "GetItem"]


def test_an_answer_that_is_too_late_once_is_asked_for_again(engine: Engine, faulty: FaultyProxy) -> None:
    cache = engine.cache(url=faulty.url, **OPTIONS)
    cache.set("key", "value")
    faulty.next(faults.late(2))
    assert cache.get("key") == "value"


def test_each_timeout_and_the_attempts_are_the_options(engine: Engine, faulty: FaultyProxy, within: Within) -> None:
    cache = engine.cache(url=faulty.url, **{**OPTIONS, "READ_TIMEOUT_SECONDS": 0.3, "MAX_ATTEMPTS": 2})
    faulty.always(faults.blackhole)
    with within(2 * 0.3 + SLACK_SECONDS), pytest.raises(Unavailable):
        cache.get("key")
    assert faulty.seen == ["GetItem"] * 2


def test_by_default_a_silent_endpoint_costs_three_seconds_an_attempt(
    engine: Engine, faulty: FaultyProxy, within: Within
) -> None:
    cache = engine.cache(url=faulty.url, MAX_ATTEMPTS=1)
    faulty.always(faults.blackhole)
    with within(3 + SLACK_SECONDS), pytest.raises(Unavailable):
        cache.get("key")


# -- batches ----------------------------------------------------------------------------------------------------------


def test_what_a_batch_left_unread_is_asked_for_again(engine: Engine, faulty: FaultyProxy) -> None:
    cache = engine.cache(url=faulty.url)
    assert cache.set_many(MANY) == []
    faulty.seen.clear()
    faulty.next(faults.partial(60), faults.partial(0), faults.partial(30))
    assert cache.get_many(MANY) == MANY
    assert faulty.seen == ["BatchGetItem"] * 5


def test_what_a_batch_left_unwritten_is_written_again(engine: Engine, faulty: FaultyProxy) -> None:
    cache = engine.cache(url=faulty.url)
    faulty.next(faults.partial(20), faults.partial(0), faults.partial(3))
    assert cache.set_many(MANY) == []
    assert faulty.seen == ["BatchWriteItem"] * 9
    assert engine.cache().get_many(MANY) == MANY
    faulty.next(faults.partial(5), faults.partial(0))
    cache.delete_many(MANY)
    assert engine.items() == []


def test_set_many_returns_exactly_what_could_not_be_stored_in_time(
    engine: Engine, faulty: FaultyProxy, within: Within
) -> None:
    cache = engine.cache(url=faulty.url, **OPTIONS)
    faulty.next(faults.through, faults.partial(20))
    faulty.always(faults.partial(0))
    with within(OPTIONS["BULK_SECONDS"] + SLACK_SECONDS):
        failed = cache.set_many(MANY)
    stored = engine.cache().get_many(MANY)
    assert len(stored) >= 45
    assert sorted(failed) == sorted(MANY.keys() - stored)


def test_get_many_that_cannot_be_finished_in_time_is_an_error_and_not_a_miss(
    engine: Engine, faulty: FaultyProxy, within: Within
) -> None:
    cache = engine.cache(url=faulty.url, **OPTIONS)
    faulty.always(faults.partial(0))
    with within(OPTIONS["BULK_SECONDS"] + SLACK_SECONDS), pytest.raises(Unavailable):
        cache.get_many(MANY)


@pytest.mark.parametrize("operation", ["delete_many", "clear"])
def test_entries_that_could_not_be_deleted_in_time_are_an_error(
    engine: Engine, faulty: FaultyProxy, within: Within, operation: str
) -> None:
    cache = engine.cache(url=faulty.url, **OPTIONS)
    cache.set_many(MANY)

    def nothing_deleted(exchange: Any) -> None:
        (faults.partial(0) if exchange.operation == "BatchWriteItem" else faults.through)(exchange)

    faulty.always(nothing_deleted)
    with within(OPTIONS["BULK_SECONDS"] + SLACK_SECONDS), pytest.raises(Unavailable):
        cache.delete_many(MANY) if operation == "delete_many" else cache.clear()


def test_a_batch_is_one_request_for_a_hundred_reads_and_twenty_five_writes(engine: Engine, faulty: FaultyProxy) -> None:
    cache = engine.cache(url=faulty.url)
    cache.set_many(MANY)
    cache.get_many(MANY)
    assert faulty.seen == ["BatchWriteItem"] * 6 + ["BatchGetItem"] * 2


# -- values of several items ------------------------------------------------------------------------------------------


def test_parts_that_a_batch_left_out_are_asked_for_again(engine: Engine, faulty: FaultyProxy) -> None:
    cache = engine.cache(url=faulty.url)
    value = os.urandom(BIG)
    faulty.next(faults.partial(1), faults.partial(0))
    cache.set("key", value)
    assert engine.cache().get("key") == value
    faulty.next(faults.through, faults.partial(1), faults.partial(0))
    assert cache.get("key") == value


@pytest.mark.parametrize("operation", ["PutItem", "BatchWriteItem"])
def test_a_big_value_that_could_not_be_stored_leaves_the_old_one_whole(
    engine: Engine, faulty: FaultyProxy, operation: str
) -> None:
    old = os.urandom(BIG)
    engine.cache().set("key", old)
    cache = engine.cache(url=faulty.url, **OPTIONS)

    def ill(exchange: Any) -> None:
        (faults.refused("InternalServerError", 500) if exchange.operation == operation else faults.through)(exchange)

    faulty.always(ill)
    with pytest.raises(Unavailable):
        cache.set("key", os.urandom(BIG))
    assert engine.cache().get("key") == old
    assert all("t" in item for item in engine.items())  # what was written in vain expires
