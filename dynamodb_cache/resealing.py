"""Seal the values of one table for another: a copied entry would else be one that somebody moved, and be refused.

Only what this project has sealed for the source is sealed anew, so a copy makes nothing readable that was not.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from dynamodb_cache import aliases, seals
from dynamodb_cache.serializers import SERIALIZERS, Undecodable, serializer


def sealed_tags() -> frozenset[str]:
    """Return the codecs whose values carry a seal: our own, and those that aliases name."""
    used = [serializer(aliases.option(alias, "serializer")) for alias in aliases.names()]
    return frozenset(one.tag for one in (*used, *(made() for made in SERIALIZERS.values())) if one.signed)


def resealed(item: Mapping[str, Any], pieces: Iterable[bytes], source: str, target: str) -> list[bytes]:
    """Return a value's bytes for the target, in pieces of the same lengths. Raises Undecodable."""
    pieces = list(pieces)
    stored, token, tag = item["k"]["S"], item["w"]["S"], item["c"]["S"]
    value, (until, stale_until) = seals.opened(b"".join(pieces), source, stored, token, tag)
    if "x" in item:
        until = seals.follow([bytes(one["B"]) for one in item["x"]["L"]], until, source, stored)
    expires_at = float(item["e"]["N"]) if "e" in item else None
    if until != (math.inf if expires_at is None else expires_at):
        raise Undecodable("its expiry is not the signed one")
    if stale_until != (float(item["s"]["N"]) if "s" in item else 0.0):
        raise Undecodable("it is not to be served stale as long as it says")
    data = seals.sealed(value, seals.moments(expires_at, stale_until), target, stored, token, tag)
    ends = [sum(len(piece) for piece in pieces[: number + 1]) for number in range(len(pieces))]
    return [data[end - len(piece) : end] for piece, end in zip(pieces, ends, strict=True)]
