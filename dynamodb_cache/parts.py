"""Values larger than one item: parts `#part:<token>:<number>` under the write's token, then a head that counts them.

The head is written last and the old parts go after it, so a reader sees one value whole or none. What a crash or a batch
write leaves behind expires with its time to live; parts without one are what `dynamodb_cache gc` looks for.
"""

import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any

from dynamodb_cache.codec import INLINE_BYTES
from dynamodb_cache.errors import ConditionFailed, DynamoDBCacheError, Unfinished
from dynamodb_cache.items import Draft, expiry
from dynamodb_cache.table import Table

logger = logging.getLogger(__name__)

KEY = "#part:"


def keys_of(item: Mapping[str, Any]) -> list[str]:
    """Return the keys of an entry's parts."""
    return [f"{KEY}{item['w']['S']}:{number}" for number in range(int(item["m"]["N"]))]


class Parts:
    """Reads and writes parts."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self, items: Iterable[Mapping[str, Any]]) -> dict[str, bytes]:
        """Return the bytes of entries by write token, without those that miss a part."""
        keys = {item["w"]["S"]: keys_of(item) for item in items}
        if not keys:
            return {}
        wanted = [key for some in keys.values() for key in some]
        found = {
            item["k"]["S"]: item["v"]["B"] for batch in self._table.read_many(wanted, consistent=True) for item in batch
        }
        return {
            token: b"".join([found[key] for key in some])
            for token, some in keys.items()
            if all(k in found for k in some)
        }

    def write(self, draft: Draft) -> None:
        """Write a draft's parts and set its head's count. Raises Unfinished, having taken away what it wrote."""
        pieces = [draft.data[start : start + INLINE_BYTES] for start in range(0, len(draft.data), INLINE_BYTES)]
        draft.item |= {"m": {"N": str(len(pieces))}, "z": {"N": str(len(draft.data))}}
        common = {"h": {"S": draft.place.stored}, "a": {"N": str(int(time.time()))}}
        common |= {name: draft.item[name] for name in ("e", "t") if name in draft.item}
        requests = [
            {"PutRequest": {"Item": {"k": {"S": key}, "v": {"B": piece}, **common}}}
            for key, piece in zip(keys_of(draft.item), pieces, strict=True)
        ]
        left = self._table.write_many(requests)
        if left:
            self.discard(draft.item)
            raise Unfinished(f"{self._table.name}: {len(left)} of {len(pieces)} parts could not be written in time.")

    def discard(self, item: Mapping[str, Any], *, but: str = "") -> None:
        """Delete the parts of an entry that is gone, unless its token is `but`. Never raises: they are only garbage."""
        if "m" not in item or item["w"]["S"] == but:
            return
        try:
            left = len(self._table.write_many([{"DeleteRequest": {"Key": {"k": {"S": key}}}} for key in keys_of(item)]))
        except DynamoDBCacheError as error:
            logger.warning("parts of an old value stay behind: key=%s error=%s", item.get("k", item["w"])["S"], error)
        else:
            if left:
                logger.warning("parts of an old value stay behind: key=%s parts=%d", item["k"]["S"], left)

    def move(self, item: Mapping[str, Any], expires_at: float | None) -> bool:
        """Give an entry's parts another expiry; False when one of them is missing."""
        values = {f":{name}": value for name, value in expiry(expires_at).items()}
        change = "SET e = :e, t = :t" if values else "REMOVE e, t"
        try:
            for key in keys_of(item):
                self._table.update(key, change, "attribute_exists(k)", values)
        except ConditionFailed:
            return False
        return True
