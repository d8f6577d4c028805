"""How values become bytes. Each value carries its codec's tag, so a change of setting still reads older entries."""

import json
import pickle
import zlib
from typing import Any, Protocol

from django.utils.crypto import constant_time_compare, salted_hmac

COMPRESSED_FROM = 1024  # bytes; below it zlib costs more than it saves


class Undecodable(Exception):
    """The bytes are of another codec, were signed by another key or for another place."""


class Serializer(Protocol):
    """Turns values into bytes and back. `context` is what a value is bound to: alias, key and version."""

    tag: str

    def dumps(self, value: Any, context: str) -> bytes:
        """Return a value's bytes."""

    def loads(self, data: bytes, context: str) -> Any:
        """Return the value. Raises Undecodable."""


class JSONSerializer:
    """JSON: for sessions and whatever a table's writer must not be able to turn into code."""

    tag = "j"

    def dumps(self, value: Any, context: str) -> bytes:
        return json.dumps(value, separators=(",", ":")).encode()

    def loads(self, data: bytes, context: str) -> Any:
        try:
            return json.loads(data)
        except ValueError as error:
            raise Undecodable("not JSON") from error


class SignedPickleSerializer:
    """Pickle, signed for its place: who can write the table still cannot run code, nor move a value to another key."""

    tag = "p"

    def dumps(self, value: Any, context: str) -> bytes:
        data = pickle.dumps(value, protocol=5)  # fixed, so that rolling releases agree
        return self._signature(data, context) + data

    def loads(self, data: bytes, context: str) -> Any:
        signature, value = data[:32], data[32:]
        if not constant_time_compare(signature.hex(), self._signature(value, context).hex()):
            raise Undecodable("signed by another key or for another place")
        return pickle.loads(value)  # noqa: S301 - signed with the portal's own key, just checked

    def _signature(self, data: bytes, context: str) -> bytes:
        return salted_hmac(f"dynamodb_cache.{context}", data, algorithm="sha256").digest()


SERIALIZERS: dict[str, type[Serializer]] = {"json": JSONSerializer, "pickle": SignedPickleSerializer}


def pack(data: bytes) -> bytes:
    """Return bytes, compressed when that is worth it; the first byte says which."""
    return b"z" + zlib.compress(data, 1) if len(data) >= COMPRESSED_FROM else b"-" + data


def unpack(data: bytes) -> bytes:
    """Return what `pack` was given. Raises Undecodable."""
    try:
        return zlib.decompress(data[1:]) if data[:1] == b"z" else data[1:]
    except zlib.error as error:
        raise Undecodable("damaged") from error
