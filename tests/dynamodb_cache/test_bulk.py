"""Many at once: how many requests, what is left over, and that nothing is asked twice."""

import json
import math
import os
from typing import Any

import pytest

from dynamodb_cache.backend import DynamoDBCache
from dynamodb_cache.errors import Throttled, Unfinished
from tests.dynamodb_cache import wire as wires
from tests.dynamodb_cache.conftest import TABLE, MakeCache
from tests.dynamodb_cache.wire import Wire, answer, refusal

THROTTLED = refusal("ProvisionedThroughputExceededException")


@pytest.mark.parametrize("count", [1, 99, 100, 101, 250])
def test_get_many_reads_a_hundred_a_request(cache: DynamoDBCache, wire: Wire, count: int) -> None:
    data = {f"k{number}": number for number in range(count)}
    assert cache.set_many(data) == []
    assert wire.operations == {"BatchWriteItem": math.ceil(count / 25)}
    wire.forget()
    assert cache.get_many(data) == data
    assert wire.operations == {"BatchGetItem": math.ceil(count / 100)}
    wire.forget()
    cache.delete_many(data)
    assert wire.operations == {"BatchWriteItem": math.ceil(count / 25)}
    assert cache.get_many(data) == {}


def test_nothing_asked_is_no_request(cache: DynamoDBCache, wire: Wire) -> None:
    assert cache.get_many([]) == {}
    assert cache.set_many({}) == []
    cache.delete_many([])
    cache.delete_tags([])
    assert wire.requests == []


def test_a_key_named_twice_is_asked_once(cache: DynamoDBCache, wire: Wire) -> None:
    cache.set("a", 1)
    wire.forget()
    assert cache.get_many(iter(["a", "b", "a"])) == {"a": 1}
    assert len(wire.requests[0][1]["RequestItems"][TABLE]["Keys"]) == 2
    cache.delete_many(["a", "a"])
    assert len(wire.requests[1][1]["RequestItems"][TABLE]) == 1


def test_keys_that_a_key_function_makes_one_are_one_entry(dynamodb: Any) -> None:
    cache = DynamoDBCache(TABLE, {"KEY_FUNCTION": lambda key, _prefix, _version: "folded-" + key.lower()})
    assert cache.set_many({"A": 1, "a": 2}) == []
    assert cache.get_many(["A", "a"]) == {"A": 2, "a": 2}


def test_versions_and_expired_entries_stay_apart(cache: DynamoDBCache) -> None:
    cache.set_many({"a": 1}, version=2)
    cache.set("b", 2, 0.001)
    assert cache.get_many(["a", "b"]) == {}
    assert cache.get_many(["a", "b"], version=2) == {"a": 1}


def _left_over(wire: Wire) -> None:
    """Have the next write process nothing of its batch but the first."""

    def script(request: Any) -> Any:
        wanted = json.loads(request.body)["RequestItems"][TABLE]
        return answer(200, {"UnprocessedItems": {TABLE: wanted[1:]}})(request)

    wire.script.append(script)


def test_what_a_batch_leaves_unprocessed_is_sent_again(cache: DynamoDBCache, wire: Wire) -> None:
    _left_over(wire)
    assert cache.set_many({f"k{number}": number for number in range(5)}) == []
    assert [len(body["RequestItems"][TABLE]) for _, body in wire.requests] == [5, 4]
    assert len(cache.get_many(f"k{number}" for number in range(5))) == 4  # the script ate the first


def test_keys_left_unread_are_asked_again(cache: DynamoDBCache, wire: Wire) -> None:
    cache.set_many({"a": 1, "b": 2})

    def script(request: Any) -> Any:
        wanted = json.loads(request.body)["RequestItems"][TABLE]
        return answer(200, {"Responses": {TABLE: []}, "UnprocessedKeys": {TABLE: wanted}})(request)

    wire.script.extend([script, script])
    assert cache.get_many(["a", "b"]) == {"a": 1, "b": 2}
    assert wire.operations["BatchGetItem"] == 3


@pytest.fixture
def hasty(make_cache: MakeCache) -> DynamoDBCache:
    """A cache with little time for bulk calls, and no retries of the SDK's."""
    return make_cache(BULK_SECONDS=0.2, MAX_ATTEMPTS=1)


def test_a_throttled_batch_is_sent_again(hasty: DynamoDBCache) -> None:
    with wires.on(hasty) as wire:
        wire.script.extend([THROTTLED, THROTTLED])
        assert hasty.set_many({"a": 1}) == []
        wire.script.append(THROTTLED)
        assert hasty.get_many(["a"]) == {"a": 1}


def test_set_many_returns_the_keys_that_time_did_not_allow(hasty: DynamoDBCache) -> None:
    with wires.on(hasty) as wire:
        wire.script.append(lambda _request: None)
        wire.always = THROTTLED
        data = {f"k{number:02}": number for number in range(30)}
        failed = hasty.set_many(data)
        wire.always = None
        assert failed == list(data)[25:]
        assert set(hasty.get_many(data)) == set(list(data)[:25])


def test_a_large_value_that_time_did_not_allow_is_among_them(hasty: DynamoDBCache) -> None:
    with wires.on(hasty) as wire:
        wire.script.append(lambda _request: None)
        wire.always = THROTTLED
        assert hasty.set_many({"large": os.urandom(500_000), "small": 1}) == ["large"]
        wire.always = None
        assert hasty.get_many(["large", "small"]) == {"small": 1}


def test_delete_many_and_clear_say_what_is_left(hasty: DynamoDBCache) -> None:
    hasty.set_many({"a": 1, "b": 2})
    with wires.on(hasty) as wire:
        wire.always = THROTTLED
        with pytest.raises(Unfinished, match="2 of 2"):
            hasty.delete_many(["a", "b"])
        wire.always = lambda request: THROTTLED(request) if b"BatchWrite" in _target(request) else None
        with pytest.raises(Unfinished, match=r"at least \d+ items"):
            hasty.clear()
        wire.always = None
    hasty.clear()


def test_get_many_that_time_does_not_allow_raises(hasty: DynamoDBCache, make_cache: MakeCache) -> None:
    with wires.on(hasty) as wire:
        wire.always = THROTTLED
        with pytest.raises(Throttled):
            hasty.get_many(["a"])


def test_get_many_that_fails_open_returns_what_it_has(make_cache: MakeCache) -> None:
    cache = make_cache(BULK_SECONDS=0.2, MAX_ATTEMPTS=1, FAIL_OPEN=True)
    data = {f"k{number:03}": number for number in range(150)}
    cache.set_many(data)
    with wires.on(cache) as wire:
        wire.script.append(lambda _request: None)
        wire.always = THROTTLED
        assert cache.get_many(data) == dict(list(data.items())[:100])


def test_clear_empties_the_whole_table_over_pages_and_prefixes(make_cache: MakeCache, dynamodb: Any) -> None:
    one, other = make_cache(), make_cache()
    for number in range(4):
        one.set(f"large{number}", bytes(380_000))  # compressible: one item
    one.set("parts", os.urandom(900_000))
    other.set_many({f"k{number}": number for number in range(60)}, tags=["t"])
    other.delete_tags(["t"])
    one.clear()
    assert dynamodb.scan(TableName=TABLE, Select="COUNT")["Count"] == 0
    other.set("key", 1, tags=["t"])
    assert other.get("key") == 1


def _target(request: Any) -> bytes:
    target = request.headers["X-Amz-Target"]
    return target if isinstance(target, bytes) else target.encode()
