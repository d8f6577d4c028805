"""Make the tables: on demand, encrypted by DynamoDB, with time to live. Safe to repeat and in parallel."""

import logging
import time
from typing import Any

from botocore.exceptions import ClientError

from dynamodb_cache.client import client
from dynamodb_cache.errors import DynamoDBCacheError

logger = logging.getLogger(__name__)

WAIT_SECONDS = 60


def create(table: str, region: str | None, definition: dict[str, Any]) -> bool:
    """Make a table and switch its time to live on; return False when it was there."""
    dynamodb = client(region)
    made = True
    try:
        dynamodb.create_table(TableName=table, BillingMode="PAY_PER_REQUEST", **definition)
    except dynamodb.exceptions.ResourceInUseException:
        made = False
    _wait(dynamodb, table)
    _expire(dynamodb, table)
    return made


def _wait(dynamodb: Any, table: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while dynamodb.describe_table(TableName=table)["Table"]["TableStatus"] != "ACTIVE":
        if time.monotonic() > deadline:
            raise DynamoDBCacheError(f"Table {table} is not ready after {WAIT_SECONDS} s; run this again later.")
        time.sleep(0.2)


def _expire(dynamodb: Any, table: str) -> None:
    """Switch time to live on; an engine without it only keeps expired items longer."""
    try:
        state = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
        if state.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}:
            return
        dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "t"})
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"UnknownOperationException", "ValidationException"}:
            raise
        logger.warning("time to live not switched on: table=%s error=%s", table, error)


CACHE_TABLE: dict[str, Any] = {
    "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
}
# A local index: only it can be read consistently, and only with the table can it be made.
COLLECTION_TABLE: dict[str, Any] = {
    "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}],
    "AttributeDefinitions": [
        {"AttributeName": "p", "AttributeType": "S"},
        {"AttributeName": "s", "AttributeType": "S"},
        {"AttributeName": "r", "AttributeType": "N"},
    ],
    "LocalSecondaryIndexes": [
        {
            "IndexName": "changes",
            "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "r", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
}
