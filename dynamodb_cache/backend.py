"""`DynamoDBCache`: Django's cache API on one DynamoDB table, one request a call.

Needs the table named by LOCATION (`manage.py dynamodb_cache create`): hash key `k` (string), TTL attribute `t`.
Source: docs.djangoproject.com/en/5.2/topics/cache/; limits of DynamoDB: 400 KB an item, 100 reads and 25 writes a batch.

An item: `k` key, `v` value (or `n`, an integer), `c` codec, `e` exact expiry in seconds, `t` the same rounded up for
DynamoDB's own deletion (which may come days late, so `e` is compared on every path), `w` the write's random token.
"""

import hashlib
import logging
import math
import random
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from botocore.exceptions import ClientError
from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.exceptions import ImproperlyConfigured

from dynamodb_cache.client import client, errors
from dynamodb_cache.errors import DynamoDBCacheError, Unavailable
from dynamodb_cache.serializers import SERIALIZERS, Serializer, Undecodable, pack, unpack

logger = logging.getLogger(__name__)

T = TypeVar("T")
READ_BATCH = 100
WRITE_BATCH = 25
KEY_BYTES = 1024
VALUE_BYTES = 390 * 1024
BULK_SECONDS = 10.0
OPTIONS = {"REGION", "FAIL_OPEN", "SERIALIZER", "CONSISTENT_READ"}
_MISSING = object()


