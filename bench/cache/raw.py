"""The yardstick: a tuned boto3 client, given the very arguments that our cache was seen to send."""

import base64
import itertools
import pickle
import re
import zlib
from collections.abc import Callable, Collection, Mapping
from typing import Any

import boto3
from botocore.config import Config

from bench.cache.values import ENTRIES_TOUCHED

# As the cache sets its own client: what is compared is the adapter, not botocore's defaults.
TUNED = Config(
    user_agent="bench/1",
    parameter_validation=False,
    connect_timeout=1,
    read_timeout=3,
    retries={"mode": "standard", "total_max_attempts": 2},
    max_pool_connections=32,
)
RAW, PLAIN, DECODED = "raw call", "raw call, plain", "raw call, decoded"
PLAIN_ARGUMENTS = {"TableName", "Key", "Item", "RequestItems", "ConsistentRead"}
TOKEN = re.compile(r"[0-9a-f]{32}|[0-9a-f]{16}")  # of a write, and in a slot of `incr`
NUMBERED = re.compile(r"(?<=touched-)\d+")
_fresh = itertools.count()


def client() -> Any:
    """Return a tuned boto3 client with nothing above it."""
    return boto3.session.Session().client("dynamodb", config=TUNED)


def calls(sent: Mapping[str, Any], values: Collection[Any] = ()) -> dict[str, Callable[[], object]]:
    """Return the call that was sent; without what is only asked beside it, if it differs; with `values` unpacked."""
    method = getattr(client(), re.sub(r"(?<!^)(?=[A-Z])", "_", sent["operation"]).lower())
    arguments = _with_bytes(sent["arguments"])

    def call(given: Mapping[str, Any]) -> Any:
        return method(**_again(given))

    found: dict[str, Callable[[], object]] = {RAW: lambda: call(arguments)}
    plain = {name: value for name, value in arguments.items() if name in PLAIN_ARGUMENTS}
    if plain != arguments and sent["operation"] != "UpdateItem":
        found[PLAIN] = lambda: call(plain)
    if values:
        # Without any check, as a program would that trusts its table.
        packed = [zlib.compress(pickle.dumps(value, protocol=5), 1) for value in values]
        found[DECODED] = lambda: (call(arguments), [pickle.loads(zlib.decompress(one)) for one in packed])
    return found


def _again(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return arguments of a conditional write under which it succeeds once more."""
    if "ConditionExpression" not in given:
        return given
    number = next(_fresh)
    if "Item" in given:
        return {**given, "Item": {**given["Item"], "k": {"S": f"raw-{number}"}}}  # `add` adds what is new
    key = NUMBERED.sub(lambda _: str(number % ENTRIES_TOUCHED), given["Key"]["k"]["S"])
    values = {
        name: {"S": f"{number:0{len(value['S'])}x}"} if TOKEN.fullmatch(value.get("S", "")) else value
        for name, value in given.get("ExpressionAttributeValues", {}).items()
    }
    return {**given, "Key": {"k": {"S": key}}, "ExpressionAttributeValues": values}


def _with_bytes(value: Any) -> Any:
    """Return a document of the wire as boto3 takes it."""
    if isinstance(value, list):
        return [_with_bytes(one) for one in value]
    if isinstance(value, dict):
        if set(value) == {"B"} and isinstance(value["B"], str):
            return {"B": base64.b64decode(value["B"])}
        return {name: _with_bytes(one) for name, one in value.items()}
    return value
