"""What stands beside the rows and is never seen by a snapshot: one large document a row, and logs.

Their owner is checked against the head as this process last read it.
"""

import secrets
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from dynamodb_cache.collections import transactions
from dynamodb_cache.collections.rows import ROW, document_of, packed
from dynamodb_cache.collections.store import Store


def attach(store: Store, key: str, document: Mapping[str, Any], observed_at: str) -> bool:
    """Keep one document beside a row; False when a newer one stands or the row is gone since."""
    store.check_owner()
    order = {":o": {"S": observed_at}}
    row = {
        "TableName": store.table,
        "Key": store.at(ROW + key),
        "ConditionExpression": "attribute_not_exists(x) OR o < :o",
        "ExpressionAttributeValues": order,
    }
    kept = {
        "TableName": store.table,
        "Item": {**store.at(f"doc#{key}"), "o": order[":o"], "d": {"B": packed(key, document)}},
        "ConditionExpression": "attribute_not_exists(o) OR o <= :o",
        "ExpressionAttributeValues": order,
    }
    budget = transactions.Budget(store.write_seconds)
    return not transactions.commit(store, [{"ConditionCheck": row}, {"Put": kept}], budget)


def attached(store: Store, key: str) -> dict[str, Any] | None:
    """Return the document beside a row; None when there is none."""
    store.check_owner()
    item = store.item(f"doc#{key}")
    return document_of(item) if item else None


def detach(store: Store, key: str, observed_at: str) -> None:
    """Drop the document beside a row, unless it is newer than this."""
    _kept(
        store,
        "delete_item",
        Key=store.at(f"doc#{key}"),
        ConditionExpression="attribute_not_exists(o) OR o <= :o",
        ExpressionAttributeValues={":o": {"S": observed_at}},
    )


def append(store: Store, log: str, entry: str, document: Mapping[str, Any], expires_at: float | None) -> bool:
    """Add an entry to a log; False when it was there."""
    store.check_owner()
    token = secrets.token_urlsafe(9)
    name = f"{log}#{entry}"
    item = {**store.at(f"log#{name}"), "d": {"B": packed(name, document)}, "w": {"S": token}}
    if expires_at is not None:
        item["t"] = {"N": str(int(expires_at) + 1)}
    standing = _kept(store, "put_item", Item=item, ConditionExpression="attribute_not_exists(p)")
    return standing is None or standing.get("w") == {"S": token}


def entries(store: Store, log: str, limit: int) -> list[tuple[str, dict[str, Any]]]:
    """Return a log's newest entries, newest first."""
    store.check_owner()
    prefix = f"log#{log}#"
    page = store.call(
        "query",
        TableName=store.table,
        KeyConditionExpression="p = :p AND begins_with(s, :s)",
        ExpressionAttributeValues={":p": {"S": store.key}, ":s": {"S": prefix}},
        ScanIndexForward=False,
        Limit=limit,
    )
    return [(item["s"]["S"].removeprefix(prefix), document_of(item)) for item in page["Items"]]


def _kept(store: Store, operation: str, **arguments: Any) -> Mapping[str, Any] | None:
    """Make a conditional call; return the item that stood in its way, None when none did."""
    try:
        store.call(operation, TableName=store.table, ReturnValuesOnConditionCheckFailure="ALL_OLD", **arguments)
    except ClientError as error:  # the condition: everything else has become an error of ours
        response: Mapping[str, Any] = error.response
        found: Mapping[str, Any] = response.get("Item", {})
        return found
    return None
