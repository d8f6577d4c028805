"""Our backend in the shapes that Django's tests ask for; imports Django's test modules, so only for `run.py`."""

from collections.abc import Iterable, Mapping
from typing import Any

from asgiref.sync import async_to_sync
from cache import failing_cache
from cache.closeable_cache import CloseHookMixin
from cache.liberal_backend import LiberalKeyValidationMixin
from django.core.cache.backends.base import DEFAULT_TIMEOUT

from dynamodb_cache import DynamoDBCache


class CloseableCache(CloseHookMixin, DynamoDBCache):
    """Tells whether it was closed."""


class LiberalCache(LiberalKeyValidationMixin, DynamoDBCache):
    """Takes any key."""


class FailingCache(DynamoDBCache):
    """Cannot be written."""

    set = failing_cache.CacheClass.set
    aset = failing_cache.CacheClass.aset


class ThroughAsync(DynamoDBCache):
    """Answers every synchronous call with its asynchronous twin.

    The twin is asked on a plain object that shares all state, for an asynchronous call may lean on the synchronous one.
    """

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(location, params)
        self._plain = DynamoDBCache.__new__(DynamoDBCache)
        self._plain.__dict__ = self.__dict__

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        return async_to_sync(self._plain.aget)(key, default, version=version)

    def set(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        return async_to_sync(self._plain.aset)(key, value, timeout, version=version)

    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return async_to_sync(self._plain.aadd)(key, value, timeout, version=version)

    def touch(self, key: str, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return async_to_sync(self._plain.atouch)(key, timeout, version=version)

    def delete(self, key: str, version: int | None = None) -> bool:
        return async_to_sync(self._plain.adelete)(key, version=version)

    def has_key(self, key: str, version: int | None = None) -> bool:
        return async_to_sync(self._plain.ahas_key)(key, version=version)

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        return async_to_sync(self._plain.aincr)(key, delta, version=version)

    def decr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        return async_to_sync(self._plain.adecr)(key, delta, version=version)

    def incr_version(self, key: str, delta: int = 1, version: int | None = None) -> int:
        return async_to_sync(self._plain.aincr_version)(key, delta, version=version)

    def decr_version(self, key: str, delta: int = 1, version: int | None = None) -> int:
        return async_to_sync(self._plain.adecr_version)(key, delta, version=version)

    def get_or_set(self, key: str, default: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> Any:
        return async_to_sync(self._plain.aget_or_set)(key, default, timeout, version=version)

    def get_many(self, keys: Iterable[str], version: int | None = None) -> dict[str, Any]:
        return async_to_sync(self._plain.aget_many)(keys, version=version)

    def set_many(
        self, data: Mapping[str, Any], timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> list[str]:
        return async_to_sync(self._plain.aset_many)(data, timeout, version=version)

    def delete_many(self, keys: Iterable[str], version: int | None = None) -> None:
        return async_to_sync(self._plain.adelete_many)(keys, version=version)

    def clear(self) -> None:
        return async_to_sync(self._plain.aclear)()

    def close(self, **kwargs: Any) -> None:
        return async_to_sync(self._plain.aclose)(**kwargs)
