"""Django's API, one entry at a time: requests, keys, numbers, write tokens. Django's own suite covers the rest."""

import math
import warnings
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache.backends.base import CacheKeyWarning, InvalidCacheKey

from dynamodb_cache import client as cache_client
from dynamodb_cache import slots
from dynamodb_cache.backend import DynamoDBCache
from tests.dynamodb_cache import wire as wires
from tests.dynamodb_cache.conftest import TABLE, MakeCache
from tests.dynamodb_cache.wire import Wire, lost_answer, without_old_item

CALLS: dict[str, tuple[Callable[[DynamoDBCache], Any], str]] = {
    "get": (lambda cache: cache.get("there"), "GetItem"),
    "get of nothing": (lambda cache: cache.get("absent"), "GetItem"),
    "has_key": (lambda cache: cache.has_key("there"), "GetItem"),
    "set": (lambda cache: cache.set("new", "value"), "PutItem"),
    "set over another": (lambda cache: cache.set("there", "value"), "PutItem"),
    "set for no time": (lambda cache: cache.set("there", "value", 0), "DeleteItem"),
    "add": (lambda cache: cache.add("new", "value"), "PutItem"),
    "add where one is": (lambda cache: cache.add("there", "value"), "PutItem"),
    "add for no time": (lambda cache: cache.add("new", "value", 0), "DeleteItem"),
    "touch": (lambda cache: cache.touch("there"), "UpdateItem"),
    "touch of nothing": (lambda cache: cache.touch("absent"), "UpdateItem"),
    "delete": (lambda cache: cache.delete("there"), "DeleteItem"),
    "delete of nothing": (lambda cache: cache.delete("absent"), "DeleteItem"),
    "incr": (lambda cache: cache.incr("number"), "UpdateItem"),
    "decr": (lambda cache: cache.decr("number"), "UpdateItem"),
    "ttl": (lambda cache: cache.ttl("there"), "GetItem"),
    "persist": (lambda cache: cache.persist("there"), "UpdateItem"),
    "get_entry": (lambda cache: cache.get_entry("there"), "GetItem"),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_one_request(cache: DynamoDBCache, wire: Wire, name: str) -> None:
    cache.set("there", "value")
    cache.set("number", 1)
    cache.add("there", "another")  # now it is known that DynamoDB shows what stands in a write's way
    wire.forget()
    call, operation = CALLS[name]
    call(cache)
    assert wire.operations == {operation: 1}


def test_incr_of_nothing_is_one_request_and_a_value_error(cache: DynamoDBCache, wire: Wire) -> None:
    cache.set("there", "value")
    cache.add("there", "another")
    wire.forget()
    with pytest.raises(ValueError, match="absent"):
        cache.incr("absent")
    assert wire.operations == {"UpdateItem": 1}


def test_until_it_is_known_what_an_engine_shows_it_is_asked_once_more(cache: DynamoDBCache) -> None:
    cache.set("number", 1.5)
    cache_client.reset()
    with wires.on(cache) as anew:
        assert cache.touch("absent") is False
        assert anew.operations == {"UpdateItem": 1, "GetItem": 1}
        assert cache.incr("number") == 2.5  # which showed it
        anew.forget()
        assert cache.touch("absent") is False
        assert anew.operations == {"UpdateItem": 1}


def test_has_key_leaves_the_value_where_it_is(cache: DynamoDBCache, wire: Wire) -> None:
    cache.set("key", "x" * 10_000)
    wire.forget()
    assert cache.has_key("key")
    assert set(wire.requests[0][1]["ProjectionExpression"].split(", ")) == {"k", "e", "g"}


@pytest.mark.parametrize("value", [True, 0, -7, 10**38 - 1, 10**38, -(10**40), 1.5, Decimal("1.10"), "text", None, b""])
def test_a_value_comes_back_as_it_was(cache: DynamoDBCache, value: Any) -> None:
    cache.set("key", value)
    found = cache.get("key", "nothing")
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("value", "delta", "expected"),
    [
        (1, 2, 3),
        (10**38 - 1, 1, 10**38),
        (-(10**38) + 1, -1, -(10**38)),
        (10**40, 1, 10**40 + 1),
        (1, 10**39, 10**39 + 1),
        (1, 0.5, 1.5),
        (1.5, 1, 2.5),
        (Decimal("1.10"), Decimal("0.05"), Decimal("1.15")),
        ("a", "b", "ab"),
        (True, 1, 2),
        (1, True, 2),
    ],
)
def test_incr_adds_whatever_can_be_added(cache: DynamoDBCache, value: Any, delta: Any, expected: Any) -> None:
    cache.set("key", value)
    assert cache.incr("key", delta) == expected
    assert cache.get("key") == expected


