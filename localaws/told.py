"""What callers have been told of stacks, and how much of it is on disk: `kill -9` must not take an answer back.

AWS never forgets a change that it has accepted, nor how it ended, and a caller builds on that. So every such change gets
a number, and an answer waits until the numbers that it rests on are written. Resources and events on the way are not
numbered: what runs goes on from the last save and comes to the same end.
"""

import threading

LONGEST_SECONDS = 10.0  # a caller is answered all the same when a disk is as slow as that


class Told:
    """Numbers for changes of stacks, and who waits for which."""

    def __init__(self) -> None:
        self.wanted = threading.Event()
        """Somebody waits: the journal need not wait for its next turn."""
        self._changed = threading.Condition()
        self._newest = 0
        self._kept = 0
        self._stacks: dict[str, int] = {}

    def note(self, stack_id: str) -> None:
        """Number a change of a stack; to be called under the store's lock, with the change."""
        with self._changed:
            self._newest += 1
            self._stacks[stack_id] = self._newest

    def of(self, stack_id: str | None) -> int:
        """Return the number that an answer about a stack rests on; without one, about all stacks."""
        with self._changed:
            return self._newest if stack_id is None else self._stacks.get(stack_id, 0)

    def kept(self, number: int) -> None:
        """Let go on who waits for numbers up to this one."""
        with self._changed:
            self._kept = max(self._kept, number)
            self._stacks = {stack_id: own for stack_id, own in self._stacks.items() if own > number}
            self._changed.notify_all()

    def wait(self, number: int, *, longest_seconds: float = LONGEST_SECONDS) -> bool:
        """Wait until everything up to a number is on disk; tell whether it is."""
        with self._changed:
            if self._kept < number:
                self.wanted.set()
            return self._changed.wait_for(lambda: self._kept >= number, timeout=longest_seconds)
