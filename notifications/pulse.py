"""Whether news from AWS can arrive: how long ago the intake last emptied its queue without an error.

The live consumer hands this to pages, which must not claim to be live beyond it (DESIGN promise 2). Web and intake are
one process here. A process without an intake answers that it does not know, which no page takes for "news arrives";
where the intake runs elsewhere, these two functions are what a shared store has to stand behind.
"""

import time
from collections.abc import Callable


class Pulse:
    """The moment of the last good round of an intake."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at: float | None = None

    def beat(self) -> None:
        """Note a good round: now."""
        self._at = self._clock()

    def age_seconds(self) -> float | None:
        """Return how long ago the last good round was; None while there was none."""
        return None if self._at is None else round(self._clock() - self._at, 1)


_pulse = Pulse()
beat = _pulse.beat
age_seconds = _pulse.age_seconds