def test_incr_of_none_is_a_type_error(cache: DynamoDBCache) -> None:
    cache.set("key", None)
    with pytest.raises(TypeError):
        cache.incr("key")


def test_incr_of_another_type_tries_again_when_a_writer_was_faster(cache: DynamoDBCache, wire: Wire) -> None:
    cache.set("key", 1.5)

    def faster(_request: Any) -> None:
        cache.set("key", 10.5)

    # The integer's update, which fails; then the write on what it showed, before which somebody else writes.
    wire.script.extend([lambda _request: None, faster])
    assert cache.incr("key") == 11.5
    assert cache.get("key") == 11.5


def test_add_whose_answer_was_lost_knows_that_it_won(cache: DynamoDBCache, wire: Wire) -> None:
    wire.script.append(lost_answer)
    assert cache.add("key", "mine") is True
    assert wire.operations == {"PutItem": 2}
    assert cache.add("key", "late") is False
    assert cache.get("key") == "mine"


def test_incr_whose_answer_was_lost_counts_once(cache: DynamoDBCache, wire: Wire) -> None:
    cache.set("key", 1)
    wire.script.append(lost_answer)
    assert cache.incr("key", 5) == 6
    assert cache.get("key") == 6


def test_what_increments_leave_in_an_item_stays_within_a_write_unit(
    cache: DynamoDBCache, item_of: Callable[..., Any]
) -> None:
    cache.set("key", 0, 300)
    for _ in range(40):
        cache.incr("key")
    item = item_of(cache, "key")
    assert {name for name in item if name.startswith("i")} == set(slots.NAMES)
    assert sum(len(name) + len(text) for name, value in item.items() for text in value.values()) < 512  # bytes of 1 KB
    assert cache.get("key") == 40
    entry = cache.get_entry("key")
    assert entry is not None
    assert entry.version == item["w"]["S"]


@pytest.mark.parametrize("write", ["set", "set_many", "incr of another type"])
def test_another_write_takes_away_what_increments_left(
    cache: DynamoDBCache, item_of: Callable[..., Any], write: str
) -> None:
    cache.set("key", 1)
    cache.incr("key")
    assert set(slots.NAMES) & item_of(cache, "key").keys()
    if write == "set":
        cache.set("key", 5)
    elif write == "set_many":
        cache.set_many({"key": 5})
    else:
        cache.incr("key", 0.5)
    assert not set(slots.NAMES) & item_of(cache, "key").keys()


def test_a_process_takes_its_slots_in_turn() -> None:
    assert {slots.taken("0" * 32)[0] for _ in slots.NAMES} == set(slots.NAMES)


def test_incr_of_another_type_whose_answer_was_lost_counts_once(cache: DynamoDBCache, wire: Wire) -> None:
    cache.set("key", 1.5)
    wire.script.extend([lambda _request: None, lost_answer])
    assert cache.incr("key") == 2.5
    assert cache.get("key") == 2.5


def test_an_engine_that_shows_no_old_items_is_asked_for_them(make_cache: MakeCache) -> None:
    cache = make_cache(READ_TIMEOUT_SECONDS=2.5)  # another client, known for nothing yet
    with wires.on(cache) as wire:
        wire.always = without_old_item
        assert cache.add("key", 1.5) is True
        assert cache.add("key", 2.5) is False
        wire.script.append(lost_answer)
        assert cache.add("other", "mine") is True
        assert cache.incr("key") == 2.5  # by now it is known for what it is
        assert cache.touch("key", 50) is True
        assert cache.touch("absent", 50) is False


