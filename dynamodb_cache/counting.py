"""Figures of a cache table: those that DynamoDB keeps, some six hours old, and by a scan those of now.

Needs DescribeTable; the scan needs Scan and costs half a unit for each 4 KB of the table.
"""

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from dynamodb_cache.errors import TableMissing
from dynamodb_cache.refusals import explained
from dynamodb_cache.scanning import Item, Reach
from dynamodb_cache.tables import describe


@dataclass(slots=True)
class Scanned:
    """What a scan counted. Expired entries count in no prefix."""

    entries_by_prefix: Counter[str] = field(default_factory=Counter)
    expired: int = 0  # never served again, waiting for DynamoDB's time to live
    endless: int = 0
    parts: int = 0
    generations: int = 0
    others: int = 0
    read_units: float = 0

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON, the largest prefix first."""
        names = ("expired", "endless", "parts", "generations", "others", "read_units")
        return {
            "entries_by_prefix": dict(self.entries_by_prefix.most_common()),
            **{name: getattr(self, name) for name in names},
        }


def described(dynamodb: Any, table: str) -> dict[str, Any]:
    """Return a table's number of items and size, as DynamoDB last counted them. Raises TableMissing, Unavailable."""
    with explained(table):
        found = describe(dynamodb, table)
    if found is None:
        raise TableMissing(f"Table {table} does not exist. Run `manage.py dynamodb_cache create`.")
    return {"items": found["ItemCount"], "bytes": found["TableSizeBytes"]}


def scanned(reach: Reach) -> Scanned:
    """Count a table's items by reading all of it. Raises TableMissing, Unavailable."""
    total = Scanned()
    for one in reach.in_segments(lambda segment: _count_segment(reach, segment)):
        total.entries_by_prefix += one.entries_by_prefix
        for name in ("expired", "endless", "parts", "generations", "others"):
            setattr(total, name, getattr(total, name) + getattr(one, name))
    total.read_units = reach.pace.units
    return total


def _count_segment(reach: Reach, segment: int) -> Scanned:
    found = Scanned()
    for page in reach.pages(segment, ProjectionExpression="k, e, y"):
        for item in page:
            _count(found, item)
    return found


def _count(found: Scanned, item: Item) -> None:
    key: str = item["k"]["S"]
    if key.startswith("#part:"):
        found.parts += 1
    elif key.startswith("#gen:"):
        found.generations += 1
    elif key.startswith("#"):
        found.others += 1
    elif "e" in item and float(item["e"]["N"]) <= time.time():
        found.expired += 1
    else:
        readable = item["y"]["S"] if "y" in item else key
        found.entries_by_prefix[readable.partition(":")[0]] += 1
        found.endless += "e" not in item
