"""How `incr` and `add` know their own first try, when the SDK repeats it after a lost answer: by a token in a slot.

The entry's token `w` alone would not do: another increment in between replaces it. So each also leaves its own in one
of 16 attributes, `i0` to `if`, and counts only where that one does not hold it. A process takes the slots in turn, so
none of its own next 15 increments of an entry hides one. An increment of another process does once in 16 times: only
then, and only between a lost answer and its repeat, is one counted twice. Any other write of the value drops the slots.
"""

import itertools
import random
from collections.abc import Iterator, Mapping
from typing import Any

from dynamodb_cache import client

NAMES = tuple(f"i{number:x}" for number in range(16))
TOKEN_CHARACTERS = 16


class _Turns:
    """Whose turn it is; each process begins somewhere else."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        start = random.SystemRandom().randrange(len(NAMES))
        self._names: Iterator[str] = itertools.cycle(NAMES[start:] + NAMES[:start])

    def take(self) -> str:
        return next(self._names)


_turns = _Turns()


@client.forgotten_after_fork
def _renew() -> None:
    _turns.renew()


def taken(token: str) -> tuple[str, dict[str, str]]:
    """Return the slot of a write, and what it puts there."""
    return _turns.take(), {"S": token[:TOKEN_CHARACTERS]}


def same_write(item: Mapping[str, Any], written: Mapping[str, Any]) -> bool:
    """Whether an item was written as `written`, and perhaps counted up since."""
    return item.get("w") == written["w"] or any(name in written and item.get(name) == written[name] for name in NAMES)
