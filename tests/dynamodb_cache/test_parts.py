"""Values larger than one item: whole or not there, and nothing left behind."""

import logging
import os
from collections.abc import Callable
from typing import Any

import pytest
import time_machine

from dynamodb_cache.backend import DynamoDBCache
from tests.dynamodb_cache.conftest import TABLE, MakeCache
from tests.dynamodb_cache.wire import Wire, dead, lost_answer

LARGE = os.urandom(1_000_000)  # three parts, and no compressing them
OTHER = os.urandom(800_000)


@pytest.fixture
def parts(dynamodb: Any) -> Callable[[DynamoDBCache], list[Any]]:
    """Reads the parts in the table that belong to a cache's entries."""

    def read(cache: DynamoDBCache) -> list[Any]:
        found = dynamodb.scan(TableName=TABLE, ConsistentRead=True)
        items = found["Items"]
        while "LastEvaluatedKey" in found:
            found = dynamodb.scan(TableName=TABLE, ConsistentRead=True, ExclusiveStartKey=found["LastEvaluatedKey"])
            items += found["Items"]
        return [item for item in items if item.get("h", {}).get("S", "").startswith(cache.key_prefix + ":")]

    return read


Parts = Callable[[DynamoDBCache], list[Any]]


def test_a_large_value_comes_back_and_its_head_is_small(
    cache: DynamoDBCache, parts: Parts, item_of: Callable[..., Any]
) -> None:
    cache.set("key", LARGE, 50)
    assert cache.get("key") == LARGE
    assert cache.get_many(["key"]) == {"key": LARGE}
    entry = cache.get_entry("key")
    assert entry is not None
    assert entry.size_bytes >= len(LARGE)
    head = item_of(cache, "key")
    found = parts(cache)
    assert "v" not in head
    assert head["m"] == {"N": str(len(found))} == {"N": "3"}
    assert {item["k"]["S"] for item in found} == {f"#part:{head['w']['S']}:{number}" for number in range(3)}
    assert {(item["h"]["S"], item["e"]["N"], item["t"]["N"]) for item in found} == {
        (head["k"]["S"], head["e"]["N"], head["t"]["N"])
    }
    assert all("a" in item for item in found)


def test_parts_of_an_endless_entry_are_endless(cache: DynamoDBCache, parts: Parts) -> None:
    cache.set("key", LARGE, None)
    assert not any({"e", "t"} & set(item) for item in parts(cache))


WAYS_OUT: dict[str, Callable[[DynamoDBCache], Any]] = {
    "a large value": lambda cache: cache.set("key", OTHER),
    "a small value": lambda cache: cache.set("key", "small"),
    "an integer": lambda cache: cache.set("key", 5),
    "no time": lambda cache: cache.set("key", "x", 0),
    "delete": lambda cache: cache.delete("key"),
    "too large": lambda cache: cache.set("key", os.urandom(2_000_000)),
}


@pytest.mark.parametrize("way", WAYS_OUT)
def test_what_replaces_a_large_value_takes_its_parts_away(make_cache: MakeCache, parts: Parts, way: str) -> None:
    cache = make_cache(MAX_VALUE_BYTES=1_500_000)
    cache.set("key", LARGE)
    old = {item["k"]["S"] for item in parts(cache)}
    assert len(old) == 3
    WAYS_OUT[way](cache)
    assert not old & {item["k"]["S"] for item in parts(cache)}
    assert len(parts(cache)) == (3 if way == "a large value" else 0)


def test_set_whose_answer_was_lost_keeps_its_own_parts(cache: DynamoDBCache, wire: Wire) -> None:
    wire.script.extend([lambda _request: None, lost_answer])
    cache.set("key", LARGE)
    assert wire.operations == {"BatchWriteItem": 1, "PutItem": 2}
    assert cache.get("key") == LARGE


def test_add_of_a_large_value(cache: DynamoDBCache, wire: Wire, parts: Parts) -> None:
    assert cache.add("key", LARGE) is True
    wire.forget()
    assert cache.add("key", OTHER) is False
    assert wire.operations == {"GetItem": 1}  # nothing large was sent in vain
    assert cache.get("key") == LARGE
    assert len(parts(cache)) == 3


