"""Read a partition: the head, and when it moved, what changed since what this process knows.

The Query must ascend: a row that is written meanwhile gets a greater revision than any, and moves ahead of the reader.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from botocore.exceptions import BotoCoreError

from dynamodb_cache.client import slot
from dynamodb_cache.collections.heads import Head
from dynamodb_cache.collections.memory import EMPTY, Snapshot, State
from dynamodb_cache.collections.rows import Row, key_of, rows_of
from dynamodb_cache.collections.store import Store
from dynamodb_cache.errors import Unavailable

BREAKER_SECONDS = 5.0


def snapshot(store: Store) -> Snapshot:
    """Return the rows: one small read when nothing changed, else also a Query of what did.

    People wait for it, so an outage costs one of them the timeouts and the others nothing: a circuit breaker fails their
    reads at once for some seconds, also when it was a call to another table on this connection that waited. Writes try
    for as long as they may.
    """
    breakers = store.memory.breaker(store.table), slot(store.connection).breaker
    for breaker in breakers:
        breaker.admit(store.table, BREAKER_SECONDS)
    try:
        found = _snapshot(store)
    except Unavailable as error:
        if isinstance(error.__cause__, BotoCoreError):  # nobody answered; a refusal is an answer
            for breaker in breakers:
                breaker.failed(BREAKER_SECONDS)
        raise
    for breaker in breakers:
        breaker.succeeded()
    return found


def _snapshot(store: Store) -> Snapshot:
    memory, place = store.memory, store.place
    read_at = time.time()
    before = memory.get(place)
    head = store.head()
    if head is None:
        memory.drop(place, before)
        return Snapshot(EMPTY, read_at)
    known = memory.usable(place, before, head, read_at)
    if known is None or known.revision < head.revision:
        # A change is told to every open page at once: one of their requests reads it, the others take what that found.
        with memory.turn(place):
            known = memory.usable(place, before, head, read_at)
            if known is None or known.revision < head.revision:
                state = _read_on(store, known, head, read_at)
                memory.keep(place, state, before)
                return Snapshot(state, read_at)
    known.confirmed_at = max(known.confirmed_at, read_at)
    return Snapshot(known, read_at)


def last_known(store: Store) -> Snapshot | None:
    """Return the rows as this process last read them, without a call; None when it never did."""
    known = store.memory.get(store.place)
    return Snapshot(known, known.confirmed_at, current=False) if known else None


def _read_on(store: Store, known: State | None, head: Head, read_at: float) -> State:
    since = known.revision if known else 0
    rows = dict(known.rows) if known else {}
    met: dict[str, int] = {}
    moved = False
    for page in _changed_since(store, since):
        latest = {key_of(item): item for item in page}  # a row that moved meanwhile stands twice, the newer one last
        met |= {key: int(item["r"]["N"]) for key, item in latest.items()}
        gone = [key for key, item in latest.items() if "x" in item and key in rows]
        for key in gone:
            del rows[key]
        news = [item for key, item in latest.items() if "x" not in item and not _holds(rows.get(key), item)]
        rows |= {row.key: row for row in rows_of(news)}
        moved = moved or bool(gone or news)
    unmet = _unmet(known, head.unmet(since, met), store.memory.unmet_seconds)
    state = State(
        confirmed_at=read_at,
        revision=unmet[0] - 1 if unmet else head.revision,
        epoch=head.epoch,
        head=MappingProxyType(head.attributes),
        rows=MappingProxyType(rows),
        unmet=unmet,
        each=dict(known.each) if known else {},
    )
    if known is not None and not moved and known.head == state.head:
        state.rows, state.derived = known.rows, known.derived
    return state


def _holds(row: Row | None, item: Mapping[str, Any]) -> bool:
    return row is not None and (row.revision, row.version) == (int(item["r"]["N"]), int(item["v"]["N"]))


def _unmet(known: State | None, revision: int | None, seconds: float) -> tuple[int, float] | None:
    """Return the revision whose rows are still looked for, and since when; nothing once that was for so many seconds."""
    if revision is None:
        return None
    now = time.monotonic()
    found = known.unmet if known and known.unmet and known.unmet[0] == revision else (revision, now)
    return found if now - found[1] < seconds else None


def _changed_since(store: Store, revision: int) -> Iterator[Sequence[Mapping[str, Any]]]:
    start: dict[str, Any] = {}
    while True:
        page = store.call(
            "query",
            TableName=store.table,
            IndexName="changes",
            ConsistentRead=True,
            KeyConditionExpression="p = :p AND r > :r",
            ExpressionAttributeValues={":p": {"S": store.key}, ":r": {"N": str(revision)}},
            **start,
        )
        yield page["Items"]
        if "LastEvaluatedKey" not in page:
            return
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
