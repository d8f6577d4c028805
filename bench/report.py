"""Figures as they are measured, and whether they hold what the project promises."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Report:
    """Prints each figure at once; `missed` counts the promises that do not hold."""

    missed: list[str] = field(default_factory=list)

    def title(self, words: str) -> None:
        """Begin a section."""
        print(f"\n{words}", flush=True)

    def machine(self) -> None:
        """Say how steady the machine is: a fixed piece of work, over and over for two seconds."""
        taken = [milliseconds(lambda: sum(number * number % 7 for number in range(100_000))) for _ in range(200)]
        self.figure("A fixed piece of Python, quickest", min(taken), "ms")
        self.figure("A fixed piece of Python, median", statistics.median(taken), "ms")
        self.figure("A fixed piece of Python, p99", percentile(taken, 0.99), "ms")

    def figure(
        self,
        name: str,
        value: float,
        unit: str,
        *,
        at_most: float | None = None,
        at_least: float | None = None,
        goal: float | None = None,
        digits: int = 1,
    ) -> None:
        """Print a figure and, where there is a promise, whether it holds; a goal is only told of."""
        words = f"  {name:<66} {value:>9.{digits}f} {unit}"
        holds = (at_most is None or value <= at_most) and (at_least is None or value >= at_least)
        if at_most is not None:
            words += f"   must <= {at_most:g}"
        if at_least is not None:
            words += f"   must >= {at_least:g}"
        if goal is not None:
            words += f" (goal {goal:g})"
        if at_most is not None or at_least is not None:
            words += "   holds" if holds else "   MISSED"
        if not holds:
            self.missed.append(name)
        print(words, flush=True)


def milliseconds(work: Callable[[], object]) -> float:
    """Return how long one piece of work takes."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def median_of(work: Callable[[], object], *, rounds: int) -> float:
    """Return the median of some rounds, in milliseconds, after one that does not count."""
    work()
    return statistics.median(milliseconds(work) for _ in range(rounds))


def quietest(values: list[float], block: int = 50) -> float:
    """Return the median of the quietest block of values that were measured one after the other.

    A shared machine gives a process between all and a third of a core, for seconds at a time: what one block shows is
    the code, what the whole run shows is the code and the neighbours.
    """
    return min(statistics.median(values[start : start + block]) for start in range(0, len(values), block))


def percentile(values: list[float], share: float) -> float:
    """Return the value below which a share of the values lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
