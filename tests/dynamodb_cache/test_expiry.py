"""Expiry: exact to the fraction on every path, whatever DynamoDB's own deletion has or has not done."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import time_machine

from dynamodb_cache.backend import DynamoDBCache
from tests.dynamodb_cache.conftest import MakeCache
from tests.dynamodb_cache.wire import Wire

NOW = 1_800_000_000.25


@pytest.fixture
def clock(dynamodb: Any) -> Iterator[time_machine.Traveller]:
    """A clock that stands still. Signatures of requests are made by it too, and the local AWS reads the same."""
    with time_machine.travel(NOW, tick=False) as standing:
        yield standing


PATHS: dict[str, tuple[Callable[[DynamoDBCache], Any], Any, Any]] = {
    "get": (lambda cache: cache.get("key", "nothing"), 7, "nothing"),
    "has_key": (lambda cache: cache.has_key("key"), True, False),
    "in": (lambda cache: "key" in cache, True, False),
    "get_many": (lambda cache: cache.get_many(["key"]), {"key": 7}, {}),
    "add": (lambda cache: cache.add("key", 8), False, True),
    "add for no time": (lambda cache: cache.add("key", 8, 0), False, True),
    "touch": (lambda cache: cache.touch("key", 5), True, False),
    "persist": (lambda cache: cache.persist("key"), True, False),
    "delete": (lambda cache: cache.delete("key"), True, False),
    "incr": (lambda cache: _incr(cache), 8, "ValueError"),
    "incr_version": (lambda cache: _incr_version(cache), 2, "ValueError"),
    "ttl": (lambda cache: cache.ttl("key"), pytest.approx(0.25, abs=1e-3), 0),
    "get_entry": (lambda cache: bool(cache.get_entry("key")), True, False),
    "get_or_set": (lambda cache: cache.get_or_set("key", 9), 7, 9),
    "get_or_set with a lease": (lambda cache: cache.get_or_set("key", 9, lease=5), 7, 9),
}


def _incr(cache: DynamoDBCache) -> Any:
    try:
        return cache.incr("key")
    except ValueError:
        return "ValueError"


def _incr_version(cache: DynamoDBCache) -> Any:
    try:
        return cache.incr_version("key")
    except ValueError:
        return "ValueError"


@pytest.mark.parametrize("name", PATHS)
def test_an_entry_is_there_until_its_very_moment(
    cache: DynamoDBCache, clock: time_machine.Traveller, name: str
) -> None:
    call, before, at = PATHS[name]
    cache.set("key", 7, 10.5)
    clock.move_to(NOW + 10.25)
    assert call(cache) == before
    cache.set("key", 7, 0.25)
    clock.move_to(NOW + 10.5)
    assert call(cache) == at


@pytest.mark.parametrize("value", [7, "text", [1]])
def test_touch_counts_from_now_and_none_is_for_ever(
    cache: DynamoDBCache, clock: time_machine.Traveller, value: Any, item_of: Callable[..., Any]
) -> None:
    cache.set("key", value, 10)
    clock.move_to(NOW + 9)
    assert cache.touch("key", 10)
    clock.move_to(NOW + 18.9)
    assert cache.get("key") == value
    assert cache.touch("key", None)
    clock.move_to(NOW + 10_000)
    assert cache.get("key") == value
    assert not {"e", "t"} & set(item_of(cache, "key"))
    assert cache.touch("key", 5)
    clock.move_to(NOW + 10_005)
    assert cache.get("key") is None


@pytest.mark.parametrize("timeout", [0, -1, -(10**300), 1e-12])
def test_a_timeout_that_is_over_leaves_nothing(
    cache: DynamoDBCache, clock: time_machine.Traveller, timeout: float, item_of: Callable[..., Any]
) -> None:
    for key in ("set", "many", "touch"):
        cache.set(key, "old", None)
    cache.set("set", "new", timeout)
    assert cache.set_many({"many": "new"}, timeout) == []
    assert cache.touch("touch", timeout) is True
    assert cache.add("add", "new", timeout) is True
    assert cache.add("add", "newer", timeout) is True
    assert cache.get_many(["set", "many", "touch", "add"]) == {}
    assert item_of(cache, "set") is None


def test_dynamodbs_own_moment_is_never_early(
    cache: DynamoDBCache, clock: time_machine.Traveller, item_of: Callable[..., Any]
) -> None:
    cache.set("key", 1, 10.5)
    item = item_of(cache, "key")
    assert float(item["e"]["N"]) == pytest.approx(NOW + 10.5, abs=1e-5)
    assert item["t"] == {"N": "1800000011"}


@pytest.mark.parametrize("timeout", [1e14, 1e15, 1e16, 1e300, 10**30])
def test_a_huge_timeout_is_stored_without_an_exponent_or_as_for_ever(
    cache: DynamoDBCache, timeout: float, item_of: Callable[..., Any]
) -> None:
    cache.set("key", "value", timeout)
    assert cache.get("key") == "value"
    item = item_of(cache, "key")
    assert "e" not in item["e"]["N"].lower() if "e" in item else timeout >= 1e14
    assert cache.touch("key", timeout)
    assert cache.get("key") == "value"


@pytest.mark.parametrize("timeout", [math.inf, -math.inf, math.nan, 10**400])
def test_a_timeout_that_is_no_number_of_seconds_is_refused(cache: DynamoDBCache, wire: Wire, timeout: float) -> None:
    for call in (
        lambda: cache.set("key", 1, timeout),
        lambda: cache.add("key", 1, timeout),
        lambda: cache.set_many({"key": 1}, timeout),
        lambda: cache.touch("key", timeout),
    ):
        with pytest.raises(ValueError, match="finite number of seconds"):
            call()
    assert wire.requests == []


def test_default_timeout_none_is_for_ever(make_cache: MakeCache, item_of: Callable[..., Any]) -> None:
    cache = make_cache()
    cache.default_timeout = None
    cache.set("key", 1)
    assert "e" not in item_of(cache, "key")
