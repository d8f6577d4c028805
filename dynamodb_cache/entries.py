"""Entries of one alias: what a call of the cache API means in requests to DynamoDB. Knows no fail-open and no Django.

A plain entry costs one request a call. The conditions of `put`, `touch` and `incr` are written so that they fail, and show
what stands, for the entries that need more: large ones, those with tags, values that are no integers.
"""

import logging
import time
from collections.abc import Mapping
from typing import Any

from dynamodb_cache import observing, slots
from dynamodb_cache.codec import Codec
from dynamodb_cache.errors import ConditionFailed, DynamoDBCacheError
from dynamodb_cache.generations import Generations
from dynamodb_cache.items import (
    ADDABLE_LIMIT,
    MISSING,
    Draft,
    Place,
    expiry,
    is_expired,
    number,
    token,
)
from dynamodb_cache.options import Options
from dynamodb_cache.parts import Parts
from dynamodb_cache.rewriting import Rewriting
from dynamodb_cache.seals import MOST_STAMPS
from dynamodb_cache.serializers import Undecodable
from dynamodb_cache.table import Table

logger = logging.getLogger(__name__)

FREE = "attribute_not_exists(k) OR e <= :now"
ALIVE = "attribute_exists(k) AND (attribute_not_exists(e) OR e > :now)"


