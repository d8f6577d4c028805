"""Versioned collections beside the cache: rows that refuse old news, and "what changed since" in one small read.

A table of partitions; each has a head and rows. Needs the table of `tables.COLLECTION_TABLE` with its *local* index
`changes` (p, r), for only a local index is read consistently, and TransactWriteItems, Query, GetItem, PutItem and
DeleteItem. An item: `p` partition, `s` what (`#head`, `row#<key>`, `doc#<key>`, `log#<log>#<entry>`), and in short
words: `r` revision, `v` version, `o` order of the news, `d` document (JSON, packed), `x` tombstone, `t` time to live,
`w` token of the write; in the head `rev`, `ep` epoch, `own` owner, `h` what `set_head` has set, `n` names of the rows
written last.

What always holds:

1. One transaction writes the head and its rows, on the condition that the head did not move. So each revision is one
   transaction, and a row's `r` is the revision that wrote it. ("Row, then bump the revision" hid a change from a reader
   in 16 % of hostile schedules.)
2. A row takes only news of a greater order, so it never goes back, and its version counts what was accepted. A tombstone
   refuses like a row, for TOMBSTONE_SECONDS: longer than a queue keeps a message. Then both order and version begin anew.
3. A reader takes the head first and then, ascending, what has `r` above its own revision. A row that moves meanwhile
   moves to the end of the index, so pages of one Query may show a row twice, never miss it (`reading`).
4. A transaction is atomic, but GetItem and Query beside it are not one read: AWS allows the new head to be seen with the
   old row. So the head names the rows written last, and a reader claims no revision whose rows it has not met.
5. Rows newer than the head that was read are shown and read again next time: the revision claimed is never too high.
6. The epoch is the head's own birth. A wiped table or partition has another one, and readers begin anew. After a restore
   from a backup delete the heads: the same epoch with less in it is only seen while its revision is smaller.
7. What a process knows is read anew when DynamoDB has not confirmed it for KNOWN_SECONDS: tombstones that it missed may
   be gone by then. That leaves days for clocks that differ and for slow writers.
8. Every write carries a token, in the row and in the head. An answer that was lost is recognised by it when the request
   is repeated, by the SDK or by us, also when DynamoDB has forgotten its ClientRequestToken (after ten minutes: a frozen
   process). Only where a newer write has covered both is such a write called old news, and by then it is.
9. All items of one key are one item collection: 10 GB with the index, logs and documents included. Then `PartitionFull`.

Sources: DynamoDB Developer Guide, "Transactions: how it works" (isolation levels, idempotency), "Local secondary indexes"
(item collections), "Time to Live".
"""

from dynamodb_cache.collections.errors import PartitionFull, PartitionWiped
from dynamodb_cache.collections.memory import (
    KNOWN_SECONDS,
    PARTITIONS_KEPT,
    ROWS_KEPT,
    UNMET_SECONDS,
    Memory,
    Snapshot,
    forget_everything,
)
from dynamodb_cache.collections.partition import WRITE_SECONDS, Collection, Partition, Rebuild
from dynamodb_cache.collections.rows import DOCUMENT_BYTES, Outcome, Row, Standing
from dynamodb_cache.collections.writing import TOMBSTONE_SECONDS

__all__ = [
    "DOCUMENT_BYTES",
    "KNOWN_SECONDS",
    "PARTITIONS_KEPT",
    "ROWS_KEPT",
    "TOMBSTONE_SECONDS",
    "UNMET_SECONDS",
    "WRITE_SECONDS",
    "Collection",
    "Memory",
    "Outcome",
    "Partition",
    "PartitionFull",
    "PartitionWiped",
    "Rebuild",
    "Row",
    "Snapshot",
    "Standing",
    "forget_everything",
]
