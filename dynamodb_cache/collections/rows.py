"""Rows, what stands of a key, and documents as bytes. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dynamodb_cache.errors import DocumentTooLarge
from dynamodb_cache.serializers import pack, unpack

DOCUMENT_BYTES = 350 * 1024  # DynamoDB takes items of 400 KB, key and all
KEY_BYTES = 1000  # of the 1,024 that a sort key may have
ROW = "row#"


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `version` grows by one with each accepted write, `observed_at` is the order of the news it holds."""

    key: str
    version: int
    revision: int
    observed_at: str
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands of a key: the order of its newest news, "" when nothing was ever heard, and no row when it is gone."""

    observed_at: str
    row: Row | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one write: whether it was accepted, and when it was not, what stands instead (of no extra cost)."""

    accepted: bool
    standing: Standing | None = None


def packed(key: str, document: Mapping[str, Any]) -> bytes:
    """Return a document's bytes. Raises DocumentTooLarge."""
    if len(key.encode()) > KEY_BYTES:
        raise DocumentTooLarge(f"{key[:100]}...: the key has {len(key.encode())} bytes; at most {KEY_BYTES}.")
    data = pack(json.dumps(document, separators=(",", ":"), sort_keys=True).encode())
    if len(data) > DOCUMENT_BYTES:
        raise DocumentTooLarge(f"{key}: {len(data)} bytes packed; at most {DOCUMENT_BYTES}.")
    return data


def document_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item's document."""
    found: dict[str, Any] = json.loads(unpack(bytes(item["d"]["B"])))
    return found


def key_of(item: Mapping[str, Any]) -> str:
    """Return the key of a row's item."""
    return str(item["s"]["S"]).removeprefix(ROW)


def row_of(item: Mapping[str, Any]) -> Row:
    """Read the item of a row that stands."""
    return _row(item, document_of(item))


def rows_of(items: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Read the items of many rows. In one go: each field's name is then one string in memory, not one a row."""
    text = b"[" + b",".join(unpack(bytes(item["d"]["B"])) for item in items) + b"]"
    return [_row(item, document) for item, document in zip(items, json.loads(text), strict=True)]


def standing_of(item: Mapping[str, Any] | None) -> Standing:
    """Read what stands of a key; no item when nothing was ever heard."""
    if not item:
        return Standing("", None)
    return Standing(item["o"]["S"], None if "x" in item else row_of(item))


def _row(item: Mapping[str, Any], document: dict[str, Any]) -> Row:
    return Row(
        key=key_of(item),
        version=int(item["v"]["N"]),
        revision=int(item["r"]["N"]),
        observed_at=item["o"]["S"],
        document=document,
    )
