"""Namespaces, prefixes and tags: forgotten with one write, never with a scan."""

import os
from collections.abc import Callable
from typing import Any

import pytest
from botocore.httpsession import URLLib3Session

from dynamodb_cache.backend import DynamoDBCache
from dynamodb_cache.errors import Contended
from dynamodb_cache.seals import MOST_STAMPS
from tests.dynamodb_cache.conftest import MakeCache
from tests.dynamodb_cache.wire import Wire, on

PREFIXES = ("user:", "user:7:", "page:")


@pytest.fixture
def prefixed(make_cache: MakeCache) -> DynamoDBCache:
    """A cache with declared prefixes."""
    return make_cache(PREFIXES=PREFIXES)


@pytest.fixture
def named(make_cache: MakeCache) -> DynamoDBCache:
    """A cache whose `clear` moves a token."""
    return make_cache(NAMESPACE_CLEAR=True)


def _another_process(cache: DynamoDBCache) -> None:
    """Forget what this process knows, as a process that has not read the tokens yet."""
    cache._calls.entries.generations.forget()


def test_a_plain_alias_pays_nothing(cache: DynamoDBCache, wire: Wire, item_of: Callable[..., Any]) -> None:
    cache.set("key", 1)
    cache.get("key")
    cache.get_many(["key"])
    assert wire.operations == {"PutItem": 1, "GetItem": 1, "BatchGetItem": 1}
    assert "g" not in item_of(cache, "key")


def test_clear_of_a_namespace_is_one_write_and_leaves_other_prefixes(
    named: DynamoDBCache, make_cache: MakeCache
) -> None:
    other = make_cache(NAMESPACE_CLEAR=True)
    data = {f"k{number}": number for number in range(30)}
    for cache in (named, other):
        cache.set_many(data)
        cache.set("one", "x", None)
    with on(named) as wire:
        named.clear()
        assert wire.operations == {"BatchWriteItem": 1}
    assert named.get_many([*data, "one"]) == {}
    assert other.get_many([*data, "one"]) == {**data, "one": "x"}
    named.set("one", "y")
    assert named.get("one") == "y"


def test_delete_prefix_forgets_what_begins_with_it(prefixed: DynamoDBCache) -> None:
    data = {"user:7:name": 1, "user:8:name": 2, "page:1": 3, "else": 4}
    prefixed.set_many(data)
    prefixed.delete_prefix("user:7:")
    assert prefixed.get_many(data) == {"user:8:name": 2, "page:1": 3, "else": 4}
    prefixed.delete_prefix("user:")
    assert prefixed.get_many(data) == {"page:1": 3, "else": 4}


def test_a_key_need_not_be_a_text(make_cache: MakeCache) -> None:
    cache = make_cache(PREFIXES=["4"])
    cache.set(42, "value")  # type: ignore[arg-type]
    assert cache.get("42") == "value"
    cache.delete_prefix("4")
    assert cache.get(42) is None  # type: ignore[arg-type]


def test_a_prefix_counts_for_its_version(prefixed: DynamoDBCache) -> None:
    prefixed.set("page:1", 1)
    prefixed.set("page:1", 2, version=2)
    prefixed.delete_prefix("page:", version=2)
    assert prefixed.get("page:1") == 1
    assert prefixed.get("page:1", version=2) is None


def test_an_undeclared_prefix_is_refused_and_told_to_declare(prefixed: DynamoDBCache) -> None:
    with pytest.raises(ValueError, match=r"'else:' is not declared.*PREFIXES"):
        prefixed.delete_prefix("else:")


def test_a_prefix_declared_later_counts_for_older_entries(make_cache: MakeCache) -> None:
    before = make_cache(prefix="later")
    before.set("page:1", 1)
    after = make_cache(prefix="later", PREFIXES=["page:"])
    assert after.get("page:1") == 1
    after.delete_prefix("page:")
    assert after.get("page:1") is None