def test_add_that_loses_late_takes_its_parts_away(cache: DynamoDBCache, wire: Wire, parts: Parts) -> None:
    def faster(_request: Any) -> None:
        cache.set("key", "small")

    wire.script.extend([lambda _request: None, lambda _request: None, faster])
    assert cache.add("key", LARGE) is False
    assert cache.get("key") == "small"
    assert parts(cache) == []


def test_a_missing_part_is_a_miss(cache: DynamoDBCache, parts: Parts, dynamodb: Any) -> None:
    cache.set("key", LARGE)
    dynamodb.delete_item(TableName=TABLE, Key={"k": parts(cache)[1]["k"]})
    assert cache.get("key", "nothing") == "nothing"
    assert cache.get_many(["key"]) == {}


def test_a_reader_that_meets_a_writer_reads_the_new_value(cache: DynamoDBCache, wire: Wire) -> None:
    cache.set("key", LARGE)

    def between(_request: Any) -> None:
        cache.set("key", OTHER)

    wire.script.extend([lambda _request: None, between])
    assert cache.get("key") == OTHER


def test_touch_moves_the_parts_too(cache: DynamoDBCache, parts: Parts, item_of: Callable[..., Any]) -> None:
    cache.set("key", LARGE, 50)
    for timeout in (5000, None, 60):
        assert cache.touch("key", timeout) is True
        head = item_of(cache, "key")
        assert {(str(item.get("e")), str(item.get("t"))) for item in parts(cache)} == {
            (str(head.get("e")), str(head.get("t")))
        }
        assert cache.get("key") == LARGE


def test_touch_of_an_entry_without_all_its_parts_finds_nothing(
    cache: DynamoDBCache, parts: Parts, dynamodb: Any
) -> None:
    cache.set("key", LARGE)
    dynamodb.delete_item(TableName=TABLE, Key={"k": parts(cache)[0]["k"]})
    assert cache.touch("key", 50) is False
    assert len(parts(cache)) == 2


def test_an_expired_large_value_is_absent_and_asks_for_no_parts(cache: DynamoDBCache, wire: Wire) -> None:
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        cache.set("key", LARGE, 10)
        clock.shift(10)
        wire.forget()
        assert cache.get_many(["key"]) == {}
        assert wire.operations == {"BatchGetItem": 1}


def test_set_many_and_get_many_mix_sizes(cache: DynamoDBCache, parts: Parts) -> None:
    data = {"large": LARGE, "small": "x", "number": 5, "other": OTHER}
    assert cache.set_many(data) == []
    assert cache.get_many(data) == data
    assert len(parts(cache)) == 6


def test_incr_of_a_large_value_replaces_its_parts(cache: DynamoDBCache, parts: Parts) -> None:
    cache.set("key", LARGE)
    assert cache.incr("key", b"!") == LARGE + b"!"
    assert cache.get("key") == LARGE + b"!"
    assert len(parts(cache)) == 3


def test_a_value_over_the_most_drops_the_old_one_and_says_so(
    make_cache: MakeCache, caplog: pytest.LogCaptureFixture
) -> None:
    cache = make_cache(MAX_VALUE_BYTES=2000)
    cache.set_many({"set": 1, "many": 1, "kept": 1})
    with caplog.at_level(logging.WARNING):
        cache.set("set", os.urandom(3000))
        assert cache.set_many({"many": os.urandom(3000), "kept": 2}) == ["many"]
        assert cache.add("add", os.urandom(3000)) is True
        assert cache.add("kept", os.urandom(3000)) is False
    assert cache.get_many(["set", "many", "kept", "add"]) == {"kept": 2}
    for key in ("set", "many", "add"):
        assert any(f":1:{key} bytes=30" in record.getMessage() for record in caplog.records)
    cache.set("set", bytes(100_000))
    assert cache.get("set") == bytes(100_000)  # it is the packed size that counts


def test_parts_that_cannot_be_taken_away_are_logged_and_the_value_stands(
    make_cache: MakeCache, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    cache = make_cache(BREAKER_SECONDS=0)
    cache.set("key", LARGE)
    wire.forget()
    wire.script.extend([lambda _request: None, lambda _request: None, dead, dead])  # both attempts at the deletion
    cache.set("key", "small")
    assert cache.get("key") == "small"
    assert "parts of an old value stay behind" in caplog.text
