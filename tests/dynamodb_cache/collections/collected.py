"""What tests of collections share: orders of news, raw items, and the deeds of DynamoDB and of operators."""

from typing import Any

from dynamodb_cache import client as cache_client
from dynamodb_cache.collections import Collection, Memory, Partition

OWNER = "111111111111"
PARTITION = "project#1"
FORTNIGHT = 14 * 86_400  # as long as SQS keeps a message


def order(number: int) -> str:
    """Return an order of news that sorts as its number."""
    return f"2026-11-23T10:{number:06}"


def partition(collection: Collection) -> Partition:
    """Return the partition that the tests are about, as its owner."""
    return collection.partition(PARTITION, owner=OWNER)


def told(mine: Partition) -> dict[str, dict[str, Any]]:
    """Return the documents that a reader shows now."""
    return {key: row.document for key, row in mine.snapshot().rows.items()}


def place(sort: str) -> dict[str, Any]:
    """Return the key of an item of the partition."""
    return {"p": {"S": PARTITION}, "s": {"S": sort}}


def item(table: str, sort: str) -> dict[str, Any] | None:
    """Return an item as it stands in the table."""
    found: dict[str, Any] | None = (
        cache_client.client().get_item(TableName=table, Key=place(sort), ConsistentRead=True).get("Item")
    )
    return found


def remove(table: str, sort: str) -> None:
    """Remove an item, as time to live does."""
    cache_client.client().delete_item(TableName=table, Key=place(sort))


def wipe(table: str) -> None:
    """Remove every item, as an operator may."""
    for found in cache_client.client().scan(TableName=table, ConsistentRead=True)["Items"]:
        cache_client.client().delete_item(TableName=table, Key={"p": found["p"], "s": found["s"]})


def impatient(table: str, seconds: float = 0.3) -> Partition:
    """Return the partition for a writer that gives up soon."""
    return partition(Collection(table, memory=Memory(), write_seconds=seconds))
