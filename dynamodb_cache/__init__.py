"""Django's cache on DynamoDB, and versioned collections beside it. Backend path: `dynamodb_cache.DynamoDBCache`."""

from typing import Any

__all__ = ["DynamoDBCache"]
__version__ = "1.0.0"


def __getattr__(name: str) -> Any:
    if name == "DynamoDBCache":
        # Late, so that Django can load the application before its settings ask for the backend.
        from dynamodb_cache.backend import DynamoDBCache

        return DynamoDBCache
    raise AttributeError(name)
