"""Values as bytes: what comes back as it was, what may be read by whom, and what a writer of the table cannot do."""

import collections
import datetime as dt
import json
import logging
import pickle
import uuid
import zlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ImproperlyConfigured
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy

from dynamodb_cache import seals
from dynamodb_cache.backend import DynamoDBCache
from dynamodb_cache.serializers import JSONSerializer, Undecodable, pack, unpack
from tests.dynamodb_cache.conftest import TABLE, MakeCache
from tests.dynamodb_cache.wire import Wire

ran: list[str] = []


class Bomb:
    """Runs code where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return ran.append, ("ran",)


class Reversed:
    """A serializer of a project's own."""

    tag = "rev"
    signed = False
    reads = frozenset({"j"})

    def dumps(self, value: Any) -> bytes:
        return str(value)[::-1].encode()

    def loads(self, data: bytes) -> Any:
        if data == b"broken":
            raise Undecodable("broken")
        return data.decode()[::-1]


class TagOfOurs(Reversed):
    """A serializer that takes a tag of ours."""

    tag = "p"


@pytest.fixture(autouse=True)
def _nothing_ran() -> None:
    ran.clear()


def _put(dynamodb: Any, item: dict[str, Any], **changes: Any) -> None:
    """Write to the table as somebody who may, past the cache."""
    dynamodb.put_item(TableName=TABLE, Item={**item, **changes})


# -- JSON -------------------------------------------------------------------------------------------------------------

EXACT = [
    {"a": [1, 1.5, None, True, "é😀"]},
    dt.datetime(2026, 1, 2, 3, 4, 5, 678901),
    dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=30))),
    dt.date(2026, 1, 2),
    dt.time(3, 4, 5, 6),
    dt.timedelta(days=-3, microseconds=7),
    Decimal("1.10"),
    uuid.UUID(int=7),
    b"\x00\xff",
    {1, 2},
    frozenset({"a"}),
    {"rows": [{"at": dt.date(2026, 1, 2), "left": Decimal("0.1")}] * 3},
    {dt.date(2026, 1, 2)},
]


@pytest.mark.parametrize("value", EXACT, ids=repr)
def test_json_gives_djangos_types_back(make_cache: MakeCache, value: Any) -> None:
    cache = make_cache(SERIALIZER="json")
    cache.set("key", value)
    found = cache.get("key")
    assert found == value
    assert type(found) is type(value)


def test_json_changes_what_its_docs_say() -> None:
    codec = JSONSerializer()

    def through(value: Any) -> Any:
        return codec.loads(codec.dumps(value))

    assert through((1, 2)) == [1, 2]
    assert through({1: "a"}) == {"1": "a"}
    assert through(gettext_lazy("text")) == "text"
    assert type(through(mark_safe("<b>"))) is str


@pytest.mark.parametrize("value", [object(), Bomb(), collections.deque([1]), {"$dc": 1}, {"a": {"$dc": ["uuid", "x"]}}])
def test_json_refuses_what_it_would_not_give_back(make_cache: MakeCache, value: Any, wire: Wire) -> None:
    with pytest.raises(TypeError):
        make_cache(SERIALIZER="json").set("key", value)
    assert wire.requests == []


def test_a_text_that_looks_like_a_mark_is_a_text() -> None:
    codec = JSONSerializer()
    value = ['"$dc":', {"a": '{"$dc":["uuid","x"]}'}, '\\"$dc":', dt.date(2026, 1, 2)]
    assert codec.loads(codec.dumps(value)) == value


@pytest.mark.parametrize("data", [b"", b"{", b'{"$dc":1}', b'{"$dc":["uuid","x"]}', b'{"$dc":["eval","1"]}', b"\xff"])
def test_json_that_is_none_of_ours_is_undecodable(data: bytes) -> None:
    with pytest.raises(Undecodable):
        JSONSerializer().loads(data)


# -- who reads what ---------------------------------------------------------------------------------------------------


