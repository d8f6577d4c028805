"""Waiting for messages outside of moto: a long poll sleeps here, where it holds up neither a snapshot nor a request.

`repairs` keeps moto from sleeping and notes in `asked` what the call wanted; `DataPlane` then waits and asks again.
"""

import threading
import time
from dataclasses import dataclass
from typing import Any

PAUSE_SECONDS = 0.1  # a delayed or timed-out message becomes visible without anybody sending


@dataclass(frozen=True, slots=True)
class Asked:
    """What one ReceiveMessage wanted, and whether it got something."""

    queue: Any
    wait_seconds: int
    found: bool

    def wait(self, seconds: float, stopping: threading.Event) -> None:
        """Return when a message may be there or all shall end, at the latest after these seconds."""
        end = time.monotonic() + seconds
        if self.queue.messages:
            # Visible and yet not given: its FIFO group is blocked, so only time helps.
            time.sleep(min(PAUSE_SECONDS, seconds))
            return
        while not (self.queue.messages or stopping.is_set()) and (left := end - time.monotonic()) > 0:
            self.queue.wait_for_messages(min(PAUSE_SECONDS, left))


_thread = threading.local()


def note(asked: Asked | None) -> None:
    """Remember, for this thread, what the call that just ran in moto wanted."""
    _thread.asked = asked


def asked() -> Asked | None:
    """Return what the last call of this thread wanted; None when it received nothing from a queue."""
    found: Asked | None = getattr(_thread, "asked", None)
    return found
