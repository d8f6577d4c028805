"""What a process knows of partitions: bounded, never too old, and cheap to keep up to date."""

import os
import signal
import time
from typing import Any

import pytest

from dynamodb_cache.collections import TOMBSTONE_SECONDS, Collection, Memory, Snapshot
from dynamodb_cache.collections.memory import PROCESS
from tests.calls import Calls, counted
from tests.dynamodb_cache.collections.collected import FORTNIGHT, OWNER, order, partition, remove, told
from tests.dynamodb_cache.collections.conftest import MakeReader
from tests.dynamodb_cache.collections.wire import Wire


def seen(collection: Collection, key: str) -> Snapshot:
    return collection.partition(key, owner=OWNER).snapshot()


@pytest.mark.parametrize("limits", [{"partitions_kept": 2}, {"rows_kept": 2}])
def test_memory_is_bounded_and_the_least_used_goes_first(table: str, limits: dict[str, int], wire: Wire) -> None:
    kept = Collection(table, memory=Memory(**limits))
    for key in ("p1", "p2", "p3"):
        kept.partition(key, owner=OWNER).put("a", {}, observed_at=order(1))
    seen(kept, "p1")
    seen(kept, "p2")
    seen(kept, "p1")
    seen(kept, "p3")
    wire.forget()

    seen(kept, "p1")
    seen(kept, "p3")
    assert wire.names() == ["GetItem"] * 2
    seen(kept, "p2")
    assert wire.names() == ["GetItem"] * 3 + ["Query"]


def test_a_reader_that_slept_longer_than_tombstones_may_live_reads_anew(reader: MakeReader, table: str) -> None:
    mine = partition(reader())
    sleeper = partition(Collection(table, memory=Memory(known_seconds=0.2)))
    mine.put_many([("a", {}, order(1)), ("b", {}, order(1))])
    assert set(told(sleeper)) == {"a", "b"}
    mine.delete("a", observed_at=order(2))
    remove(table, "row#a")  # time to live took the tombstone before the sleeper saw it

    time.sleep(0.3)
    assert set(told(sleeper)) == {"b"}


def test_tombstones_live_much_longer_than_what_a_process_knows() -> None:
    assert TOMBSTONE_SECONDS > FORTNIGHT
    assert Memory().known_seconds < TOMBSTONE_SECONDS / 2


def test_a_reader_whose_other_thread_reads_ahead_neither_reads_anew_nor_goes_back(
    reader: MakeReader, wire: Wire
) -> None:
    mine, shared = partition(reader()), partition(reader())
    mine.put("a", {"n": 1}, observed_at=order(1))
    told(shared)
    mine.put("a", {"n": 2}, observed_at=order(2))

    def ahead() -> None:
        mine.put("a", {"n": 3}, observed_at=order(3))
        assert told(shared) == {"a": {"n": 3}}
        wire.forget()

    wire.after("GetItem", ahead)
    assert told(shared) == {"a": {"n": 3}}
    assert wire.names() == []
    known = shared.last_known()
    assert known is not None
    assert known.revision == 3


def test_only_rows_that_changed_are_made_anew(reader: MakeReader) -> None:
    mine = partition(reader())
    made: list[str] = []
    mine.put_many([(key, {"n": 1}, order(1)) for key in ("a", "b", "c")])

    def names() -> dict[str, int]:
        def make(row: Any) -> int:
            made.append(row.key)
            return int(row.document["n"])

        return dict(mine.snapshot().each("numbers", make))

    assert names() == {"a": 1, "b": 1, "c": 1}
    assert names() == {"a": 1, "b": 1, "c": 1}
    mine.put("b", {"n": 2}, observed_at=order(2))
    mine.delete("c", observed_at=order(2))
    assert names() == {"a": 1, "b": 2}
    assert made == ["a", "b", "c", "b"]
    assert mine.snapshot().derive("sum", lambda held: len(held.rows)) == 2


def test_a_forked_child_goes_on_with_what_its_parent_knew(reader: MakeReader, table: str) -> None:
    mine = partition(Collection(table))
    mine.put("a", {}, observed_at=order(1))
    told(mine)
    with PROCESS._lock:  # as another thread of the parent may, at the moment of the fork
        child = os.fork()
        if child == 0:
            signal.alarm(10)  # a lock that nobody gives back would hold it for ever
            os._exit(0 if set(told(mine)) == {"a"} else 1)
        _pid, status = os.waitpid(child, 0)
    assert status == 0


# -- cost ---------------------------------------------------------------------------------------------------------------


def cost(read: Any) -> Calls:
    with counted() as calls:
        read()
    return calls


def real_document(number: int) -> dict[str, Any]:
    """Return a document like a mirrored stack's."""
    return {
        "stack_id": f"arn:aws:cloudformation:eu-west-1:{OWNER}:stack/stackport-bucket-b{number:04}-abc123/{number:032x}",
        "name": f"stackport-bucket-b{number:04}-abc123",
        "kind": "bucket",
        "status": "CREATE_COMPLETE",
        "reason": "",
        "spec": {
            "name": f"acme-b{number:04}-{OWNER}-euw1",
            "purpose": f"Purpose of b{number}",
            "owner": "o@example.com",
        },
        "fingerprint": f"{number:064x}",
        "outputs": {"BucketName": f"acme-b{number:04}", "BucketArn": f"arn:aws:s3:::acme-b{number:04}"},
        "created_at": "2026-11-23T10:00:00.000Z",
        "updated_at": "2026-11-23T10:00:00.000Z",
    }


@pytest.mark.parametrize(
    ("endpoint", "count"),
    [("localaws", 20), ("ministack", 20), ("ministack", 2_000)],  # 2,000 rows take half a minute on localaws
    indirect=["endpoint"],
)
def test_reading_after_one_change_costs_two_small_calls_however_many_rows_there_are(
    reader: MakeReader, count: int
) -> None:
    mine, other = partition(reader()), partition(reader())
    mine.put_many((f"k{number:04}", real_document(number), order(1)) for number in range(count))
    mine.set_head(complete=True)
    assert len(told(other)) == count

    unchanged = cost(other.snapshot)
    assert unchanged.made["dynamodb"] == 1, unchanged.names
    assert unchanged.answered_bytes["dynamodb"] < 2_048

    mine.put("k0007", {**real_document(7), "status": "UPDATE_COMPLETE"}, observed_at=order(2))
    changed = cost(other.snapshot)
    assert changed.made["dynamodb"] == 2, changed.names
    assert changed.answered_bytes["dynamodb"] < 4_096
    assert told(other)["k0007"]["status"] == "UPDATE_COMPLETE"

    mine.put_many((f"k{number:04}", real_document(number), order(3)) for number in range(20))
    burst = cost(other.snapshot)
    assert burst.made["dynamodb"] == 2, burst.names
    assert burst.answered_bytes["dynamodb"] < 64 * 1024