def test_tags_forget_what_carries_them(cache: DynamoDBCache) -> None:
    cache.set("a", 1, tags=["red", "blue"])
    cache.add("b", 2, tags=["blue"])
    cache.set_many({"c": 3, "d": "text"}, tags=["green"])
    cache.set("e", 5)
    cache.delete_tags(["red"])
    assert cache.get_many("abcde") == {"b": 2, "c": 3, "d": "text", "e": 5}
    cache.delete_tags(["blue", "green"])
    assert cache.get_many("abcde") == {"e": 5}


def test_tokens_are_read_once_for_a_while(cache: DynamoDBCache, wire: Wire) -> None:
    cache.set_many({f"k{number}": number for number in range(10)}, tags=["tag"])
    assert wire.operations == {"BatchGetItem": 1, "BatchWriteItem": 1}
    _another_process(cache)
    wire.forget()
    assert len(cache.get_many(f"k{number}" for number in range(10))) == 10
    assert wire.operations == {"BatchGetItem": 2}
    wire.forget()
    cache.get("k1")
    assert wire.operations == {"GetItem": 1}


def test_another_process_learns_of_it_when_its_knowledge_is_old(make_cache: MakeCache) -> None:
    here = make_cache(prefix="two", GENERATION_SECONDS=0.0)
    there = make_cache(prefix="two", MAX_ATTEMPTS=2, GENERATION_SECONDS=0.0)  # knows what it knows by itself
    here.set("key", 1, tags=["tag"])
    assert there.get("key") == 1
    there.delete_tags(["tag"])
    assert here.get("key") is None


AFTER: dict[str, tuple[Callable[[DynamoDBCache], Any], Any]] = {
    "has_key": (lambda cache: cache.has_key("page:1"), False),
    "add": (lambda cache: (cache.add("page:1", 8), cache.get("page:1")), (True, 8)),
    "touch": (lambda cache: cache.touch("page:1", 5), False),
    "delete": (lambda cache: cache.delete("page:1"), False),
    "ttl": (lambda cache: cache.ttl("page:1"), 0),
    "get_entry": (lambda cache: cache.get_entry("page:1"), None),
    "get_or_set": (lambda cache: cache.get_or_set("page:1", 9), 9),
    "leased": (lambda cache: (cache.get_or_set("page:1", 9, lease=1), cache.get("page:1")), (9, 9)),
}
FORGET: dict[str, Callable[[DynamoDBCache], None]] = {
    "prefix": lambda cache: cache.delete_prefix("page:"),
    "tag": lambda cache: cache.delete_tags(["tag"]),
    "namespace": lambda cache: cache.clear(),
}


@pytest.mark.parametrize("timeout", [50, None])
@pytest.mark.parametrize("how", FORGET)
@pytest.mark.parametrize("name", AFTER)
def test_what_is_forgotten_is_absent_on_every_path(
    make_cache: MakeCache, how: str, name: str, timeout: float | None
) -> None:
    cache = make_cache(PREFIXES=PREFIXES, NAMESPACE_CLEAR=True)
    cache.set("page:1", 7, timeout, tags=["tag"])
    FORGET[how](cache)
    call, expected = AFTER[name]
    assert call(cache) == expected


def test_incr_of_what_is_forgotten_is_a_value_error(prefixed: DynamoDBCache) -> None:
    prefixed.set("page:1", 7)
    prefixed.delete_prefix("page:")
    with pytest.raises(ValueError, match="page:1"):
        prefixed.incr("page:1")


def test_incr_and_touch_of_grouped_entries_are_one_request_and_keep_the_group(prefixed: DynamoDBCache) -> None:
    prefixed.set("page:1", 7)
    with on(prefixed) as wire:
        assert prefixed.incr("page:1") == 8
        assert prefixed.touch("page:1", 50)
        assert wire.operations == {"UpdateItem": 2}
    prefixed.delete_prefix("page:")
    assert prefixed.get("page:1") is None


