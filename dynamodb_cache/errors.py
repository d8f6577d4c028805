"""What the cache and its collections can refuse."""

from collections.abc import Mapping
from typing import Any


class DynamoDBCacheError(Exception):
    """Base of all errors of this package."""


class TableMissing(DynamoDBCacheError):
    """The table does not exist: run `manage.py dynamodb_cache create`, or lay the deployment's template."""


class TableUnfit(DynamoDBCacheError):
    """The table stands, but its keys or its time to live are others; the message says what to do."""


class Unavailable(DynamoDBCacheError):
    """DynamoDB did not answer, throttled for too long, or refused the credentials."""


class Throttled(Unavailable):
    """DynamoDB answered that it is too much at once, to every try."""


class AccessDenied(Unavailable):
    """The credentials are refused, or may not do what was asked; the message names the action."""


class CircuitOpen(Unavailable):
    """DynamoDB was not asked: a call to it has just failed."""


class Unfinished(Unavailable):
    """The time for a bulk call is over and a part of it is not done; the message says how much."""


class Refused(DynamoDBCacheError):
    """DynamoDB found the request itself wrong: no outage, and a repeat will not help."""


class ConditionFailed(DynamoDBCacheError):
    """The condition of a write does not hold. `item` is what stands there, empty when nothing does."""

    def __init__(self, item: Mapping[str, Any]) -> None:
        super().__init__("The condition does not hold.")
        self.item = item


class ForeignRow(DynamoDBCacheError):
    """The partition belongs to another owner."""


class DocumentTooLarge(DynamoDBCacheError):
    """A document does not fit into an item."""


class Contended(DynamoDBCacheError):
    """Too many writers wrote one partition or entry at once; nothing was written."""
