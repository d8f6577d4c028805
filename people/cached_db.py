"""Sessions: rows of the database, copied into the cache for some minutes so that a page need not ask the database.

A sign-out deletes both. While DynamoDB is away the copy stays, and lets in whoever holds the cookie until it expires:
so it expires soon, and the row, which is gone, is asked. Follows
docs.djangoproject.com/en/5.2/topics/http/sessions/#extending-database-backed-session-engines
"""

from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.cached_db import SessionStore as CachedStore
from django.core.cache import caches

KEPT_SECONDS = 300


class _Briefly:
    """A cache that keeps nothing longer than some minutes."""

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)

    def __contains__(self, key: str) -> bool:
        return key in self._cache

    def set(self, key: str, value: Any, timeout: float) -> None:
        self._cache.set(key, value, min(timeout, KEPT_SECONDS))

    async def aset(self, key: str, value: Any, timeout: float) -> None:  # noqa: ASYNC109 - Django's own name
        await self._cache.aset(key, value, min(timeout, KEPT_SECONDS))


class SessionStore(CachedStore):
    """Django's own, with a short memory."""

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self._cache: Any = _Briefly(caches[settings.SESSION_CACHE_ALIAS])
