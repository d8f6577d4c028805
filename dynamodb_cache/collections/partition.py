"""Collections and their partitions: what the rest of a product calls."""

import time
from collections.abc import Collection as Keys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dynamodb_cache import tables
from dynamodb_cache.collections import beside, memory, reading
from dynamodb_cache.collections.errors import PartitionWiped
from dynamodb_cache.collections.memory import Memory, Snapshot
from dynamodb_cache.collections.rows import ROW, Outcome, Row, Standing, packed, standing_of
from dynamodb_cache.collections.store import Store
from dynamodb_cache.collections.writing import Write, batches, write
from dynamodb_cache.options import Connection

WRITE_SECONDS = 10.0  # for one write, with its pauses


class Collection:
    """One DynamoDB table of partitions. Cheap to make and offline; what is read is kept in the process's memory."""

    def __init__(
        self,
        table: str,
        *,
        connection: Connection = Connection(),  # noqa: B008 - frozen
        memory: Memory = memory.PROCESS,
        write_seconds: float = WRITE_SECONDS,
    ) -> None:
        self.table = table
        self.connection = connection
        self._memory = memory
        self._write_seconds = write_seconds

    def create_table(self) -> bool:
        """Make the table with its index; False when it stands already."""
        return tables.create(self.table, self.connection.region, tables.COLLECTION_TABLE)

    def partition(self, key: str, *, owner: str) -> "Partition":
        """Return a partition; one that another owner made raises ForeignRow."""
        return Partition(Store(self.table, self.connection, key, owner, self._memory, self._write_seconds))


@dataclass(frozen=True, slots=True)
class Rebuild:
    """What stood before the source was listed."""

    epoch: str
    revision: int


@dataclass(frozen=True, slots=True)
class Partition:
    """The rows of one key. Every method raises ForeignRow, TableMissing and Unavailable."""

    _store: Store

    # -- reading ----------------------------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """Return the rows: one small read when nothing changed, else also a Query of what did."""
        return reading.snapshot(self._store)

    def last_known(self) -> Snapshot | None:
        """Return the rows as this process last read them, without a call; None when it never did."""
        return reading.last_known(self._store)

    def get(self, key: str) -> Row | None:
        """Return one row, read consistently."""
        return self.standing(key).row

    def standing(self, key: str) -> Standing:
        """Return what stands of a key, tombstones included, read consistently."""
        self._store.check_owner()
        return standing_of(self._store.item(ROW + key))

    # -- writing: each raises DocumentTooLarge, and Contended when other writers left no room in WRITE_SECONDS ----------

    def put(self, key: str, document: Mapping[str, Any], *, observed_at: str) -> bool:
        """Write a row; False when what stands is as new or newer."""
        return self.offer(key, document, observed_at=observed_at).accepted

    def delete(self, key: str, *, observed_at: str) -> bool:
        """Leave a tombstone that refuses older news for TOMBSTONE_SECONDS; False as in `put`."""
        return self.offer(key, None, observed_at=observed_at).accepted

    def offer(
        self, key: str, document: Mapping[str, Any] | None, *, observed_at: str, if_version: int | None = None
    ) -> Outcome:
        """Write a row, or a tombstone for None, and tell what stands when it is refused.

        With `if_version` also refused unless this very version stands, tombstones included; 0: unless nothing does.
        """
        data = None if document is None else packed(key, document)
        one = Write(key, observed_at, data, if_version)
        return self._outcomes([one])[key]

    def put_many(self, rows: Iterable[tuple[str, Mapping[str, Any], str]]) -> int:
        """Write rows (key, document, order), many to a transaction; return how many were no old news.

        What is old news already by this process's snapshot costs nothing.
        """
        known = self.snapshot().rows
        writes = [
            Write(key, observed_at, packed(key, document))
            for key, document, observed_at in rows
            if key not in known or known[key].observed_at < observed_at
        ]
        return sum(outcome.accepted for outcome in self._outcomes(writes).values())

    def set_head(self, **attributes: Any) -> None:
        """Set attributes of the head."""
        write(self._store, [], attributes=attributes)

    def _outcomes(self, writes: Iterable[Write], epoch: str | None = None) -> dict[str, Outcome]:
        """Write what is news, with `epoch` only into that one, and drop the documents of rows that are gone."""
        found: dict[str, Outcome] = {}
        for batch in batches(list(writes)):
            written = write(self._store, batch, epoch=epoch)
            found |= {one.key: Outcome(accepted=True) for one in written.accepted}
            found |= {key: Outcome(accepted=False, standing=standing) for key, standing in written.refused.items()}
            for one in batch:
                if one.document is None:
                    self._detach(one, found[one.key])
        return found

    def _detach(self, one: Write, outcome: Outcome) -> None:
        """Drop the document of a row that is gone, also when an earlier try left a tombstone and died after it."""
        if outcome.accepted:
            beside.detach(self._store, one.key, one.observed_at)
        elif outcome.standing and outcome.standing.row is None and outcome.standing.observed_at:
            beside.detach(self._store, one.key, outcome.standing.observed_at)

    # -- rebuilding -------------------------------------------------------------------------------------------------

    def begin_rebuild(self) -> Rebuild:
        """Return what `finish_rebuild` needs, before the source is listed. Rows stay readable all the while."""
        head = self._store.head()
        while head is None:  # the head is made now, so that a wipe from here on is noticed
            self.set_head()
            head = self._store.head()
        return Rebuild(head.epoch, head.revision)

    def finish_rebuild(self, begun: Rebuild, *, seen: Keys[str]) -> int:
        """Drop rows that the source did not list and nobody wrote since `begun`; mark the partition complete.

        Returns how many were dropped. Rows written since are newer than the listing, whatever it says.
        Raises PartitionWiped: what was written of this rebuild is gone, and it must not be called complete.
        """
        snapshot = self.snapshot()
        if snapshot.epoch != begun.epoch:
            raise PartitionWiped(f"{self._store.key} was wiped while it was rebuilt.")
        unseen = [
            Write(row.key, row.observed_at + "x", None, row.version)
            for row in snapshot.rows.values()
            if row.key not in seen and row.revision <= begun.revision
        ]
        dropped = sum(outcome.accepted for outcome in self._outcomes(unseen, begun.epoch).values())
        write(self._store, [], attributes={"complete": True, "rebuilt_at": time.time()}, epoch=begun.epoch)
        return dropped

    # -- beside the rows, never seen by `snapshot` ----------------------------------------------------------------------

    def attach(self, key: str, document: Mapping[str, Any], *, observed_at: str) -> bool:
        """Keep one document beside a row; False when a newer one stands or the row is gone since."""
        return beside.attach(self._store, key, document, observed_at)

    def attached(self, key: str) -> dict[str, Any] | None:
        """Return the document beside a row; None when there is none."""
        return beside.attached(self._store, key)

    def append(self, log: str, entry: str, document: Mapping[str, Any], *, expires_at: float | None) -> bool:
        """Add an entry to a log beside the rows; False when it was there."""
        return beside.append(self._store, log, entry, document, expires_at)

    def entries(self, log: str, *, limit: int = 100) -> list[tuple[str, dict[str, Any]]]:
        """Return a log's newest entries, newest first."""
        return beside.entries(self._store, log, limit)
