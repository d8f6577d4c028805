"""Each rule of the collections by itself, on engines with real transactions. The races are in the files beside."""

import os
import time
from typing import Any

import pytest

from dynamodb_cache import client as cache_client
from dynamodb_cache.collections import DOCUMENT_BYTES, Collection
from dynamodb_cache.errors import DocumentTooLarge, ForeignRow, TableMissing
from tests.dynamodb_cache.collections.collected import (
    FORTNIGHT,
    OWNER,
    PARTITION,
    item,
    order,
    partition,
    place,
    told,
    wipe,
)
from tests.dynamodb_cache.collections.conftest import MakeReader
from tests.dynamodb_cache.collections.wire import Wire


def unlike(size: int) -> str:
    """Return text that does not become smaller by packing."""
    return os.urandom(size // 2).hex()


# -- news ---------------------------------------------------------------------------------------------------------------


def test_only_newer_news_is_taken_and_counted(reader: MakeReader) -> None:
    mine = partition(reader())
    assert mine.put("a", {"n": 1}, observed_at=order(5))
    assert not mine.put("a", {"n": 2}, observed_at=order(4))
    assert not mine.put("a", {"n": 3}, observed_at=order(5))
    assert mine.put("a", {"n": 4}, observed_at=order(6))

    row = mine.get("a")
    assert row is not None
    assert (row.document, row.version, row.observed_at) == ({"n": 4}, 2, order(6))
    assert mine.snapshot().revision == 2


def test_a_refusal_tells_what_stands_without_another_call(reader: MakeReader, wire: Wire) -> None:
    mine = partition(reader())
    mine.put("a", {"n": 1}, observed_at=order(5))
    wire.forget()

    outcome = mine.offer("a", {"n": 2}, observed_at=order(4))

    assert not outcome.accepted
    assert outcome.standing == mine.standing("a")
    assert outcome.standing is not None
    assert outcome.standing.row is not None
    assert outcome.standing.row.document == {"n": 1}
    assert wire.names()[:-1] == ["GetItem", "TransactWriteItems"]  # the last is the question above


def test_a_tombstone_refuses_late_news_and_says_so(reader: MakeReader, table: str) -> None:
    mine = partition(reader())
    mine.put("a", {"n": 1}, observed_at=order(1))
    assert mine.delete("a", observed_at=order(5))
    assert mine.delete("never-heard-of", observed_at=order(5))

    for key in ("a", "never-heard-of"):
        late = mine.offer(key, {"n": 2}, observed_at=order(4))
        assert (late.accepted, late.standing) == (False, mine.standing(key))
        assert mine.standing(key).observed_at == order(5)
        assert mine.get(key) is None
    assert told(mine) == {}
    standing = item(table, "row#a")
    assert standing is not None
    assert int(standing["t"]["N"]) > time.time() + FORTNIGHT
    assert "d" not in standing

    assert mine.put("a", {"n": 3}, observed_at=order(6))
    assert told(mine) == {"a": {"n": 3}}
    standing = item(table, "row#a")
    assert standing is not None
    assert not {"t", "x"} & standing.keys()  # time to live must not take a row that lives again


def test_a_write_over_one_version_is_refused_by_any_other(reader: MakeReader) -> None:
    mine = partition(reader())
    assert not mine.offer("a", {"n": 0}, observed_at=order(1), if_version=1).accepted
    mine.put("a", {"n": 1}, observed_at=order(1))
    mine.put("a", {"n": 2}, observed_at=order(2))

    refused = mine.offer("a", {"n": 3}, observed_at=order(3), if_version=1)
    assert not refused.accepted
    assert refused.standing is not None
    assert refused.standing.row is not None
    assert refused.standing.row.version == 2
    assert mine.offer("a", None, observed_at=order(3), if_version=2).accepted
    assert told(mine) == {}


def test_a_write_over_nothing_is_refused_by_a_row_and_by_a_tombstone(reader: MakeReader) -> None:
    mine = partition(reader())
    assert mine.offer("a", {"n": 1}, observed_at=order(1), if_version=0).accepted
    assert not mine.offer("a", {"n": 2}, observed_at=order(2), if_version=0).accepted
    mine.delete("a", observed_at=order(3))
    assert not mine.offer("a", {"n": 4}, observed_at=order(4), if_version=0).accepted
    assert told(mine) == {}


def test_many_rows_are_written_a_transaction_for_each_batch(reader: MakeReader, wire: Wire) -> None:
    mine = partition(reader())
    rows = [(f"k{number:02}", {"n": number}, order(1)) for number in range(50)]
    assert mine.put_many([*rows, ("k00", {"n": "newer"}, order(2)), ("k01", {"n": "older"}, order(0))]) == 50
    assert wire.names().count("TransactWriteItems") == 3
    assert mine.snapshot().revision == 3
    assert told(mine) == {"k00": {"n": "newer"}} | {key: document for key, document, _ in rows[1:]}

    mine.delete("k02", observed_at=order(9))
    wire.forget()
    assert mine.put_many(rows) == 0
    assert mine.put_many([("k03", {"n": "news"}, order(3)), *rows[:2]]) == 1
    assert wire.names().count("TransactWriteItems") == 2  # what is known to be old is not even asked, but the tombstone


def test_batches_keep_below_the_size_of_a_transaction(reader: MakeReader, wire: Wire) -> None:
    mine = partition(reader())
    text = unlike(DOCUMENT_BYTES)[: DOCUMENT_BYTES - 5_000]
    assert mine.put_many([(f"k{number}", {"text": text + str(number)}, order(1)) for number in range(16)]) == 16
    assert wire.names().count("TransactWriteItems") == 2  # hexadecimal text packs to nearly half
    assert len(told(mine)) == 16


def test_what_does_not_fit_is_refused_in_words_and_nothing_is_written(reader: MakeReader) -> None:
    mine = partition(reader())
    large = {"text": unlike(4 * DOCUMENT_BYTES)}
    with pytest.raises(DocumentTooLarge, match=r"a: \d+ bytes packed; at most"):
        mine.put("a", large, observed_at=order(1))
    with pytest.raises(DocumentTooLarge, match="the key has 1300 bytes"):
        mine.put("k" * 1300, {}, observed_at=order(1))
    with pytest.raises(DocumentTooLarge, match="#head"):
        mine.set_head(large=large)
    with pytest.raises(DocumentTooLarge):
        mine.attach("a", large, observed_at=order(1))
    assert mine.snapshot().revision == 0


def test_attributes_of_the_head_are_kept_beside_each_other(reader: MakeReader) -> None:
    mine = partition(reader())
    mine.set_head(checked_at=1)
    mine.put("a", {}, observed_at=order(1))
    mine.set_head(posture="good")
    assert partition(reader()).snapshot().head == {"checked_at": 1, "posture": "good"}


# -- owners and tables --------------------------------------------------------------------------------------------------


def test_another_owners_partition_is_neither_written_nor_read(reader: MakeReader, table: str) -> None:
    mine = partition(reader())
    mine.put("a", {"n": 1}, observed_at=order(1))
    mine.attach("a", {"body": "mine"}, observed_at=order(1))
    mine.append("a", "1", {}, expires_at=None)
    calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
        ("put", ("b", {}), {"observed_at": order(1)}),
        ("put_many", ([("b", {}, order(1))],), {}),
        ("delete", ("a",), {"observed_at": order(2)}),
        ("set_head", (), {"x": 1}),
        ("snapshot", (), {}),
        ("get", ("a",), {}),
        ("attached", ("a",), {}),
        ("attach", ("a", {}), {"observed_at": order(2)}),
        ("append", ("a", "2", {}), {"expires_at": None}),
        ("entries", ("a",), {}),
        ("begin_rebuild", (), {}),
    ]
    for name, arguments, named in calls:
        foreign = reader().partition(PARTITION, owner="222222222222")
        with pytest.raises(ForeignRow, match=f"{PARTITION} belongs to {OWNER}, not to 222222222222"):
            getattr(foreign, name)(*arguments, **named)
    assert told(mine) == {"a": {"n": 1}}

    wipe(table)
    foreign = reader().partition(PARTITION, owner="222222222222")
    assert foreign.put("b", {}, observed_at=order(1))
    with pytest.raises(ForeignRow):
        mine.snapshot()


