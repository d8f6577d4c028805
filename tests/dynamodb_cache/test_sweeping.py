"""Reading whole tables: sweeping orphaned parts, counting, copying to a new table; and their pace."""

import os
import threading
import time
from typing import Any

import pytest
from django.core.cache import caches

from dynamodb_cache import copying, counting, scanning, sweeping, tables
from dynamodb_cache.client import client
from dynamodb_cache.errors import DynamoDBCacheError, TableMissing, TableUnfit, Unavailable
from dynamodb_cache.sweeping import Swept
from tests.dynamodb_cache import operating
from tests.dynamodb_cache.operating import keys, put, put_large, put_part, reach

NAME, NEW = "ops-cache", "ops-new"
FUTURE, PAST = 4e9, 1.0


@pytest.fixture
def table(aws) -> str:
    """An empty cache table on the local AWS."""
    tables.create(NAME, None, tables.CACHE_TABLE)
    return NAME


@pytest.fixture
def target(table: str) -> str:
    """A second one."""
    tables.create(NEW, None, tables.CACHE_TABLE)
    return NEW


# -- gc -------------------------------------------------------------------------------------------------------------


def test_parts_whose_entry_is_gone_are_removed(table: str) -> None:
    for number in range(7):
        put_part(table, "gone", "token", number)
    assert sweeping.sweep(reach()) == Swept(7, 7, 0, 7)
    assert keys(table) == set()


def test_parts_of_another_write_are_removed_and_those_of_the_entry_stay(table: str) -> None:
    put_large(table, "large", "new", parts=3)
    put_part(table, "large", "old", 0)
    assert sweeping.sweep(reach()) == Swept(4, 1, 0, 1)
    assert keys(table) == {"large", "#part:new:0", "#part:new:1", "#part:new:2"}


def test_parts_of_an_entry_that_is_small_now_are_removed(table: str) -> None:
    put_part(table, "small", "old", 0)
    put(table, k="small", v=b"-1", c="j", w="new")
    assert sweeping.sweep(reach()).removed == 1
    assert keys(table) == {"small"}


def test_young_parts_stay_since_their_entry_may_be_on_its_way(table: str) -> None:
    put_part(table, "coming", "token", 0, made_at=time.time() - sweeping.OLD_ENOUGH_SECONDS + 60)
    assert sweeping.sweep(reach()) == Swept(1)
    assert keys(table) == {"#part:token:0"}


def test_entries_and_generations_are_never_touched(table: str) -> None:
    put(table, k="endless", n=1, w="a")
    put(table, k="expired", n=1, w="b", e=PAST, t=1)
    put(table, k="#gen:x", v="token")
    assert sweeping.sweep(reach()) == Swept()
    assert keys(table) == {"endless", "expired", "#gen:x"}


def test_a_dry_run_counts_and_removes_nothing(table: str) -> None:
    put_part(table, "gone", "token", 0)
    assert sweeping.sweep(reach(), dry_run=True) == Swept(1, 1)
    assert keys(table) == {"#part:token:0"}


def test_a_second_sweep_finds_nothing(table: str) -> None:
    put_part(table, "gone", "token", 0)
    assert sweeping.sweep(reach()).removed == 1
    assert sweeping.sweep(reach()) == Swept()


def test_more_entries_than_one_batch_reads_are_looked_up(table: str) -> None:
    _put_many_large(table, scanning.READ_BATCH + 30, "kept")
    put_part(table, "large7", "old", 0)
    assert sweeping.sweep(reach(segments=1)) == Swept(scanning.READ_BATCH + 31, 1, 0, 1)


def test_sweepers_and_writers_at_once_leave_every_entry_whole(table: str) -> None:
    """Two sweeps run while entries are replaced, their parts made to look old: only what no entry names goes."""
    done = threading.Event()
    sweeps: list[Swept] = []

    def sweep_on() -> None:
        while not done.is_set():
            sweeps.append(sweeping.sweep(reach()))

    sweepers = [threading.Thread(target=sweep_on) for _ in range(2)]
    for key in range(5):
        put_large(table, f"large{key}", f"{key}-first")
    for sweeper in sweepers:
        sweeper.start()
    for turn in range(4):
        for key in range(5):
            # As a writer does: young parts, then the entry; they grow old afterwards.
            put_large(table, f"large{key}", f"{key}-{turn}", made_at=time.time())
            for number in range(2):
                put_part(table, f"large{key}", f"{key}-{turn}", number)
    done.set()
    for sweeper in sweepers:
        sweeper.join(60)
    sweeping.sweep(reach())
    assert keys(table) == {f"large{key}" for key in range(5)} | {
        f"#part:{key}-3:{number}" for key in range(5) for number in range(2)
    }
    assert sum(one.removed for one in sweeps) > 0


