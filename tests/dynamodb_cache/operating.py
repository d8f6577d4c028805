"""Helpers of the tests of operating: settings of aliases, items as the format has them, keys of little might."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from dynamodb_cache import client as cache_client
from dynamodb_cache import tables
from dynamodb_cache.client import client
from dynamodb_cache.scanning import Pace, Reach

OLD_SECONDS = 7200


def alias(table: str = "ops-cache", *, prefix: str = "", **options: Any) -> dict[str, Any]:
    """An entry of CACHES."""
    return {
        "BACKEND": "dynamodb_cache.DynamoDBCache",
        "LOCATION": table,
        "KEY_PREFIX": prefix,
        "OPTIONS": {"SERIALIZER": "json", **options},
    }


@contextmanager
def stubbed() -> Iterator[tuple[Any, Stubber]]:
    """A client whose answers are written in the test, for what no engine here produces; all must be asked for."""
    made = boto3.client(
        "dynamodb", region_name="eu-west-1", aws_access_key_id="AKIATESTS", aws_secret_access_key="tests"
    )
    with Stubber(made) as stubber:
        yield made, stubber
        stubber.assert_no_pending_responses()


def description(status: str = "ACTIVE", **more: Any) -> dict[str, Any]:
    """DescribeTable's answer for a cache table."""
    return {"Table": {"TableName": "ops-cache", "TableStatus": status, **tables.CACHE_TABLE, **more}}


def time_to_live(status: str, attribute: str = "t") -> dict[str, Any]:
    """DescribeTimeToLive's answer."""
    return {"TimeToLiveDescription": {"TimeToLiveStatus": status, "AttributeName": attribute}}


def reach(table: str = "ops-cache", *, segments: int = 3, units_per_second: float = 1e6) -> Reach:
    """A table without a brake."""
    return Reach(client(), table, Pace(units_per_second), segments)


def put(table: str, **attributes: Any) -> None:
    """Write an item: text, bytes and numbers become what the format has for them."""
    client().put_item(TableName=table, Item={name: _typed(value) for name, value in attributes.items()})


def _typed(value: Any) -> dict[str, Any]:
    if isinstance(value, bytes):
        return {"B": value}
    if isinstance(value, dict):
        return {"M": {name: _typed(one) for name, one in value.items()}}
    return {"S": value} if isinstance(value, str) else {"N": repr(value)}


def put_large(table: str, key: str, token: str, *, parts: int = 2, made_at: float | None = None) -> None:
    """Write an entry of several parts that never expires, as the backend does."""
    for number in range(parts):
        put_part(table, key, token, number, made_at=made_at)
    put(table, k=key, w=token, c="j", m=parts)


def put_part(table: str, key: str, token: str, number: int, *, made_at: float | None = None) -> None:
    """Write one part, by default an old one."""
    at = time.time() - OLD_SECONDS if made_at is None else made_at
    put(table, k=f"#part:{token}:{number}", v=b"part", h=key, a=at)


def keys(table: str) -> set[str]:
    """Every stored key."""
    return {item["k"]["S"] for item in client().scan(TableName=table, ConsistentRead=True)["Items"]}


def item(table: str, key: str) -> dict[str, Any]:
    """A stored item."""
    return client().get_item(TableName=table, Key={"k": {"S": key}}, ConsistentRead=True)["Item"]


def make_user(name: str, *policies: dict[str, Any]) -> tuple[str, str]:
    """Make an IAM user with policies; return its access key."""
    iam = boto3.client("iam")
    iam.create_user(UserName=name)
    for number, policy in enumerate(policies):
        iam.put_user_policy(UserName=name, PolicyName=f"p{number}", PolicyDocument=json.dumps(policy))
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return made["AccessKeyId"], made["SecretAccessKey"]


def act_as(patch: pytest.MonkeyPatch, access_key: tuple[str, str]) -> None:
    """Let this process be another caller."""
    patch.setenv("AWS_ACCESS_KEY_ID", access_key[0])
    patch.setenv("AWS_SECRET_ACCESS_KEY", access_key[1])
    _forget()


@contextmanager
def environment() -> Iterator[pytest.MonkeyPatch]:
    """The environment of this process, to be changed; clients made with it are forgotten before and after."""
    _forget()
    with pytest.MonkeyPatch.context() as patch:
        yield patch
    _forget()


def _forget() -> None:
    cache_client.reset()
    boto3.DEFAULT_SESSION = None
