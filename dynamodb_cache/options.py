"""OPTIONS of an alias as one frozen value. Reads no network, no credentials, no Region: Django builds caches offline.

Source: docs.djangoproject.com/en/5.2/topics/cache/#cache-arguments.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from django.core.exceptions import ImproperlyConfigured

_TABLE = re.compile(r"[A-Za-z0-9_.:/-]{3,1024}")
_IGNORED = frozenset({"MAX_ENTRIES", "CULL_FREQUENCY"})  # Django's own; DynamoDB needs no culling


@dataclass(frozen=True, slots=True)
class Connection:
    """How DynamoDB is reached. Aliases with the same one share a client."""

    region: str | None = None
    endpoint_url: str | None = None
    profile: str | None = None
    role_arn: str | None = None
    client_factory: str | None = None
    connect_timeout_seconds: float = 1.0
    read_timeout_seconds: float = 3.0
    max_attempts: int = 2
    max_pool_connections: int = 32


@dataclass(frozen=True, slots=True)
class Options(Connection):
    """All options of an alias."""

    bulk_seconds: float = 10.0
    async_workers: int = 16
    consistent_read: bool = True
    serializer: str = "pickle"
    max_value_bytes: int = 16 * 1024 * 1024
    compress_from_bytes: int = 1024
    fail_open: bool = False
    breaker_seconds: float = 5.0
    namespace_clear: bool = False
    generation_seconds: float = 5.0
    prefixes: tuple[str, ...] = ()

    def connection(self) -> Connection:
        """Return the part that a client depends on."""
        return Connection(**{field.name: getattr(self, field.name) for field in fields(Connection)})


def options_of(location: object, given: Mapping[str, Any]) -> Options:
    """Return the options of an alias. Raises ImproperlyConfigured, saying what is wrong and how to mend it."""
    if not isinstance(location, str) or not _TABLE.fullmatch(location):
        raise ImproperlyConfigured(f"CACHES: LOCATION must be the name or ARN of a DynamoDB table, not {location!r}.")
    unknown = sorted(set(given) - set(_CHECKS) - _IGNORED)
    if unknown:
        raise ImproperlyConfigured(f"CACHES: unknown option {', '.join(unknown)}; known: {', '.join(sorted(_CHECKS))}.")
    made = Options(**{name.lower(): _CHECKS[name](name, given[name]) for name in given if name in _CHECKS})
    if made.async_workers > made.max_pool_connections:
        raise ImproperlyConfigured(
            f"CACHES: ASYNC_WORKERS ({made.async_workers}) needs as many connections; set MAX_POOL_CONNECTIONS "
            f"(now {made.max_pool_connections}) at least as high."
        )
    return made


def _text(name: str, value: object) -> str | None:
    if value is not None and (not isinstance(value, str) or not value):
        raise ImproperlyConfigured(f"CACHES: {name} must be a text or None, not {value!r}.")
    return value


def _switch(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ImproperlyConfigured(f"CACHES: {name} must be True or False, not {value!r}.")
    return value


def _serializer(name: str, value: object) -> str:
    if not isinstance(value, str) or not (value in {"pickle", "json"} or "." in value):
        raise ImproperlyConfigured(f'CACHES: {name} must be "pickle", "json" or the dotted path of a class: {value!r}.')
    return value


def _seconds(least: float) -> Callable[[str, object], float]:
    def check(name: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < math.inf:
            raise ImproperlyConfigured(f"CACHES: {name} must be a number of seconds, {least} or more, not {value!r}.")
        return float(value)

    return check


def _count(least: int) -> Callable[[str, object], int]:
    def check(name: str, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ImproperlyConfigured(f"CACHES: {name} must be a whole number, {least} or more, not {value!r}.")
        return value

    return check


def _prefixes(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, tuple | list) or not all(isinstance(one, str) and one for one in value):
        raise ImproperlyConfigured(f'CACHES: {name} must be a list of key prefixes such as ["user:"], not {value!r}.')
    return tuple(dict.fromkeys(value))


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "REGION": _text,
    "ENDPOINT_URL": _text,
    "PROFILE": _text,
    "ROLE_ARN": _text,
    "CLIENT_FACTORY": _text,
    "CONNECT_TIMEOUT_SECONDS": _seconds(0.001),
    "READ_TIMEOUT_SECONDS": _seconds(0.001),
    "MAX_ATTEMPTS": _count(1),
    "MAX_POOL_CONNECTIONS": _count(1),
    "BULK_SECONDS": _seconds(0.001),
    "ASYNC_WORKERS": _count(1),
    "CONSISTENT_READ": _switch,
    "SERIALIZER": _serializer,
    "MAX_VALUE_BYTES": _count(1),
    "COMPRESS_FROM_BYTES": _count(0),
    "FAIL_OPEN": _switch,
    "BREAKER_SECONDS": _seconds(0),
    "NAMESPACE_CLEAR": _switch,
    "GENERATION_SECONDS": _seconds(0),
    "PREFIXES": _prefixes,
}
