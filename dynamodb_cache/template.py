"""CloudFormation: the tables on demand, encrypted, with time to live, and two least-privilege policies. Pure.

Source: AWS::DynamoDB::Table and AWS::IAM::ManagedPolicy of the template reference; "Actions, resources, and condition
keys for Amazon DynamoDB". A transaction has no action of its own: its parts are asked for one by one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dynamodb_cache.errors import DynamoDBCacheError
from dynamodb_cache.tables import CACHE_TABLE, COLLECTION_TABLE, TTL_ATTRIBUTE

CACHE_RUNTIME = ("BatchGetItem", "BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "UpdateItem")
COLLECTION_RUNTIME = ("ConditionCheckItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem")
# clear() and gc read the whole table; verify and stats describe it.
MAINTENANCE = ("BatchGetItem", "BatchWriteItem", "DeleteItem", "Scan")
DESCRIBING = ("DescribeContinuousBackups", "DescribeTable", "DescribeTimeToLive")
_NAME = re.compile(r"[A-Za-z0-9_.-]{3,255}")
KEY_USE = ("Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey*", "ReEncrypt*")


@dataclass(frozen=True, slots=True)
class Choices:
    """What the owner of the stack decides. Without a key AWS's own `aws/dynamodb` encrypts."""

    deletion_protection: bool = True
    kms_key_arn: str | None = None


def render(caches: list[str], collections: list[str], choices: Choices | None = None) -> dict[str, Any]:
    """Return the template of these tables and of the policies for who uses them. Raises DynamoDBCacheError."""
    choices = choices or Choices()
    for table in (*caches, *collections):
        if not _NAME.fullmatch(table):
            raise DynamoDBCacheError(f"{table} is no table name: a template makes tables of its own account, by name.")
    named = {table: _logical_id(table) for table in (*caches, *collections)}
    if len(set(named.values())) < len(caches) + len(collections):
        raise DynamoDBCacheError(
            f"Two of the tables {', '.join((*caches, *collections))} have one name in a template; render one by itself."
        )
    cache_ids, collection_ids = [named[table] for table in caches], [named[table] for table in collections]
    resources = {named[table]: _table(table, CACHE_TABLE, choices) for table in caches}
    resources |= {named[table]: _table(table, COLLECTION_TABLE, choices) for table in collections}
    resources["RuntimePolicy"] = _policy(
        "What a process that uses the cache may do.", _runtime(cache_ids, collection_ids), choices
    )
    resources["MaintenancePolicy"] = _policy(
        "What clear() and `manage.py dynamodb_cache verify, stats, gc` need beside it.",
        _maintenance(cache_ids, collection_ids),
        choices,
    )
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "DynamoDB tables of a Django cache, and the policies of its users.",
        "Resources": resources,
        "Outputs": {
            f"{name}Arn": {"Description": f"Attach it to the role of {who}.", "Value": {"Ref": name}}
            for name, who in (
                ("RuntimePolicy", "each process that uses the cache"),
                ("MaintenancePolicy", "whoever runs clear(), verify, stats or gc"),
            )
        },
    }


def _logical_id(table: str) -> str:
    """Made from the table's name alone: another table must not rename, and so replace, this one."""
    return "".join(part[0].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", table) if part) + "Table"


def _table(name: str, definition: Mapping[str, Any], choices: Choices) -> dict[str, Any]:
    encryption: dict[str, Any] = {"SSEEnabled": True, "SSEType": "KMS"}
    if choices.kms_key_arn:
        encryption["KMSMasterKeyId"] = choices.kms_key_arn
    fate = "Retain" if choices.deletion_protection else "Delete"
    return {
        "Type": "AWS::DynamoDB::Table",
        "DeletionPolicy": fate,
        "UpdateReplacePolicy": fate,
        "Properties": {
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            **definition,
            "TimeToLiveSpecification": {"AttributeName": TTL_ATTRIBUTE, "Enabled": True},
            "SSESpecification": encryption,
            "DeletionProtectionEnabled": choices.deletion_protection,
            # What is in it can be made anew.
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": False},
        },
    }


def _policy(description: str, statements: list[dict[str, Any]], choices: Choices) -> dict[str, Any]:
    if choices.kms_key_arn:
        statements = [*statements, _key_use(choices.kms_key_arn)]
    return {
        "Type": "AWS::IAM::ManagedPolicy",
        "Properties": {
            "Description": description,
            "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
        },
    }


def _runtime(caches: list[str], collections: list[str]) -> list[dict[str, Any]]:
    found = []
    if caches:
        found.append(_allow("Cache", CACHE_RUNTIME, [_arn(one) for one in caches]))
    if collections:
        found.append(_allow("Collections", COLLECTION_RUNTIME, [_arn(one) for one in collections]))
        found.append(_allow("CollectionChanges", ("Query",), [_index_arn(one) for one in collections]))
    return found


def _maintenance(caches: list[str], collections: list[str]) -> list[dict[str, Any]]:
    found = [_allow("Describe", DESCRIBING, [_arn(one) for one in (*caches, *collections)])]
    if caches:
        found.append(_allow("ClearAndCollect", MAINTENANCE, [_arn(one) for one in caches]))
    return found


def _allow(sid: str, actions: tuple[str, ...], resources: list[Any]) -> dict[str, Any]:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Action": [f"dynamodb:{action}" for action in sorted(actions)],
        "Resource": resources,
    }


def _arn(logical_id: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [logical_id, "Arn"]}


def _index_arn(logical_id: str) -> dict[str, Any]:
    name = COLLECTION_TABLE["LocalSecondaryIndexes"][0]["IndexName"]
    return {"Fn::Sub": f"${{{logical_id}.Arn}}/index/{name}"}


def _key_use(arn: str) -> dict[str, Any]:
    return {
        "Sid": "KeyThroughDynamoDB",
        "Effect": "Allow",
        "Action": [f"kms:{action}" for action in KEY_USE],
        "Resource": [arn],
        "Condition": {"StringEquals": {"kms:ViaService": {"Fn::Sub": "dynamodb.${AWS::Region}.${AWS::URLSuffix}"}}},
    }
