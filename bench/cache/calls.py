"""What one call of each cache costs: wall clock and CPU of the calling process, all caches in turn within one process.

The yardstick is the raw call (`raw.py`): what is above 1.00x is the adapter's.
"""

import gc
import itertools
import random
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.cache import caches

from bench.cache import peers, raw
from bench.cache.nulldynamodb import NullDynamoDB
from bench.cache.peers import ALIASES, OURS, PEER
from bench.cache.raw import DECODED, RAW
from bench.cache.values import ENTRIES_TOUCHED, LIST, MANY_LISTS, MANY_VALUES, ONE_KB
from bench.report import Report

ROUNDS = 5
HOUR_SECONDS = 3600
BLOCK = 10  # calls of one cache before the next one's turn, so that noise meets all alike
# In whose order, by chance: what follows a cache that uses nothing of botocore would always find the processor cold.
TURNS = random.Random(1)
SLOW_MILLISECONDS = 3
GET_MANY, GET_MANY_LISTS = "get_many(100)", "get_many(100) of lists"

_fresh = itertools.count()
# What is done with a cache, and how often in a round.
OPERATIONS: dict[str, tuple[Callable[[Any], object], int]] = {
    "get": (lambda cache: cache.get("small"), 200),
    "set": (lambda cache: cache.set("small", ONE_KB), 150),
    "add": (lambda cache: cache.add(f"new-{next(_fresh)}", ONE_KB), 100),
    "incr": (lambda cache: cache.incr("number"), 100),
    "touch": (lambda cache: cache.touch(f"touched-{next(_fresh) % ENTRIES_TOUCHED}", 300), 100),
    "get of a list": (lambda cache: cache.get("list"), 100),
    GET_MANY: (lambda cache: cache.get_many(MANY_VALUES), 10),
    GET_MANY_LISTS: (lambda cache: cache.get_many(MANY_LISTS), 10),
    "set_many(25)": (lambda cache: cache.set_many({f"new-{next(_fresh)}": ONE_KB for _ in range(25)}), 10),
}


@dataclass(slots=True)
class Timing:
    """The p50 of each round, in microseconds."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def waiting(self) -> float:
        """Wall clock against CPU."""
        return _ratio(self.wall, self.cpu)


@dataclass(slots=True)
class Comparison:
    """One operation, measured for each cache."""

    name: str
    timings: dict[str, Timing] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)

    def ratio(self, one: str, other: str) -> float:
        """Return the median over the rounds of one's wall clock against the other's."""
        return _ratio(self.timings[one].wall, self.timings[other].wall)

    def cpu_ratio(self, one: str, other: str) -> float:
        """Return the same of CPU."""
        return _ratio(self.timings[one].cpu, self.timings[other].cpu)


def _ratio(some: list[float], others: list[float]) -> float:
    return statistics.median(one / other for one, other in zip(some, others, strict=True))


def run(dynamodb: NullDynamoDB, report: Report) -> None:
    """Measure every operation, without and with a delay of the server, and hold the results against the promises."""
    for alias in ALIASES:
        _fill(caches[alias])
        _assert_filled(caches[alias], alias)
    report.title("The stand-in for DynamoDB")
    trip = dynamodb.round_trip(peers.TABLE, dynamodb.arguments_of(lambda: caches[OURS].get("small"))["Key"])
    report.figure("a GetItem of 1 KB through a bare socket, p50", trip, "us", goal=80)
    found = {name: _compare(dynamodb, name, ROUNDS, ALIASES) for name in OPERATIONS}
    _print(report, "A call, p50: wall / CPU in microseconds, wall against the raw call", found)
    _judge(report, found)
    dynamodb.delay(SLOW_MILLISECONDS)
    slow = {name: _compare(dynamodb, name, 3, (OURS, PEER)) for name in ("get", GET_MANY)}
    dynamodb.delay(0)
    _print(report, f"The same with {SLOW_MILLISECONDS} ms a request", slow)
    ratio = slow[GET_MANY].ratio(OURS, PEER)
    report.figure(f"{GET_MANY} against the peer", ratio, "x", at_most=0.03, goal=0.016, digits=3)


def _judge(report: Report, found: Mapping[str, Comparison]) -> None:
    report.title("Promises of a call")
    get, write, many = found["get"], found["set"], found[GET_MANY]
    report.figure("get against the raw call", get.ratio(OURS, RAW), "x", at_most=1.15, goal=1.05, digits=3)
    report.figure("set against the raw call", write.ratio(OURS, RAW), "x", at_most=1.15, goal=1.05, digits=3)
    report.figure(f"{GET_MANY} against the raw call", many.ratio(OURS, RAW), "x", at_most=1.25, goal=1.10, digits=3)
    lists = found[GET_MANY_LISTS].ratio(OURS, DECODED)
    report.figure(f"{GET_MANY_LISTS} against raw call and unpacking", lists, "x", at_most=1.2, digits=3)
    report.figure("get against the peer, CPU", get.cpu_ratio(OURS, PEER), "x", at_most=0.90, goal=0.80, digits=3)
    report.figure("set against the peer", write.ratio(OURS, PEER), "x", at_most=0.50, goal=0.40, digits=3)
    report.figure(f"{GET_MANY} against the peer", many.ratio(OURS, PEER), "x", at_most=0.06, goal=0.04, digits=3)
    report.figure(
        "raw get, wall clock against CPU: above 1.3 the machine is busy", get.timings[RAW].waiting, "x", digits=2
    )
    asked = max(one.requests[OURS] for one in found.values())
    report.figure("most requests of any of these calls", asked, "", at_most=1, digits=0)


def _fill(cache: Any) -> None:
    """Write what is read: one by one, since the peer's set_many raises over a key that is there."""
    touched = {f"touched-{number}": ONE_KB for number in range(ENTRIES_TOUCHED)}
    single = {"small": ONE_KB, "list": LIST, "number": 1}
    for key, value in (single | MANY_VALUES | MANY_LISTS | touched).items():
        cache.set(key, value, HOUR_SECONDS)