def test_a_wiped_partition_is_noticed_whatever_its_revision(reader: MakeReader, table: str) -> None:
    mine, other = partition(reader()), partition(reader())
    mine.put_many([("a", {"n": 1}, order(5)), ("b", {"n": 1}, order(5))])
    assert set(told(other)) == {"a", "b"}

    wipe(table)
    assert mine.put("c", {"n": 2}, observed_at=order(1))  # the same revision as before, another epoch
    assert told(other) == {"c": {"n": 2}}

    wipe(table)
    empty = other.snapshot()
    assert (dict(empty.rows), empty.revision, empty.complete) == ({}, 0, False)
    assert other.last_known() is None


def test_a_table_made_anew_is_noticed_and_a_missing_one_said(reader: MakeReader, table: str) -> None:
    mine, other = partition(reader()), partition(reader())
    mine.put("a", {}, observed_at=order(5))
    told(other)
    cache_client.client().delete_table(TableName=table)
    with pytest.raises(TableMissing, match=r"manage\.py dynamodb_cache create"):
        other.snapshot()
    known = other.last_known()
    assert known is not None
    assert (set(known.rows), known.current) == ({"a"}, False)

    Collection(table).create_table()
    mine.put("b", {}, observed_at=order(1))
    assert set(told(other)) == {"b"}


