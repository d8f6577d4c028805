"""A circuit breaker: after an outage calls fail at once for a while, then one of them tries.

One a process, table and endpoint. One failed call is enough: the SDK has tried it several times, and each try took its
timeout. Only what takes long counts (no answer, errors of the service); throttling does not, for it is one key's or one
second's trouble, and a refused condition or permission is an answer.
"""

import threading
import time

from dynamodb_cache.errors import CircuitOpen


class Breaker:
    """Reading `is_open` costs nothing; all else happens under a lock."""

    def __init__(self) -> None:
        self.is_open = False  # calls are refused now, or one of them is the probe
        self._lock = threading.Lock()
        self._shut_until = 0.0

    def admit(self, table: str, seconds: float) -> None:
        """Let a probe through once the time is over. Raises CircuitOpen for everybody else."""
        with self._lock:
            now = time.monotonic()
            if not self.is_open:
                return
            if now < self._shut_until:
                raise CircuitOpen(
                    f"{table}: not asked, since DynamoDB has just failed; "
                    f"the next try is in {self._shut_until - now:.1f} s."
                )
            # The next probe, should this one never come back.
            self._shut_until = now + seconds

    def failed(self, seconds: float) -> None:
        """Open for some seconds."""
        with self._lock:
            self.is_open = True
            self._shut_until = time.monotonic() + seconds

    def succeeded(self) -> None:
        """Close: DynamoDB has answered."""
        with self._lock:
            self.is_open = False

    def renew(self) -> None:
        """Start anew: after a fork, when another thread may have held the lock."""
        self._lock = threading.Lock()
        self.is_open = False
