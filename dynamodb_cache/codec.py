"""Values of one alias to attributes of items and back: integers as numbers, all else serialised, packed and sealed."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from dynamodb_cache import seals
from dynamodb_cache.items import INTEGER_LIMIT, Draft, Place, expiry, token
from dynamodb_cache.options import Options
from dynamodb_cache.serializers import Serializer, Undecodable, by_tag, pack, serializer, unpack

# A value in one item; the rest of its 400 KB is for key, readable key, generations, stamps and lease.
INLINE_BYTES = 380 * 1024


class Codec:
    """Makes drafts of values and reads values out of items."""

    def __init__(self, table: str, options: Options) -> None:
        self._table = table
        self._serializer = serializer(options.serializer)
        self._compressed_from = options.compress_from_bytes

    @property
    def signed(self) -> bool:
        """Whether entries of this alias are sealed, so that touches need stamps."""
        return self._serializer.signed

    def draft(
        self,
        place: Place,
        value: Any,
        expires_at: float | None,
        tags: Iterable[str] = (),
        stale_until: float | None = None,
    ) -> Draft:
        """Return a value ready to be written. Raises what the serializer raises."""
        item: dict[str, Any] = {"k": {"S": place.stored}, "w": {"S": token()}, **expiry(expires_at, stale_until)}
        if place.readable is not None:
            item["y"] = {"S": place.readable}
        made = Draft(place, item, expires_at, tuple(tags))
        if type(value) is int and -INTEGER_LIMIT < value < INTEGER_LIMIT:
            item["n"] = {"N": str(value)}
            return made
        codec = self._serializer
        data = pack(codec.dumps(value), compressed_from=self._compressed_from, fast=True)
        item["c"] = {"S": codec.tag}
        if codec.signed:
            data = seals.sealed(
                data, seals.moments(expires_at, stale_until), self._table, place.stored, made.token, codec.tag
            )
        if len(data) <= INLINE_BYTES:
            item["v"] = {"B": data}
        else:
            made.data = data
        return made

    def value(self, item: Mapping[str, Any], data: bytes) -> Any:
        """Return an item's value, whose bytes may have come in parts. Raises Undecodable."""
        if "n" in item:
            return _integer(item["n"]["N"])
        try:
            tag: str = item["c"]["S"]
            token: str = item["w"]["S"]
        except KeyError as error:
            raise Undecodable("no entry of this cache") from error
        codec = self._serializer if tag == self._serializer.tag else self._reader(tag)
        if codec.signed:
            key: str = item["k"]["S"]
            data, (until, stale_until) = seals.opened(data, self._table, key, token, tag)
            if "x" in item:
                until = seals.follow([one["B"] for one in item["x"]["L"]], until, self._table, key)
            if until != (float(item["e"]["N"]) if "e" in item else math.inf):
                raise Undecodable("its expiry is not the signed one")
            if stale_until != (float(item["s"]["N"]) if "s" in item else 0.0):
                raise Undecodable("it is not to be served stale as long as it says")
        return codec.loads(data[1:] if data[:1] == b"-" else unpack(data))

    def _reader(self, tag: str) -> Serializer:
        if tag not in self._serializer.reads:
            raise Undecodable(f"codec {tag!r} is not read by this alias")
        return by_tag(tag)

    def stamp(self, place: Place, touched_at: float, expires_at: float | None) -> dict[str, Any]:
        """Return the attribute value of a touch's stamp."""
        return {"B": seals.stamp(touched_at, expires_at, self._table, place.stored)}


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise Undecodable(f"no integer: {text}") from error