def test_incr_and_touch_of_tagged_entries_keep_the_tags(cache: DynamoDBCache) -> None:
    for key, value in (("integer", 7), ("float", 1.5)):
        cache.set(key, value, tags=["tag"])
        assert cache.incr(key) == value + 1
        assert cache.touch(key, 50) is True
    cache.delete_tags(["tag"])
    assert cache.get_many(["integer", "float"]) == {}


def test_tags_are_a_list_and_not_endless(cache: DynamoDBCache) -> None:
    with pytest.raises(TypeError, match="not one text"):
        cache.set("key", 1, tags="tag")
    with pytest.raises(ValueError, match="at most 32 tags"):
        cache.set("key", 1, tags=[str(number) for number in range(33)])
    cache.set("key", 1, tags=["x" * 5000, "ä"])
    assert cache.get("key") == 1
    cache.delete_tags(["x" * 5000])
    assert cache.get("key") is None


def test_a_read_under_way_does_not_bring_an_old_token_back(cache: DynamoDBCache, wire: Wire) -> None:
    cache.set("key", 1, tags=["tag"])
    _another_process(cache)

    def moved_after(request: Any) -> Any:
        old = URLLib3Session().send(request)  # holds the old token
        cache.delete_tags(["tag"])
        return old

    wire.script.extend([lambda _request: None, moved_after])
    assert cache.get("key") == 1  # it was asked before
    assert cache.get("key") is None


# -- a writer who is faster, on entries whose calls take two requests -------------------------------------------------


def _nothing(_request: Any) -> None:
    """Let the request through."""


@pytest.mark.parametrize("value", ["small", os.urandom(500_000)], ids=["small", "large"])
@pytest.mark.parametrize("timeout", [50, -1, None], ids=["stays", "goes", "is deleted"])
def test_add_over_what_was_forgotten_meets_a_faster_writer(
    cache: DynamoDBCache, wire: Wire, value: Any, timeout: float | None
) -> None:
    cache.set("key", "old", tags=["tag"])
    cache.delete_tags(["tag"])

    def faster(_request: Any) -> None:
        if timeout is None:
            cache.delete("key")
        else:
            cache.set("key", "faster")
            cache.touch("key", timeout)

    # The first put fails on the old entry; before the second, on that very entry, comes somebody else.
    before = [_nothing, _nothing] if isinstance(value, bytes) else []  # a look, and the parts
    wire.script.extend([*before, _nothing, faster])
    assert cache.add("key", value) is (timeout != 50)
    assert cache.get("key") == ("faster" if timeout == 50 else value)


@pytest.mark.parametrize("touches", [0, MOST_STAMPS])
def test_touch_of_a_tagged_entry_meets_a_faster_writer(cache: DynamoDBCache, wire: Wire, touches: int) -> None:
    cache.set("key", "old", 50, tags=["tag"])
    for _ in range(touches):
        cache.touch("key", 50)
    wire.script.extend([_nothing, lambda _request: cache.set("key", "new", 50)])
    assert cache.touch("key", 5000) is True
    assert cache.get("key") == "new"
    assert (cache.ttl("key") or 0) > 4000


def test_touch_meets_one_who_deletes(cache: DynamoDBCache, wire: Wire) -> None:
    cache.set("key", "old", 50, tags=["tag"])
    wire.script.extend([_nothing, lambda _request: cache.delete_many(["key"])])
    assert cache.touch("key", 5000) is False
    assert cache.get("key") is None


def test_incr_meets_one_who_deletes(cache: DynamoDBCache, wire: Wire) -> None:
    cache.set("key", 1.5)
    wire.script.extend([_nothing, lambda _request: cache.delete_many(["key"])])
    with pytest.raises(ValueError, match="key"):
        cache.incr("key")


def test_who_is_never_fast_enough_gives_up_and_says_so(cache: DynamoDBCache, wire: Wire) -> None:
    cache.set("key", 1.5)

    def faster(request: Any) -> None:
        if b"PutItem" in request.headers["X-Amz-Target"]:
            wire.always = None
            cache.set("key", 1.5)
            wire.always = faster

    wire.always = faster
    with pytest.raises(Contended, match="key"):
        cache.incr("key")