def _assert_filled(cache: Any, alias: str) -> None:
    """Fail when a cache does not answer what was stored: a miss is quicker than a hit."""
    held = cache.get("small") == ONE_KB and cache.get("list") == LIST and cache.get("number") == 1
    assert held, f"{alias} does not answer what was stored"
    assert cache.get_many(MANY_VALUES) == MANY_VALUES, f"{alias} does not answer what was stored"
    assert cache.get_many(MANY_LISTS) == MANY_LISTS, f"{alias} does not answer what was stored"


def _compare(dynamodb: NullDynamoDB, name: str, rounds: int, aliases: tuple[str, ...]) -> Comparison:
    """Measure one operation for the raw call and each alias."""
    comparison = Comparison(name)
    work, times = OPERATIONS[name]
    subjects: dict[str, Callable[[], object]] = {}
    for alias in aliases:
        subjects[alias] = _bound(work, caches[alias])
        dynamodb.counted()
        subjects[alias]()
        counted = dynamodb.counted()
        comparison.requests[alias] = counted["requests"]
        if alias == OURS:
            subjects |= raw.calls(counted, MANY_LISTS.values() if name == GET_MANY_LISTS else ())
    comparison.timings = {subject: Timing() for subject in subjects}
    for _ in range(rounds):
        _round(subjects, comparison.timings, times)
    return comparison


def _bound(work: Callable[[Any], object], cache: Any) -> Callable[[], object]:
    return lambda: work(cache)


def _round(subjects: Mapping[str, Callable[[], object]], timings: Mapping[str, Timing], times: int) -> None:
    taken: dict[str, tuple[list[int], list[int]]] = {subject: ([], []) for subject in subjects}
    gc.collect()
    for _ in range(times // BLOCK):
        for subject, work in TURNS.sample(list(subjects.items()), len(subjects)):
            walls, cpus = taken[subject]
            for _ in range(BLOCK):
                cpu, wall = time.process_time_ns(), time.perf_counter_ns()
                work()
                walls.append(time.perf_counter_ns() - wall)
                cpus.append(time.process_time_ns() - cpu)
    for subject, (walls, cpus) in taken.items():
        timings[subject].wall.append(statistics.median(walls) / 1000)
        timings[subject].cpu.append(statistics.median(cpus) / 1000)


def _print(report: Report, title: str, comparisons: Mapping[str, Comparison]) -> None:
    report.title(title)
    for name, one in comparisons.items():
        print(f"  {name}", flush=True)
        for subject, timing in one.timings.items():
            wall, cpu = statistics.median(timing.wall), statistics.median(timing.cpu)
            asked = f"   requests: {one.requests[subject]}" if one.requests.get(subject) else ""
            print(f"    {subject:<24} {wall:>9,.0f} / {cpu:>7,.0f} {one.ratio(subject, RAW):>7.2f}x{asked}", flush=True)
