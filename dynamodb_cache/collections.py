"""Versioned collections beside the cache: rows that refuse old news, and "what changed since" in one small read.

A partition has a head, whose revision grows with every change, and rows. Head and row change in ONE transaction: "row,
then bump the revision" hid a change from a reader in 16 % of hostile schedules, the transaction in none. Readers keep
their decoded rows per process; when the head moved they read what changed through a *local* index, consistently.

An item: `p` partition, `s` what (`#head`, `row#<key>`, `doc#<key>`, `log#<log>#<entry>`), `r` revision, `v` version,
`o` order of the news, `d` document (JSON, packed), `x` tombstone, `t` time to live.
"""

import json
import random
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Collection as Keys
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from dynamodb_cache import tables
from dynamodb_cache.client import client, errors
from dynamodb_cache.errors import Contended, DocumentTooLarge, ForeignRow
from dynamodb_cache.serializers import pack, unpack

T = TypeVar("T")
DOCUMENT_BYTES = 350 * 1024
TOMBSTONE_SECONDS = 7 * 86_400
TRIES = 30
BATCH = 24  # rows a transaction, one head beside them
PARTITIONS_KEPT = 256


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `version` grows by one with each accepted write, `observed_at` is the order of the news it holds."""

    key: str
    version: int
    revision: int
    observed_at: str
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands of a key: the order of its newest news, "" when nothing was ever heard, and no row when it is gone."""

    observed_at: str
    row: Row | None


@dataclass(slots=True)
class _State:
    """A partition's rows as one process knows them at a revision."""

    confirmed_at: float  # when DynamoDB last said that this is the revision
    revision: int
    epoch: str
    head: Mapping[str, Any]
    rows: Mapping[str, Row]
    derived: dict[str, Any] = field(default_factory=dict)


class Snapshot:
    """A partition's rows at one revision. Immutable; derived values are computed once per revision.

    `read_at` is when they were known to be the present ones, in seconds since the epoch; `current` is False for rows
    out of the process's memory.
    """

    def __init__(self, state: _State, read_at: float, *, current: bool = True) -> None:
        self._state = state
        self.read_at = read_at
        self.current = current

    @property
    def revision(self) -> int:
        """The partition's revision; 0 for one that does not exist."""
        return self._state.revision

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


_EMPTY = _State(0, 0, "", MappingProxyType({}), MappingProxyType({}))
_states: OrderedDict[tuple[str, str], _State] = OrderedDict()
_states_lock = threading.Lock()


def forget_everything() -> None:
    """Drop what this process holds of every partition: between tests."""
    with _states_lock:
        _states.clear()


class Collection:
    """One DynamoDB table of partitions. Cheap to make and offline."""

    def __init__(self, table: str, *, region: str | None = None) -> None:
        self.table = table
        self.region = region

    def create_table(self) -> bool:
        """Make the table with its index; False when it stands already."""
        return tables.create(self.table, self.region, tables.COLLECTION_TABLE)

    def partition(self, key: str, *, owner: str) -> "Partition":
        """Return a partition; writes to one that another owner made raise ForeignRow."""
        return Partition(self, key, owner)

    def call(self, operation: str, **arguments: Any) -> Any:
        """Make one DynamoDB call. Raises TableMissing, Unavailable."""
        with errors(self.table):
            return getattr(client(self.region), operation)(**arguments)


