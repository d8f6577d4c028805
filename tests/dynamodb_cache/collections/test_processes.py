"""Four processes write and read one partition for some seconds: no reader sees a row go back, and all end alike.

What each process does stands in `peer`. An engine more is one word more in the fixture `endpoint`.
"""

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from dynamodb_cache.collections import Collection, Memory
from tests.dynamodb_cache.collections import peer
from tests.dynamodb_cache.collections.collected import OWNER, PARTITION, item, partition
from tests.dynamodb_cache.collections.peer import KEYS, Told

PROCESSES = 4
SECONDS = 4.0
PATIENCE_SECONDS = 60


@contextmanager
def processes(table: str) -> Iterator[list[Connection]]:
    """Start the processes; they wait for a word to begin."""
    context = multiprocessing.get_context("spawn")  # each with a client and a memory of its own
    pipes = [context.Pipe() for _ in range(PROCESSES)]
    started = [
        context.Process(target=peer.run, args=(table, PARTITION, OWNER, number, SECONDS, theirs), daemon=True)
        for number, (_ours, theirs) in enumerate(pipes)
    ]
    for process in started:
        process.start()
    try:
        yield [ours for ours, _theirs in pipes]
    finally:
        for process in started:
            process.join(5)
            process.kill()


def asked(peers: list[Connection]) -> list[Any]:
    """Ask every process, and return what each answers."""
    for one in peers:
        one.send("go on")
    for one in peers:
        assert one.poll(PATIENCE_SECONDS), "a process does not answer"
    return [one.recv() for one in peers]


def test_no_process_sees_a_row_go_back_and_all_end_alike(table: str) -> None:
    partition(Collection(table, memory=Memory())).set_head(begun=True)
    with processes(table) as peers:
        told: list[Told] = asked(peers)
        shown = asked(peers)
    assert [fault for one in told for fault in one.faults] == []

    snapshot = partition(Collection(table, memory=Memory())).snapshot()
    rows = {key: (row.observed_at, row.version, row.document) for key, row in snapshot.rows.items()}
    assert [(snapshot.revision, rows)] * PROCESSES == shown

    # Every transaction moved the revision once, every row that was taken its version, and nothing else did.
    assert snapshot.revision == 1 + sum(one.transactions for one in told)
    standing = {key: partition(Collection(table, memory=Memory())).standing(key) for key in KEYS}
    assert set(snapshot.head) == {"begun"}.union(*(one.attributes for one in told))
    taken = {(key, order): document for one in told for key, order, document in one.taken}
    perhaps = {(key, order): document for one in told for key, order, document in one.perhaps}
    for key in KEYS:
        newest = max((order for taken_key, order in taken if taken_key == key), default="")
        last = standing[key].observed_at
        assert last >= newest
        assert not last or (key, last.rstrip("x")) in taken.keys() | perhaps.keys()
        row = standing[key].row
        if row is not None:
            assert row.document in (taken.get((key, last)), perhaps.get((key, last)))
    versions = [int(found["v"]["N"]) for key in KEYS if (found := item(table, f"row#{key}"))]
    assert sum(versions) == sum(one.writes for one in told)
    assert all(one.readings and one.writes for one in told)