def test_a_json_alias_never_unpickles(make_cache: MakeCache, dynamodb: Any, item_of: Callable[..., Any]) -> None:
    pickling, plain = make_cache(prefix="switched"), make_cache(prefix="switched", SERIALIZER="json")
    pickling.set("key", Bomb())
    assert plain.get("key", "nothing") == "nothing"
    assert plain.get_many(["key"]) == {}
    plain.set("key", 1.5)
    item = item_of(plain, "key")
    for tag in ("p", "j", "rev", "x"):
        _put(dynamodb, item, c={"S": tag}, v={"B": pack(pickle.dumps(Bomb()))})
        assert plain.get("key", "nothing") == "nothing"
    assert ran == []


def test_a_pickle_alias_reads_json_entries(make_cache: MakeCache) -> None:
    make_cache(prefix="back", SERIALIZER="json").set("key", {"a": Decimal("1.1")})
    assert make_cache(prefix="back").get("key") == {"a": Decimal("1.1")}


def test_a_projects_own_serializer(make_cache: MakeCache, item_of: Callable[..., Any]) -> None:
    make_cache(prefix="own", SERIALIZER="json").set("old", [1])
    cache = make_cache(prefix="own", SERIALIZER=f"{__name__}.Reversed")
    cache.set("key", "abc")
    assert item_of(cache, "key")["c"] == {"S": "rev"}
    assert item_of(cache, "key")["v"] == {"B": b"-cba"}
    assert cache.get("key") == "abc"
    assert cache.get("old") == [1]
    assert make_cache(prefix="own").get("key") is None


@pytest.mark.parametrize("path", ["no.such.module", f"{__name__}.ran", f"{__name__}.TagOfOurs", f"{__name__}.Bomb"])
def test_a_serializer_that_cannot_be_one_is_a_configuration_error(make_cache: MakeCache, path: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="SERIALIZER"):
        make_cache(SERIALIZER=path)


# -- what a writer of the table cannot do -----------------------------------------------------------------------------


@pytest.fixture
def standing(dynamodb: Any) -> Any:
    """The clock, standing still."""
    with time_machine.travel(1_800_000_000, tick=False) as clock:
        yield clock


def _expiry(moment: float) -> dict[str, Any]:
    return {"e": {"N": str(moment)}, "t": {"N": str(int(moment))}}


def test_a_pickle_of_anothers_making_is_not_read(cache: DynamoDBCache, dynamodb: Any, item_of: Any) -> None:
    for value in ("text", 5):
        cache.set("key", value)
        for data in (pickle.dumps(Bomb()), pack(pickle.dumps(Bomb())), bytes(40) + pack(pickle.dumps(Bomb())), b""):
            _put(
                dynamodb,
                {name: held for name, held in item_of(cache, "key").items() if name != "n"},
                c={"S": "p"},
                v={"B": data},
            )
            assert cache.get("key", "nothing") == "nothing"
            cache.set("key", value)
    assert ran == []


@pytest.mark.parametrize("to", ["another key", "another version", "another prefix", "another table"])
def test_a_value_is_bound_to_its_place(make_cache: MakeCache, dynamodb: Any, item_of: Any, to: str) -> None:
    cache = make_cache()
    cache.set("key", "secret")
    item = item_of(cache, "key")
    if to == "another table":
        with pytest.raises(Undecodable):
            DynamoDBCache("elsewhere", {})._codec.value(item, item["v"]["B"])
        return
    other = {"another key": cache._place("other", None), "another version": cache._place("key", 2)}
    other["another prefix"] = make_cache()._place("key", None)
    _put(dynamodb, item, k={"S": other[to].stored})
    reader = make_cache(prefix=other[to].stored.split(":")[0])
    assert reader.get("other" if to == "another key" else "key", version=2 if to == "another version" else 1) is None


