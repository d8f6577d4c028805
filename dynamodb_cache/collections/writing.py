"""Write rows and the head in one transaction; old news is left out, a moved head tried again.

What was in fact written, although its answer was lost and its repetition met its own conditions, is known by its token.
"""

import secrets
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dynamodb_cache.collections import transactions
from dynamodb_cache.collections.errors import PartitionWiped
from dynamodb_cache.collections.heads import Head, names
from dynamodb_cache.collections.rows import ROW, Standing, packed, standing_of
from dynamodb_cache.collections.store import HEAD, Store
from dynamodb_cache.errors import Contended

TOMBSTONE_SECONDS = 16 * 86_400  # SQS keeps a message for at most 14 days
BATCH = 24  # rows a transaction, one head beside them
BATCH_BYTES = 2_500_000  # of documents; a transaction takes 4 MB


@dataclass(frozen=True, slots=True)
class Write:
    """One row to be written; no document means a tombstone. With `version`, only over that one; 0: over nothing."""

    key: str
    observed_at: str
    document: bytes | None
    version: int | None = None


@dataclass(slots=True)
class Written:
    """Which rows were news, and what stands where they were not."""

    accepted: list[Write]
    refused: dict[str, Standing]


def write(
    store: Store, writes: Sequence[Write], *, attributes: Mapping[str, Any] | None = None, epoch: str | None = None
) -> Written:
    """Write rows and attributes of the head; with `epoch`, only into that one.

    Raises ForeignRow, PartitionWiped, Contended, Unavailable, TableMissing, DocumentTooLarge.
    """
    budget, token = transactions.Budget(store.write_seconds), secrets.token_urlsafe(9)
    written = Written(list(writes), {})
    head = store.head()
    while written.accepted or attributes is not None:
        if epoch is not None and (head is None or head.epoch != epoch):
            raise PartitionWiped(f"{store.key} was wiped meanwhile.")
        change = _Change(store, head, token)
        items = [change.head(written.accepted, attributes), *(change.row(one) for one in written.accepted)]
        reasons = transactions.commit(store, items, budget)
        if not reasons or any(_token(reason) == token for reason in reasons):
            break
        failed = [reason.get("Code") == transactions.FAILED for reason in reasons]
        _leave_out(written, failed[1:], reasons[1:])
        if failed[0]:
            budget.pause(Contended(f"{store.key}: the head moved at each try; nothing was written."))
            head = store.own(Head.of(reasons[0]["Item"])) if reasons[0].get("Item") else store.head()
    return written


def _token(reason: Mapping[str, Any]) -> str | None:
    found: str | None = reason.get("Item", {}).get("w", {}).get("S")
    return found


def _leave_out(written: Written, failed: Sequence[bool], reasons: transactions.Reasons) -> None:
    """Move what was refused from the accepted to the refused."""
    tried, written.accepted = written.accepted, []
    for one, refused, reason in zip(tried, failed, reasons, strict=True):
        if refused:
            written.refused[one.key] = standing_of(reason.get("Item"))
        else:
            written.accepted.append(one)


@dataclass(frozen=True, slots=True)
class _Change:
    """The parts of a transaction that follows a head."""

    store: Store
    before: Head | None
    token: str

    @property
    def _revision(self) -> int:
        return (self.before.revision if self.before else 0) + 1

    def head(self, writes: Sequence[Write], attributes: Mapping[str, Any] | None) -> dict[str, Any]:
        """Move the head, unless another writer has."""
        before = self.before
        values: dict[str, Any] = {
            ":next": {"N": str(self._revision)},
            ":names": {"B": names(before.names if before else b"", self._revision, [one.key for one in writes])},
            ":w": {"S": self.token},
        }
        change = "SET rev = :next, n = :names, w = :w"
        if before is None:
            values |= {":epoch": {"S": uuid.uuid4().hex}, ":own": {"S": self.store.owner}}
            change += ", ep = :epoch, own = :own"
            condition = "attribute_not_exists(rev)"
        else:
            values |= {":rev": {"N": str(before.revision)}, ":was": {"S": before.epoch}}
            condition = "rev = :rev AND ep = :was"
        if attributes is not None:
            values[":h"] = {"B": packed(HEAD, {**(before.attributes if before else {}), **attributes})}
            change += ", h = :h"
        return self._update(HEAD, change, condition, values)

    def row(self, one: Write) -> dict[str, Any]:
        """Write a row, unless what stands is as new or newer."""
        values: dict[str, Any] = {
            ":r": {"N": str(self._revision)},
            ":o": {"S": one.observed_at},
            ":w": {"S": self.token},
            ":one": {"N": "1"},
        }
        change = "ADD v :one SET r = :r, o = :o, w = :w"
        if one.document is None:
            values |= {":x": {"BOOL": True}, ":t": {"N": str(int(time.time()) + TOMBSTONE_SECONDS)}}
            change += ", x = :x, t = :t REMOVE d"
        else:
            values[":d"] = {"B": one.document}
            change += ", d = :d REMOVE x, t"
        condition = "attribute_not_exists(o) OR o < :o"
        if one.version == 0:
            condition = "attribute_not_exists(v)"
        elif one.version is not None:
            values[":v"] = {"N": str(one.version)}
            condition = "v = :v AND o < :o"
        return self._update(ROW + one.key, change, condition, values)

    def _update(self, sort: str, change: str, condition: str, values: dict[str, Any]) -> dict[str, Any]:
        return {
            "Update": {
                "TableName": self.store.table,
                "Key": self.store.at(sort),
                "UpdateExpression": change,
                "ConditionExpression": condition,
                "ExpressionAttributeValues": values,
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }


def batches(writes: Sequence[Write]) -> Iterator[list[Write]]:
    """Split writes so that each part fits into one transaction; of one key only the newest order."""
    newest: dict[str, Write] = {}
    for one in writes:
        if one.key not in newest or newest[one.key].observed_at < one.observed_at:
            newest[one.key] = one
    batch: list[Write] = []
    size = 0
    for one in newest.values():
        more = len(one.document or b"")
        if batch and (len(batch) == BATCH or size + more > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += more
    if batch:
        yield batch
