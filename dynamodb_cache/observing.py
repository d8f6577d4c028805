"""What the cache does, for whoever wants to know: a signal for each call and counts for each process.

Nobody listening costs nothing: DynamoDB is then not even asked for the units it consumed.
"""

import threading
from contextvars import ContextVar
from dataclasses import dataclass, fields
from typing import Any

from django.dispatch import Signal

# Sent after each call of Django's API with `call`, a CacheCall; in the thread that spoke to DynamoDB. A receiver's
# exception is logged and goes no further.
cache_called = Signal()


@dataclass(slots=True)
class CacheCall:
    """Facts of one call. `error` is the exception's class name, also of one that a fail-open alias swallowed."""

    operation: str
    table: str
    prefix: str
    keys: int
    hits: int = 0
    bytes: int = 0  # of packed values, read or written
    seconds: float = 0.0
    requests: int = 0
    units: float = 0.0  # capacity units consumed, as DynamoDB says
    retries: int = 0  # by the SDK and of unprocessed parts
    error: str = ""


observed: ContextVar[CacheCall | None] = ContextVar("observed", default=None)


@dataclass(slots=True)
class Counts:
    """How often, since the process began."""

    hits: int = 0
    misses: int = 0
    writes: int = 0
    dropped: int = 0  # reads and writes that a fail-open alias went on without
    errors: int = 0


class Stats:
    """The counts of one table and prefix in this process."""

    def __init__(self) -> None:
        self._counts = Counts()
        self._lock = threading.Lock()
        self._logged_at = 0.0

    def add(self, **more: int) -> None:
        """Count."""
        with self._lock:
            for name, number in more.items():
                setattr(self._counts, name, getattr(self._counts, name) + number)

    def read(self, found: int, missed: int) -> None:
        """Count what was found and missed."""
        with self._lock:
            self._counts.hits += found
            self._counts.misses += missed

    def may_log(self, now: float, every_seconds: float) -> bool:
        """Whether the last line is long enough ago; then this is the last one."""
        with self._lock:
            if self._logged_at and now - self._logged_at < every_seconds:
                return False
            self._logged_at = now
            return True

    def as_dict(self) -> dict[str, Any]:
        """Return the counts."""
        with self._lock:
            return {field.name: getattr(self._counts, field.name) for field in fields(Counts)}

    def renew(self) -> None:
        """Start anew: after a fork."""
        self.__init__()  # type: ignore[misc]
