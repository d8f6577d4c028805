"""The head of a partition: its revision, and the names of the rows written last. Pure.

AWS does not promise that who reads the new head finds the new rows at once: a Query is only read-committed beside a
transaction. By the names a reader notices what it has not met. They are of the last RECENT rows: a transaction would
have to stay half seen while so many rows are written after it.
"""

import json
from collections.abc import Collection as Keys
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Self

from dynamodb_cache.serializers import unpack

RECENT = 32
_PART = 6  # bytes of a revision, and of a name


@dataclass(frozen=True, slots=True)
class Head:
    """A head as it was read."""

    revision: int
    epoch: str
    owner: str
    token: str
    names: bytes
    packed: bytes | None

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> Self:
        """Read a head's item."""
        return cls(
            revision=int(item["rev"]["N"]),
            epoch=item["ep"]["S"],
            owner=item["own"]["S"],
            token=item["w"]["S"] if "w" in item else "",
            names=bytes(item["n"]["B"]) if "n" in item else b"",
            packed=bytes(item["h"]["B"]) if "h" in item else None,
        )

    @property
    def attributes(self) -> dict[str, Any]:
        """What `set_head` has set."""
        found: dict[str, Any] = json.loads(unpack(self.packed)) if self.packed else {}
        return found

    def unmet(self, since: int, met: Mapping[str, int]) -> int | None:
        """Return the lowest revision after `since` of which a named row is not among the met ones (key: revision)."""
        named = [
            (int.from_bytes(self.names[at : at + _PART], "big"), self.names[at + _PART : at + 2 * _PART])
            for at in range(0, len(self.names), 2 * _PART)
        ]
        late = [(revision, name) for revision, name in named if revision > since]
        if not late:
            return None
        oldest = min(revision for revision, _name in late)
        known = {_name(key): revision for key, revision in met.items() if revision >= oldest}
        return min((revision for revision, name in late if known.get(name, 0) < revision), default=None)


def names(before: bytes, revision: int, keys: Keys[str]) -> bytes:
    """Return the names for a head whose `revision` writes these rows; the oldest fall out."""
    kept = max(RECENT - len(keys), 0) * 2 * _PART
    added = b"".join(revision.to_bytes(_PART, "big") + _name(key) for key in keys)
    return (before[-kept:] if kept else b"") + added


def _name(key: str) -> bytes:
    return blake2b(key.encode(), digest_size=_PART).digest()
