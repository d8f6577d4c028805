"""The gate in front of moto, with a moto of the test's own: which calls may run at once, and which may not."""

import io
import json
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from localaws.dataplane import DataPlane
from localaws.faults import Faults

SCOPE = (
    "AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu-west-1/dynamodb/aws4_request, "
    f"SignedHeaders=host, Signature={'0' * 64}"
)


class SlowMoto:
    """Takes a moment for each call, and counts how many run at once."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.now = 0
        self.most = 0

    def __call__(self, _environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.05)
        with self.lock:
            self.now -= 1
        start_response("200 OK", [])
        return [b"{}"]


def call(plane: DataPlane, operation: str, document: dict[str, Any]) -> None:
    body = json.dumps(document).encode()
    environ = {
        "REQUEST_METHOD": "POST",
        "HTTP_AUTHORIZATION": SCOPE,
        "HTTP_X_AMZ_TARGET": f"DynamoDB_20120810.{operation}",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    assert b"".join(plane(environ, lambda *_: None)) == b"{}"


def most_at_once(calls: list[tuple[str, dict[str, Any]]]) -> int:
    moto = SlowMoto()
    plane = DataPlane(moto, Faults())
    with ThreadPoolExecutor(len(calls)) as pool:
        for done in [pool.submit(call, plane, *one) for one in calls]:
            done.result(10)
    return moto.most


def transaction(*tables: str) -> tuple[str, dict[str, Any]]:
    return "TransactWriteItems", {"TransactItems": [{"Put": {"TableName": table}} for table in tables]}


def batch(*tables: str) -> tuple[str, dict[str, Any]]:
    return "BatchWriteItem", {"RequestItems": {table: [] for table in tables}}


@pytest.mark.parametrize(
    "calls",
    [
        [("PutItem", {"TableName": "a"})] * 4,
        [(name, {"TableName": "a"}) for name in ("PutItem", "UpdateItem", "DeleteItem")],
        [transaction("a", "b"), transaction("b", "c"), transaction("b")],
        [batch("a", "b"), transaction("b", "a"), ("UpdateItem", {"TableName": "b"})],
        [("Query", {"TableName": "a"}), ("GetItem", {"TableName": "a"}), transaction("a", "b")],
    ],
)
def test_calls_on_items_of_one_table_run_one_after_the_other(calls: list[tuple[str, dict[str, Any]]]) -> None:
    assert most_at_once(calls) == 1


@pytest.mark.parametrize(
    "calls",
    [
        [("PutItem", {"TableName": name}) for name in "abcd"],
        [("DescribeTable", {"TableName": "a"}), ("PutItem", {"TableName": "a"})],
    ],
)
def test_other_tables_do_not_wait(calls: list[tuple[str, dict[str, Any]]]) -> None:
    assert most_at_once(calls) == len(calls)


def test_only_what_may_change_something_is_noted() -> None:
    plane = DataPlane(SlowMoto(), Faults())
    for operation in ("GetItem", "ListTables", "DescribeTable", "BatchGetItem", "Query", "Scan"):
        call(plane, operation, {"TableName": "a"})
        assert not plane.changed.is_set(), operation
    call(plane, "PutItem", {"TableName": "a"})
    assert plane.changed.is_set()
