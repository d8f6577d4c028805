"""Answers: read here as botocore reads them, whatever they hold; what is not DynamoDB's is refused. See also test_faults."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from dynamodb_cache import answers
from dynamodb_cache.answers import BadAnswer
from dynamodb_cache.client import config
from dynamodb_cache.errors import Unavailable
from dynamodb_cache.options import Connection
from tests.dynamodb_cache import wire as wires
from tests.dynamodb_cache.conftest import TABLE, MakeCache
from tests.dynamodb_cache.wire import Scripted


def _binary(data: bytes) -> str:
    return base64.b64encode(data).decode()


ITEM: dict[str, Any] = {
    "text": {"S": "Grüße \u2028 \U0001f680"},
    "empty text": {"S": ""},
    "number": {"N": "-1.5E-7"},
    "bytes": {"B": _binary(bytes(range(256)))},
    "no bytes": {"B": ""},
    "switch": {"BOOL": False},
    "nothing": {"NULL": True},
    "texts": {"SS": ["a", "b"]},
    "numbers": {"NS": ["1", "2.5"]},
    "many bytes": {"BS": [_binary(b"\x00"), _binary(b"\xff\xfe"), _binary(b"B")]},
    "empty list": {"L": []},
    "empty map": {"M": {}},
    "nested": {
        "L": [
            {"S": "x"},
            {"B": _binary(b"in a list")},
            {"M": {"B": {"B": _binary(b"in a map named B")}, "S": {"L": [{"BS": [_binary(b"deep")]}]}}},
            {"NULL": True},
        ]
    },
    "map": {"M": {"N": {"N": "1"}, "deeper": {"M": {"bytes": {"B": _binary(b"deepest")}}}}},
}
KEY = {"k": {"B": _binary(b"\x01key")}, "r": {"N": "7"}}
UNITS = {"TableName": TABLE, "CapacityUnits": 1.5, "Table": {"CapacityUnits": 1.0}}
# Operation, and what DynamoDB answers.
ANSWERS: dict[str, tuple[str, dict[str, Any]]] = {
    "an item": ("get_item", {"Item": ITEM, "ConsumedCapacity": UNITS}),
    "no item": ("get_item", {}),
    "an empty item": ("get_item", {"Item": {}}),
    "a batch": (
        "batch_get_item",
        {"Responses": {TABLE: [ITEM, {"k": {"S": "k"}}, {}], "other": [ITEM]}, "UnprocessedKeys": {}},
    ),
    "an empty batch": ("batch_get_item", {"Responses": {TABLE: []}, "UnprocessedKeys": {}}),
    "a partial batch": (
        "batch_get_item",
        {
            "Responses": {TABLE: [ITEM]},
            "UnprocessedKeys": {TABLE: {"Keys": [KEY, KEY], "ConsistentRead": True, "ProjectionExpression": "k"}},
            "ConsumedCapacity": [UNITS],
        },
    ),
    "a page of a query": (
        "query",
        {"Items": [ITEM, {}], "Count": 2, "ScannedCount": 9, "LastEvaluatedKey": KEY, "ConsumedCapacity": UNITS},
    ),
    "an empty query": ("query", {"Items": [], "Count": 0, "ScannedCount": 0}),
    "a counted query": ("query", {"Count": 7, "ScannedCount": 7}),
    "a page of a scan": ("scan", {"Items": [ITEM], "Count": 1, "ScannedCount": 1, "LastEvaluatedKey": KEY}),
    "an update": ("update_item", {"Attributes": ITEM, "ConsumedCapacity": UNITS}),
    "a put": ("put_item", {}),
}


def _plain() -> Any:
    return boto3.client("dynamodb", region_name="eu-west-1", config=config(Connection(max_attempts=1)))


def _call(client: Any, operation: str) -> Any:
    asked = {"RequestItems": {TABLE: {"Keys": []}}} if operation == "batch_get_item" else {"TableName": TABLE}
    return getattr(client, operation)(**asked)


@contextmanager
def _answered(client: Any, scripted: Scripted) -> Iterator[None]:
    def answer(request: Any, **_: Any) -> Any:
        return scripted(request)

    client.meta.events.register("before-send.dynamodb", answer)
    yield
    client.meta.events.unregister("before-send.dynamodb", answer)


@pytest.fixture
def clients(dynamodb: Any) -> tuple[BaseClient, BaseClient]:
    """A client that reads answers here, and one that leaves it to botocore."""
    return answers.watch(_plain()), _plain()


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_what_botocore_makes_of_it(clients: tuple[Any, Any], name: str) -> None:
    operation, document = ANSWERS[name]
    found = []
    for client in clients:
        with _answered(client, wires.answer(200, document)):
            found.append(_call(client, operation))
    assert found[0] == found[1]
    assert found[0].keys() - {"ResponseMetadata"} == document.keys()


def test_botocores_parser_has_nothing_left_to_do(clients: tuple[Any, Any]) -> None:
    """It would drop what its model does not know."""
    for client, known in zip(clients, (True, False), strict=True):
        with _answered(client, wires.answer(200, {"Item": ITEM, "New": 1})):
            assert ("New" in client.get_item(TableName=TABLE)) is known


@pytest.mark.parametrize("status", [400, 413, 500])
def test_an_error_is_botocores(clients: tuple[Any, Any], status: int) -> None:
    told = {
        "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
        "message": "The conditional request failed",
        "Item": ITEM,
    }
    found = []
    for client in clients:
        with _answered(client, wires.answer(status, told)), pytest.raises(ClientError) as error:
            client.put_item(TableName=TABLE)
        found.append(error.value.response)
    assert found[0] == found[1]
    assert found[0]["Item"]["bytes"]["B"] == bytes(range(256))


STRANGE: dict[str, bytes] = {
    "nothing": b"",
    "garbage": b"\x00\xffgarbage",
    "half of a document": b'{"Item": {"k": {"S": ',
    "half of one, closed": b'{"Item": {"k": {}',
    "a list": b"[1, 2, 3]",
    "too deep a list": b"[" * 100_000,
    "null": b"null",
    "a page": b"<html>sign in</html>",
}


@pytest.mark.parametrize("operation", ["get_item", "batch_get_item", "put_item", "update_item", "describe_table"])
@pytest.mark.parametrize("strange", STRANGE)
def test_another_document_is_refused(clients: tuple[Any, Any], operation: str, strange: str) -> None:
    client = clients[0]
    with _answered(client, wires.raw_answer(200, STRANGE[strange])), pytest.raises(BadAnswer):
        _call(client, operation)


@pytest.mark.parametrize("document", [[], {"t": []}, {"t": {}}, {"t": {"Keys": 1}}, {"t": {"Keys": [{"k": {"B": 1}}]}}])
def test_another_kind_of_leftover_is_refused(clients: tuple[Any, Any], document: Any) -> None:
    client = clients[0]
    with _answered(client, wires.answer(200, {"UnprocessedKeys": document})), pytest.raises(BadAnswer):
        _call(client, "batch_get_item")


@pytest.mark.parametrize("document", [{"Item": 1}, {"Item": {"k": "x"}}, {"Item": {"k": {"B": 5}}}, {"Item": None}])
def test_another_kind_of_item_is_refused(clients: tuple[Any, Any], document: Any) -> None:
    client = clients[0]
    with _answered(client, wires.answer(200, document)), pytest.raises(BadAnswer):
        client.get_item(TableName=TABLE)


@pytest.mark.parametrize("strange", STRANGE)
@pytest.mark.parametrize("status", [302, 403, 502])
def test_a_proxys_error_is_an_outage_and_says_its_status(make_cache: MakeCache, status: int, strange: str) -> None:
    cache = make_cache(MAX_ATTEMPTS=1, BREAKER_SECONDS=0)
    with wires.on(cache) as wire:
        wire.always = wires.raw_answer(status, STRANGE[strange])
        with pytest.raises(Unavailable, match=str(status)):
            cache.get("key")
        with pytest.raises(Unavailable, match=str(status)):
            cache.set("key", 1)


def test_a_damaged_document_that_cannot_be_read_is_asked_for_again(make_cache: MakeCache) -> None:
    cache = make_cache(MAX_ATTEMPTS=2)
    cache.set("key", "value")
    with wires.on(cache) as wire:
        wire.script.append(wires.raw_answer(200, b'{"Item": {"k"\xff', {"x-amz-crc32": "1"}))
        assert cache.get("key") == "value"
        assert len(wire.requests) == 2


def test_a_factorys_client_is_watched_and_once(make_cache: MakeCache) -> None:
    """Two aliases may be given the same client."""
    path = f"{__name__}.shared_client"
    one, two = make_cache(CLIENT_FACTORY=path), make_cache(CLIENT_FACTORY=path, READ_TIMEOUT_SECONDS=2)
    one.set("key", b"value" * 500)
    assert one.get("key") == b"value" * 500
    assert two.get("key") is None
    with wires.on(two) as wire:
        wire.always = wires.raw_answer(200, b"<html>sign in</html>")
        with pytest.raises(Unavailable, match=r"not DynamoDB's"):
            one.get("key")


def test_stubbed_clients_still_work(clients: tuple[Any, Any]) -> None:
    with Stubber(clients[0]) as stubber:
        stubber.add_response("get_item", {"Item": {"k": {"S": "key"}}})
        assert clients[0].get_item(TableName=TABLE, Key={"k": {"S": "key"}})["Item"] == {"k": {"S": "key"}}


def test_what_is_no_client_of_botocores_is_left_alone() -> None:
    other = object()
    assert answers.watch(other) is other


_shared: list[Any] = []


def shared_client(connection: Connection) -> Any:
    """A project's own client, one for all."""
    if not _shared:
        _shared.append(boto3.client("dynamodb", config=config(connection)))
    return _shared[0]