class Entries(Rewriting):
    """Reads and writes single entries."""

    def __init__(self, table: Table, options: Options) -> None:
        self.table = table
        self.codec = Codec(table.name, options)
        self.parts = Parts(table)
        self.generations = Generations(table, options.generation_seconds)
        self._most_bytes = options.max_value_bytes

    # -- reading ----------------------------------------------------------------------------------------------------

    def get(self, place: Place) -> Any:
        """Return a value, or MISSING."""
        item = self.table.read(place.stored)
        if item is None:
            return MISSING
        found = self.value(item, place)
        if found is MISSING and "m" in item:
            # A writer may have replaced the entry, and taken its parts away, between our two reads.
            again = self.table.read(place.stored, consistent=True)
            if again is not None and again.get("w") != item["w"]:
                return self.value(again, place)
        return found

    def has(self, place: Place) -> bool:
        """Whether there is an entry, without reading its value."""
        item = self.table.read(place.stored, "k, e, g")
        return item is not None and self.alive(item, place)

    def alive(self, item: Mapping[str, Any], place: Place) -> bool:
        """Whether an item counts as present."""
        if is_expired(item):
            return False
        return not (place.groups or "g" in item) or self.generations.hold(item, place.groups)

    def value(self, item: Mapping[str, Any], place: Place) -> Any:
        """Return the value of an item as it was read, or MISSING."""
        return self.decoded(item) if self.alive(item, place) else MISSING

    def decoded(self, item: Mapping[str, Any], data: bytes | None = None) -> Any:
        """Return an item's value; MISSING, and the item is deleted, when it cannot be read."""
        if data is None and "v" in item:
            data = item["v"]["B"]
        elif data is None and "m" in item:
            data = self.parts.read([item]).get(item["w"]["S"])
            if data is None:
                return MISSING
        seen = observing.observed.get()
        if seen is not None:
            seen.bytes += len(data or b"")
        try:
            return self.codec.value(item, data or b"")
        except Undecodable as problem:
            self._drop(item, problem)
            return MISSING

    def stored_bytes(self, item: Mapping[str, Any]) -> int:
        """Return the size of an entry's packed value, as its item says it."""
        return int(item["z"]["N"]) if "z" in item else len(item["v"]["B"]) if "v" in item else 0

    def _drop(self, item: Mapping[str, Any], problem: Undecodable) -> None:
        self.table.shared.undecodable += 1
        logger.warning(
            "cache entry cannot be read, taken as missing: table=%s key=%s reason=%s",
            self.table.name,
            item.get("y", item["k"])["S"],
            problem,
        )
        held = "w" in item
        try:
            self.table.delete(
                item["k"]["S"],
                # An emulator may show a lease half made, as an item without anything.
                "w = :was" if held else "attribute_not_exists(w) AND attribute_not_exists(l)",
                {":was": item["w"]} if held else None,
            )
        except ConditionFailed:
            return  # somebody has written it anew
        except DynamoDBCacheError as error:
            logger.warning("cache entry cannot be deleted: table=%s error=%s", self.table.name, error)
        else:
            self.parts.discard(item)

    # -- writing ----------------------------------------------------------------------------------------------------

    def put(self, draft: Draft) -> bool:
        """Store a value; False when it is too large, and then the old one is gone too."""
        if not self.storable(draft):
            self.delete(draft.place)
            return self.fits(draft)
        self.complete(draft)
        if not draft.data:
            try:
                self.table.put(draft.item, "attribute_not_exists(m)")
            except ConditionFailed:
                pass
            else:
                return True
        self.parts.discard(self.table.put(draft.item, old=True), but=draft.token)
        return True

    def add(self, draft: Draft) -> bool:
        """Store a value where there is none: one winner, who also knows it when DynamoDB's answer was lost."""
        if not self.storable(draft):
            return self._nothing_at(draft.place)
        if draft.data and self.has(draft.place):
            return False
        self.complete(draft)
        if "n" in draft.item:
            slot, once = slots.taken(draft.token)
            draft.item[slot] = once  # somebody may count on before a repeat
        try:
            self.table.put(draft.item, FREE, {":now": {"N": number(time.time())}})
        except ConditionFailed as failed:
            return self._add_over(draft, self.standing(failed, draft.place, certain=True))
        return True

    def _nothing_at(self, place: Place) -> bool:
        """Answer `add` for what would be invisible at once."""
        try:
            self.parts.discard(self.table.delete(place.stored, FREE, {":now": {"N": number(time.time())}}, old=True))
        except ConditionFailed as failed:
            return not self.alive(self.standing(failed, place, certain=True), place)
        return True

    def fits(self, draft: Draft) -> bool:
        """Whether a value is within MAX_VALUE_BYTES."""
        return draft.size <= self._most_bytes

    def storable(self, draft: Draft) -> bool:
        """Whether a draft is to be stored: not when it expires at once, nor when it is too large, says the log."""
        if draft.expired:
            return False
        if self.fits(draft):
            return True
        logger.warning(
            "cache value too large, not stored: table=%s key=%s bytes=%d limit=%d",
            self.table.name,
            draft.place.readable or draft.place.stored,
            draft.size,
            self._most_bytes,
        )
        return False

    def complete(self, draft: Draft) -> None:
        """Add to a draft what the network must tell or take: its generations and parts."""
        names = (*draft.place.groups, *draft.tags)
        if names:
            draft.item["g"] = self.generations.attribute(names)
        seen = observing.observed.get()
        if seen is not None:
            seen.bytes += draft.size
        if draft.data:
            self.parts.write(draft)

    def touch(self, place: Place, expires_at: float | None) -> bool:
        """Move an entry's expiry; False when there is none."""
        now = time.time()
        change, values = self.touching(place, now, expires_at)
        test, names, group_values = self.generations.condition(place.groups)
        condition = f"{ALIVE} AND attribute_not_exists(m) AND {test}"
        values |= {":now": {"N": number(now)}, **group_values}
        if self.codec.signed:
            condition += " AND (attribute_not_exists(x) OR size(x) < :most)"
            values[":most"] = {"N": str(MOST_STAMPS)}
        try:
            self.table.update(place.stored, change, condition, values, names=names)
        except ConditionFailed as failed:
            return self._touch_standing(place, self.standing(failed, place), expires_at)
        return True

    def touching(self, place: Place, now: float, expires_at: float | None) -> tuple[str, dict[str, Any]]:
        """Return the update of a touch, and its values."""
        values: dict[str, Any] = {f":{name}": value for name, value in expiry(expires_at).items()}
        sets = ["e = :e", "t = :t"] if values else []
        if self.codec.signed:
            sets.append("x = list_append(if_not_exists(x, :none), :stamp)")
            values |= {":none": {"L": []}, ":stamp": {"L": [self.codec.stamp(place, now, expires_at)]}}
        change = ("SET " + ", ".join(sets) if sets else "") + ("" if expires_at is not None else " REMOVE e, t")
        return change, values

    def delete(self, place: Place) -> bool:
        """Delete an entry; tell whether there was one."""
        old = self.table.delete(place.stored, old=True)
        if not old:
            return False
        self.parts.discard(old)
        return self.alive(old, place)

    def incr(self, place: Place, delta: Any) -> Any:
        """Add to a value, whose expiry stays; MISSING when there is none. Raises TypeError, Contended."""
        if not isinstance(delta, int) or not -ADDABLE_LIMIT < delta < ADDABLE_LIMIT:
            return self._incr_standing(place, self.table.read(place.stored, consistent=True) or {}, delta)
        mine = token()
        slot, once = slots.taken(mine)
        test, names, values = self.generations.condition(place.groups)
        values |= {
            ":delta": {"N": str(int(delta))},
            ":least": {"N": str(-ADDABLE_LIMIT)},
            ":most": {"N": str(ADDABLE_LIMIT)},
            ":now": {"N": number(time.time())},
            ":mine": {"S": mine},
            ":once": once,
        }
        try:
            new = self.table.update(
                place.stored,
                "SET n = n + :delta, w = :mine, #slot = :once",
                # A repeat by the SDK after a lost answer meets its own token, and must not count again.
                "n BETWEEN :least AND :most AND (attribute_not_exists(e) OR e > :now) AND NOT (#slot = :once)"
                f" AND {test}",
                values,
                names={**names, "#slot": slot},  # one of them is a reserved word
                new=True,
            )
        except ConditionFailed as failed:
            new = self.standing(failed, place)
            if new.get(slot) != once:
                return self._incr_standing(place, new, delta)
        return int(new["n"]["N"])
