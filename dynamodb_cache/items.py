"""Pure functions between what Django says and what an item holds: keys, numbers, expiry.

An item: `k` key, `v` value (or `n`, an integer), `c` codec, `e` exact expiry in seconds, `t` the same rounded up for
DynamoDB's own deletion (which may come days late, so `e` is compared on every path), `w` the write's random token,
`m` and `z` number and bytes of its parts, `y` readable key, `g` generations, `x` stamps of touches, `s` and `l`
stale-until and lease, `i0` to `if` tokens of the last increments (see `slots`).
Source: docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html.
"""

import hashlib
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from django.core.cache.backends.base import InvalidCacheKey

KEY_BYTES = 1024
HASHED = "sha256:"
RESERVED = "#"  # keys of our own: parts and generations
READABLE_CHARACTERS = 200
INTEGER_LIMIT = 10**38
ADDABLE_LIMIT = 10**37  # two such numbers add up to 38 digits, DynamoDB's most
FOR_EVER = 1e15  # seconds since the epoch: later than that is for ever, and its text has no exponent


class _Missing:
    """Nothing there; no value of a caller's."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()


class Place(NamedTuple):
    """Where an entry is."""

    stored: str  # the table's key
    readable: str | None = None  # the first characters of the key, when `stored` is a hash
    groups: tuple[str, ...] = ()  # names of the generations that must stand


@dataclass(slots=True)
class Draft:
    """A value ready to be written; `item` lacks what only the network can tell."""

    place: Place
    item: dict[str, Any]
    expires_at: float | None
    tags: tuple[str, ...] = ()
    data: bytes = field(default=b"", repr=False)  # a value too large for one item

    @property
    def expired(self) -> bool:
        """Whether it would be invisible at once."""
        return self.expires_at is not None and self.expires_at <= time.time()

    @property
    def size(self) -> int:
        """Bytes of the packed value; 0 for an integer."""
        return len(self.data) or (len(self.item["v"]["B"]) if "v" in self.item else 0)

    @property
    def token(self) -> str:
        """The write's token."""
        token: str = self.item["w"]["S"]
        return token


def place_of(made: str, groups: tuple[str, ...] = ()) -> Place:
    """Return where the entry of a key made by Django is. Raises InvalidCacheKey."""
    if not isinstance(made, str) or not made:
        raise InvalidCacheKey(f"A cache key must be a text that is not empty, not {made!r}.")
    try:
        size = len(made) if made.isascii() else len(made.encode())
    except UnicodeEncodeError as error:
        raise InvalidCacheKey(f"A cache key must be encodable as UTF-8: {made!r}.") from error
    if size <= KEY_BYTES and made[0] != RESERVED and not made.startswith(HASHED):
        return Place(made, None, groups)
    hashed = HASHED + hashlib.sha256(made.encode()).hexdigest()
    return Place(hashed, made[:READABLE_CHARACTERS], groups)


def token() -> str:
    """Return a fresh write token."""
    return os.urandom(16).hex()


def number(seconds: float) -> str:
    """Return seconds since the epoch as DynamoDB takes them."""
    text = repr(float(seconds))
    return text[:-2] if text.endswith(".0") else text


def checked_expiry(expires_at: float | None) -> float | None:
    """Return an expiry fit for `number`, None for ever. Raises ValueError."""
    if expires_at is None or FOR_EVER <= expires_at < math.inf:
        return None
    if not math.isfinite(expires_at):
        raise ValueError("A timeout must be a finite number of seconds; None keeps an entry for ever.")
    # Long past is past; a value with an exponent, or one from before 1970, is nothing for a time to live.
    return max(expires_at, time.time() - 1)


def expiry(expires_at: float | None, stale_until: float | None = None) -> dict[str, Any]:
    """Return the attributes of an expiry."""
    if expires_at is None:
        return {}
    found = {"e": {"N": number(expires_at)}, "t": {"N": str(math.ceil(max(expires_at, stale_until or 0)))}}
    if stale_until is not None:
        found["s"] = {"N": number(stale_until)}
    return found


def expires_at(item: Mapping[str, Any]) -> float | None:
    """Return when an item expires, None for never."""
    found = item.get("e")
    return None if found is None else float(found["N"])


def is_expired(item: Mapping[str, Any]) -> bool:
    """Whether an item counts as absent now."""
    return "e" in item and float(item["e"]["N"]) <= time.time()


def same_entry(item: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the condition, with its values, under which an entry is unchanged since it was read."""
    values = {":was": item["w"]} if "w" in item else {}
    condition = "w = :was" if values else "attribute_not_exists(w)"
    if "e" in item:
        return f"{condition} AND e = :until", {**values, ":until": item["e"]}
    return f"attribute_exists(k) AND {condition} AND attribute_not_exists(e)", values
