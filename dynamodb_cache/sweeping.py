"""Remove what nobody reads any more, and DynamoDB's time to live does not: parts without their entry, ended entries.

Parts of large values: a batch write gives no old values back, so the parts of an entry that `set_many` or `delete_many`
replaced stay. Safe beside writers: the entry is written within seconds after its parts, so parts that are older than an
hour and have no entry never get one. Ended entries: those without timeout whose namespace, prefix or tag was moved
since; no token comes back, so they are never served again. What has a timeout goes by itself, free of charge.
Needs Scan, BatchGetItem and DeleteItem (the template's MaintenancePolicy).
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from dynamodb_cache.scanning import Item, Reach

OLD_ENOUGH_SECONDS = 3600
_PART, _GENERATION = "#part:", "#gen:"
_NEVER_MOVED = "0"


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep came to; of a dry run, what it would have come to."""

    parts: int = 0  # all that were seen
    orphans: int = 0  # of them, without their entry and old enough
    ended: int = 0  # entries without timeout under a token that was moved
    removed: int = 0

    def __add__(self, other: "Swept") -> "Swept":
        return Swept(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(Swept)))


def sweep(reach: Reach, *, dry_run: bool = False) -> Swept:
    """Sweep a cache table; safe to repeat. Raises TableMissing, Unavailable."""
    return sum(reach.in_segments(lambda segment: _sweep_segment(reach, segment, dry_run=dry_run)), Swept())


def _sweep_segment(reach: Reach, segment: int, *, dry_run: bool) -> Swept:
    total = Swept()
    pages = reach.pages(
        segment,
        ProjectionExpression="k, h, a, w, g",
        FilterExpression="begins_with(k, :part) OR (attribute_exists(g) AND attribute_not_exists(t))",
        ExpressionAttributeValues={":part": {"S": _PART}},
    )
    for page in pages:
        parts = [item for item in page if item["k"]["S"].startswith(_PART)]
        orphans = _orphans(reach, parts)
        ended = _ended(reach, [item for item in page if "g" in item])
        removed = 0
        if not dry_run:
            # Unless it was made anew meanwhile, or another sweep was faster.
            removed += sum(_remove(reach, part, "a") for part in orphans)
            removed += sum(_remove(reach, entry, "w") for entry in ended)
        total += Swept(len(parts), len(orphans), len(ended), removed)
    return total


def _orphans(reach: Reach, parts: Sequence[Item]) -> list[Item]:
    """Return the parts that no entry names, and that are too old for one that is still being written."""
    latest = time.time() - OLD_ENOUGH_SECONDS
    old = [part for part in parts if float(part["a"]["N"]) <= latest]
    entries = reach.items(sorted({part["h"]["S"] for part in old}), ProjectionExpression="k, w")
    return [part for part in old if _token(part) != entries.get(part["h"]["S"], {}).get("w", {}).get("S")]


def _token(part: Item) -> str:
    """Return the write that a part belongs to: `#part:<token>:<number>`."""
    token: str = part["k"]["S"].removeprefix(_PART).rpartition(":")[0]
    return token


def _ended(reach: Reach, entries: Sequence[Item]) -> list[Item]:
    """Return the entries that were written under a token which is not the present one."""
    names = {name for entry in entries for name in entry["g"]["M"]}
    tokens = reach.items(sorted(_GENERATION + name for name in names))
    return [entry for entry in entries if _has_ended(entry, tokens)]


def _has_ended(entry: Item, tokens: Mapping[str, Item]) -> bool:
    for name, written in entry["g"]["M"].items():
        present = tokens.get(_GENERATION + name)
        if written["S"] != (present["v"]["S"] if present else _NEVER_MOVED):
            return True
    return False


def _remove(reach: Reach, item: Item, mark: str) -> bool:
    """Remove an item whose mark is still what was read; tell whether it was."""
    return reach.conditionally(
        "delete_item",
        Key={"k": item["k"]},
        ConditionExpression=f"{mark} = :mark",
        ExpressionAttributeValues={":mark": item[mark]},
    )
