"""Make one transaction, again while it is only throttled or in another's way, within a budget of time.

A repeated request carries the same ClientRequestToken, by which DynamoDB knows it for ten minutes.
Source: API Reference, TransactWriteItems (CancellationReasons); Developer Guide, "Transaction conflict handling".
"""

import random
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from dynamodb_cache.collections.errors import Passing
from dynamodb_cache.collections.store import Store
from dynamodb_cache.errors import Contended, DynamoDBCacheError

FAILED = "ConditionalCheckFailed"
_CONFLICT = "TransactionConflict"
_THROTTLED = frozenset({"ProvisionedThroughputExceeded", "ThrottlingError", "RequestLimitExceeded"})
_SHORT, _LONG = 0.1, 1.0  # the longest pauses: for another writer (longer, and who loses once loses on), for DynamoDB

Reasons = Sequence[Mapping[str, Any]]


@dataclass(slots=True)
class Budget:
    """The time that one write may take, pauses included."""

    seconds: float
    pauses: int = 0
    deadline: float = field(init=False)

    def __post_init__(self) -> None:
        self.deadline = time.monotonic() + self.seconds

    def pause(self, reason: DynamoDBCacheError) -> None:
        """Wait a little, at random and longer each time. Raises the reason when the time is over."""
        contended = isinstance(reason, Contended)
        first, longest = (0.005, _SHORT) if contended else (0.05, _LONG)
        seconds = random.uniform(0, min(first * 2 ** min(self.pauses, 10), longest))
        if time.monotonic() + seconds > self.deadline:
            raise reason
        self.pauses += 1
        time.sleep(seconds)


def commit(store: Store, items: list[dict[str, Any]], budget: Budget) -> Reasons:
    """Make a transaction; return nothing, or one reason an item when a condition failed.

    Raises Contended, Unavailable, TableMissing, DocumentTooLarge, PartitionFull.
    """
    token = secrets.token_hex(16)
    while True:
        try:
            store.call("transact_write_items", TransactItems=items, ClientRequestToken=token)
            return ()
        except Passing as error:
            budget.pause(error)
        except ClientError as error:
            reasons: Reasons = error.response.get("CancellationReasons", [])
            if any(reason.get("Code") == FAILED for reason in reasons):
                return reasons
            budget.pause(_what_passes(store, reasons, error))


def _what_passes(store: Store, reasons: Reasons, error: ClientError) -> DynamoDBCacheError:
    """Return why a transaction was cancelled when that passes by itself. Raises what does not."""
    told = {str(reason.get("Code")): str(reason.get("Message", "")) for reason in reasons}
    told.pop("None", None)
    lasting = {code: words for code, words in told.items() if code not in _THROTTLED | {_CONFLICT}}
    for code, words in lasting.items():
        raise store.refusal(code, words) from error
    if not told:
        raise store.refusal("TransactionCanceledException", str(error)) from error
    if _CONFLICT in told:
        return Contended(
            f"{store.key}: other writers were in the way for {store.write_seconds:g} s; nothing was written."
        )
    return Passing(f"{store.table}: throttled: {', '.join(sorted(told))}")
