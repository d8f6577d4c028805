"""What a process knows of partitions: decoded rows at a revision, bounded, and what was made of them.

Rows that did not change keep their identity from one revision to the next, so that `Snapshot.each` makes anew only what
changed. The least used partitions go first when there are too many partitions or rows. 2,000 rows of the portal's mirror
take 4.6 MB, and 5.4 MB with the stacks and orders that its lists derive: ROWS_KEPT bounds a process at about 135 MB.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

from dynamodb_cache.breaker import Breaker
from dynamodb_cache.collections.heads import Head
from dynamodb_cache.collections.rows import Row

T = TypeVar("T")
Place = tuple[str, str]  # table and partition
PARTITIONS_KEPT = 256
ROWS_KEPT = 50_000
KNOWN_SECONDS = 7 * 86_400  # far less than a tombstone lives
# So long a row that the head names is looked for. One that TTL or a person has taken away never comes.
UNMET_SECONDS = 60
TURN_SECONDS = 1.0  # so long a thread waits for another that reads the same on: that one may be hanging


@dataclass(slots=True)
class State:
    """A partition's rows as one process knows them. `revision` is the highest of which every row is met."""

    confirmed_at: float  # when DynamoDB last said so, in seconds since the epoch
    revision: int
    epoch: str
    head: Mapping[str, Any]
    rows: Mapping[str, Row]
    unmet: tuple[int, float] | None = None  # a revision whose rows are not all met, and since when (monotonic)
    derived: dict[str, Any] = field(default_factory=dict)
    each: dict[str, tuple[Mapping[str, Row], Mapping[str, Any]]] = field(default_factory=dict)


EMPTY = State(0, 0, "", MappingProxyType({}), MappingProxyType({}))


class Snapshot:
    """A partition's rows at one revision. Immutable; derived values are computed once per revision.

    `read_at` is when they were known to be the present ones, in seconds since the epoch; `current` is False for rows
    out of the process's memory.
    """

    def __init__(self, state: State, read_at: float, *, current: bool = True) -> None:
        self._state = state
        self.read_at = read_at
        self.current = current

    @property
    def revision(self) -> int:
        """The partition's revision; 0 for one that does not exist."""
        return self._state.revision

    @property
    def epoch(self) -> str:
        """Another one after the partition was wiped; empty for one that does not exist."""
        return self._state.epoch

    @property
    def head(self) -> Mapping[str, Any]:
        """What `set_head` has set."""
        return self._state.head

    @property
    def complete(self) -> bool:
        """Whether a rebuild has finished since the partition came to be."""
        return bool(self._state.head.get("complete"))

    @property
    def rebuilt_at(self) -> float | None:
        """When the last rebuild finished, in seconds since the epoch."""
        found = self._state.head.get("rebuilt_at")
        return float(found) if found is not None else None

    @property
    def rows(self) -> Mapping[str, Row]:
        """The rows by key."""
        return self._state.rows

    def derive(self, name: str, make: "Callable[[Snapshot], T]") -> T:
        """Return what `make` makes of this revision, computed once under `name`."""
        if name not in self._state.derived:
            self._state.derived[name] = make(self)
        found: T = self._state.derived[name]
        return found

    def each(self, name: str, make: Callable[[Row], T]) -> Mapping[str, T]:
        """Return what `make` makes of each row, by key; for rows that did not change since, what it made before."""
        rows = self._state.rows
        before, made = self._state.each.get(name, ({}, {}))
        if before is not rows:
            made = {key: made[key] if before.get(key) is row else make(row) for key, row in rows.items()}
            self._state.each[name] = (rows, made)
        return made


class Memory:
    """The states of one process; a second one is another reader."""

    def __init__(
        self,
        *,
        partitions_kept: int = PARTITIONS_KEPT,
        rows_kept: int = ROWS_KEPT,
        known_seconds: float = KNOWN_SECONDS,
        unmet_seconds: float = UNMET_SECONDS,
    ) -> None:
        self.known_seconds = known_seconds
        self.unmet_seconds = unmet_seconds
        self._partitions_kept = partitions_kept
        self._rows_kept = rows_kept
        self._lock = threading.Lock()
        self._states: OrderedDict[Place, State] = OrderedDict()
        self._owners: dict[Place, str] = {}
        self._breakers: dict[str, Breaker] = {}
        self._turns: dict[Place, threading.RLock] = {}
        self._rows = 0

    def breaker(self, table: str) -> Breaker:
        """Return the circuit breaker for reads of a table."""
        # setdefault is atomic: two threads get the same one
        return self._breakers.get(table) or self._breakers.setdefault(table, Breaker())

    @contextmanager
    def turn(self, place: Place) -> Iterator[None]:
        """Let the threads of a process read a partition on one after the other; none waits longer than TURN_SECONDS."""
        if len(self._turns) >= 16 * self._partitions_kept:
            self._turns.clear()
        lock = self._turns.get(place) or self._turns.setdefault(place, threading.RLock())
        mine = lock.acquire(timeout=TURN_SECONDS)
        try:
            yield
        finally:
            if mine:
                lock.release()

    def get(self, place: Place) -> State | None:
        """Return what is known of a partition."""
        with self._lock:
            found = self._states.get(place)
            if found is not None:
                self._states.move_to_end(place)
            return found

    def usable(self, place: Place, before: State | None, head: Head, now: float) -> State | None:
        """Return what is known and still of use; `before` is what was known before the head was read."""
        known = self.get(place)
        if known is None or known.epoch != head.epoch or abs(now - known.confirmed_at) > self.known_seconds:
            return None
        if known.revision > head.revision and known is before:
            return None  # an older state of the table was restored
        return known  # else another thread has read on meanwhile

    def keep(self, place: Place, state: State, before: State | None) -> None:
        """Keep a state, unless another thread has read on meanwhile."""
        with self._lock:
            found = self._states.get(place)
            ahead = found is not None and found.epoch == state.epoch and found.revision > state.revision
            if not (ahead and found is not before):
                self._put(place, state)

    def drop(self, place: Place, before: State | None) -> None:
        """Forget a partition that is gone, unless another thread has read it anew meanwhile."""
        with self._lock:
            if before is not None and self._states.get(place) is before:
                self._remove(place)

    def owner(self, place: Place) -> str | None:
        """Return who owns a partition, as last read."""
        return self._owners.get(place)

    def note_owner(self, place: Place, owner: str) -> None:
        """Keep who owns a partition."""
        if self._owners.get(place) != owner:
            with self._lock:
                if len(self._owners) >= 16 * self._partitions_kept:
                    self._owners.clear()
                self._owners[place] = owner

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._states.clear()
            self._owners.clear()
            self._breakers.clear()
            self._turns.clear()
            self._rows = 0

    def renew_locks(self) -> None:
        """After a fork: a lock may be held by a thread that the child does not have."""
        self._lock = threading.Lock()
        self._turns = {}
        for breaker in self._breakers.values():
            breaker.renew()

    def _put(self, place: Place, state: State) -> None:
        self._remove(place)
        self._states[place] = state
        self._rows += len(state.rows)
        while len(self._states) > 1 and (len(self._states) > self._partitions_kept or self._rows > self._rows_kept):
            self._remove(next(iter(self._states)))

    def _remove(self, place: Place) -> None:
        found = self._states.pop(place, None)
        if found is not None:
            self._rows -= len(found.rows)


PROCESS = Memory()
os.register_at_fork(after_in_child=PROCESS.renew_locks)


def forget_everything() -> None:
    """Drop what this process holds of every partition: between tests."""
    PROCESS.clear()