class Partition:
    """The rows of one key. Every method raises TableMissing and Unavailable."""

    def __init__(self, collection: Collection, key: str, owner: str) -> None:
        self._collection = collection
        self._key = key
        self._owner = owner

    # -- reading ----------------------------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """Return the rows: one small read when nothing changed, else also a Query of what did."""
        read_at = time.time()
        head = self._head()
        if head is None:
            return Snapshot(_EMPTY, read_at)
        place = (self._collection.table, self._key)
        revision, epoch = int(head["rev"]["N"]), head["ep"]["S"]
        with _states_lock:
            known = _states.get(place)
        if known is None or known.epoch != epoch or known.revision > revision:
            known = None
        if known is not None and known.revision == revision:
            known.confirmed_at = max(known.confirmed_at, read_at)
            return Snapshot(known, read_at)
        state = self._state_after(known, revision, epoch, head, read_at)
        with _states_lock:
            _states[place] = state
            _states.move_to_end(place)
            while len(_states) > PARTITIONS_KEPT:
                _states.popitem(last=False)
        return Snapshot(state, read_at)

    def last_known(self) -> Snapshot | None:
        """Return the rows as this process last read them, without a call; None when it never did."""
        with _states_lock:
            known = _states.get((self._collection.table, self._key))
        return Snapshot(known, known.confirmed_at, current=False) if known else None

    def _state_after(
        self, known: _State | None, revision: int, epoch: str, head: Mapping[str, Any], read_at: float
    ) -> _State:
        rows = dict(known.rows) if known else {}
        for item in self._changed_since(known.revision if known else 0):
            row = _row(item)
            if "x" in item:
                rows.pop(row.key, None)
            else:
                rows[row.key] = row
        document = json.loads(unpack(bytes(head["h"]["B"]))) if "h" in head else {}
        return _State(read_at, revision, epoch, MappingProxyType(document), MappingProxyType(rows))

    def _changed_since(self, revision: int) -> Iterable[Mapping[str, Any]]:
        start: dict[str, Any] = {}
        while True:
            page = self._collection.call(
                "query",
                TableName=self._collection.table,
                IndexName="changes",
                ConsistentRead=True,
                KeyConditionExpression="p = :p AND r > :r",
                ExpressionAttributeValues={":p": {"S": self._key}, ":r": {"N": str(revision)}},
                **start,
            )
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def _head(self) -> Mapping[str, Any] | None:
        return self._item("#head")

    def _item(self, sort: str) -> Mapping[str, Any] | None:
        answer = self._collection.call(
            "get_item", TableName=self._collection.table, Key=self._place(sort), ConsistentRead=True
        )
        found: Mapping[str, Any] | None = answer.get("Item")
        return found

    def _place(self, sort: str) -> dict[str, Any]:
        return {"p": {"S": self._key}, "s": {"S": sort}}

    def get(self, key: str) -> Row | None:
        """Return one row, read consistently."""
        return self.standing(key).row

    def standing(self, key: str) -> Standing:
        """Return what stands of a key, tombstones included, read consistently."""
        item = self._item(f"row#{key}")
        if item is None:
            return Standing("", None)
        return Standing(item["o"]["S"], None if "x" in item else _row(item))

    # -- writing ----------------------------------------------------------------------------------------------------

    def put(self, key: str, document: Mapping[str, Any], *, observed_at: str) -> bool:
        """Write a row; False when what stands is as new or newer. Raises ForeignRow, DocumentTooLarge, Contended."""
        return bool(self._write([_Write(key, observed_at, document)]))

    def delete(self, key: str, *, observed_at: str) -> bool:
        """Leave a tombstone that refuses older news for seven days; False as in `put`. Raises ForeignRow, Contended."""
        accepted = bool(self._write([_Write(key, observed_at, None)]))
        if accepted:
            self._collection.call("delete_item", TableName=self._collection.table, Key=self._place(f"doc#{key}"))
        return accepted

    def put_many(self, rows: Iterable[tuple[str, Mapping[str, Any], str]]) -> int:
        """Write rows (key, document, order), many to a transaction; return how many were no old news."""
        writes = [_Write(key, observed_at, document) for key, document, observed_at in rows]
        return sum(len(self._write(writes[start : start + BATCH])) for start in range(0, len(writes), BATCH))

    def set_head(self, **attributes: Any) -> None:
        """Set attributes of the head. Raises ForeignRow, Contended."""
        self._write([], head=attributes)

    def _write(self, writes: "list[_Write]", head: Mapping[str, Any] | None = None) -> "list[_Write]":
        """Write what is news in one transaction; return what was. Old news is left out, a moved head tried again."""
        for attempt in range(TRIES):
            if not writes and head is None:
                return []
            standing = self._head()
            if standing is not None and standing["own"]["S"] != self._owner:
                raise ForeignRow(f"{self._key} belongs to {standing['own']['S']}, not to {self._owner}.")
            revision = int(standing["rev"]["N"]) if standing else 0
            items = [
                self._head_update(standing, revision, head),
                *(self._row_update(one, revision + 1) for one in writes),
            ]
            try:
                self._collection.call("transact_write_items", TransactItems=items)
            except ClientError as error:
                reasons = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
                old = {number for number, reason in enumerate(reasons[1:]) if reason == "ConditionalCheckFailed"}
                writes = [one for number, one in enumerate(writes) if number not in old]
                if not old:
                    time.sleep(random.uniform(0, min(0.005 * 2**attempt, 0.25)))
                continue
            return writes
        raise Contended(f"{self._key}: {TRIES} tries met another writer each time.")

    def _head_update(
        self, standing: Mapping[str, Any] | None, revision: int, head: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        values: dict[str, Any] = {
            ":next": {"N": str(revision + 1)},
            ":epoch": {"S": uuid.uuid4().hex},
            ":own": {"S": self._owner},
        }
        change = "SET rev = :next, ep = if_not_exists(ep, :epoch), own = if_not_exists(own, :own)"
        condition = "attribute_not_exists(rev)"
        if standing is not None:
            values |= {":rev": {"N": str(revision)}, ":was": standing["ep"]}
            condition = "rev = :rev AND ep = :was"
        if head is not None:
            known = json.loads(unpack(bytes(standing["h"]["B"]))) if standing and "h" in standing else {}
            values[":h"] = {"B": pack(json.dumps({**known, **head}).encode())}
            change += ", h = :h"
        return self._update("#head", change, condition, values)

    def _row_update(self, one: "_Write", revision: int) -> dict[str, Any]:
        values: dict[str, Any] = {
            ":r": {"N": str(revision)},
            ":o": {"S": one.observed_at},
            ":zero": {"N": "0"},
            ":one": {"N": "1"},
        }
        change = "SET r = :r, o = :o, v = if_not_exists(v, :zero) + :one"
        if one.document is None:
            values |= {":x": {"BOOL": True}, ":t": {"N": str(int(time.time()) + TOMBSTONE_SECONDS)}}
            change += ", x = :x, t = :t REMOVE d"
        else:
            values[":d"] = {"B": _packed(one.key, one.document)}
            change += ", d = :d REMOVE x, t"
        return self._update(f"row#{one.key}", change, "attribute_not_exists(o) OR o < :o", values)

    def _update(self, sort: str, change: str, condition: str, values: dict[str, Any]) -> dict[str, Any]:
        return {
            "Update": {
                "TableName": self._collection.table,
                "Key": self._place(sort),
                "UpdateExpression": change,
                "ConditionExpression": condition,
                "ExpressionAttributeValues": values,
            }
        }

    # -- rebuilding -------------------------------------------------------------------------------------------------

    def begin_rebuild(self) -> int:
        """Return what `finish_rebuild` needs: the revision before the source is listed."""
        return self.snapshot().revision

    def finish_rebuild(self, begun: int, *, seen: Keys[str]) -> int:
        """Drop rows that the source did not list and nobody wrote since `begun`; mark the partition complete.

        Returns how many were dropped. Rows written since are newer than the listing, whatever it says.
        """
        unseen = [row for row in self.snapshot().rows.values() if row.key not in seen and row.revision <= begun]
        for row in unseen:
            self.delete(row.key, observed_at=row.observed_at + "x")
        self.set_head(complete=True, rebuilt_at=time.time())
        return len(unseen)

    # -- documents too large for a list ----------------------------------------------------------------------------

    def attach(self, key: str, document: Mapping[str, Any], *, observed_at: str) -> bool:
        """Keep one document beside a row, never seen by `snapshot`; False when a newer one stands."""
        try:
            self._collection.call(
                "put_item",
                TableName=self._collection.table,
                Item={**self._place(f"doc#{key}"), "o": {"S": observed_at}, "d": {"B": _packed(key, document)}},
                ConditionExpression="attribute_not_exists(o) OR o <= :o",
                ExpressionAttributeValues={":o": {"S": observed_at}},
            )
        except ClientError:  # the condition: everything else has become an error of ours
            return False
        return True

    def attached(self, key: str) -> dict[str, Any] | None:
        """Return the document beside a row; None when there is none."""
        item = self._item(f"doc#{key}")
        return json.loads(unpack(bytes(item["d"]["B"]))) if item else None

    # -- logs -------------------------------------------------------------------------------------------------------

    def append(self, log: str, entry: str, document: Mapping[str, Any], *, expires_at: float | None) -> bool:
        """Add an entry to a log beside the rows; False when it was there. Never seen by `snapshot`."""
        item = {**self._place(f"log#{log}#{entry}"), "d": {"B": _packed(entry, document)}}
        if expires_at is not None:
            item["t"] = {"N": str(int(expires_at) + 1)}
        try:
            self._collection.call(
                "put_item", TableName=self._collection.table, Item=item, ConditionExpression="attribute_not_exists(p)"
            )
        except ClientError:  # the condition: everything else has become an error of ours
            return False
        return True

    def entries(self, log: str, *, limit: int = 100) -> list[tuple[str, dict[str, Any]]]:
        """Return a log's newest entries, newest first."""
        prefix = f"log#{log}#"
        page = self._collection.call(
            "query",
            TableName=self._collection.table,
            KeyConditionExpression="p = :p AND begins_with(s, :s)",
            ExpressionAttributeValues={":p": {"S": self._key}, ":s": {"S": prefix}},
            ScanIndexForward=False,
            Limit=limit,
        )
        return [
            (item["s"]["S"].removeprefix(prefix), json.loads(unpack(bytes(item["d"]["B"])))) for item in page["Items"]
        ]


@dataclass(frozen=True, slots=True)
class _Write:
    """One row to be written; no document means a tombstone."""

    key: str
    observed_at: str
    document: Mapping[str, Any] | None


def _packed(key: str, document: Mapping[str, Any]) -> bytes:
    data = pack(json.dumps(document, separators=(",", ":"), sort_keys=True).encode())
    if len(data) > DOCUMENT_BYTES:
        raise DocumentTooLarge(f"{key}: {len(data)} bytes packed; at most {DOCUMENT_BYTES}.")
    return data


def _row(item: Mapping[str, Any]) -> Row:
    return Row(
        key=item["s"]["S"].removeprefix("row#"),
        version=int(item["v"]["N"]),
        revision=int(item["r"]["N"]),
        observed_at=item["o"]["S"],
        document=json.loads(unpack(bytes(item["d"]["B"]))) if "d" in item else {},
    )
