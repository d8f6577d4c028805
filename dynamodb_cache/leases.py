"""`get_or_set` under a lease: one process computes, the others wait for it or take the value that has just gone stale.

The lease is an attribute of the entry (`l`: owner and until), so it needs no item of its own, any `set` or `delete` ends
it, and what its holder computed is stored only while it still holds: nothing overwrites newer news. A stale value keeps
its expiry `e`, at which every other call misses it, and stands until `s`.
"""

import random
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any

from dynamodb_cache.entries import FREE, Entries
from dynamodb_cache.errors import ConditionFailed
from dynamodb_cache.items import MISSING, Draft, Place, is_expired, number, same_entry, token

FIRST_PAUSE_SECONDS = 0.025
LONGEST_PAUSE_SECONDS = 0.25
DEFAULT_LEASE_SECONDS = 30.0  # when only `stale` is given


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at an entry shows."""

    value: Any
    stale: Any
    leased_until: float
    item: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease of ours, and the entry as it was before: its parts go when the value is stored."""

    place: Place
    owner: str
    item: Mapping[str, Any]


class Leases:
    """The requests of leases."""

    def __init__(self, entries: Entries) -> None:
        self._entries = entries

    def look(self, place: Place) -> Look:
        """Return an entry's value, or its stale one, and until when somebody computes it."""
        item = self._entries.table.read(place.stored) or {}
        until = float(item["l"]["M"]["u"]["N"]) if "l" in item else 0.0
        value = self._entries.value(item, place) if item else MISSING
        return Look(value, self._stale(item, place) if value is MISSING else MISSING, until, item)

    def _stale(self, item: Mapping[str, Any], place: Place) -> Any:
        if "s" not in item or float(item["s"]["N"]) <= time.time() or not is_expired(item):
            return MISSING
        if (place.groups or "g" in item) and not self._entries.generations.hold(item, place.groups):
            return MISSING
        return self._entries.decoded(item)

    def acquire(self, look: Look, place: Place, seconds: float) -> Lease | None:
        """Take the lease of an entry that has no value now; None when somebody else has it, or there is a value."""
        lease = Lease(place, token(), look.item)
        try:
            self._take(lease, seconds, FREE, {})
        except ConditionFailed as failed:
            item = self._entries.standing(failed, place, certain=True)
            if _owner(item) == lease.owner:
                return lease  # our own first try, whose answer was lost
            if not item or self._entries.alive(item, place):
                return None
            # Expired since, or ended by a generation.
            lease = Lease(place, token(), item)
            try:
                self._take(lease, seconds, *same_entry(item))
            except ConditionFailed:
                return None
        return lease

    def _take(self, lease: Lease, seconds: float, condition: str, values: Mapping[str, Any]) -> None:
        now = time.time()
        until = now + seconds
        self._entries.table.update(
            lease.place.stored,
            # What is no entry yet becomes one that has expired, for everybody else.
            "SET e = if_not_exists(e, :past), t = if_not_exists(t, :ends), l = :lease",
            f"({condition}) AND (attribute_not_exists(l) OR l.u <= :now)",
            {
                **values,
                ":lease": {"M": {"o": {"S": lease.owner}, "u": {"N": number(until)}}},
                ":past": {"N": "0"},
                ":ends": {"N": str(int(until) + 1)},
                ":now": {"N": number(now)},
            },
        )

    def store(self, draft: Draft, lease: Lease) -> bool:
        """Store what was computed; False when the lease was lost, or there is nothing to store."""
        if not self._entries.storable(draft):
            self.release(lease)
            return False
        self._entries.complete(draft)
        try:
            self._entries.table.put(draft.item, "l.o = :owner", {":owner": {"S": lease.owner}})
        except ConditionFailed as failed:
            if self._entries.standing(failed, lease.place, certain=True).get("w") != draft.item["w"]:
                self._entries.parts.discard(draft.item)
                return False
        self._entries.parts.discard(lease.item, but=draft.token)
        return True

    def release(self, lease: Lease) -> None:
        """Let the next one compute."""
        try:
            self._entries.table.update(lease.place.stored, "REMOVE l", "l.o = :owner", {":owner": {"S": lease.owner}})
        except ConditionFailed:
            return  # it has ended already


def _owner(item: Mapping[str, Any]) -> str:
    return str(item["l"]["M"]["o"]["S"]) if "l" in item else ""


# -- the course of one call, sync and async alike ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask DynamoDB."""

    work: Callable[..., Any]
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Compute:
    """Compute the value."""


@dataclass(frozen=True, slots=True)
class Prepare:
    """Serialise the value."""

    value: Any


Step = Ask | Pause | Compute | Prepare


def steps(calls: Any, place: Place, seconds: float) -> Generator[Step, Any, Any]:
    """Yield what to do next and be sent its result, or thrown its error; return the value.

    `calls` is a `calls.Calls`, which knows about outages: `look` answers None in one.
    Nobody waits longer than one lease takes: whoever waited in vain computes for itself and stores nothing.
    """
    give_up = time.monotonic() + seconds
    pause = FIRST_PAUSE_SECONDS
    lease: Lease | None = None
    while True:
        look: Look | None = yield Ask(calls.look, (place,))
        if look is None:
            break
        if look.value is not MISSING:
            return look.value
        if look.leased_until <= time.time():
            lease = yield Ask(calls.acquire, (look, place, seconds))
            if lease is not None:
                break
        if look.stale is not MISSING:
            return look.stale
        if time.monotonic() >= give_up:
            break
        yield Pause(random.uniform(pause / 2, pause))
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
    if lease is None:
        value = yield Compute()
        return value
    try:
        value = yield Compute()
        draft: Draft = yield Prepare(value)
    except GeneratorExit:
        raise  # nobody goes on with these steps, as when a loop is closed: the lease ends by itself
    except BaseException:
        yield Ask(calls.release, (lease,))
        raise
    yield Ask(calls.store, (draft, lease))
    return value


def run(course: Generator[Step, Any, Any], compute: Callable[[], Any], prepare: Callable[[Any], Draft]) -> Any:
    """Go through the steps of a call, in this thread."""
    answer: Any = None
    try:
        step = next(course)
        while True:
            try:
                answer = _answer(step, compute, prepare)
            except BaseException as error:  # noqa: BLE001 - the steps raise it again
                step = course.throw(error)
            else:
                step = course.send(answer)
    except StopIteration as done:
        return done.value


def _answer(step: Step, compute: Callable[[], Any], prepare: Callable[[Any], Draft]) -> Any:
    match step:
        case Ask(work, arguments):
            return work(*arguments)
        case Pause(seconds):
            return time.sleep(seconds)
        case Compute():
            return compute()
        case Prepare(value):
            return prepare(value)
