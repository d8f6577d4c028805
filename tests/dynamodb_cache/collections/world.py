"""A partition beside a model of it: writers and readers that interrupt each other, and what must hold whatever happens.

The model is exact: each accepted transaction is one revision, each accepted write one version. A read that nobody
interrupts must show the model; an interrupted one only states that each row had meanwhile.
"""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from dynamodb_cache import client as cache_client
from dynamodb_cache.collections import Collection, Memory, Partition, PartitionWiped, Rebuild, Snapshot
from tests.dynamodb_cache.collections.collected import OWNER
from tests.dynamodb_cache.collections.wire import Wire

WEEKS = 20 * 86_400
KEYS = ("a", "b", "c")
Shown = tuple[str, int, int] | None  # order, number and version of a row; None when there is none
Deed = tuple[Any, ...]  # a method's name and its arguments


@dataclass(slots=True)
class Held:
    """What the model holds of a key; no number for a tombstone."""

    order: str
    number: int | None
    version: int
    revision: int

    @property
    def shown(self) -> Shown:
        """What a reader shows of it."""
        return None if self.number is None else (self.order, self.number, self.version)


@dataclass(slots=True)
class Model:
    """The partition as it must be."""

    life: int = 0  # grows with each wipe
    revision: int = 0
    complete: bool = False
    lapsed: bool = False  # tombstones are gone that a head may name: for a minute it is not read as the last
    held: dict[str, Held] = field(default_factory=dict)
    watched: list[dict[str, set[Shown]]] = field(default_factory=list)

    def shown(self, key: str) -> Shown:
        """Return what stands of a key."""
        return self.held[key].shown if key in self.held else None

    def take(self, news: Sequence[tuple[str, str, int | None]]) -> set[str]:
        """Take what is news, in one revision; return its keys."""
        newest: dict[str, tuple[str, int | None]] = {}
        for key, order, number in news:
            if key not in newest or newest[key][0] < order:
                newest[key] = (order, number)
        taken = {key for key, (order, _) in newest.items() if key not in self.held or self.held[key].order < order}
        self.revision += bool(taken)
        for key in taken:
            version = self.held[key].version if key in self.held else 0
            self.held[key] = Held(*newest[key], version + 1, self.revision)
            for watching in self.watched:
                watching[key].add(self.shown(key))
        return taken


@dataclass(slots=True)
class Peer:
    """A process that reads, or writes: its memory, and the newest order that it showed of each key."""

    partition: Partition
    memory: Memory
    place: tuple[str, str]
    newest: dict[str, str] = field(default_factory=dict)
    life: int = 0