def test_entries_without_timeout_whose_generation_was_moved_are_removed(table: str) -> None:
    put(table, k="#gen:n:shop", v="second")
    put(table, k="ended", n=1, w="a", g={"n:shop": "first"})
    put(table, k="from the time before", n=1, w="b", g={"n:shop": "0"})
    put(table, k="present", n=1, w="c", g={"n:shop": "second", "t:never moved": "0"})
    put(table, k="one of two", n=1, w="d", g={"n:shop": "second", "t:never moved": "once"})
    put(table, k="goes by itself", n=1, w="e", g={"n:shop": "first"}, e=FUTURE, t=int(FUTURE))
    assert sweeping.sweep(reach(), dry_run=True) == Swept(ended=3)
    assert sweeping.sweep(reach()) == Swept(ended=3, removed=3)
    assert keys(table) == {"#gen:n:shop", "present", "goes by itself"}


def test_a_part_that_was_made_anew_meanwhile_stays() -> None:
    old = {"N": "1000.5"}
    with operating.stubbed() as (dynamodb, stub):
        part = {"k": {"S": "#part:token:0"}, "h": {"S": "gone"}, "a": old}
        stub.add_response("scan", {"Items": [part]})
        stub.add_response("batch_get_item", {"Responses": {}})
        stub.add_client_error(
            "delete_item",
            "ConditionalCheckFailedException",
            expected_params={
                "TableName": NAME,
                "Key": {"k": part["k"]},
                "ConditionExpression": "a = :mark",
                "ExpressionAttributeValues": {":mark": old},
                "ReturnConsumedCapacity": "TOTAL",
            },
        )
        assert sweeping.sweep(scanning.Reach(dynamodb, NAME, scanning.Pace(1e6), 1)) == Swept(1, 1)


def test_a_missing_table_is_said(aws) -> None:
    with pytest.raises(TableMissing, match="dynamodb_cache create"):
        sweeping.sweep(reach("ops-none"))


# -- pace -----------------------------------------------------------------------------------------------------------


def test_a_scan_keeps_to_its_units_a_second(table: str) -> None:
    began = time.monotonic()
    slow = reach(units_per_second=20, segments=6)  # a unit each
    counting.scanned(slow)
    assert slow.pace.units >= 6
    assert time.monotonic() - began >= slow.pace.units / 20


def test_a_throttle_is_waited_out(table: str) -> None:
    with operating.stubbed() as (dynamodb, stub):
        stub.add_client_error("scan", "ProvisionedThroughputExceededException")
        stub.add_client_error("scan", "ThrottlingException")
        stub.add_response("scan", {"Items": [], "ConsumedCapacity": {"CapacityUnits": 1.0}})
        assert counting.scanned(scanning.Reach(dynamodb, NAME, scanning.Pace(1e6), 1)).read_units == 1


def test_unprocessed_reads_are_asked_again(table: str) -> None:
    with operating.stubbed() as (dynamodb, stub):
        left = {NAME: {"Keys": [{"k": {"S": "b"}}], "ConsistentRead": True}}
        stub.add_response("batch_get_item", {"Responses": {NAME: [{"k": {"S": "a"}}]}, "UnprocessedKeys": left})
        stub.add_response(
            "batch_get_item",
            {"Responses": {NAME: [{"k": {"S": "b"}}]}},
            {"RequestItems": left, "ReturnConsumedCapacity": "TOTAL"},
        )
        found = scanning.Reach(dynamodb, NAME, scanning.Pace(1e6), 1).items(["a", "b"])
    assert found.keys() == {"a", "b"}


def test_a_table_asked_for_by_its_arn_is_answered_by_its_name() -> None:
    arn = f"arn:aws:dynamodb:eu-west-1:111122223333:table/{NAME}"
    with operating.stubbed() as (dynamodb, stub):
        stub.add_response(
            "batch_get_item",
            {"Responses": {NAME: []}, "UnprocessedKeys": {NAME: {"Keys": [{"k": {"S": "a"}}]}}},
        )
        stub.add_response("batch_get_item", {"Responses": {NAME: [{"k": {"S": "a"}}]}})
        assert scanning.Reach(dynamodb, arn, scanning.Pace(1e6), 1).items(["a"]).keys() == {"a"}


