"""Make the tables: on demand, encrypted by DynamoDB, with time to live. Safe to repeat and in parallel.

Follows "Working with tables" and "Using time to live (TTL)" of the DynamoDB developer guide. Needs DescribeTable,
DescribeTimeToLive, and for a table that is not there yet CreateTable and UpdateTimeToLive.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from dynamodb_cache.client import client
from dynamodb_cache.errors import DynamoDBCacheError, TableUnfit
from dynamodb_cache.refusals import code_of, explained

logger = logging.getLogger(__name__)

WAIT_SECONDS = 60
TTL_ATTRIBUTE = "t"
_READY = {"ACTIVE", "UPDATING"}

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


@dataclass(frozen=True, slots=True)
class Laid:
    """What laying a table came to: whether this call made it, and what a person should know of it."""

    made: bool
    warning: str = ""


def create(table: str, region: str | None, definition: dict[str, Any]) -> bool:
    """Make a table and switch its time to live on; return False when it was there. Raises as `lay` does."""
    with explained(table):
        dynamodb = client(region)
    laid = lay(dynamodb, table, definition)
    if laid.warning:
        logger.warning("table %s: %s", table, laid.warning)
    return laid.made


def lay(
    dynamodb: Any,
    table: str,
    definition: dict[str, Any],
    *,
    deletion_protection: bool = False,
    wait_seconds: float = WAIT_SECONDS,
) -> Laid:
    """Make a table unless it stands, wait for it, switch its time to live on, and its protection where that is asked.

    Raises TableUnfit for one with other keys or another TTL attribute, Unavailable.
    """
    wanted = {"BillingMode": "PAY_PER_REQUEST", **definition}
    if deletion_protection:
        wanted["DeletionProtectionEnabled"] = True
    with explained(table):
        description, made = _stand(dynamodb, table, wanted, wait_seconds)
        differs = difference(description, definition)
        if differs:
            raise TableUnfit(
                f"Table {table} is another one: {differs}. Keys cannot be changed: name another table, or delete this."
            )
        if deletion_protection and not description.get("DeletionProtectionEnabled"):
            dynamodb.update_table(TableName=table, DeletionProtectionEnabled=True)
        return Laid(made, _expire(dynamodb, table))


def describe(dynamodb: Any, table: str) -> dict[str, Any] | None:
    """Return DescribeTable's answer; None for a table that does not exist."""
    try:
        found: dict[str, Any] = dynamodb.describe_table(TableName=table)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        return None
    return found


def _stand(dynamodb: Any, table: str, wanted: dict[str, Any], wait_seconds: float) -> tuple[dict[str, Any], bool]:
    """Return the description of a table once it can be used, and whether this call made it."""
    made = False
    deadline = time.monotonic() + wait_seconds
    while time.monotonic() < deadline:
        found = describe(dynamodb, table)
        if found is None and not made and _make(dynamodb, table, wanted):
            made = True
            continue
        if found is not None and found["TableStatus"] in _READY:
            return found, made
        # Being made or deleted, or made so lately that DescribeTable, which reads eventually, has not heard of it.
        time.sleep(0.2)
    raise DynamoDBCacheError(f"Table {table} is not ready after {wait_seconds:.0f} s; run this again later.")


def _make(dynamodb: Any, table: str, wanted: dict[str, Any]) -> bool:
    try:
        dynamodb.create_table(TableName=table, **wanted)
    except dynamodb.exceptions.ResourceInUseException:
        return False  # somebody else was faster
    return True


def difference(description: Mapping[str, Any], definition: Mapping[str, Any]) -> str:
    """Return in words how a table's keys or local indexes differ from a definition; empty when they do not."""
    found, wanted = _keys(description, description), _keys(definition, definition)
    if found != wanted:
        return f"its key is {found}, not {wanted}"
    there = {index["IndexName"]: index for index in description.get("LocalSecondaryIndexes", [])}
    for index in definition.get("LocalSecondaryIndexes", []):
        name = index["IndexName"]
        if name not in there:
            return f"it has no local index {name}"
        found, wanted = _keys(there[name], description), _keys(index, definition)
        if found != wanted or there[name]["Projection"]["ProjectionType"] != index["Projection"]["ProjectionType"]:
            return f"its index {name} is on {found} with other attributes, not {wanted} with all"
    return ""


def _keys(schema: Mapping[str, Any], holder: Mapping[str, Any]) -> str:
    types = {one["AttributeName"]: one["AttributeType"] for one in holder["AttributeDefinitions"]}
    return ", ".join(
        f"{one['AttributeName']} ({types[one['AttributeName']]}, {one['KeyType']})" for one in schema["KeySchema"]
    )


def _expire(dynamodb: Any, table: str) -> str:
    """Switch time to live on; return what stands against it, where the cache can do without. Raises TableUnfit."""
    try:
        if not expires(dynamodb, table):
            dynamodb.update_time_to_live(
                TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": TTL_ATTRIBUTE}
            )
    except ClientError as error:
        code = code_of(error)
        if code == "UnknownOperationException":
            return "this engine has no time to live: expired entries are never served, but stay until deleted."
        # Somebody else may have switched it on at the same moment.
        if code != "ValidationException" or not expires(dynamodb, table):
            raise
    return ""


def expires(dynamodb: Any, table: str) -> bool:
    """Tell whether time to live is on. Raises TableUnfit where it is on, or being switched off, for something else."""
    state = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    status, attribute = state.get("TimeToLiveStatus", "DISABLED"), state.get("AttributeName", TTL_ATTRIBUTE)
    if status == "DISABLING":
        raise TableUnfit(
            f"Table {table}: time to live on {attribute!r} is being switched off, which takes up to an hour; "
            "run `manage.py dynamodb_cache create` again then."
        )
    if status == "DISABLED":
        return False
    if attribute != TTL_ATTRIBUTE:
        raise TableUnfit(
            f"Table {table} expires items by {attribute!r}, not by {TTL_ATTRIBUTE!r}. If nothing else needs that, run "
            f"`aws dynamodb update-time-to-live --table-name {table} "
            f"--time-to-live-specification Enabled=false,AttributeName={attribute}`, wait an hour, and run "
            "`manage.py dynamodb_cache create` again; else name another table."
        )
    return True