def test_an_expired_value_cannot_be_brought_back(
    cache: DynamoDBCache, dynamodb: Any, item_of: Any, standing: time_machine.Traveller
) -> None:
    cache.set("key", "old", 10)
    old = item_of(cache, "key")
    standing.shift(11)
    _put(dynamodb, old, **_expiry(1_800_000_100))
    assert cache.get("key") is None
    endless = {name: held for name, held in old.items() if name not in {"e", "t"}}
    _put(dynamodb, endless)
    assert cache.get("key") is None


def test_a_stale_value_cannot_be_served_longer(
    cache: DynamoDBCache, dynamodb: Any, item_of: Any, standing: time_machine.Traveller
) -> None:
    cache.get_or_set("key", "old", 10, stale=10)
    item = item_of(cache, "key")
    place = cache._place("key", None)
    standing.shift(15)
    assert cache._calls.leases.look(place).stale == "old"
    _put(dynamodb, item, s={"N": "1800009999"})
    assert repr(cache._calls.leases.look(place).stale) == "MISSING"
    cache.set("key", "never stale", 10)
    standing.shift(15)
    _put(dynamodb, item_of(cache, "key"), s={"N": "1800009999"})
    assert repr(cache._calls.leases.look(place).stale) == "MISSING"


def test_a_later_touch_does_not_bring_it_back_either(
    cache: DynamoDBCache, dynamodb: Any, item_of: Any, standing: time_machine.Traveller
) -> None:
    cache.set("key", "old", 10)
    old = item_of(cache, "key")
    standing.shift(11)
    cache.set("key", "new", 10)
    cache.touch("key", 100)
    touched = item_of(cache, "key")
    assert cache.get("key") == "new"
    _put(dynamodb, old, **{name: touched[name] for name in ("e", "t", "x")})
    assert cache.get("key") is None


def test_a_stamp_of_another_key_or_another_order_is_refused(
    cache: DynamoDBCache, dynamodb: Any, item_of: Any, standing: time_machine.Traveller
) -> None:
    cache.set_many({"key": "value", "other": "value"}, 10)
    cache.touch("other", 1000)
    other = item_of(cache, "other")
    _put(dynamodb, item_of(cache, "key"), **{name: other[name] for name in ("e", "t", "x")})
    assert cache.get("key") is None
    cache.set("key", "value", 10)
    cache.touch("key", 20)
    standing.shift(15)
    cache.touch("key", 20)
    good = item_of(cache, "key")
    assert cache.get("key") == "value"
    _put(dynamodb, good, x={"L": good["x"]["L"][::-1]})
    assert cache.get("key") is None
    _put(dynamodb, good, x={"L": good["x"]["L"][1:]})
    assert cache.get("key") is None


def test_touches_without_end_stay_readable_and_short(
    cache: DynamoDBCache, item_of: Any, standing: time_machine.Traveller
) -> None:
    cache.set("key", ["value"], 10)
    for _ in range(3 * seals.MOST_STAMPS):
        standing.shift(9)
        assert cache.touch("key", 10) is True
        assert cache.get("key") == ["value"]
        assert len(item_of(cache, "key").get("x", {"L": []})["L"]) <= seals.MOST_STAMPS


def test_a_touch_is_one_request_until_its_stamps_are_full(cache: DynamoDBCache, wire: Wire) -> None:
    cache.set("key", "value")
    wire.forget()
    for _ in range(seals.MOST_STAMPS):
        cache.touch("key", 50)
    assert wire.operations == {"UpdateItem": seals.MOST_STAMPS}
    cache.touch("key", 50)
    assert wire.operations == {"UpdateItem": seals.MOST_STAMPS + 1, "PutItem": 1}
    assert cache.get("key") == "value"


def test_a_json_alias_pays_for_no_stamps(make_cache: MakeCache, item_of: Any) -> None:
    cache = make_cache(SERIALIZER="json")
    cache.set("key", "value")
    cache.touch("key", 50)
    assert "x" not in item_of(cache, "key")
    assert cache.get("key") == "value"


