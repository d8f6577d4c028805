"""What one call of each cache costs: wall clock and CPU of the calling process, all caches in turn within one process.

The raw call is a tuned boto3 client given the very arguments that our cache sent: what is above 1.00x is ours.
"""

import base64
import gc
import itertools
import pickle
import random
import re
import statistics
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.cache import caches

from bench.cache import peers
from bench.cache.nulldynamodb import NullDynamoDB
from bench.cache.peers import ALIASES, DATABASE, OURS, PEER
from bench.report import Report

RAW, PLAIN = "raw call", "raw call, plain"
ROUNDS = 5
BLOCK = 10  # calls of one cache before the next one's turn, so that noise meets all alike
MANY = 100
PLAIN_ARGUMENTS = {"TableName", "Key", "Item", "RequestItems", "ConsistentRead"}
SLOW_MILLISECONDS = 3
WORDS = "bucket partner invoice harbour upload stack event region account template member project".split()

_fresh = itertools.count()


def text(size: int, seed: int) -> str:
    """Return words in an order of chance: compresses as text does, not as a repeated letter."""
    chance = random.Random(seed)
    return " ".join(f"{chance.choice(WORDS)}-{chance.randrange(10_000)}" for _ in range(size // 8))[:size]


def rows(count: int) -> list[dict[str, Any]]:
    """Return the rows of a list, as a page caches them."""
    return [
        {"name": f"bucket-{number:04}", "purpose": text(24, number), "status": "ready", "size": number * 977}
        for number in range(count)
    ]


ONE_KB = text(1024, seed=1)
LIST = rows(50)


@dataclass(slots=True)
class Timing:
    """The p50 of each round, in microseconds."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Comparison:
    """One operation, measured for each cache."""

    name: str
    timings: dict[str, Timing] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)

    def ratio(self, one: str, other: str, of: Callable[[Timing], list[float]] = lambda timing: timing.wall) -> float:
        """Return the median over the rounds of one's time against the other's."""
        pairs = zip(of(self.timings[one]), of(self.timings[other]), strict=True)
        return statistics.median(first / second for first, second in pairs)


def run(dynamodb: NullDynamoDB, report: Report) -> None:
    """Measure every operation, without and with a delay of the server, and hold the results against the promises."""
    caches[OURS].set("small", ONE_KB)
    trip = dynamodb.round_trip(peers.TABLE, {"k": {"S": ":1:small"}})
    report.title("The stand-in for DynamoDB")
    report.figure("a GetItem of 1 KB through a bare socket, p50", trip, "us", at_most=80)
    found = {one.name: one for one in _comparisons(dynamodb)}
    _print(report, "A call, p50: wall / CPU in microseconds, and wall against the raw call", list(found.values()))
    _judge(report, found)
    dynamodb.delay(SLOW_MILLISECONDS)
    slow = [
        _compare(dynamodb, name, *_OPERATIONS[name], rounds=3, aliases=(OURS, PEER))
        for name in ("get", "get_many(100)")
    ]
    dynamodb.delay(0)
    _print(report, f"The same with {SLOW_MILLISECONDS} ms a request", slow)
    report.figure("get_many(100) against the peer", slow[1].ratio(OURS, PEER), "x", at_most=0.03, goal=0.016, digits=3)


def _judge(report: Report, found: Mapping[str, Comparison]) -> None:
    report.title("Promises of a call")
    for name in ("get", "set"):
        report.figure(
            f"{name} against the raw call", found[name].ratio(OURS, RAW), "x", at_most=1.15, goal=1.05, digits=3
        )
    many = found["get_many(100)"]
    report.figure(
        "get_many(100) against one BatchGetItem", many.ratio(OURS, RAW), "x", at_most=1.25, goal=1.10, digits=3
    )
    cpu = found["get"].ratio(OURS, PEER, lambda timing: timing.cpu)
    report.figure("get against the peer, CPU", cpu, "x", at_most=0.90, goal=0.80, digits=3)
    report.figure("set against the peer", found["set"].ratio(OURS, PEER), "x", at_most=0.50, goal=0.40, digits=3)
    report.figure("get_many(100) against the peer", many.ratio(OURS, PEER), "x", at_most=0.06, goal=0.04, digits=3)
    lists = found["get_many(100) of lists"].ratio(OURS, DECODED)
    report.figure("get_many(100) of lists against raw + unpacking", lists, "x", at_most=1.2, digits=3)
    asked = max(one.requests[OURS] for one in found.values())
    report.figure("most requests of one call (set_many(25) and get_many(100) included)", asked, "", at_most=1)


# -- measuring ----------------------------------------------------------------------------------------------------

DECODED = "raw, decoded"
_VALUES = {f"many-{number}": text(1024, seed=number) for number in range(MANY)}
_LISTS = {f"list-{number}": LIST for number in range(MANY)}


def _fill(cache: Any) -> None:
    cache.set("small", ONE_KB)
    cache.set("list", LIST)
    cache.set("number", 1)
    # One by one: the peer's set_many raises over a key that is there.
    for key, value in (*_VALUES.items(), *_LISTS.items()):
        cache.set(key, value)


def _one(operation: Callable[[Any], object]) -> Callable[[Any], object]:
    return operation


_OPERATIONS: dict[str, tuple[Callable[[Any], object], int]] = {
    "get": (lambda cache: cache.get("small"), 200),
    "set": (lambda cache: cache.set("small", ONE_KB), 150),
    "add": (lambda cache: cache.add(f"new-{next(_fresh)}", ONE_KB), 100),
    "incr": (lambda cache: cache.incr("number"), 100),
    "touch": (lambda cache: cache.touch("small", 300), 100),
    "get of a list": (lambda cache: cache.get("list"), 100),
    "get_many(100)": (lambda cache: cache.get_many(_VALUES), 10),
    "get_many(100) of lists": (lambda cache: cache.get_many(_LISTS), 10),
    "set_many(25)": (lambda cache: cache.set_many({f"new-{next(_fresh)}": ONE_KB for _ in range(25)}), 10),
}


def _comparisons(dynamodb: NullDynamoDB) -> list[Comparison]:
    for alias in ALIASES:
        _fill(caches[alias])
    return [
        _compare(dynamodb, name, work, calls, rounds=ROUNDS, aliases=ALIASES)
        for name, (work, calls) in _OPERATIONS.items()
    ]


def _compare(
    dynamodb: NullDynamoDB,
    name: str,
    work: Callable[[Any], object],
    calls: int,
    *,
    rounds: int,
    aliases: tuple[str, ...],
) -> Comparison:
    """Measure one operation for the raw call and each alias."""
    comparison = Comparison(name)
    subjects: dict[str, Callable[[], object]] = {}
    for alias in aliases:
        subjects[alias] = _bound(work, caches[alias])
        dynamodb.counted()
        subjects[alias]()
        comparison.requests[alias] = dynamodb.counted()["requests"]
        if alias == OURS:
            subjects[alias]()
            subjects |= _raw(dynamodb.counted())
    comparison.timings = {subject: Timing() for subject in subjects}
    for _ in range(rounds):
        _round(subjects, comparison.timings, calls)
    return comparison


def _bound(work: Callable[[Any], object], cache: Any) -> Callable[[], object]:
    return lambda: work(cache)


def _round(subjects: Mapping[str, Callable[[], object]], timings: Mapping[str, Timing], calls: int) -> None:
    gc.collect()
    taken: dict[str, tuple[list[int], list[int]]] = {subject: ([], []) for subject in subjects}
    for _ in range(-(-calls // BLOCK)):
        for subject, work in subjects.items():
            walls, cpus = taken[subject]
            for _ in range(min(BLOCK, calls)):
                cpu, wall = time.process_time_ns(), time.perf_counter_ns()
                work()
                walls.append(time.perf_counter_ns() - wall)
                cpus.append(time.process_time_ns() - cpu)
    for subject, (walls, cpus) in taken.items():
        timings[subject].wall.append(statistics.median(walls) / 1000)
        timings[subject].cpu.append(statistics.median(cpus) / 1000)


# -- the raw call ---------------------------------------------------------------------------------------------------


def _raw(sent: Mapping[str, Any]) -> dict[str, Callable[[], object]]:
    """Return the call that our cache was seen to make, made by a bare client; its plainest form if that differs."""
    client = peers.raw_client()
    method = getattr(client, re.sub(r"(?<!^)(?=[A-Z])", "_", sent["operation"]).lower())
    arguments = _with_bytes(sent["arguments"])
    plain = {name: value for name, value in arguments.items() if name in PLAIN_ARGUMENTS}

    def call(given: Mapping[str, Any]) -> Any:
        if "ConditionExpression" in given and "Item" in given:
            given = {**given, "Item": {**given["Item"], "k": {"S": f"raw-{next(_fresh)}"}}}  # `add` adds what is new
        return method(**given)

    found: dict[str, Callable[[], object]] = {RAW: lambda: call(arguments)}
    if plain != arguments and sent["operation"] != "UpdateItem":
        found[PLAIN] = lambda: call(plain)
    if sent["operation"] == "BatchGetItem":
        found[DECODED] = lambda: [_decoded(item) for item in call(arguments)["Responses"][peers.TABLE]]
    return found


def _decoded(item: Mapping[str, Any]) -> Any:
    """Return the value without any check, as a program that trusts its table would."""
    data = bytes(item["v"]["B"])
    data = zlib.decompress(data[1:]) if data[:1] == b"z" else data[1:]
    return pickle.loads(data[32:])


def _with_bytes(value: Any) -> Any:
    """Return a document of the wire as boto3 takes it."""
    if isinstance(value, list):
        return [_with_bytes(one) for one in value]
    if isinstance(value, dict):
        if set(value) == {"B"} and isinstance(value["B"], str):
            return {"B": base64.b64decode(value["B"])}
        return {name: _with_bytes(one) for name, one in value.items()}
    return value


# -- printing -------------------------------------------------------------------------------------------------------


def _print(report: Report, title: str, comparisons: list[Comparison]) -> None:
    report.title(title)
    for one in comparisons:
        print(f"  {one.name}", flush=True)
        for subject, timing in one.timings.items():
            wall, cpu = statistics.median(timing.wall), statistics.median(timing.cpu)
            requests = one.requests.get(subject)
            asked = f"   {requests} requests" if requests else ""
            print(
                f"    {subject:<24} {wall:>9,.0f} / {cpu:>7,.0f}   {one.ratio(subject, RAW):>7.2f}x{asked}", flush=True
            )