class DynamoDBCache(BaseCache):
    """One alias. Cheap to make and offline: the client lives at module level."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        options: Mapping[str, Any] = params.get("OPTIONS") or {}
        unknown = set(options) - OPTIONS - {"MAX_ENTRIES", "CULL_FREQUENCY"}
        if unknown:
            raise ImproperlyConfigured(
                f"CACHES: unknown option {', '.join(sorted(unknown))}; known: {', '.join(sorted(OPTIONS))}."
            )
        self.table = location
        self._region: str | None = options.get("REGION")
        self._fail_open: bool = options.get("FAIL_OPEN", False)
        self._consistent: bool = options.get("CONSISTENT_READ", True)
        self._serializer: Serializer = SERIALIZERS[options.get("SERIALIZER", "pickle")]()

    # -- keys, values, expiry ---------------------------------------------------------------------------------------

    def _key(self, key: str, version: int | None) -> str:
        made: str = self.make_and_validate_key(key, version=version)
        return made if len(made.encode()) <= KEY_BYTES else "sha256:" + hashlib.sha256(made.encode()).hexdigest()

    def _item(self, stored_key: str, value: Any, timeout: Any) -> dict[str, Any]:
        item: dict[str, Any] = {"k": {"S": stored_key}, "w": {"S": uuid.uuid4().hex}}
        if type(value) is int and len(str(value)) <= 38:
            item["n"] = {"N": str(value)}
        else:
            item["v"] = {"B": pack(self._serializer.dumps(value, stored_key))}
            item["c"] = {"S": self._serializer.tag}
        item.update(self._expiry(timeout))
        return item

    def _expiry(self, timeout: Any) -> dict[str, Any]:
        expires_at = self.get_backend_timeout(timeout)
        if expires_at is None:
            return {}
        return {"e": {"N": repr(expires_at)}, "t": {"N": str(math.ceil(max(expires_at, 1)))}}

    def _value(self, item: Mapping[str, Any] | None) -> Any:
        if item is None or ("e" in item and float(item["e"]["N"]) <= time.time()):
            return _MISSING
        if "n" in item:
            return int(item["n"]["N"])
        tag = item["c"]["S"]
        codec = self._serializer if tag == self._serializer.tag else _by_tag(tag)
        try:
            return codec.loads(unpack(bytes(item["v"]["B"])), item["k"]["S"])
        except Undecodable as problem:
            logger.warning("cache entry cannot be read, taken as missing: table=%s reason=%s", self.table, problem)
            return _MISSING

    # -- calls ------------------------------------------------------------------------------------------------------

    def _call(self, operation: str, **arguments: Any) -> Any:
        with errors(self.table):
            return getattr(client(self._region), operation)(**arguments)

    def _guarded(self, call: Callable[[], T], otherwise: T) -> T:
        """Answer `otherwise` in an outage, where the alias may fail open."""
        if not self._fail_open:
            return call()
        try:
            return call()
        except Unavailable as error:
            logger.warning("cache does not answer, going on without: %s", error)
            return otherwise

    def _conditional(self, operation: str, **arguments: Any) -> Any:
        """Return the answer, or None when the condition failed."""
        try:
            return self._call(operation, TableName=self.table, **arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return None

    # -- Django's API -----------------------------------------------------------------------------------------------

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        stored_key = self._key(key, version)
        found = self._guarded(lambda: self._value(self._read(stored_key)), _MISSING)
        return default if found is _MISSING else found

    def _read(self, stored_key: str) -> Mapping[str, Any] | None:
        answer = self._call(
            "get_item", TableName=self.table, Key={"k": {"S": stored_key}}, ConsistentRead=self._consistent
        )
        found: Mapping[str, Any] | None = answer.get("Item")
        return found

    def has_key(self, key: str, version: int | None = None) -> bool:
        stored_key = self._key(key, version)
        return self._guarded(lambda: self._value(self._read(stored_key)) is not _MISSING, otherwise=False)

    def set(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        item = self._item(self._key(key, version), value, timeout)
        if not self._fits(item):
            self.delete(key, version=version)
            return
        self._guarded(lambda: self._call("put_item", TableName=self.table, Item=item), None)

    def _fits(self, item: Mapping[str, Any]) -> bool:
        size = len(item["v"]["B"]) if "v" in item else 0
        if size > VALUE_BYTES:
            logger.warning("cache value too large, dropped: key=%s bytes=%d", item["k"]["S"], size)
        return size <= VALUE_BYTES

    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Store unless there is something: one conditional put, one winner. Raises Unavailable also when failing open."""
        item = self._item(self._key(key, version), value, timeout)
        try:
            self._call(
                "put_item",
                TableName=self.table,
                Item=item,
                ConditionExpression="attribute_not_exists(k) OR e <= :now",
                ExpressionAttributeValues={":now": {"N": repr(time.time())}},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            # A repeat of the SDK after a lost answer meets its own first write.
            there: Any = error.response.get("Item", {})
            return bool(there.get("w") == item["w"])
        return True

    def touch(self, key: str, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        expiry = self._expiry(timeout)
        values = {":now": {"N": repr(time.time())}, **{f":{name}": value for name, value in expiry.items()}}
        change = "SET e = :e, t = :t" if expiry else "REMOVE e, t"
        return self._guarded(
            lambda: (
                self._conditional(
                    "update_item",
                    Key={"k": {"S": self._key(key, version)}},
                    UpdateExpression=change,
                    ConditionExpression="attribute_exists(k) AND (attribute_not_exists(e) OR e > :now)",
                    ExpressionAttributeValues=values,
                )
                is not None
            ),
            otherwise=False,
        )

    def delete(self, key: str, version: int | None = None) -> bool:
        nothing: dict[str, Any] = {}
        answer = self._guarded(
            lambda: self._call(
                "delete_item", TableName=self.table, Key={"k": {"S": self._key(key, version)}}, ReturnValues="ALL_OLD"
            ),
            nothing,
        )
        old: dict[str, Any] = answer.get("Attributes", {})
        return bool(old) and ("e" not in old or float(old["e"]["N"]) > time.time())

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """Add to an integer in one conditional update that keeps its timeout. Raises ValueError when there is none."""
        stored_key = self._key(key, version)
        answer = self._conditional(
            "update_item",
            Key={"k": {"S": stored_key}},
            UpdateExpression="SET n = n + :delta",
            ConditionExpression="attribute_exists(n) AND (attribute_not_exists(e) OR e > :now)",
            ExpressionAttributeValues={":delta": {"N": str(delta + 0)}, ":now": {"N": repr(time.time())}},
            ReturnValues="UPDATED_NEW",
        )
        if answer is not None:
            return int(answer["Attributes"]["n"]["N"])
        value = self._value(self._read(stored_key))
        if value is _MISSING:
            raise ValueError(f"Key {key!r} not found")
        increased: int = self._increase_other(stored_key, value, delta)
        return increased

    def _increase_other(self, stored_key: str, value: Any, delta: int) -> Any:
        """Add to a value that is no integer, by compare-and-set on its token."""
        new = value + delta
        old = self._read(stored_key) or {}
        item = {**self._item(stored_key, new, None), **{name: old[name] for name in ("e", "t") if name in old}}
        won = self._conditional(
            "put_item",
            Item=item,
            ConditionExpression="w = :w",
            ExpressionAttributeValues={":w": old.get("w", {"S": ""})},
        )
        if won is None:
            raise DynamoDBCacheError(f"{stored_key} was changed by somebody else meanwhile; try again.")
        return new

    def get_many(self, keys: Iterable[str], version: int | None = None) -> dict[str, Any]:
        named = {self._key(key, version): key for key in keys}
        nothing: list[Mapping[str, Any]] = []
        items = self._guarded(lambda: self._read_many(list(named)), nothing)
        found = {named[item["k"]["S"]]: self._value(item) for item in items}
        return {key: value for key, value in found.items() if value is not _MISSING}

    def _read_many(self, stored: list[str]) -> list[Mapping[str, Any]]:
        items: list[Mapping[str, Any]] = []
        for start in range(0, len(stored), READ_BATCH):
            wanted = {
                self.table: {
                    "Keys": [{"k": {"S": key}} for key in stored[start : start + READ_BATCH]],
                    "ConsistentRead": self._consistent,
                }
            }
            for answer in self._until_done("batch_get_item", wanted, "UnprocessedKeys"):
                items += answer["Responses"].get(self.table, [])
        return items

    def _until_done(self, operation: str, wanted: Mapping[str, Any], left: str) -> Iterable[Any]:
        """Yield a batch's answers, asking again for what was not processed. Raises Unavailable after ten seconds."""
        deadline = time.monotonic() + BULK_SECONDS
        pause = 0.05
        while wanted:
            answer = self._call(operation, RequestItems=wanted)
            yield answer
            wanted = answer.get(left) or {}
            if wanted:
                if time.monotonic() > deadline:
                    raise Unavailable(
                        f"{self.table}: DynamoDB left parts of a batch unprocessed for {BULK_SECONDS:.0f} s."
                    )
                time.sleep(random.uniform(0, pause))
                pause = min(pause * 2, 1.0)

    def set_many(
        self, data: Mapping[str, Any], timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> list[str]:
        named = {self._key(key, version): key for key in data}
        items = [self._item(stored, data[key], timeout) for stored, key in named.items()]
        failed = [item for item in items if not self._fits(item)]
        self._guarded(
            lambda: self._write_many([{"PutRequest": {"Item": item}} for item in items if item not in failed]), None
        )
        return [named[item["k"]["S"]] for item in failed]

    def delete_many(self, keys: Iterable[str], version: int | None = None) -> None:
        stored = {self._key(key, version) for key in keys}
        self._guarded(
            lambda: self._write_many([{"DeleteRequest": {"Key": {"k": {"S": key}}}} for key in sorted(stored)]), None
        )

    def _write_many(self, requests: list[dict[str, Any]]) -> None:
        for start in range(0, len(requests), WRITE_BATCH):
            wanted = {self.table: requests[start : start + WRITE_BATCH]}
            for _answer in self._until_done("batch_write_item", wanted, "UnprocessedItems"):
                pass

    def clear(self) -> None:
        """Empty the whole table, page by page."""
        start: dict[str, Any] = {}
        while True:
            page = self._call("scan", TableName=self.table, ProjectionExpression="k", **start)
            self._write_many([{"DeleteRequest": {"Key": {"k": item["k"]}}} for item in page["Items"]])
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def _by_tag(tag: str) -> Serializer:
    for made in SERIALIZERS.values():
        if made.tag == tag:
            return made()
    raise Undecodable(f"codec {tag!r} is unknown")