def test_an_older_state_of_the_same_table_is_read_anew(reader: MakeReader, table: str) -> None:
    mine, other = partition(reader()), partition(reader())
    mine.put("a", {"n": 1}, observed_at=order(1))
    before = [item(table, "#head"), item(table, "row#a")]
    mine.put("a", {"n": 2}, observed_at=order(2))
    assert told(other) == {"a": {"n": 2}}

    for found in before:  # as a restored backup has it
        cache_client.client().put_item(TableName=table, Item=found)
    assert told(other) == {"a": {"n": 1}}


# -- documents and logs beside the rows -----------------------------------------------------------------------------------


def test_a_document_follows_its_row_and_never_goes_back(reader: MakeReader) -> None:
    mine = partition(reader())
    assert mine.attach("a", {"body": 2}, observed_at=order(2))
    assert mine.attach("a", {"body": 2}, observed_at=order(2))
    assert not mine.attach("a", {"body": 1}, observed_at=order(1))
    assert mine.attached("a") == {"body": 2}
    assert told(mine) == {}

    mine.put("a", {}, observed_at=order(2))
    mine.delete("a", observed_at=order(5))
    assert mine.attached("a") is None
    assert not mine.attach("a", {"body": "late"}, observed_at=order(4))
    assert mine.attached("a") is None
    assert mine.attach("a", {"body": "again"}, observed_at=order(6))
    assert mine.attached("a") == {"body": "again"}


def test_a_delete_leaves_a_document_that_is_newer(reader: MakeReader, wire: Wire) -> None:
    mine, other = partition(reader()), partition(reader())
    mine.put("a", {}, observed_at=order(1))
    wire.before("DeleteItem", lambda: other.attach("a", {"body": 7}, observed_at=order(7)))
    assert mine.delete("a", observed_at=order(5))
    assert mine.attached("a") == {"body": 7}


def test_a_log_keeps_each_entry_once_newest_first(reader: MakeReader, table: str) -> None:
    mine = partition(reader())
    assert mine.append("a", "1", {"n": 1}, expires_at=None)
    assert mine.append("a", "2", {"n": 2}, expires_at=1_900_000_000.5)
    assert mine.append("ab", "3", {"n": 3}, expires_at=None)
    assert not mine.append("a", "1", {"n": "again"}, expires_at=None)
    assert mine.entries("a") == [("2", {"n": 2}), ("1", {"n": 1})]
    assert mine.entries("a", limit=1) == [("2", {"n": 2})]
    kept = item(table, "log#a#2")
    assert kept is not None
    assert kept["t"] == {"N": "1900000001"}
    assert told(mine) == {}


def test_the_place_of_a_head_is_not_a_row(reader: MakeReader, table: str) -> None:
    mine = partition(reader())
    mine.put("#head", {"n": 1}, observed_at=order(1))
    assert told(mine) == {"#head": {"n": 1}}
    assert cache_client.client().get_item(TableName=table, Key=place("row##head"))["Item"]
