"""The buckets of a mirrored project, decoded once per revision: what lists sort, filter and look up in."""

from collections.abc import Mapping, Sequence

from dynamodb_cache.collections import Snapshot
from projects.stacks.mirror import MirroredStack
from projects.stacks.naming import Kind


def stacks(snapshot: Snapshot) -> Mapping[str, MirroredStack]:
    """Return every mirrored stack by its id; after a change only the stacks that changed are read again."""
    return snapshot.each("stacks", MirroredStack.of_row)


def buckets(snapshot: Snapshot) -> Mapping[str, MirroredStack]:
    """Return the bucket stacks by bucket name; of two that claim one name, the one that is not failing.

    A stack that only events told of has no name yet that anybody would know: it comes when it was read.
    """
    return snapshot.derive("buckets", _by_name)


def _by_name(snapshot: Snapshot) -> Mapping[str, MirroredStack]:
    found: dict[str, MirroredStack] = {}
    for stack in stacks(snapshot).values():
        if stack.kind != Kind.BUCKET or stack.heard_only:
            continue
        name = bucket_name_of(stack)
        other = found.get(name)
        if other is None or (stack.status.deletable_only, other.observed_at) < (
            other.status.deletable_only,
            stack.observed_at,
        ):
            found[name] = stack
    return found


def unread(snapshot: Snapshot) -> int:
    """Return how many buckets are known by name only."""
    return snapshot.derive("unread", lambda held: sum(1 for stack in buckets(held).values() if not stack.fingerprint))


def bucket_name_of(stack: MirroredStack) -> str:
    """Return a bucket's name; the stack's own while only that is known."""
    return stack.spec.name if stack.spec else stack.name


SORTS = ("name", "status", "changed", "owner")


def order(snapshot: Snapshot, sort: str, *, descending: bool, people: Mapping[str, str]) -> Sequence[str]:
    """Return the names of the buckets in an order that is computed once per revision; `people` are owners' names."""

    def key(named: tuple[str, MirroredStack]) -> tuple[str, str]:
        name, stack = named
        if sort == "status":
            return stack.status.words, name
        if sort == "changed":
            return stack.updated_at, name
        if sort == "owner":
            owner = stack.spec.owner if stack.spec else ""
            return (people.get(owner) or owner).casefold(), name
        return name, ""

    def ordered(held: Snapshot) -> Sequence[str]:
        return [name for name, _ in sorted(buckets(held).items(), key=key, reverse=descending)]

    shown = f":{hash(frozenset(people.items()))}" if sort == "owner" else ""
    return snapshot.derive(f"order:{sort}:{descending}{shown}", ordered)
