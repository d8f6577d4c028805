"""What collections can refuse, beside the errors of the whole package."""

from dynamodb_cache.errors import DocumentTooLarge, DynamoDBCacheError, Unavailable


class Passing(Unavailable):
    """Throttled, or the answer was lost: the same request may be sent again, and whether it was done is not known."""


class PartitionFull(DocumentTooLarge):
    """The items of one partition would exceed DynamoDB's 10 GB an item collection. Nothing was written."""


class PartitionWiped(DynamoDBCacheError):
    """The partition was wiped while it was rebuilt: begin again."""
