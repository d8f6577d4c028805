"""The async half of the cache API: the network on a pool of threads of its own, everything else where Django has it.

Django's own async methods run one after the other in one thread. Here calls run side by side, bulk ones are one call,
and nothing blocks the loop. Values are serialised, and keys made by a project's own function, in Django's thread for
synchronous code, since both may query the database; plain values need no thread.
Source: docs.djangoproject.com/en/5.2/topics/async/.
"""

# ruff: noqa: ASYNC109 - `timeout` is an entry's, in Django's own signatures

import asyncio
import inspect
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from asgiref.sync import sync_to_async
from django.core.cache.backends.base import DEFAULT_TIMEOUT, default_key_func

from dynamodb_cache import client
from dynamodb_cache.calls import OUTAGES, Entry
from dynamodb_cache.items import MISSING, Draft, Place
from dynamodb_cache.leases import Ask, Compute, Pause, Prepare, Step, steps
from dynamodb_cache.preparing import Prepared, lease_seconds

_MISS = object()
PLAIN = frozenset({bool, bytes, float, int, str, type(None)})
PLAIN_SIZE = 16 * 1024  # longer ones take a while to compress

# One for each way to reach DynamoDB, so that a silent endpoint holds up no other.
_pools: dict[tuple[client.Slot, int], ThreadPoolExecutor] = {}


def _pool(slot: client.Slot, workers: int) -> ThreadPoolExecutor:
    # A pool starts no thread before it is used, so one made too many costs nothing.
    key = (slot, workers)
    return _pools.get(key) or _pools.setdefault(key, ThreadPoolExecutor(workers, "dynamodb-cache"))


@client.forgotten_after_fork
def _forget_pools() -> None:
    _pools.clear()


def _is_plain(value: Any) -> bool:
    kind = type(value)
    return kind in PLAIN and not (kind in {bytes, str} and len(value) > PLAIN_SIZE)


