"""Collections: a list that is held by the process, after a change, and cold; and how much memory a project takes.

The stand-in answers; the rows are as large as a bucket's (`ROW`). A list is what a page asks for: the present rows, in
order, 50 of them.
"""

import gc
import statistics
import tracemalloc
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from bench.cache.nulldynamodb import NullDynamoDB
from bench.cache.values import text
from bench.report import Report, milliseconds
from dynamodb_cache import collections
from dynamodb_cache.collections import Collection, Partition, Row, Snapshot

FEW, MANY, PROJECT = 50, 500, 2_000
SHOWN = 50
READS = 400
COLD_READS, CHANGES = 5, 15


def run(dynamodb: NullDynamoDB, report: Report) -> None:
    """Fill partitions of three sizes and read them as pages do."""
    collection = Collection("bench-collections")
    collection.create_table()
    partitions = {size: _filled(collection, size) for size in (FEW, MANY, PROJECT)}
    report.title("Collections: a list of 50 rows out of a project's")
    _warm(report, partitions)
    _after_a_change(dynamodb, report, partitions[PROJECT])
    cold = {size: _cold(dynamodb, partition) for size, partition in partitions.items()}
    for size, taken in cold.items():
        report.figure(f"{size} rows, nothing held", taken, "ms")
    report.figure(f"memory of a project of {PROJECT} rows, held", _held_megabytes(partitions[PROJECT]), "MB", digits=2)


def _warm(report: Report, partitions: Mapping[int, Partition]) -> None:
    """Read the lists in turn, so that noise meets all alike."""
    taken: dict[int, list[float]] = {size: [] for size in partitions}
    for partition in partitions.values():
        _page(partition)
    for _ in range(READS):
        for size, partition in partitions.items():
            taken[size].append(milliseconds(partial(_page, partition)))
    found = {size: statistics.median(times) for size, times in taken.items()}
    for size, middle in found.items():
        report.figure(f"{size} rows, held, p50", middle, "ms", digits=3)
    report.figure(f"{MANY} against {FEW} rows, held", found[MANY] / found[FEW], "x", at_most=1.3, digits=2)
    report.figure(f"{PROJECT} against {FEW} rows, held", found[PROJECT] / found[FEW], "x", digits=2)


def _after_a_change(dynamodb: NullDynamoDB, report: Report, partition: Partition) -> None:
    _page(partition)
    taken = []
    for second in range(1, 1 + CHANGES):
        partition.put(_key(7), _document(7), observed_at=_moment(second))
        spent, changed = _spent(dynamodb, partial(_page, partition))
        taken.append(spent)
    _, unchanged = _spent(dynamodb, partial(_page, partition))
    report.figure(f"{PROJECT} rows, unchanged: requests", unchanged["requests"], "", at_most=1, digits=0)
    report.figure("  answered", unchanged["answered_bytes"] / 1024, "KB", digits=2)
    report.figure(f"{PROJECT} rows, one changed: requests", changed["requests"], "", at_most=3, digits=0)
    report.figure("  answered", changed["answered_bytes"] / 1024, "KB", at_most=64, digits=2)
    report.figure("  taken", statistics.median(taken), "ms", digits=2)


def _spent(dynamodb: NullDynamoDB, work: Callable[[], object]) -> tuple[float, dict[str, Any]]:
    """Return a work's milliseconds without the stand-in's own, whose queries are no match for DynamoDB's, and its counts."""
    dynamodb.counted()
    taken = milliseconds(work)
    counted = dynamodb.counted()
    return taken - counted["busy_milliseconds"], counted


def _cold(dynamodb: NullDynamoDB, partition: Partition) -> float:
    def read() -> None:
        collections.forget_everything()
        _page(partition)

    return statistics.median(_spent(dynamodb, read)[0] for _ in range(COLD_READS))


def _held_megabytes(partition: Partition) -> float:
    """Return what a process keeps of a partition, its list included, by Python's own account of allocations."""
    return _allocated(lambda: _page(partition)) / 1024 / 1024


def _allocated(work: Callable[[], object]) -> int:
    collections.forget_everything()
    gc.collect()
    tracemalloc.start()
    work()
    gc.collect()
    kept, _peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return kept


def _page(partition: Partition) -> list[Row]:
    """Return the rows that a page of the list shows."""
    return partition.snapshot().derive("by name", _by_name)[:SHOWN]


def _by_name(snapshot: Snapshot) -> list[Row]:
    return sorted(snapshot.rows.values(), key=lambda row: str(row.document["name"]))


def _filled(collection: Collection, size: int) -> Partition:
    partition = collection.partition(f"bench-{size}", owner="000000000000")
    partition.put_many((_key(number), _document(number), _moment(0)) for number in range(size))
    partition.set_head(complete=True)
    return partition


def _key(number: int) -> str:
    return f"arn:aws:cloudformation:eu-west-1:000000000000:stack/sp-bucket-{number:04}/5c3a1f0e-{number:012}"


def _moment(second: int) -> str:
    return f"2026-11-23T10:00:{second:02}.000Z#9"


def _document(number: int) -> dict[str, Any]:
    """Return a document as large as a mirrored bucket's, some 700 bytes."""
    return {
        "name": f"acme-invoices-bucket-{number:04}-eu-west-1",
        "kind": "bucket",
        "status": "CREATE_COMPLETE",
        "created_at": "2026-11-23T10:00:00.000Z",
        "updated_at": "2026-11-23T10:00:00.000Z",
        "fingerprint": f"{number:064x}",
        "spec": {
            "label": f"bucket-{number:04}",
            "purpose": text(120, number),
            "owner": "olga@example.com",
            "retention": "1-year",
            "versions_days": 90,
            "tags": [["department", "finance"], ["cost-centre", f"{number % 17:04}"]],
        },
    }
