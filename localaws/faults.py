"""Faults on request, all off by default: for tests, benches and game days. Set in process or by a control call."""

import random
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any


@dataclass
class Faults:
    """What goes wrong. Counts go down as faults happen; 0 means never again."""

    _throttles: dict[str, int] = field(default_factory=dict)
    _failures: dict[str, tuple[str, int]] = field(default_factory=dict)
    _slow: dict[str, float] = field(default_factory=dict)
    _delays: dict[str, float] = field(default_factory=dict)
    _held: set[str] = field(default_factory=set)
    _publishing: dict[str, float] = field(default_factory=dict)
    _stalls: set[str] = field(default_factory=set)
    _waiting: dict[int, str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=count)
    _skew_seconds: float = 0.0
    _random: random.Random = field(default_factory=lambda: random.Random(0))
    _lock: threading.Condition = field(default_factory=threading.Condition)

    def clear(self) -> None:
        """Switch every fault off."""
        with self._lock:
            for faults in (self._throttles, self._failures, self._slow, self._delays, self._held, self._publishing):
                faults.clear()
            self._skew_seconds = 0.0
            self._stalls.clear()
            self._waiting.clear()
            self._lock.notify_all()

    # -- setting ----------------------------------------------------------------------------------------------------

    def set_throttle(self, action: str, times: int) -> None:
        """Refuse the next calls of a CloudFormation action as throttled."""
        self._throttles[action] = times

    def fail(self, what: str, words: str, times: int = 1) -> None:
        """Let the next resources of a type or logical id fail with these words."""
        self._failures[what] = (words, times)

    def set_slow(self, resource_type: str, seconds: float) -> None:
        """Let every resource of a type take longer."""
        self._slow[resource_type] = seconds

    def set_delay(self, service: str, seconds: float) -> None:
        """Let every call of a service take longer, by its signing name."""
        self._delays[service] = seconds

    def set_publishing(
        self, *, drop: float = 0, double: float = 0, delay_seconds: float = 0, shuffle_seconds: float = 0, seed: int = 0
    ) -> None:
        """Lose, double, delay and shuffle event messages with these chances."""
        self._random.seed(seed)
        self._publishing = {"drop": drop, "double": double, "delay": delay_seconds, "shuffle": shuffle_seconds}

    def set_skew(self, seconds: float, *, seed: int = 0) -> None:
        """Let the clocks of AWS's hosts, which stamp events, be wrong by up to so many seconds either way."""
        self._random.seed(seed)
        self._skew_seconds = seconds

    def set_hold(self, status: str, *, on: bool = True) -> None:
        """Keep stacks in a status until it is switched off."""
        (self._held.add if on else self._held.discard)(status)

    def set_stall(self, actions: str, *, on: bool = True) -> None:
        """Let the calls of an action, or of all that begin like this, wait each until `let` names it."""
        (self._stalls.add if on else self._stalls.discard)(actions)

    def let(self, calls: Iterable[int]) -> None:
        """Let waiting calls go on, by the numbers that `waiting` gives."""
        with self._lock:
            for number in calls:
                self._waiting.pop(number, None)
            self._lock.notify_all()

    def control(self, wish: dict[str, Any]) -> None:
        """Set a fault as a control call names it: {"fault": "throttle", "action": "CreateStack", "times": 3}."""
        named = dict(wish)
        setters: dict[str, Callable[..., None]] = {
            "throttle": self.set_throttle,
            "fail": self.fail,
            "slow": self.set_slow,
            "delay": self.set_delay,
            "publishing": self.set_publishing,
            "skew": self.set_skew,
            "hold": self.set_hold,
            "stall": self.set_stall,
            "let": self.let,
            "clear": self.clear,
        }
        setters[named.pop("fault")](**named)

    def shown(self) -> dict[str, Any]:
        """Return what is set, for people."""
        with self._lock:
            return {
                "throttles": {action: left for action, left in self._throttles.items() if left},
                "failures": {what: words for what, (words, left) in self._failures.items() if left},
                "slow": dict(self._slow),
                "delays": dict(self._delays),
                "held": sorted(self._held),
                "stalls": sorted(self._stalls),
                "publishing": dict(self._publishing),
                "skew_seconds": self._skew_seconds,
            }

    # -- asking -----------------------------------------------------------------------------------------------------

    def throttle(self, action: str) -> bool:
        """Tell whether this call is refused as throttled."""
        with self._lock:
            left = self._throttles.get(action, 0)
            if left:
                self._throttles[action] = left - 1
            return left > 0

    def resource_failure(self, logical_id: str, resource_type: str) -> str | None:
        """Return the words with which this resource fails."""
        with self._lock:
            for name in (logical_id, resource_type):
                words, left = self._failures.get(name, ("", 0))
                if left:
                    self._failures[name] = (words, left - 1)
                    return words
        return None

    def slow(self, resource_type: str) -> float:
        """Return the seconds that a resource takes longer."""
        return self._slow.get(resource_type, 0.0)

    def delay(self, service: str) -> float:
        """Return the seconds that a call of a service takes longer."""
        return self._delays.get(service, 0.0)

    def skew(self) -> float:
        """Return the seconds by which the clock that stamps an event is wrong."""
        with self._lock:
            return self._random.uniform(-self._skew_seconds, self._skew_seconds)

    def hold(self, status: str) -> bool:
        """Tell whether stacks stay in this status."""
        return status in self._held

    def stall(self, action: str, words: str) -> None:
        """Return when a call of this action may go on; the words say more of it to who looks at what waits."""
        if not self._stalls:
            return
        with self._lock:
            if not action.startswith(tuple(self._stalls)):
                return
            number = next(self._numbers)
            self._waiting[number] = f"{action} {words}"
            self._lock.wait_for(lambda: number not in self._waiting)

    def waiting(self) -> dict[int, str]:
        """Return the calls that wait, by number: action, ARN of what they are about, and who makes them."""
        with self._lock:
            return dict(self._waiting)

    def on_publish(self, message: str) -> list[tuple[float, str]]:
        """Return when, in seconds from now, a message is sent, and how often."""
        chances = self._publishing
        if not chances:
            return [(0.0, message)]
        with self._lock:
            if self._random.random() < chances["drop"]:
                return []
            copies = 2 if self._random.random() < chances["double"] else 1
            return [(chances["delay"] + self._random.uniform(0, chances["shuffle"]), message) for _ in range(copies)]