def test_incr_keeps_the_timeout(cache: DynamoDBCache, item_of: Callable[..., Any]) -> None:
    for key, value in (("integer", 1), ("float", 1.5)):
        cache.set(key, value, 50)
        before = item_of(cache, key)
        cache.incr(key)
        after = item_of(cache, key)
        assert (after["e"], after["t"]) == (before["e"], before["t"])
        assert after["w"] != before["w"]


def test_keys_of_every_kind_are_kept_apart(cache: DynamoDBCache, make_cache: MakeCache) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CacheKeyWarning)
        keys = ["k", "k" * 1024, "k" * 1025, "é" * 600, "k" * 5000, "k" * 5001, "a b", "#part:x:0"]
        for key in keys:
            cache.set(key, key)
        assert cache.get_many(keys) == {key: key for key in keys}


@pytest.mark.parametrize("key", ["#gen:n:x", "#part:0:0", "sha256:" + "0" * 64, "long" * 300])
def test_a_key_that_would_meet_ours_or_is_too_long_is_hashed_and_stays_readable(
    dynamodb: Any, key: str, recwarn: pytest.WarningsRecorder
) -> None:
    cache = DynamoDBCache(TABLE, {"KEY_FUNCTION": lambda key, _prefix, _version: key})
    cache.set(key, "value")
    assert cache.get(key) == "value"
    place = cache._place(key, None)
    item = dynamodb.get_item(TableName=TABLE, Key={"k": {"S": place.stored}})["Item"]
    assert place.stored.startswith("sha256:")
    assert place.stored != key
    assert item["y"]["S"] == key[:200]
    cache.delete(key)


@pytest.mark.parametrize("made", ["", None, 5, "\ud800", "\ud800" * 2000])
def test_a_key_that_cannot_be_one_is_refused(made: Any) -> None:
    cache = DynamoDBCache(TABLE, {"KEY_FUNCTION": lambda *_: made})
    cache.validate_key = lambda _key: None  # type: ignore[method-assign]
    with pytest.raises(InvalidCacheKey):
        cache.get("key")


@pytest.mark.parametrize("name", ["get", "has_key", "delete", "touch", "incr", "get_or_set"])
def test_a_key_that_memcached_would_refuse_warns(cache: DynamoDBCache, name: str) -> None:
    cache.set("a", 1)
    with pytest.warns(CacheKeyWarning):
        cache.set("a b", 1)
    with pytest.warns(CacheKeyWarning):
        getattr(cache, name)("a b", *([2] if name == "get_or_set" else []))


@pytest.mark.parametrize("name", ["get_many", "delete_many", "set_many"])
def test_bulk_calls_warn_too(cache: DynamoDBCache, name: str) -> None:
    with pytest.warns(CacheKeyWarning):
        getattr(cache, name)({"a b": 1})


def test_incr_version_keeps_what_is_left_of_the_timeout(cache: DynamoDBCache) -> None:
    cache.set("endless", "value", None)
    cache.set("key", "value", 50)
    assert cache.incr_version("key") == 2
    assert cache.incr_version("endless") == 2
    assert cache.get("key") is None
    left = cache.ttl("key", version=2)
    assert left is not None
    assert 40 < left <= 50
    assert cache.ttl("endless", version=2) is None
    with pytest.raises(ValueError, match="key"):
        cache.incr_version("key")


def test_get_entry_tells_value_version_expiry_and_size(cache: DynamoDBCache) -> None:
    assert cache.get_entry("key") is None
    cache.set("key", "x" * 100, 50)
    first = cache.get_entry("key")
    assert first is not None
    assert first.value == "x" * 100
    assert first.expires_at is not None
    assert math.isclose(first.seconds_left or 0, 50, abs_tol=5)
    assert 100 < first.size_bytes < 250
    cache.touch("key", 60)
    touched = cache.get_entry("key")
    assert touched is not None
    assert touched.version == first.version
    cache.set("key", "y", None)
    second = cache.get_entry("key")
    assert second is not None
    assert second.version != first.version
    assert second.expires_at is None


def test_close_leaves_the_client_to_the_process(cache: DynamoDBCache, wire: Wire) -> None:
    cache.get("key")
    cache.close()
    cache.get("key")
    assert wire.operations == {"GetItem": 2}  # the same client, which the wire hangs on