class AsyncCalls(Prepared):
    """The async methods of `DynamoDBCache`; each does what the one without the `a` does."""

    async def _in_pool(self, work: Callable[..., Any], *arguments: Any) -> Any:
        # The context goes along: receivers of the signal may want the request's.
        return await asyncio.get_running_loop().run_in_executor(
            _pool(self._calls.entries.table.slot, self.options.async_workers), copy_context().run, work, *arguments
        )

    async def _aplace(self, key: str, version: int | None) -> Place:
        if self.key_func is default_key_func:
            return self._place(key, version)
        return await sync_to_async(self._place)(key, version)

    async def _adraft(self, key: str, value: Any, timeout: Any, version: int | None, tags: Iterable[str]) -> Draft:
        if self.key_func is default_key_func and _is_plain(value):
            return self._draft(key, value, timeout, version, tags)
        return await sync_to_async(self._draft)(key, value, timeout, version, tags)

    # -- Django's API -----------------------------------------------------------------------------------------------

    async def aget(self, key: str, default: Any = None, version: int | None = None) -> Any:
        found = await self._in_pool(self._calls.get, await self._aplace(key, version))
        return default if found is MISSING else found

    async def ahas_key(self, key: str, version: int | None = None) -> bool:
        found: bool = await self._in_pool(self._calls.has, await self._aplace(key, version))
        return found

    async def aset(
        self,
        key: str,
        value: Any,
        timeout: Any = DEFAULT_TIMEOUT,
        version: int | None = None,
        *,
        tags: Iterable[str] = (),
    ) -> None:
        await self._in_pool(self._calls.set, await self._adraft(key, value, timeout, version, tags))

    async def aadd(
        self,
        key: str,
        value: Any,
        timeout: Any = DEFAULT_TIMEOUT,
        version: int | None = None,
        *,
        tags: Iterable[str] = (),
    ) -> bool:
        added: bool = await self._in_pool(self._calls.add, await self._adraft(key, value, timeout, version, tags))
        return added

    async def atouch(self, key: str, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        touched: bool = await self._in_pool(
            self._calls.touch, "touch", await self._aplace(key, version), self._expires_at(timeout)
        )
        return touched

    async def adelete(self, key: str, version: int | None = None) -> bool:
        deleted: bool = await self._in_pool(self._calls.delete, await self._aplace(key, version))
        return deleted

    async def aincr(self, key: str, delta: Any = 1, version: int | None = None) -> Any:
        return await self._in_pool(self._calls.incr, await self._aplace(key, version), delta, key)

    async def adecr(self, key: str, delta: Any = 1, version: int | None = None) -> Any:
        return await self.aincr(key, -delta, version=version)

    async def aincr_version(self, key: str, delta: int = 1, version: int | None = None) -> int:
        if version is None:
            version = self.version
        new: int = version + delta
        entry = await self.aget_entry(key, version=version)
        if entry is None:
            raise ValueError(f"Key {key!r} not found")
        await self.aset(key, entry.value, entry.seconds_left, version=new)
        await self.adelete(key, version=version)
        return new

    async def adecr_version(self, key: str, delta: int = 1, version: int | None = None) -> int:
        return await self.aincr_version(key, -delta, version=version)

    async def aget_many(self, keys: Iterable[str], version: int | None = None) -> dict[str, Any]:
        places = await self._aplaces(keys, version)
        found: dict[str, Any] = await self._in_pool(self._calls.get_many, places)
        return found

    async def _aplaces(self, keys: Iterable[str], version: int | None) -> dict[str, Place]:
        # Iterating may query the database too: the keys of a lazy queryset.
        if self.key_func is default_key_func and isinstance(keys, list | tuple | set | frozenset | dict):
            return self._places(keys, version)
        return await sync_to_async(self._places)(keys, version)

    async def aset_many(
        self,
        data: Mapping[str, Any],
        timeout: Any = DEFAULT_TIMEOUT,
        version: int | None = None,
        *,
        tags: Iterable[str] = (),
    ) -> list[str]:
        drafts = await sync_to_async(self._drafts)(data, timeout, version, tags)
        failed: list[str] = await self._in_pool(self._calls.set_many, drafts)
        return failed

    async def adelete_many(self, keys: Iterable[str], version: int | None = None) -> None:
        places = await self._aplaces(keys, version)
        await self._in_pool(self._calls.delete_many, list(places.values()))

    async def aclear(self) -> None:
        if self.options.namespace_clear:
            await self._in_pool(self._calls.move, "clear", [self._namespace()])
        else:
            await self._in_pool(self._calls.clear)

    async def aget_or_set(
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
        """As `get_or_set`; a `default` that is called, in the loop as Django does it, may also be a coroutine function."""
        if lease is None and stale is None:
            return await self._aget_or_add(key, default, timeout, version, tags)
        place, names = await self._aplace(key, version), await sync_to_async(self._tag_names)(tags, version)
        course = steps(self._calls, place, lease_seconds(lease, stale))
        try:
            step = next(course)
            while True:
                try:
                    answer = await self._answer(step, default, place, timeout, names, stale)
                except BaseException as error:  # noqa: BLE001 - the steps raise it again
                    step = course.throw(error)
                else:
                    step = course.send(answer)
        except StopIteration as done:
            return done.value

    async def _answer(
        self, step: Step, default: Any, place: Place, timeout: Any, names: tuple[str, ...], stale: float | None
    ) -> Any:
        match step:
            case Ask(work, arguments):
                return await self._in_pool(work, *arguments)
            case Pause(seconds):
                return await asyncio.sleep(seconds)
            case Compute():
                return await _computed(default)
            case Prepare(value):
                return await sync_to_async(self._leased)(place, value, timeout, names, stale)

    async def _aget_or_add(self, key: str, default: Any, timeout: Any, version: int | None, tags: Iterable[str]) -> Any:
        found = await self.aget(key, _MISS, version=version)
        if found is not _MISS:
            return found
        value = await _computed(default)
        try:
            await self.aadd(key, value, timeout=timeout, version=version, **({"tags": tags} if tags else {}))
        except OUTAGES:
            if not self.options.fail_open:
                raise
            return value
        return await self.aget(key, value, version=version)

    async def aclose(self, **_kwargs: Any) -> None:
        """Do nothing, as `close`."""

    # -- beyond Django's API ----------------------------------------------------------------------------------------

    async def aget_entry(self, key: str, version: int | None = None) -> Entry | None:
        found: Entry | None = await self._in_pool(self._calls.entry, await self._aplace(key, version))
        return found

    async def attl(self, key: str, version: int | None = None) -> float | None:
        left: float | None = await self._in_pool(self._calls.ttl, await self._aplace(key, version))
        return left

    async def apersist(self, key: str, version: int | None = None) -> bool:
        kept: bool = await self._in_pool(self._calls.touch, "persist", await self._aplace(key, version), None)
        return kept

    async def adelete_prefix(self, prefix: str, version: int | None = None) -> None:
        name = await sync_to_async(self._prefix_name)(prefix, version)
        await self._in_pool(self._calls.move, "delete_prefix", [name])

    async def adelete_tags(self, tags: Iterable[str], version: int | None = None) -> None:
        names = await sync_to_async(self._tag_names)(tags, version)
        await self._in_pool(self._calls.move, "delete_tags", list(names))


async def _computed(default: Any) -> Any:
    """Return a default, called if it can be, awaited if that gives something to await."""
    value = default() if callable(default) else default
    return await value if inspect.isawaitable(value) else value