def test_pages_are_followed_to_the_last() -> None:
    with operating.stubbed() as (dynamodb, stub):
        start = {"k": {"S": "a"}}
        stub.add_response("scan", {"Items": [start], "LastEvaluatedKey": start})
        stub.add_response(
            "scan",
            {"Items": [{"k": {"S": "b"}}]},
            {
                "TableName": NAME,
                "Segment": 0,
                "TotalSegments": 1,
                "ExclusiveStartKey": start,
                "ReturnConsumedCapacity": "TOTAL",
            },
        )
        pages = list(scanning.Reach(dynamodb, NAME, scanning.Pace(1e6), 1).pages(0))
    assert [item["k"]["S"] for page in pages for item in page] == ["a", "b"]


# -- stats ----------------------------------------------------------------------------------------------------------


def test_a_scan_counts_each_kind_of_item(table: str, settings) -> None:
    settings.CACHES = {"default": operating.alias(prefix="shop"), "other": operating.alias(prefix="blog")}
    caches["default"].set_many({"a": 1, "b": "text"}, timeout=600)
    caches["other"].set("a", 1, timeout=None)
    put(table, k="sha256:00", y="shop:1:" + "long" * 40, n=1, w="w", e=FUTURE, t=int(FUTURE))
    put(table, k="shop:1:old", n=1, w="w", e=PAST, t=1)
    put_part(table, "shop:1:x", "token", 0)
    put(table, k="#gen:shop", v="token")
    put(table, k="#lease:x", v="owner")
    assert counting.scanned(reach()).as_dict() == {
        "entries_by_prefix": {"shop": 3, "blog": 1},
        "expired": 1,
        "endless": 1,
        "parts": 1,
        "generations": 1,
        "others": 1,
        "read_units": pytest.approx(reach_units()),
    }


def test_figures_of_dynamodb_are_shown_as_they_are() -> None:
    with operating.stubbed() as (dynamodb, stub):
        stub.add_response("describe_table", operating.description(ItemCount=3, TableSizeBytes=4096))
        assert counting.described(dynamodb, NAME) == {"items": 3, "bytes": 4096}


# -- copy -----------------------------------------------------------------------------------------------------------


def test_living_entries_are_copied_whole(table: str, target: str) -> None:
    put(table, k="endless", n=7, w="a")
    put(table, k="timed", v=b"-1", c="j", w="b", e=FUTURE, t=int(FUTURE))
    put(table, k="#gen:x", v="token")
    put_large(table, "large", "c", parts=3)
    assert copying.copy(reach(), target) == copying.Copied(copied=4)
    for key in ("endless", "timed", "#gen:x", "large"):
        assert operating.item(target, key) == operating.item(table, key)
    assert keys(target) == keys(table)


def test_copied_parts_are_young_so_that_a_sweep_leaves_them(table: str, target: str) -> None:
    put_large(table, "large", "c")
    copying.copy(reach(), target)
    client().delete_item(TableName=target, Key={"k": {"S": "large"}})  # as if the entry were still to come
    assert sweeping.sweep(reach(target)) == Swept(2)


def test_what_the_target_has_stays(table: str, target: str) -> None:
    put(table, k="both", n=1, w="old")
    put(target, k="both", n=2, w="new")
    put_large(table, "large", "old")
    put(target, k="large", n=2, w="new")
    assert copying.copy(reach(), target) == copying.Copied(kept=2)
    assert operating.item(target, "both")["n"]["N"] == "2"
    assert keys(target) == {"both", "large"}


def test_an_expired_entry_of_the_target_gives_way(table: str, target: str) -> None:
    put(table, k="both", n=1, w="old")
    put(target, k="both", n=2, w="new", e=PAST, t=1)
    assert copying.copy(reach(), target) == copying.Copied(copied=1)
    assert operating.item(target, "both")["n"]["N"] == "1"


def test_expired_orphaned_and_incomplete_ones_are_left_out(table: str, target: str) -> None:
    put(table, k="expired", n=1, w="a", e=PAST, t=1)
    put_part(table, "gone", "b", 0)
    put_part(table, "torn", "c", 0)
    put(table, k="torn", w="c", c="j", m=2)
    assert copying.copy(reach(), target) == copying.Copied(expired=1, incomplete=1)
    assert keys(target) == set()


def test_copying_again_changes_nothing(table: str, target: str) -> None:
    put_large(table, "large", "c")
    put(table, k="small", n=1, w="a")
    copying.copy(reach(), target)
    before = {key: operating.item(target, key) for key in keys(target)}
    assert copying.copy(reach(), target) == copying.Copied(kept=2)
    assert {key: operating.item(target, key) for key in keys(target)} == before


