"""One process among several that write and read one partition: what it does, and what it holds every reading against.

Run by `test_processes` in processes of their own. A thread writes while another reads, on one memory.
"""

import random
import threading
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from dynamodb_cache.collections import Collection, Partition, Snapshot

KEYS = tuple("abcdef")
Write = tuple[str, str, dict[str, int] | None]  # key, order, document; none for a delete
ENOUGH = 5  # writes of each process, however slow the machine is
PAUSE_SECONDS = 0.005  # of the reader, to leave the engine to the writers
TICK = 0.02  # seconds in which all news has one order, so that processes meet in it


@dataclass(slots=True)
class Told:
    """What a process tells when it is done."""

    taken: list[Write] = field(default_factory=list)
    perhaps: list[Write] = field(default_factory=list)
    writes: int = 0  # all that were taken, those of rebuilds included
    transactions: int = 0
    attributes: set[str] = field(default_factory=set)  # of the head
    readings: int = 0
    refused: int = 0
    faults: list[str] = field(default_factory=list)


class Watch:
    """Holds each reading against the ones before: no row goes back, none that is gone comes back without newer news."""

    def __init__(self) -> None:
        self.revision = 0
        self.rows: dict[str, tuple[str, int, Any]] = {}
        self.gone: dict[str, str] = {}  # the order that the row had when last seen

    def look(self, snapshot: Snapshot) -> str | None:
        """Return what is wrong."""
        if snapshot.revision < self.revision:
            return f"revision {snapshot.revision} after {self.revision}"
        self.revision = snapshot.revision
        for key, row in snapshot.rows.items():
            now = (row.observed_at, row.version, row.document)
            before = self.rows.get(key)
            if before is not None and now != before and (now[0] <= before[0] or now[1] <= before[1]):
                return f"{key} went back from {before} to {now}"
            if key in self.gone and now[0] <= self.gone[key]:
                return f"{key} is back with {now} although it was gone after {self.gone[key]}"
            self.rows[key] = now
            self.gone.pop(key, None)
        for key in self.rows.keys() - snapshot.rows.keys():
            self.gone[key] = self.rows.pop(key)[0]
        return None


class Writer:
    """Writes at random, and reads what it wrote."""

    def __init__(self, mine: Partition, number: int, told: Told) -> None:
        self.mine = mine
        self.number = number
        self.told = told
        self.random = random.Random(number)
        self.count = 0

    def once(self) -> None:
        """Do one thing."""
        act = self.random.choices([self.put, self.delete, self.put_many, self.set_head, self.rebuild], [8, 2, 2, 1, 1])[
            0
        ]
        act()

    def put(self) -> None:
        """Write a row and see it, or what is newer."""
        key, order, document = self._key(), self._order(), self._document()
        outcome = self.mine.offer(key, document, observed_at=order)
        if outcome.accepted:
            self._took(1, [(key, order, document)])
            self._shows(key, order)
        else:
            self.told.refused += 1
            if outcome.standing is None or outcome.standing.observed_at < order:
                self.told.faults.append(f"{key} refused {order} although {outcome.standing} stands")

    def delete(self) -> None:
        """Delete a row."""
        key, order = self._key(), self._order()
        if self.mine.delete(key, observed_at=order):
            self._took(1, [(key, order, None)])

    def put_many(self) -> None:
        """Write several rows at once, of which each may be old news."""
        order = self._order()
        rows = [(key, order, self._document()) for key in self.random.sample(KEYS, 3)]
        count = self.mine.put_many((key, document, order) for key, order, document in rows)
        if count == len(rows):
            self._took(1, rows)
        else:  # which of them is not told
            self.told.perhaps += rows
            self.told.writes += count
            self.told.transactions += bool(count)

    def set_head(self) -> None:
        """Write the head alone."""
        self.mine.set_head(**{f"by{self.number}": self.count})
        self.told.attributes.add(f"by{self.number}")
        self.told.transactions += 1

    def rebuild(self) -> None:
        """Rebuild from a listing that lacks one key."""
        key = self._key()
        begun = self.mine.begin_rebuild()
        dropped = self.mine.finish_rebuild(begun, seen=set(KEYS) - {key})
        self.told.attributes |= {"complete", "rebuilt_at"}
        self.told.writes += dropped
        self.told.transactions += dropped + 1

    def _took(self, transactions: int, rows: list[Write]) -> None:
        self.told.transactions += transactions
        self.told.writes += len(rows)
        self.told.taken += rows

    def _shows(self, key: str, order: str) -> None:
        row = self.mine.snapshot().rows.get(key)
        if (row.observed_at if row else self.mine.standing(key).observed_at) < order:
            self.told.faults.append(f"{key} does not show {order} after it was taken: {row}")

    def _key(self) -> str:
        return self.random.choice(KEYS)

    def _order(self) -> str:
        return f"{(time.time() - self.random.choice([0, 0, 0.1])) / TICK:020.0f}"

    def _document(self) -> dict[str, int]:
        self.count += 1
        return {"by": self.number, "n": self.count}


def run(table: str, key: str, owner: str, number: int, seconds: float, parent: Connection) -> None:
    """Write and read for at least some seconds; tell what was taken; when all are done, tell what is shown."""
    mine = Collection(table).partition(key, owner=owner)
    told = Told()
    parent.recv()
    deadline = time.monotonic() + seconds
    done = threading.Event()
    reading = threading.Thread(target=_read, args=(mine, told, done))
    reading.start()
    writer = Writer(mine, number, told)
    while (time.monotonic() < deadline or told.writes < ENOUGH) and not told.faults:
        writer.once()
    done.set()
    reading.join()
    parent.send(told)
    parent.recv()
    snapshot = mine.snapshot()
    shown = {key: (row.observed_at, row.version, row.document) for key, row in snapshot.rows.items()}
    parent.send((snapshot.revision, shown))


def _read(mine: Partition, told: Told, done: threading.Event) -> None:
    watch = Watch()
    while not done.wait(PAUSE_SECONDS) and not told.faults:
        wrong = watch.look(mine.snapshot())
        told.readings += 1
        if wrong:
            told.faults.append(wrong)
