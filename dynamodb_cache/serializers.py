"""How values become bytes. Each entry carries its codec's tag, so a change of setting can still read older entries.

A codec that can run code when it reads (`signed`) is given only bytes that this project signed (`seals`).
"""

import datetime as dt
import decimal
import json
import pickle
import uuid
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import Promise
from django.utils.module_loading import import_string

try:
    import zstandard
except ImportError:  # optional: zlib is always there
    zstandard = None  # type: ignore[assignment]

COMPRESSED_FROM = 1024  # bytes; below it zlib costs more than it saves
FAST_FROM = 16 * 1024  # bytes; below it zlib is as fast as zstandard
MARK = "$dc"


class Undecodable(Exception):
    """The bytes are of another codec, were signed by another key or for another place."""


class Serializer(Protocol):
    """Turns values into bytes and back."""

    tag: str  # stored with each entry; "p" and "j" are taken
    signed: bool  # whether only bytes that this project has signed may be read
    reads: frozenset[str]  # the tags of others whose entries may be read too

    def dumps(self, value: Any) -> bytes:
        """Return a value's bytes."""

    def loads(self, data: bytes) -> Any:
        """Return the value. Raises Undecodable."""


class PickleSerializer:
    """Pickle; always signed, so that who can write the table still cannot run code."""

    tag = "p"
    signed = True
    reads = frozenset({"j"})

    def dumps(self, value: Any) -> bytes:
        return pickle.dumps(value, protocol=5)  # fixed, so that rolling releases agree

    def loads(self, data: bytes) -> Any:
        try:
            return pickle.loads(data)  # noqa: S301 - signed with the project's own key, just checked
        except (pickle.UnpicklingError, ArithmeticError, AttributeError, EOFError, ImportError, LookupError) as error:
            raise Undecodable(f"pickled by another release: {error!r}") from error
        except (RuntimeError, TypeError, ValueError) as error:
            raise Undecodable(f"pickled by another release: {error!r}") from error


class JSONSerializer:
    """JSON: for sessions and whatever a table's writer must not be able to turn into code. Reads nothing else.

    Dates, times, durations, Decimals, UUIDs, bytes and sets come back as they were; a time zone comes back as its
    offset. Tuples become lists, keys of dicts become texts, kinds of texts and numbers become plain ones, as JSON has
    it. Everything else is a TypeError.
    """

    tag = "j"
    signed = False
    reads: frozenset[str] = frozenset()

    def dumps(self, value: Any) -> bytes:
        marks = 0

        def default(one: Any) -> Any:
            nonlocal marks
            if isinstance(one, Promise):
                return str(one)
            for kind, (name, write, _) in _KINDS.items():
                if isinstance(one, kind):
                    marks += 1
                    return {MARK: [name, write(one)]}
            raise TypeError(f"{type(one).__name__} has no form in JSON; use the pickle serializer for it.")

        text = json.dumps(value, separators=(",", ":"), default=default)
        if text.count(f'"{MARK}":') != marks:
            raise TypeError(f"A key named {MARK!r} is reserved for the JSON serializer.")
        return text.encode()

    def loads(self, data: bytes) -> Any:
        try:
            # The hook is called for each dict there is, so only where something is marked.
            return json.loads(data, object_hook=_unmarked if f'"{MARK}":'.encode() in data else None)
        except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
            raise Undecodable(f"not JSON of this serializer: {error!r}") from error


def _unmarked(found: dict[str, Any]) -> Any:
    if MARK not in found:
        return found
    name, text = found[MARK]
    return _READERS[name](text)


def _duration(text: str) -> dt.timedelta:
    days, seconds, microseconds = text.split(",")
    return dt.timedelta(int(days), int(seconds), int(microseconds))


# datetime before date: it is one
_KINDS: dict[type, tuple[str, Callable[[Any], Any], Callable[[Any], Any]]] = {
    dt.datetime: ("datetime", dt.datetime.isoformat, dt.datetime.fromisoformat),
    dt.date: ("date", dt.date.isoformat, dt.date.fromisoformat),
    dt.time: ("time", dt.time.isoformat, dt.time.fromisoformat),
    dt.timedelta: ("duration", lambda one: f"{one.days},{one.seconds},{one.microseconds}", _duration),
    decimal.Decimal: ("decimal", str, decimal.Decimal),
    uuid.UUID: ("uuid", str, uuid.UUID),
    bytes: ("bytes", bytes.hex, bytes.fromhex),
    frozenset: ("frozenset", list, frozenset),
    set: ("set", list, set),
}
_READERS: Mapping[str, Callable[[Any], Any]] = {name: read for name, _, read in _KINDS.values()}
SERIALIZERS: dict[str, type[Serializer]] = {"json": JSONSerializer, "pickle": PickleSerializer}


def serializer(name: str) -> Serializer:
    """Return the serializer of a setting: "pickle", "json" or a dotted path. Raises ImproperlyConfigured."""
    if name in SERIALIZERS:
        return SERIALIZERS[name]()
    try:
        made: Serializer = import_string(name)()
        usable = isinstance(made.tag, str) and isinstance(made.signed, bool) and isinstance(made.reads, frozenset)
    except (AttributeError, ImportError, TypeError) as error:
        raise ImproperlyConfigured(f"CACHES: SERIALIZER {name!r} cannot be used: {error}") from error
    if not usable or not made.tag or made.tag in {"p", "j"} or not callable(made.dumps) or not callable(made.loads):
        raise ImproperlyConfigured(
            f"CACHES: SERIALIZER {name!r} needs a `tag` of its own, `signed`, `reads`, `dumps` and `loads`."
        )
    return made


def by_tag(tag: str) -> Serializer:
    """Return the serializer of our own that writes a tag. Raises Undecodable."""
    for made in SERIALIZERS.values():
        if made.tag == tag:
            return made()
    raise Undecodable(f"codec {tag!r} is unknown")


def pack(data: bytes, *, compressed_from: int = COMPRESSED_FROM, fast: bool = False) -> bytes:
    """Return bytes, compressed when that is worth it; the first byte says which. `fast` allows zstandard."""
    if len(data) < compressed_from:
        return b"-" + data
    if fast and zstandard and len(data) >= FAST_FROM:
        packed = b"s" + zstandard.compress(data, 1)
    else:
        packed = b"z" + zlib.compress(data, 1)
    return packed if len(packed) <= len(data) else b"-" + data


def unpack(data: bytes) -> bytes:
    """Return what `pack` was given. Raises Undecodable."""
    kind = data[:1]
    if kind == b"-":
        return data[1:]
    if kind == b"z":
        try:
            return zlib.decompress(data[1:])
        except zlib.error as error:
            raise Undecodable("damaged") from error
    if kind == b"s" and zstandard:
        try:
            return zstandard.decompress(data[1:])
        except zstandard.ZstdError as error:
            raise Undecodable("damaged") from error
    raise Undecodable(f"compressed in a way that is not installed here: {kind!r}")