VALUES = {
    "small": {"deep": [1, 2]},
    "number": 7,
    "large": os.urandom(900_000),  # three parts, and nothing to compress
}


@pytest.mark.parametrize("serializer", ["pickle", "json"])
def test_a_copied_table_serves_the_cache(table: str, target: str, settings, serializer: str) -> None:
    settings.CACHES = {"default": operating.alias(table, SERIALIZER=serializer)}
    for key, value in VALUES.items():
        caches["default"].set(key, value, timeout=None)
    caches["default"].set("touched", "value", timeout=30)
    caches["default"].touch("touched", 3000)
    caches["default"].incr("number", 5)
    assert counting.scanned(reach()).as_dict()["endless"] == len(VALUES)
    assert copying.copy(reach(), target) == copying.Copied(copied=4)
    settings.CACHES = {"default": operating.alias(target, SERIALIZER=serializer)}
    for key, value in {**VALUES, "number": 12}.items():
        assert caches["default"].get(key) == value
    assert caches["default"].incr("number") == 13
    assert caches["default"].get("touched") == "value"
    assert caches["default"].ttl("touched") > 2000
    assert caches["default"].touch("touched", 60) is True
    assert caches["default"].get("touched") == "value"


def test_values_that_this_project_has_not_sealed_are_left_out(table: str, target: str, settings) -> None:
    """Copying must not make a moved or forged entry readable."""
    settings.CACHES = {"default": operating.alias(table, SERIALIZER="pickle")}
    caches["default"].set("own", "value", timeout=None)
    caches["default"].set("large", VALUES["large"], timeout=None)
    moved = operating.item(table, ":1:own")
    client().put_item(TableName=table, Item={**moved, "k": {"S": ":1:elsewhere"}})
    client().put_item(TableName=table, Item={**moved, "k": {"S": ":1:own"}, "e": {"N": "4000000000"}})
    assert copying.copy(reach(), target) == copying.Copied(copied=1, unreadable=2)
    assert {key for key in keys(target) if not key.startswith("#")} == {":1:large"}


def test_values_sealed_with_an_earlier_key_are_sealed_with_the_present_one(table: str, target: str, settings) -> None:
    settings.CACHES = {"default": operating.alias(table, SERIALIZER="pickle")}
    settings.SECRET_KEY = "the earlier one"
    caches["default"].set("own", "value", timeout=None)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "the present one", ["the earlier one"]
    copying.copy(reach(), target)
    settings.SECRET_KEY_FALLBACKS = []
    settings.CACHES = {"default": operating.alias(target, SERIALIZER="pickle")}
    assert caches["default"].get("own") == "value"


@pytest.mark.parametrize(
    ("source_table", "target_table", "error", "words"),
    [
        (NAME, NAME, DynamoDBCacheError, "same table"),
        (NAME, "ops-none", TableMissing, "ops-none does not exist"),
        ("ops-none", NAME, TableMissing, "ops-none does not exist"),
        (NAME, "ops-rows", TableUnfit, "ops-rows holds no cache"),
    ],
)
def test_copying_refuses_what_cannot_be_right(
    table: str, source_table: str, target_table: str, error: type[Exception], words: str
) -> None:
    tables.create("ops-rows", None, tables.COLLECTION_TABLE)
    with pytest.raises(error, match=words):
        copying.copy(reach(source_table), target_table)


def test_a_failed_write_of_another_kind_is_no_kept_entry(table: str) -> None:
    with operating.stubbed() as (dynamodb, stub):
        stub.add_client_error("put_item", "ValidationException", "no such thing")
        with pytest.raises(Unavailable, match="no such thing"):
            scanning.Reach(dynamodb, NAME, scanning.Pace(1e6), 1).conditionally("put_item", Item={"k": {"S": "a"}})


def reach_units() -> float:
    """What a scan of the table costs now."""
    counted = reach()
    counting.scanned(counted)
    return counted.pace.units


def _put_many_large(table: str, count: int, token: str) -> None:
    """Write large entries of one part each, many at once."""
    old = {"N": repr(time.time() - operating.OLD_SECONDS)}
    items: list[dict[str, Any]] = []
    for number in range(count):
        items.append({"k": {"S": f"#part:{token}:{number}"}, "h": {"S": f"large{number}"}, "a": old})
        items.append({"k": {"S": f"large{number}"}, "w": {"S": token}, "m": {"N": "1"}})
    for start in range(0, len(items), 24):
        puts = [{"PutRequest": {"Item": item}} for item in items[start : start + 24]]
        client().batch_write_item(RequestItems={table: puts})
