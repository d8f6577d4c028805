"""The second try of a call whose condition failed, on what stands there: large entries, tagged ones, other types.

Each is a compare-and-set on the entry's token and expiry, tried again when another writer was faster.
"""

import random
import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from dynamodb_cache.codec import Codec
from dynamodb_cache.errors import ConditionFailed, Contended
from dynamodb_cache.items import MISSING, Draft, Place, expires_at, same_entry
from dynamodb_cache.parts import Parts
from dynamodb_cache.seals import MOST_STAMPS
from dynamodb_cache.slots import same_write
from dynamodb_cache.table import Table

TRIES = 30


class _Entries(Protocol):
    """What the methods below need of the class they belong to."""

    table: Table
    codec: Codec
    parts: Parts

    def alive(self, item: Mapping[str, Any], place: Place) -> bool: ...
    def decoded(self, item: Mapping[str, Any], data: bytes | None = None) -> Any: ...
    def touching(self, place: Place, now: float, expires_at: float | None) -> tuple[str, dict[str, Any]]: ...
    def complete(self, draft: Draft) -> None: ...
    def standing(self, failed: ConditionFailed, place: Place, *, certain: bool = False) -> Mapping[str, Any]: ...
    def replace(self, draft: Draft, item: Mapping[str, Any]) -> Mapping[str, Any] | None: ...


class Rewriting:
    """Mixed into `Entries`."""

    def standing(self: _Entries, failed: ConditionFailed, place: Place, *, certain: bool = False) -> Mapping[str, Any]:
        """Return what stood in a write's way, empty for nothing; `certain` when something did.

        DynamoDB shows it with the failed condition. Some emulators do not: then it is read, and also as long as this
        process has not seen which kind it talks to.
        """
        shared = self.table.shared
        if failed.item:
            shared.shows_items = True
            return failed.item
        if shared.shows_items and not certain:
            return {}
        found = self.table.read(place.stored, consistent=True) or {}
        if found:
            shared.shows_items = False
        return found

    def replace(self: _Entries, draft: Draft, item: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Write a draft over an unchanged entry; None when it stands, else what stands instead."""
        try:
            self.table.put(draft.item, *same_entry(item))
        except ConditionFailed as failed:
            now = self.standing(failed, draft.place, certain=True)
            if now.get("w") != draft.item["w"]:
                self.parts.discard(draft.item)
                return now
        self.parts.discard(item, but=draft.token)
        return None

    def _add_over(self: _Entries, draft: Draft, item: Mapping[str, Any] | None) -> bool:
        """Add where an entry stands: it may be our own, or one that a generation has ended."""
        for _ in _tries(draft.place):
            if item is None or same_write(item, draft.item):
                return True
            if item and self.alive(item, draft.place):
                self.parts.discard(draft.item)
                return False
            if item:
                item = self.replace(draft, item)
            else:
                try:
                    self.table.put(draft.item, "attribute_not_exists(k)")
                except ConditionFailed as failed:
                    item = self.standing(failed, draft.place, certain=True)
                else:
                    return True
            if item is not None and draft.data:
                self.complete(draft)  # its parts are gone after a lost race
        return False

    def _touch_standing(self: _Entries, place: Place, item: Mapping[str, Any], until: float | None) -> bool:
        for _ in _tries(place):
            if not item or not self.alive(item, place):
                return False
            if len(item.get("x", {"L": ()})["L"]) >= MOST_STAMPS:
                value = self.decoded(item)
                if value is MISSING:
                    return False
                now = self.replace(_like(self, place, item, value, until), item)
                if now is None:
                    return True
                item = now
                continue
            if "m" in item and not self.parts.move(item, until):
                return False
            change, values = self.touching(place, time.time(), until)
            condition, more = same_entry(item)
            try:
                self.table.update(place.stored, change, condition, {**values, **more})
            except ConditionFailed as failed:
                item = self.standing(failed, place)
            else:
                return True
        return False

    def _incr_standing(self: _Entries, place: Place, item: Mapping[str, Any], delta: Any) -> Any:
        for _ in _tries(place):
            value = self.decoded(item) if item and self.alive(item, place) else MISSING
            if value is MISSING:
                return MISSING
            new = value + delta
            now = self.replace(_like(self, place, item, new, expires_at(item)), item)
            if now is None:
                return new
            item = now
        return MISSING


def _like(entries: _Entries, place: Place, item: Mapping[str, Any], value: Any, until: float | None) -> Draft:
    """Return a draft, its parts written, that keeps an entry's generations."""
    draft = entries.codec.draft(place, value, until)
    entries.complete(draft)
    if "g" in item:
        draft.item["g"] = item["g"]
    return draft


def _tries(place: Place) -> Iterator[int]:
    """Yield the number of each try, after a pause that grows. Raises Contended after the last."""
    for number in range(TRIES):
        if number:
            time.sleep(random.uniform(0, min(0.005 * 2**number, 0.25)))
        yield number
    raise Contended(f"{place.readable or place.stored}: {TRIES} tries met another writer each time.")
