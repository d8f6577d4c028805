"""Many entries at once: 100 reads and 25 writes a request, and the whole table in parallel."""

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from typing import Any

from dynamodb_cache.entries import Entries
from dynamodb_cache.errors import Unfinished
from dynamodb_cache.items import MISSING, Draft, Place
from dynamodb_cache.table import WRITE_BATCH

SEGMENTS = 4


def get_many(entries: Entries, places: Iterable[Place], found: dict[str, Any]) -> None:
    """Put the values there are into `found`, by stored key, as they come. Raises Unfinished."""
    by_key = {place.stored: place for place in places}
    for batch in entries.table.read_many(list(by_key)):
        items = _alive(entries, batch, by_key)
        large = entries.parts.read([item for item in items if "m" in item])
        for item in items:
            if "m" not in item:
                value = entries.decoded(item)
            elif item["w"]["S"] in large:
                value = entries.decoded(item, large[item["w"]["S"]])
            else:
                continue
            if value is not MISSING:
                found[item["k"]["S"]] = value


def _alive(
    entries: Entries, batch: Iterable[Mapping[str, Any]], by_key: Mapping[str, Place]
) -> list[Mapping[str, Any]]:
    now = time.time()
    items = [item for item in batch if "e" not in item or float(item["e"]["N"]) > now]
    names = {name for item in items if "g" in item for name in item["g"]["M"]}
    names |= {name for place in by_key.values() for name in place.groups}
    if not names:
        return items
    entries.generations.tokens(names)  # all at once; below they are known
    return [item for item in items if entries.alive(item, by_key[item["k"]["S"]])]


def set_many(entries: Entries, drafts: Sequence[Draft], failed: set[str]) -> None:
    """Store drafts of different keys, all with one expiry; take the stored keys of those that are done out of `failed`.

    A batch shows no old items, so parts of large entries that it replaces stay behind until their time to live.
    """
    if drafts[0].expired:
        delete_many(entries, [draft.place.stored for draft in drafts])
        failed.clear()
        return
    small = [draft for draft in drafts if not draft.data and entries.fits(draft)]
    names = {name for draft in drafts for name in (*draft.place.groups, *draft.tags)}
    if names:
        entries.generations.tokens(names)
    deadline = entries.table.deadline()
    for start in range(0, len(small), WRITE_BATCH):
        batch = small[start : start + WRITE_BATCH]
        for draft in batch:
            entries.complete(draft)
        left = entries.table.write_many([{"PutRequest": {"Item": draft.item}} for draft in batch], deadline)
        undone = {request["PutRequest"]["Item"]["k"]["S"] for request in left}
        failed.difference_update(draft.place.stored for draft in batch if draft.place.stored not in undone)
    for draft in drafts:
        if (draft.data or not entries.fits(draft)) and time.monotonic() < deadline:
            with suppress(Unfinished):
                if entries.put(draft):
                    failed.discard(draft.place.stored)


def delete_many(entries: Entries, keys: Iterable[str]) -> None:
    """Delete entries, but not the parts of large ones: see `set_many`. Raises Unfinished, saying how many are left."""
    requests = [{"DeleteRequest": {"Key": {"k": {"S": key}}}} for key in dict.fromkeys(keys)]
    left = entries.table.write_many(requests)
    if left:
        raise Unfinished(f"{entries.table.name}: {len(left)} of {len(requests)} entries could not be deleted in time.")


def clear(entries: Entries) -> None:
    """Empty the whole table, tokens and parts included. Raises Unfinished, saying how many items are left."""
    with ThreadPoolExecutor(SEGMENTS, "dynamodb-cache-clear") as pool:
        emptied = [pool.submit(copy_context().run, _empty, entries, segment) for segment in range(SEGMENTS)]
    entries.generations.forget()
    left = sum(one.result() for one in emptied)
    if left:
        raise Unfinished(f"{entries.table.name}: at least {left} items could not be deleted in time.")


def _empty(entries: Entries, segment: int) -> int:
    left = 0
    for keys in entries.table.scan(segment, SEGMENTS):
        left += len(entries.table.write_many([{"DeleteRequest": {"Key": {"k": {"S": key}}}} for key in keys]))
    return left
