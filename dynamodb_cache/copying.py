"""Copy a cache's entries into a new table: what the new table has already is newer, and stays.

An entry of many parts goes over parts first and head last, as the cache itself writes it. The parts are made now:
otherwise a sweep of the new table could take them for old before their entry is there. Sealed values are sealed anew
for the new table. Needs Scan and BatchGetItem on
the source, PutItem and BatchGetItem on the target, and the SECRET_KEY that the source's values were sealed with.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from dynamodb_cache.errors import DynamoDBCacheError, TableMissing, TableUnfit
from dynamodb_cache.items import is_expired, number
from dynamodb_cache.parts import keys_of
from dynamodb_cache.refusals import explained
from dynamodb_cache.resealing import resealed, sealed_tags
from dynamodb_cache.scanning import Item, Reach
from dynamodb_cache.serializers import Undecodable
from dynamodb_cache.tables import CACHE_TABLE, describe, difference


@dataclass(frozen=True, slots=True)
class Copied:
    """What copying came to, in entries; parts are counted with theirs."""

    copied: int = 0
    kept: int = 0  # the target had its own
    expired: int = 0
    incomplete: int = 0  # replaced while it was read, or left so by a crash
    unreadable: int = 0  # sealed by a key that this project no longer has, or not by it

    def __add__(self, other: "Copied") -> "Copied":
        return Copied(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(Copied)))


def copy(source: Reach, target_table: str) -> Copied:
    """Copy every living entry; safe to repeat. Raises TableMissing, TableUnfit, Unavailable."""
    target = replace(source, table=target_table)
    if source.table == target_table:
        raise DynamoDBCacheError(f"Source and target are the same table, {target_table}.")
    for reach in (source, target):
        _check(reach)
    way = _Way(source, target, sealed_tags())
    return sum(source.in_segments(way.copy_segment), Copied())


def _check(reach: Reach) -> None:
    with explained(reach.table):
        description = describe(reach.dynamodb, reach.table)
    if description is None:
        raise TableMissing(f"Table {reach.table} does not exist. Run `manage.py dynamodb_cache create`.")
    differs = difference(description, CACHE_TABLE)
    if differs:
        raise TableUnfit(f"Table {reach.table} holds no cache: {differs}.")


@dataclass(frozen=True, slots=True)
class _Way:
    """From one table to another."""

    source: Reach
    target: Reach
    sealed_tags: frozenset[str]

    def copy_segment(self, segment: int) -> Copied:
        total = Copied()
        for page in self.source.pages(segment, ConsistentRead=True):
            for item in page:
                if not item["k"]["S"].startswith("#part:"):  # those come with their entry
                    total += self._copy(item)
        return total

    def _copy(self, item: Item) -> Copied:
        if is_expired(item):
            return Copied(expired=1)
        # Before parts are written, which nobody would name.
        if "m" in item and self.target.items([item["k"]["S"]], ProjectionExpression="k"):
            return Copied(kept=1)
        parts: Mapping[str, Item] = self.source.items(keys_of(item)) if "m" in item else {}
        if "m" in item and len(parts) < int(item["m"]["N"]):
            return Copied(incomplete=1)
        try:
            entry, parts = self._for_target(item, parts)
        except Undecodable:
            return Copied(unreadable=1)
        for part in parts.values():
            self.target.call("put_item", TableName=self.target.table, Item=part)
        won = self.target.conditionally(
            "put_item",
            Item=entry,
            ConditionExpression="attribute_not_exists(k) OR e <= :now",
            ExpressionAttributeValues={":now": {"N": number(time.time())}},
        )
        return Copied(copied=1) if won else Copied(kept=1)

    def _for_target(self, item: Item, parts: Mapping[str, Item]) -> tuple[Item, Mapping[str, Item]]:
        """Return an entry and its parts as the target needs them. Raises Undecodable."""
        now = {"N": str(int(time.time()))}
        young: dict[str, Item] = {key: {**parts[key], "a": now} for key in (keys_of(item) if parts else ())}
        if item.get("c", {}).get("S") not in self.sealed_tags or "w" not in item:
            return item, young
        holders = list(young.values()) or [item]
        pieces = resealed(item, [bytes(one["v"]["B"]) for one in holders], self.source.table, self.target.table)
        unstamped = {name: value for name, value in item.items() if name != "x"}  # the seal has the expiry of now
        if not young:
            return {**unstamped, "v": {"B": pieces[0]}}, {}
        return unstamped, {key: {**young[key], "v": {"B": piece}} for key, piece in zip(young, pieces, strict=True)}
