"""What DynamoDB answers, checked and read before botocore does: it takes whatever it cannot parse for an empty answer.

A captive portal's page, half a document or a damaged one would be a silent miss, and for a write a silent success. And
botocore's parser walks every value by its model, which is half the price of a batch: answers that hold items are read
here. Retries, signatures, errors and metadata stay botocore's.
Source: botocore's events `before-parse` (each attempt) and `after-call` (the last one); "DynamoDB low-level API" of the
developer guide (its checksum; binary values in Base64).
"""

import json
import zlib
from binascii import a2b_base64
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.client import BaseClient
from botocore.exceptions import BotoCoreError

READ_HERE = frozenset({"GetItem", "BatchGetItem", "Query", "Scan"})
CHECKSUM = "x-amz-crc32"
_NOTHING = b"{}"
# What reading another document comes to, whatever its shape.
_UNREADABLE = (AttributeError, LookupError, RecursionError, TypeError, ValueError)


class BadAnswer(BotoCoreError):  # so that whoever expects botocore's errors meets no other
    """What came back is not what DynamoDB sent."""

    fmt = "The answer is damaged, or is not DynamoDB's."


def watch(client: Any) -> Any:
    """Have a client's answers checked; one that is not botocore's (a factory's, for DAX) checks its own."""
    if isinstance(client, BaseClient):
        events = client.meta.events
        events.register("before-parse.dynamodb", _read, unique_id="dynamodb-cache-read")
        events.register("after-call.dynamodb", _refuse_damage, unique_id="dynamodb-cache-refuse-damage")
    return client


def _read(
    response_dict: dict[str, Any], customized_response_dict: dict[str, Any], operation_model: Any, **_: Any
) -> None:
    body: bytes = response_dict["body"]
    if response_dict["status_code"] >= 300:
        if not _is_error(body):
            response_dict["body"] = _NOTHING  # a proxy's page: its status says enough
    elif body != _NOTHING:
        try:
            answer = _document(body)
            if operation_model.name in READ_HERE:
                _decode(answer)
                customized_response_dict.update(answer)
                response_dict["body"] = _NOTHING
        except _UNREADABLE as error:
            if not _is_damaged(response_dict["headers"].get(CHECKSUM), body):
                raise BadAnswer from error
            response_dict["body"] = _NOTHING  # botocore compares the checksum too, and asks again


def _refuse_damage(http_response: Any, **_: Any) -> None:
    # After the last attempt botocore would return a damaged answer as a good one. A stub's has neither sum nor content.
    told = http_response.headers.get(CHECKSUM)
    if told is not None and _is_damaged(told, http_response.content):
        raise BadAnswer


def _is_damaged(told: str | None, body: bytes) -> bool:
    return told is not None and told != str(zlib.crc32(body))


def _document(body: bytes) -> dict[str, Any]:
    document = json.loads(body.decode())
    if type(document) is not dict:
        raise TypeError("no object")
    return document


def _is_error(body: bytes) -> bool:
    try:
        return isinstance(_document(body).get("__type", ""), str)
    except _UNREADABLE:
        return False


# -- binary values ----------------------------------------------------------------------------------------------------


def _decode(answer: Mapping[str, Any]) -> None:
    """Turn the Base64 of an answer's items and keys into bytes, in place."""
    if "Item" in answer:
        _decode_items((answer["Item"],))
    for items in answer.get("Responses", {}).values():
        _decode_items(items)
    _decode_items(answer.get("Items", ()))
    for unprocessed in answer.get("UnprocessedKeys", {}).values():
        _decode_items(unprocessed["Keys"])
    if "LastEvaluatedKey" in answer:
        _decode_items((answer["LastEvaluatedKey"],))


def _decode_items(items: Iterable[Mapping[str, Any]]) -> None:
    for item in items:
        for value in item.values():
            if "S" not in value and "N" not in value:  # most are
                _decode_value(value)


def _decode_value(value: dict[str, Any]) -> None:
    for kind, held in value.items():
        if kind == "B":
            value["B"] = a2b_base64(held)
        elif kind == "BS":
            value["BS"] = [a2b_base64(one) for one in held]
        elif kind == "L":
            for one in held:
                _decode_value(one)
        elif kind == "M":
            for one in held.values():
                _decode_value(one)
