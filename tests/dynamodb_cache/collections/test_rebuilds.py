"""Rebuilding a partition without downtime, and what others do to it meanwhile."""

import time

import pytest

from dynamodb_cache.collections import PartitionWiped
from tests.dynamodb_cache.collections.collected import order, partition, told, wipe
from tests.dynamodb_cache.collections.conftest import MakeReader
from tests.dynamodb_cache.collections.wire import Wire


def test_a_rebuild_drops_what_is_gone_and_keeps_what_was_written_since(reader: MakeReader) -> None:
    mine, other = partition(reader()), partition(reader())
    mine.put_many([(key, {"n": 1}, order(1)) for key in ("listed", "gone", "changed")])
    begun = mine.begin_rebuild()
    other.put("made since", {"n": 2}, observed_at=order(2))
    other.put("changed", {"n": 2}, observed_at=order(2))
    mine.put_many([("listed", {"named": True}, order(0)), ("new", {"named": True}, order(0))])
    assert set(told(other)) == {"listed", "gone", "changed", "made since", "new"}  # names first, nothing away
    assert not other.snapshot().complete

    assert mine.finish_rebuild(begun, seen={"listed", "new"}) == 1

    assert set(told(other)) == {"listed", "changed", "made since", "new"}
    assert told(other)["listed"] == {"n": 1}
    assert other.snapshot().complete
    assert time.time() - (other.snapshot().rebuilt_at or 0) < 60
    assert not mine.put("gone", {"n": 0}, observed_at=order(1))  # what was dropped stays so for old news


def test_a_row_written_while_a_rebuild_drops_it_stays(reader: MakeReader, wire: Wire) -> None:
    mine, other = partition(reader()), partition(reader())
    mine.put("a", {"n": 1}, observed_at=order(1))
    begun = mine.begin_rebuild()
    wire.before("TransactWriteItems", lambda: other.put("a", {"n": 2}, observed_at=order(1) + "A"))

    assert mine.finish_rebuild(begun, seen=set()) == 0
    assert told(other) == {"a": {"n": 2}}
    assert other.snapshot().complete


@pytest.mark.parametrize("when", ["before", "while"])
def test_what_was_wiped_during_its_rebuild_is_not_called_complete(
    reader: MakeReader, table: str, wire: Wire, when: str
) -> None:
    mine, other = partition(reader()), partition(reader())
    begun = mine.begin_rebuild()  # of a partition that was not there
    mine.put("a", {}, observed_at=order(1))
    if when == "before":
        wipe(table)
    else:
        wire.before("TransactWriteItems", lambda: wipe(table))

    with pytest.raises(PartitionWiped):
        mine.finish_rebuild(begun, seen={"a"})
    assert not other.snapshot().complete
