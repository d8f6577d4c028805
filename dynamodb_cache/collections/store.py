"""One partition in its table: single calls, botocore's errors as ours, and the head with its owner."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from dynamodb_cache.client import slot
from dynamodb_cache.collections.errors import PartitionFull, Passing
from dynamodb_cache.collections.heads import Head
from dynamodb_cache.collections.memory import Memory, Place
from dynamodb_cache.errors import DocumentTooLarge, DynamoDBCacheError, ForeignRow, TableMissing, Unavailable
from dynamodb_cache.options import Connection

HEAD = "#head"
CONDITION_FAILED = "ConditionalCheckFailedException"
CANCELLED = "TransactionCanceledException"
_PASSING = frozenset(
    {
        "InternalFailure",
        "InternalServerError",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "Throttling",
        "ThrottlingException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
_FULL = frozenset({"ItemCollectionSizeLimitExceeded", "ItemCollectionSizeLimitExceededException"})


@dataclass(frozen=True, slots=True)
class Store:
    """A partition's items."""

    table: str
    connection: Connection
    key: str
    owner: str
    memory: Memory
    write_seconds: float

    @property
    def place(self) -> Place:
        """Where a process's memory keeps the partition."""
        return self.table, self.key

    def at(self, sort: str) -> dict[str, Any]:
        """Return an item's key."""
        return {"p": {"S": self.key}, "s": {"S": sort}}

    def call(self, operation: str, **arguments: Any) -> Any:
        """Make one call. Raises Passing, Unavailable, TableMissing, DocumentTooLarge; ClientError for a condition."""
        place = slot(self.connection)
        with self._errors():
            return getattr(place.client or place.make(), operation)(**arguments)

    def item(self, sort: str) -> Mapping[str, Any] | None:
        """Return one item, read consistently."""
        answer = self.call("get_item", TableName=self.table, Key=self.at(sort), ConsistentRead=True)
        found: Mapping[str, Any] | None = answer.get("Item")
        return found

    def head(self) -> Head | None:
        """Return the head, None for a partition that does not exist. Raises ForeignRow."""
        item = self.item(HEAD)
        return self.own(Head.of(item)) if item else None

    def own(self, head: Head) -> Head:
        """Return a head of ours. Raises ForeignRow."""
        self.memory.note_owner(self.place, head.owner)
        if head.owner != self.owner:
            raise ForeignRow(f"{self.key} belongs to {head.owner}, not to {self.owner}.")
        return head

    def check_owner(self) -> None:
        """Read the head unless this process knows it to be ours. Raises ForeignRow."""
        if self.memory.owner(self.place) != self.owner:
            self.head()

    def refusal(self, code: str, message: str) -> DynamoDBCacheError:
        """Return the error of ours for one of DynamoDB's."""
        if code == "ResourceNotFoundException":
            return TableMissing(f"Table {self.table} does not exist. Run `manage.py dynamodb_cache create`.")
        if code in _FULL:
            return PartitionFull(
                f"{self.key} is full: DynamoDB keeps at most 10 GB of one partition key with its index."
            )
        if code.startswith("Validation") and "size" in message.lower():
            return DocumentTooLarge(f"{self.key}: {message}")
        kind = Passing if code in _PASSING else Unavailable
        return kind(f"{self.table}: {code}: {message}")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
            if code in {CONDITION_FAILED, CANCELLED}:
                raise
            raise self.refusal(code, message) from error
        except HTTPClientError as error:  # it was sent, and the answer lost
            raise Passing(f"{self.table}: {error}") from error
        except BotoCoreError as error:
            raise Unavailable(f"{self.table}: {error}") from error
