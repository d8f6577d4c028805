"""`DynamoDBCache`: Django's cache API on one DynamoDB table, one request a call.

Needs the table named by LOCATION (`manage.py dynamodb_cache create`): hash key `k` (string), TTL attribute `t`.
Source: docs.djangoproject.com/en/5.2/topics/cache/; limits of DynamoDB: 400 KB an item, 100 reads and 25 writes a batch.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT

from dynamodb_cache.aio import AsyncCalls
from dynamodb_cache.calls import OUTAGES, Entry
from dynamodb_cache.items import MISSING
from dynamodb_cache.leases import run, steps
from dynamodb_cache.preparing import lease_seconds

_MISS = object()


class DynamoDBCache(AsyncCalls):
    """One alias. Cheap to make and offline: Django makes one for every thread and every ASGI request.

    Raises TableMissing and Unavailable, which a fail-open alias swallows: reads miss, writes are dropped. `add`, `incr`
    and `clear` always raise: somebody acts on their answers.
    """

    # -- Django's API -----------------------------------------------------------------------------------------------

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        found = self._calls.get(self._place(key, version))
        return default if found is MISSING else found

    def has_key(self, key: str, version: int | None = None) -> bool:
        """Whether there is an entry; its value does not travel, so it may still prove undecodable."""
        return self._calls.has(self._place(key, version))

    def set(
        self,
        key: str,
        value: Any,
        timeout: Any = DEFAULT_TIMEOUT,
        version: int | None = None,
        *,
        tags: Iterable[str] = (),
    ) -> None:
        self._calls.set(self._draft(key, value, timeout, version, tags))

    def add(
        self,
        key: str,
        value: Any,
        timeout: Any = DEFAULT_TIMEOUT,
        version: int | None = None,
        *,
        tags: Iterable[str] = (),
    ) -> bool:
        """Store unless there is something: one conditional put, one winner. Raises Unavailable also when failing open."""
        return self._calls.add(self._draft(key, value, timeout, version, tags))

    def touch(self, key: str, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return self._calls.touch("touch", self._place(key, version), self._expires_at(timeout))

    def delete(self, key: str, version: int | None = None) -> bool:
        return self._calls.delete(self._place(key, version))

    def incr(self, key: str, delta: Any = 1, version: int | None = None) -> Any:
        """Add to a value in one conditional update that keeps its timeout.

        Raises ValueError when there is none, Unavailable also when failing open: "not there" would be a lie. A repeat
        after a lost answer is not counted again; its answer is then the number that stands, others' counts included.
        """
        return self._calls.incr(self._place(key, version), delta, key)

    def incr_version(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """Move an entry to another version, with what is left of its timeout."""
        if version is None:
            version = self.version
        new: int = version + delta
        entry = self.get_entry(key, version=version)
        if entry is None:
            raise ValueError(f"Key {key!r} not found")
        self.set(key, entry.value, entry.seconds_left, version=new)
        self.delete(key, version=version)
        return new

    def get_many(self, keys: Iterable[str], version: int | None = None) -> dict[str, Any]:
        return self._calls.get_many(self._places(keys, version))

    def set_many(
        self,
        data: Mapping[str, Any],
        timeout: Any = DEFAULT_TIMEOUT,
        version: int | None = None,
        *,
        tags: Iterable[str] = (),
    ) -> list[str]:
        """Store many; return the keys that could not be stored."""
        return self._calls.set_many(self._drafts(data, timeout, version, tags))

    def delete_many(self, keys: Iterable[str], version: int | None = None) -> None:
        """Delete many. Raises Unfinished, saying how many are left, when that takes too long."""
        self._calls.delete_many([self._place(key, version) for key in keys])

    def clear(self) -> None:
        """Forget everything: the whole table, as Django has it, or with NAMESPACE_CLEAR this alias's key prefix."""
        if self.options.namespace_clear:
            self._calls.move("clear", [self._namespace()])
        else:
            self._calls.clear()

    def get_or_set(
        self,
        key: str,
        default: Any,
        timeout: Any = DEFAULT_TIMEOUT,
        version: int | None = None,
        *,
        lease: float | None = None,
        stale: float | None = None,
        tags: Iterable[str] = (),
    ) -> Any:
        """Return a value; where there is none, compute and store it.

        With `lease`, the seconds that computing may take, one caller computes and the others wait for it, at most that
        long. With `stale` they do not wait: for so many seconds after its timeout they get the old value.
        """
        if lease is None and stale is None:
            return self._get_or_add(key, default, timeout, version, tags)
        place, names = self._place(key, version), self._tag_names(tags, version)
        return run(
            steps(self._calls, place, lease_seconds(lease, stale)),
            lambda: default() if callable(default) else default,
            lambda value: self._leased(place, value, timeout, names, stale),
        )

    def _get_or_add(self, key: str, default: Any, timeout: Any, version: int | None, tags: Iterable[str]) -> Any:
        found = self.get(key, _MISS, version=version)
        if found is not _MISS:
            return found
        value = default() if callable(default) else default
        try:
            # Without tags as Django calls it, for those who override `add`.
            self.add(key, value, timeout=timeout, version=version, **({"tags": tags} if tags else {}))
        except OUTAGES:
            if not self.options.fail_open:
                raise
            return value
        return self.get(key, value, version=version)

    def close(self, **_kwargs: Any) -> None:
        """Do nothing: the client belongs to the process, and Django calls this after each request."""

    # -- beyond Django's API ----------------------------------------------------------------------------------------

    def get_entry(self, key: str, version: int | None = None) -> Entry | None:
        """Return a value with its token, expiry and size; None when there is none."""
        return self._calls.entry(self._place(key, version))

    def ttl(self, key: str, version: int | None = None) -> float | None:
        """Return the seconds an entry has left: None for ever, 0 when there is none. Its value does not travel."""
        return self._calls.ttl(self._place(key, version))

    def persist(self, key: str, version: int | None = None) -> bool:
        """Keep an entry for ever; False when there is none."""
        return self._calls.touch("persist", self._place(key, version), None)

    def delete_prefix(self, prefix: str, version: int | None = None) -> None:
        """Forget every entry whose key begins with a prefix that PREFIXES declares: one write, no scan.

        Other processes notice within GENERATION_SECONDS. Raises ValueError for a prefix that is not declared.
        """
        self._calls.move("delete_prefix", [self._prefix_name(prefix, version)])

    def delete_tags(self, tags: Iterable[str], version: int | None = None) -> None:
        """Forget every entry that was stored with one of these tags. Other processes: within GENERATION_SECONDS."""
        self._calls.move("delete_tags", list(self._tag_names(tags, version)))

    def stats(self) -> dict[str, Any]:
        """Return counts of this process since it began, for this alias's table and key prefix."""
        return self._calls.stats()
