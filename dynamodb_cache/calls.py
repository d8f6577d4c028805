"""The calls of one alias, sync and async alike: fail-open, counts and signal around what `entries` and `bulk` do.

Everything here may wait for the network, and nothing here makes keys or serialises what a caller has given.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dynamodb_cache import bulk, observing
from dynamodb_cache.entries import Entries
from dynamodb_cache.errors import AccessDenied, TableMissing, Unavailable, Unfinished
from dynamodb_cache.items import MISSING, Draft, Place, expires_at
from dynamodb_cache.leases import Lease, Leases, Look
from dynamodb_cache.options import Options
from dynamodb_cache.table import Table

logger = logging.getLogger(__name__)

LOG_SECONDS = 60
OUTAGES = (Unavailable, TableMissing)
RAISE = object()  # what a call answers in an outage where an alias must not fail open


@dataclass(frozen=True, slots=True)
class Entry:
    """A value and what is known of it. `version` changes with each write of the value, not with a touch."""

    value: Any
    version: str
    expires_at: float | None  # seconds since the epoch
    size_bytes: int  # of the packed value

    @property
    def seconds_left(self) -> float | None:
        """The timeout that would end now where this entry ends; None for ever."""
        return None if self.expires_at is None else self.expires_at - time.time()


class Calls:
    """Raises TableMissing and Unavailable, which a fail-open alias swallows: reads miss, writes are dropped.

    `add`, `incr` and `clear` always raise: somebody acts on their answers.
    """

    def __init__(self, table: str, options: Options, prefix: str, sender: type) -> None:
        self.entries = Entries(Table(table, options), options)
        self.leases = Leases(self.entries)
        self._fail_open = options.fail_open
        self._prefix = prefix
        self._sender = sender
        stats = self.entries.table.shared.stats
        self.counts = stats.get(prefix) or stats.setdefault(prefix, observing.Stats())

    # -- around a call ----------------------------------------------------------------------------------------------

    def _do(self, operation: str, otherwise: Any, keys: int, work: Callable[..., Any], *arguments: Any) -> Any:
        """Run a call's work; in an outage answer `otherwise`, where the alias fails open and it is not RAISE."""
        try:
            if observing.cache_called.receivers:
                return self._observed(operation, keys, work, *arguments)
            return work(*arguments)
        except OUTAGES as error:
            self.counts.add(errors=1)
            if not self._fail_open or otherwise is RAISE:
                raise
            self._swallowed(operation, error)
            return otherwise

    def _observed(self, operation: str, keys: int, work: Callable[..., Any], *arguments: Any) -> Any:
        call = observing.CacheCall(operation, self.entries.table.name, self._prefix, keys)
        before = observing.observed.set(call)
        begun = time.perf_counter()
        try:
            return work(*arguments)
        except Exception as error:
            call.error = type(error).__name__
            raise
        finally:
            observing.observed.reset(before)
            call.seconds = time.perf_counter() - begun
            observing.cache_called.send_robust(sender=self._sender, call=call)

    def _swallowed(self, operation: str, error: Exception) -> None:
        self.counts.add(dropped=1)
        if self.counts.may_log(time.monotonic(), LOG_SECONDS):
            logger.log(
                logging.ERROR if isinstance(error, AccessDenied | TableMissing) else logging.WARNING,
                "cache does not answer, going on without (said once a minute): table=%s operation=%s error=%s",
                self.entries.table.name,
                operation,
                error,
            )

    def _hits(self, hits: int, keys: int) -> None:
        self.counts.read(hits, keys - hits)
        seen = observing.observed.get()
        if seen is not None:
            seen.hits += hits

    # -- one entry --------------------------------------------------------------------------------------------------

    def get(self, place: Place) -> Any:
        """Return a value, or MISSING."""
        return self._do("get", MISSING, 1, self._get, place)

    def _get(self, place: Place) -> Any:
        found = self.entries.get(place)
        self._hits(0 if found is MISSING else 1, 1)
        return found

    def has(self, place: Place) -> bool:
        """Whether there is an entry."""
        return bool(self._do("has_key", False, 1, self._has, place))

    def _has(self, place: Place) -> bool:
        found = self.entries.has(place)
        self._hits(int(found), 1)
        return found

    def set(self, draft: Draft) -> None:
        """Store a value."""
        self._do("set", None, 1, self._set, draft)

    def _set(self, draft: Draft) -> None:
        if self.entries.put(draft):
            self.counts.add(writes=1)

    def add(self, draft: Draft) -> bool:
        """Store a value where there is none; whether that was so."""
        return bool(self._do("add", RAISE, 1, self._add, draft))

    def _add(self, draft: Draft) -> bool:
        added = self.entries.add(draft)
        self.counts.add(writes=int(added))
        return added

    def touch(self, operation: str, place: Place, expires_at: float | None) -> bool:
        """Move an entry's expiry; False when there is none."""
        return bool(self._do(operation, False, 1, self.entries.touch, place, expires_at))

    def delete(self, place: Place) -> bool:
        """Delete an entry; whether there was one."""
        return bool(self._do("delete", False, 1, self.entries.delete, place))

    def incr(self, place: Place, delta: Any, key: str) -> Any:
        """Add to a value. Raises ValueError where there is none."""
        found = self._do("incr", RAISE, 1, self.entries.incr, place, delta)
        if found is MISSING:
            raise ValueError(f"Key {key!r} not found")
        self.counts.add(writes=1)
        return found

    def entry(self, place: Place) -> Entry | None:
        """Return a value with what is known of it."""
        found: Entry | None = self._do("get_entry", None, 1, self._entry, place)
        return found

    def _entry(self, place: Place) -> Entry | None:
        item = self.entries.table.read(place.stored)
        value = MISSING if item is None else self.entries.value(item, place)
        self._hits(0 if value is MISSING else 1, 1)
        if item is None or value is MISSING:
            return None
        return Entry(value, item.get("w", {"S": ""})["S"], expires_at(item), self.entries.stored_bytes(item))

    def ttl(self, place: Place) -> float | None:
        """Return the seconds an entry has left: None for ever, 0 when there is none."""
        left: float | None = self._do("ttl", 0.0, 1, self._left, place)
        return left

    def _left(self, place: Place) -> float | None:
        item = self.entries.table.read(place.stored, "k, e, g")
        if item is None or not self.entries.alive(item, place):
            return 0.0
        until = expires_at(item)
        return None if until is None else max(until - time.time(), 0.0)

    # -- leases -----------------------------------------------------------------------------------------------------

    def look(self, place: Place) -> Look | None:
        """Return what an entry shows, None in an outage."""
        found: Look | None = self._do("get", None, 1, self._look, place)
        return found

    def _look(self, place: Place) -> Look:
        found = self.leases.look(place)
        self._hits(0 if found.value is MISSING and found.stale is MISSING else 1, 1)
        return found

    def acquire(self, look: Look, place: Place, seconds: float) -> Lease | None:
        """Take a lease; None when somebody else has it."""
        found: Lease | None = self._do("lease", None, 1, self.leases.acquire, look, place, seconds)
        return found

    def store(self, draft: Draft, lease: Lease) -> None:
        """Store what was computed under a lease."""
        stored = self._do("set", False, 1, self.leases.store, draft, lease)
        self.counts.add(writes=int(stored))

    def release(self, lease: Lease) -> None:
        """Give a lease back; in an outage it ends by itself."""
        try:
            self._do("release", None, 1, self.leases.release, lease)
        except OUTAGES as error:
            logger.info("lease not given back, it ends by itself: table=%s error=%s", self.entries.table.name, error)

    # -- many -------------------------------------------------------------------------------------------------------

    def get_many(self, places: Mapping[str, Place]) -> dict[str, Any]:
        """Return the values there are, by the caller's keys."""
        found: dict[str, Any] = {}
        if places:
            self._do("get_many", None, len(places), self._get_many, places, found)
        return {key: found[place.stored] for key, place in places.items() if place.stored in found}

    def _get_many(self, places: Mapping[str, Place], found: dict[str, Any]) -> None:
        try:
            bulk.get_many(self.entries, places.values(), found)
        finally:
            self._hits(len(found), len(places))

    def set_many(self, drafts: Mapping[str, Draft]) -> list[str]:
        """Store values; return the caller's keys of those that could not be."""
        # Two keys may be one for a key function of the project's: the last one counts, as with single calls.
        by_key = {draft.place.stored: draft for draft in drafts.values()}
        if not by_key:
            return []
        failed = set(by_key)
        self._do("set_many", None, len(by_key), bulk.set_many, self.entries, list(by_key.values()), failed)
        self.counts.add(writes=len(by_key) - len(failed))
        return [key for key, draft in drafts.items() if draft.place.stored in failed]

    def delete_many(self, places: Iterable[Place]) -> None:
        """Delete entries. Raises Unfinished."""
        stored = [place.stored for place in places]
        if stored:
            self._do("delete_many", None, len(stored), bulk.delete_many, self.entries, stored)

    def clear(self) -> None:
        """Empty the table. Raises Unfinished."""
        self._do("clear", RAISE, 0, bulk.clear, self.entries)

    def move(self, operation: str, names: list[str]) -> None:
        """Forget every entry of these generations. Raises Unfinished."""
        if names:
            self._do(operation, RAISE if operation == "clear" else None, 0, self._move, names)

    def _move(self, names: list[str]) -> None:
        left = self.entries.generations.move(names)
        if left:
            raise Unfinished(f"{self.entries.table.name}: not forgotten in time: {', '.join(left)}.")

    def stats(self) -> dict[str, Any]:
        """Return this process's counts; the last three are the table's, for all aliases on it."""
        shared = self.entries.table.shared
        return {
            **self.counts.as_dict(),
            "undecodable": shared.undecodable,
            "retries": shared.retries,
            "breaker": "open" if shared.breaker.is_open else "closed",
        }
