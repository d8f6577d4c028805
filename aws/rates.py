"""Our own pace of calls per account, Region and kind of call, below what AWS throttles.

AWS publishes no rates for CloudFormation; these are what users report (DescribeStacks about 5 a second, not raisable).
After a throttle the pace is halved for a minute. One token bucket a process: with several workers, divide the scale.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from aws.errors import RateLimited

PATIENCE_SECONDS = 3.0
HALVED_SECONDS = 60.0
HELD_BACK = 0.5  # the share of a burst that background work leaves to what somebody waits for


@dataclass(frozen=True, slots=True)
class Pace:
    """Calls a second, and how many may come at once."""

    per_second: float
    burst: float


PACES = {
    "write": Pace(1, 3),
    "DescribeStacks": Pace(3, 6),
    "DescribeStackEvents": Pace(2, 4),
    "GetTemplate": Pace(3, 6),
    "ListStacks": Pace(0.5, 2),
    "read": Pace(3, 6),
}

_scale = 1.0
_patience = ContextVar("patience", default=PATIENCE_SECONDS)
_held_back = ContextVar("held_back", default=0.0)


def configure(scale: float) -> None:
    """Set the factor on every pace."""
    global _scale
    _scale = scale


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float
    halved_until: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


_buckets: dict[tuple[str, str], _Bucket] = {}
_making = threading.Lock()


def _bucket(where: str, kind: str) -> _Bucket:
    with _making:
        return _buckets.setdefault((where, kind), _Bucket(PACES[kind].burst * max(_scale, 1), time.monotonic()))


def acquire(where: str, kind: str) -> None:
    """Take one call's turn, waiting up to three seconds for it. Raises RateLimited with the seconds that remain."""
    deadline = time.monotonic() + _patience.get()
    while (wait := _take(_bucket(where, kind), PACES[kind], _held_back.get())) > 0:
        if time.monotonic() + wait > deadline:
            raise RateLimited(kind, wait)
        time.sleep(wait)


@contextmanager
def without_waiting() -> Iterator[None]:
    """Let calls inside raise RateLimited at once: for threads that many projects share."""
    token = _patience.set(0.0)
    try:
        yield
    finally:
        _patience.reset(token)


@contextmanager
def in_background() -> Iterator[None]:
    """Let calls inside raise RateLimited at once, and already where they would leave less than half of a burst.

    The rest is for calls that somebody waits for, else background work would take each token as it comes.
    """
    token = _held_back.set(HELD_BACK)
    try:
        with without_waiting():
            yield
    finally:
        _held_back.reset(token)


def _take(bucket: _Bucket, pace: Pace, held_back: float) -> float:
    """Take a token and leave a share of the burst; return 0, or the seconds until there is one to take."""
    with bucket.lock:
        now = time.monotonic()
        rate = pace.per_second * _scale * (0.5 if now < bucket.halved_until else 1)
        burst = pace.burst * max(_scale, 1)
        bucket.tokens = min(burst, bucket.tokens + (now - bucket.filled_at) * rate)
        bucket.filled_at = now
        needed = 1 + burst * held_back
        if bucket.tokens >= needed:
            bucket.tokens -= 1
            return 0.0
        return (needed - bucket.tokens) / rate


def slow_down(where: str, kind: str) -> None:
    """Halve a pace for a minute: AWS has throttled."""
    bucket = _bucket(where, kind)
    with bucket.lock:
        bucket.halved_until = time.monotonic() + HALVED_SECONDS
