"""What the cache and its collections can refuse."""


class DynamoDBCacheError(Exception):
    """Base of all errors of this package."""


class TableMissing(DynamoDBCacheError):
    """The table does not exist: run `manage.py dynamodb_cache create`, or lay the deployment's template."""


class Unavailable(DynamoDBCacheError):
    """DynamoDB did not answer, throttled for too long, or refused the credentials."""


class ForeignRow(DynamoDBCacheError):
    """The partition belongs to another owner."""


class DocumentTooLarge(DynamoDBCacheError):
    """A document does not fit into an item."""


class Contended(DynamoDBCacheError):
    """Too many writers wrote one partition at once; nothing was written."""