class World:
    """Two writers, three readers, one partition. Each public method is a deed."""

    def __init__(self, table: str, wire: Wire) -> None:
        self.table = table
        self.wire = wire
        self.key = uuid.uuid4().hex
        self.model = Model()
        self.writers = [self._peer() for _ in range(2)]
        self.readers = [self._peer() for _ in range(3)]
        self.rebuild: tuple[Rebuild, int] | None = None

    def _peer(self) -> Peer:
        memory = Memory()
        return Peer(
            Collection(self.table, memory=memory).partition(self.key, owner=OWNER), memory, (self.table, self.key)
        )

    def do(self, deeds: Sequence[Deed]) -> None:
        """Do deeds one after the other."""
        for name, *arguments in deeds:
            getattr(self, name)(*arguments)

    # -- writing ----------------------------------------------------------------------------------------------------

    def offer(self, writer: int, key: str, order: str, number: int | None) -> None:
        """Write a row, or delete it."""
        accepted = self._offer(writer, key, order, number)
        assert accepted == bool(self.model.take([(key, order, number)]))

    def _offer(self, writer: int, key: str, order: str, number: int | None) -> bool:
        document = None if number is None else {"n": number}
        return self.writers[writer].partition.offer(key, document, observed_at=order).accepted

    def offer_many(self, writer: int, news: Sequence[tuple[str, str, int]]) -> None:
        """Write rows in one transaction."""
        count = self.writers[writer].partition.put_many((key, {"n": number}, order) for key, order, number in news)
        assert count == len(self.model.take(news))

    def interrupted_offer(self, writer: int, key: str, order: str, number: int | None, deeds: Sequence[Deed]) -> None:
        """Write a row while others write after its head was read."""
        self.wire.before("TransactWriteItems", lambda: self.do(deeds))
        self.offer(writer, key, order, number)

    def lost_offer(self, writer: int, key: str, order: str, number: int | None, deeds: Sequence[Deed]) -> None:
        """Write a row, lose the answer, and hear that it is lost only after others have written."""
        taken: list[bool] = []

        def done() -> None:
            taken.append(bool(self.model.take([(key, order, number)])))
            self.do(deeds)

        self.wire.lose_answers("TransactWriteItems", then=done)
        accepted = self._offer(writer, key, order, number)
        covered = self.model.held[key].order != order
        assert accepted == taken[0] or covered

    def set_head(self, writer: int) -> None:
        """Write the head alone."""
        self.writers[writer].partition.set_head(posture=self.model.revision)
        self.model.revision += 1

    def wipe(self) -> None:
        """Remove the partition, as an operator may."""
        client = cache_client.client()
        for found in client.query(
            TableName=self.table,
            ConsistentRead=True,
            KeyConditionExpression="p = :p",
            ExpressionAttributeValues={":p": {"S": self.key}},
        )["Items"]:
            client.delete_item(TableName=self.table, Key={"p": found["p"], "s": found["s"]})
        self.model.life += 1
        self.model.revision, self.model.complete, self.model.lapsed = 0, False, False
        self.model.held.clear()

    def let_weeks_pass(self) -> None:
        """Let time to live take every tombstone, unseen by whoever has not read meanwhile."""
        for key in [key for key, held in self.model.held.items() if held.number is None]:
            cache_client.client().delete_item(TableName=self.table, Key=self._at(f"row#{key}"))
            del self.model.held[key]
            self.model.lapsed = True
            for peer in self.readers:
                peer.newest.pop(key, None)
        for peer in [*self.readers, *self.writers]:
            state = peer.memory.get(peer.place)
            if state is not None:
                state.confirmed_at -= WEEKS

    def begin_rebuild(self, writer: int) -> None:
        """Begin to rebuild; a rebuild that is begun already is forgotten."""
        self.model.revision = max(self.model.revision, 1)  # it makes a head where there is none
        begun = self.writers[writer].partition.begin_rebuild()
        assert begun.revision == self.model.revision
        self.rebuild = (begun, self.model.life)

    def finish_rebuild(self, writer: int, seen: frozenset[str], deeds: Sequence[Deed]) -> None:
        """Finish it, while others write before its first transaction."""
        if self.rebuild is None:
            return
        begun, life = self.rebuild
        self.rebuild = None
        mine = self.writers[writer].partition
        if life != self.model.life:
            with pytest.raises(PartitionWiped):
                mine.finish_rebuild(begun, seen=seen)
            return
        unseen = {
            key: held.version
            for key, held in self.model.held.items()
            if held.number is not None and key not in seen and held.revision <= begun.revision
        }
        orders = {key: self.model.held[key].order for key in unseen}
        self.wire.before("TransactWriteItems", lambda: self.do(deeds))
        try:
            dropped = mine.finish_rebuild(begun, seen=seen)
        except PartitionWiped:
            assert self.model.life != life
            return
        assert self.model.life == life
        gone = [key for key, version in unseen.items() if self.model.held[key].version == version]
        assert dropped == len(self.model.take([(key, orders[key] + "x", None) for key in gone])) == len(gone)
        self.model.revision += 1
        self.model.complete = True

    # -- reading ----------------------------------------------------------------------------------------------------

    def read(self, reader: int) -> None:
        """Read, uninterrupted: the model, exactly."""
        snapshot = self._checked(self.readers[reader])
        assert {key: self._shown(snapshot, key) for key in KEYS} == {key: self.model.shown(key) for key in KEYS}
        assert snapshot.complete == self.model.complete
        assert snapshot.revision == self.model.revision or self.model.lapsed
        numbers = snapshot.each("numbers", lambda row: row.document["n"])
        assert numbers == {key: held.number for key, held in self.model.held.items() if held.number is not None}

    def interrupted_read(self, reader: int, when: str, operation: str, deeds: Sequence[Deed]) -> None:
        """Read while others write before or after one of the reader's calls."""
        getattr(self.wire, when)(operation, lambda: self.do(deeds))
        life = self.model.life
        with self._watching() as seen:
            self._among(self._checked(self.readers[reader]), seen, life)
        self.wire.forget()

    def half_seen_read(self, reader: int, writer: int, key: str, order: str, number: int) -> None:
        """Read while a transaction is under way: its head is seen, its row not yet."""
        before = self._item(f"row#{key}")
        life = self.model.life
        with self._watching() as seen:
            self.offer(writer, key, order, number)
            after = self._item(f"row#{key}")
            if before != after:
                self.wire.before("Query", lambda: self._put(f"row#{key}", before))
                self.wire.after("Query", lambda: self._put(f"row#{key}", after))
            self._among(self._checked(self.readers[reader]), seen, life)
        self.wire.forget()

    def _among(self, snapshot: Snapshot, seen: dict[str, set[Shown]], life: int) -> None:
        """Hold a snapshot against the states that each row had meanwhile; a wipe mixes two lives for one read."""
        if self.model.life == life:
            for key in KEYS:
                assert self._shown(snapshot, key) in seen[key], key

    @contextmanager
    def _watching(self) -> Iterator[dict[str, set[Shown]]]:
        """Collect the states that every key has meanwhile."""
        seen = {key: {self.model.shown(key)} for key in KEYS}
        self.model.watched.append(seen)
        try:
            yield seen
        finally:
            self.model.watched.remove(seen)

    def _checked(self, peer: Peer) -> Snapshot:
        """Read, and hold each row against what this reader showed before: nothing goes back."""
        life = self.model.life
        snapshot = peer.partition.snapshot()
        if peer.life != self.model.life or life != self.model.life:
            peer.newest.clear()
            peer.life = self.model.life
            return snapshot
        for key, row in snapshot.rows.items():
            assert row.observed_at >= peer.newest.get(key, "")
            peer.newest[key] = row.observed_at
        for key in peer.newest.keys() - snapshot.rows.keys():
            peer.newest[key] = peer.newest[key].rstrip("!") + "!"  # gone: only greater orders may come back
        return snapshot

    def _shown(self, snapshot: Snapshot, key: str) -> Shown:
        row = snapshot.rows.get(key)
        return (row.observed_at, row.document["n"], row.version) if row else None

    def _at(self, sort: str) -> dict[str, Any]:
        return {"p": {"S": self.key}, "s": {"S": sort}}

    def _item(self, sort: str) -> dict[str, Any] | None:
        answer = cache_client.client().get_item(TableName=self.table, Key=self._at(sort), ConsistentRead=True)
        found: dict[str, Any] | None = answer.get("Item")
        return found

    def _put(self, sort: str, found: dict[str, Any] | None) -> None:
        if found is None:
            cache_client.client().delete_item(TableName=self.table, Key=self._at(sort))
        else:
            cache_client.client().put_item(TableName=self.table, Item=found)
