"""Signatures for values that could run code when they are read (security: a table's writer must not become a runner).

A value's seal covers table, stored key (prefix, version and key are in it), write token, codec, first expiry, stale-until
and bytes. The table stands for the alias, whose name Django does not tell a backend.

`touch` changes the expiry without knowing the value. So each touch adds a *stamp*, signed for table, key, moment and
new expiry, and a reader follows them: the value was alive at the first touch, alive by that one at the second, and the
last one says what `e` says. A writer of the table can thus move no entry and never bring back one that has expired.
What is not covered: integers and JSON carry no seal; an entry may be put back under its key while it is valid; and who
can write the table can also undo what `generations` has forgotten.
"""

import hashlib
import hmac
import math
import struct
from collections.abc import Iterable
from functools import lru_cache

from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.utils.encoding import force_bytes

from dynamodb_cache.serializers import Undecodable

BYTES = 32
_MOMENTS = struct.Struct(">dd")
HEAD = BYTES + _MOMENTS.size
MOST_STAMPS = 8  # then a touch writes the entry anew


@lru_cache(maxsize=1)
def _macs() -> tuple[hmac.HMAC, ...]:
    """Return the beginnings of signatures: the first for signing, all for checking. Deriving costs more than signing."""
    return tuple(
        hmac.new(hashlib.sha256(b"dynamodb_cache.seal." + force_bytes(secret)).digest(), digestmod="sha256")
        for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    )


@receiver(setting_changed)
def _derive_anew(setting: str, **_: object) -> None:
    if setting.startswith("SECRET_KEY"):  # tests change it, with its fallbacks
        _macs.cache_clear()


def _signature(mac: hmac.HMAC, *message: bytes | memoryview) -> bytes:
    mac = mac.copy()
    for piece in message:  # not joined: a value may have megabytes
        mac.update(piece)
    return mac.digest()


def _check(signature: bytes, *message: bytes | memoryview) -> None:
    for mac in _macs():
        if hmac.compare_digest(signature, _signature(mac, *message)):
            return
    raise Undecodable("signed by another key, for another place or for another expiry")


def _value(table: str, key: str, token: str, tag: str) -> bytes:
    # With lengths, so that no two places read the same.
    return f"value {len(table)}:{table}{len(key)}:{key}{len(token)}:{token}{tag}:".encode()


def _touch(table: str, key: str) -> bytes:
    return f"touch {len(table)}:{table}{len(key)}:{key}".encode()


def moments(expires_at: float | None, stale_until: float | None) -> tuple[float, float]:
    """Return a value's moments as the seal covers them: infinite for no expiry, 0 for never stale."""
    return math.inf if expires_at is None else expires_at, stale_until or 0.0


def sealed(data: bytes, moments: tuple[float, float], table: str, key: str, token: str, tag: str) -> bytes:
    """Return a value's bytes with its first expiry, until when it may be served stale, and its seal before them."""
    packed = _MOMENTS.pack(*moments)
    return b"".join((_signature(_macs()[0], _value(table, key, token, tag) + packed, data), packed, data))


def opened(data: bytes, table: str, key: str, token: str, tag: str) -> tuple[bytes, tuple[float, float]]:
    """Return a sealed value and its moments. Raises Undecodable."""
    place, covered = _value(table, key, token, tag), memoryview(data)[BYTES:]
    # `_check`, with the present key tried without a call: a list page opens a hundred of them.
    mac = _macs()[0].copy()
    mac.update(place)
    mac.update(covered)
    if not hmac.compare_digest(data[:BYTES], mac.digest()):
        _check(data[:BYTES], place, covered)
    return data[HEAD:], _MOMENTS.unpack_from(data, BYTES)


def stamp(touched_at: float, expires_at: float | None, table: str, key: str) -> bytes:
    """Return the stamp of one touch."""
    data = _MOMENTS.pack(touched_at, math.inf if expires_at is None else expires_at)
    return _signature(_macs()[0], _touch(table, key) + data) + data


def follow(stamps: Iterable[bytes], alive_until: float, table: str, key: str) -> float:
    """Return until when an entry lives by its touches, each made while it was alive. Raises Undecodable."""
    for one in stamps:
        _check(one[:BYTES], _touch(table, key) + one[BYTES:])
        touched_at, until = _MOMENTS.unpack(one[BYTES:])
        if touched_at >= alive_until:
            raise Undecodable("touched after it had expired")
        alive_until = until
    return alive_until