def test_a_key_that_was_turned_over_still_reads(cache: DynamoDBCache, settings: Any) -> None:
    cache.set("key", "value", 50)
    cache.touch("key", 60)
    old = settings.SECRET_KEY
    settings.SECRET_KEY = "new-" * 20
    settings.SECRET_KEY_FALLBACKS = [old]
    assert cache.get("key") == "value"
    cache.touch("key", 70)
    assert cache.get("key") == "value"
    settings.SECRET_KEY_FALLBACKS = []
    assert cache.get("key") is None


# -- what cannot be read ----------------------------------------------------------------------------------------------


def test_what_cannot_be_read_is_a_logged_miss_and_goes(
    cache: DynamoDBCache, dynamodb: Any, item_of: Any, caplog: pytest.LogCaptureFixture
) -> None:
    cache.set("key", "value")
    _put(dynamodb, item_of(cache, "key"), c={"S": "gone"})
    with caplog.at_level(logging.WARNING):
        assert cache.get("key", "nothing") == "nothing"
    assert item_of(cache, "key") is None
    assert cache.stats()["undecodable"] >= 1
    assert f"key={cache.key_prefix}:1:key" in caplog.text
    assert "'gone'" in caplog.text


def test_what_cannot_be_read_stays_when_somebody_wrote_anew(
    cache: DynamoDBCache, dynamodb: Any, item_of: Any, wire: Wire
) -> None:
    cache.set("key", "value")
    _put(dynamodb, item_of(cache, "key"), c={"S": "gone"})
    wire.forget()
    wire.script.extend([lambda _request: None, lambda _request: cache.set("key", "new")])
    assert cache.get("key") is None
    assert cache.get("key") == "new"


@pytest.mark.parametrize(
    "item",
    [{"n": {"N": "1.5"}}, {"v": {"B": b"x"}}, {"v": {"B": b"x"}, "c": {"S": "p"}}, {"w": {"S": "x"}}, {}],
    ids=repr,
)
def test_an_item_of_somebody_elses_is_a_miss(cache: DynamoDBCache, dynamodb: Any, item: dict[str, Any]) -> None:
    _put(dynamodb, {"k": {"S": cache._place("key", None).stored}, **item})
    assert cache.get("key", "nothing") == "nothing"
    assert cache.add("key", 1) is True


class Renamed:
    """A class that a later release no longer has."""


def test_a_class_that_is_gone_is_a_miss(cache: DynamoDBCache, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.set("key", Renamed())
    assert isinstance(cache.get("key"), Renamed)
    monkeypatch.delitem(globals(), "Renamed")
    assert cache.get("key", "nothing") == "nothing"


def test_safe_texts_stay_safe(cache: DynamoDBCache) -> None:
    cache.set("key", mark_safe("<b>"))
    assert isinstance(cache.get("key"), SafeString)


# -- compression ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 1023, 1024, 20_000, 500_000])
@pytest.mark.parametrize("fast", [True, False])
def test_packing_gives_back_what_went_in(size: int, fast: bool) -> None:
    for data in (bytes(size), uuid.uuid4().bytes * (size // 16)):
        packed = pack(data, fast=fast)
        assert unpack(packed) == data
        assert len(packed) <= len(data) + 1
        assert packed[:1] == (b"-" if len(data) < 1024 else b"s" if fast and len(data) >= 16 * 1024 else b"z")


@pytest.mark.parametrize("data", [b"", b"?x", b"zx", b"sx", b"z" + zlib.compress(b"x")[:-3]])
def test_damaged_bytes_are_undecodable(data: bytes) -> None:
    with pytest.raises(Undecodable):
        unpack(data)


def test_compression_starts_where_the_option_says(make_cache: MakeCache, item_of: Any) -> None:
    cache = make_cache(SERIALIZER="json", COMPRESS_FROM_BYTES=10)
    cache.set("key", "x" * 100)
    assert item_of(cache, "key")["v"]["B"][:1] == b"z"
    assert json.loads(unpack(item_of(cache, "key")["v"]["B"])) == "x" * 100
    assert cache.get("key") == "x" * 100
