"""Read a whole table in parallel segments, at a bounded rate: for commands, never inside a request.

Follows "Working with scans" of the DynamoDB developer guide. A page is at most 1 MB: 128 units, or 256 when consistent.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from dynamodb_cache.errors import Unavailable
from dynamodb_cache.refusals import THROTTLES, code_of, explained

T = TypeVar("T")
Item = Mapping[str, Any]
SEGMENTS = 4
UNITS_PER_SECOND = 500.0  # a sixth of what one partition reads
PATIENCE_SECONDS = 60.0
READ_BATCH = 100


class Pace:
    """At most so many capacity units a second, over all threads together."""

    def __init__(self, units_per_second: float) -> None:
        self._units_per_second = units_per_second
        self._free_at = 0.0
        self._lock = threading.Lock()
        self.units = 0.0

    def spend(self, answer: Mapping[str, Any]) -> None:
        """Count what an answer consumed, and wait until that much was allowed."""
        consumed = answer.get("ConsumedCapacity") or []
        units = sum(one["CapacityUnits"] for one in (consumed if isinstance(consumed, list) else [consumed]))
        with self._lock:
            now = time.monotonic()
            self._free_at = max(self._free_at, now) + units / self._units_per_second
            self.units += units
            wait_seconds = self._free_at - now
        time.sleep(wait_seconds)


@dataclass(frozen=True, slots=True)
class Reach:
    """A table, how it is reached, and how fast."""

    dynamodb: Any
    table: str
    pace: Pace
    segments: int = SEGMENTS

    def call(self, operation: str, **arguments: Any) -> Any:
        """Make one call at the pace; a throttle is waited out for a minute. Raises TableMissing, Unavailable."""
        with explained(self.table):
            return self._patiently(operation, arguments)

    def conditionally(self, operation: str, **arguments: Any) -> bool:
        """Make one conditional write of the table; False when its condition failed. Raises as `call` does."""
        with explained(self.table):
            try:
                self._patiently(operation, {"TableName": self.table, **arguments})
            except ClientError as error:
                if code_of(error) != "ConditionalCheckFailedException":
                    raise
                return False
        return True

    def _patiently(self, operation: str, arguments: Mapping[str, Any]) -> Any:
        deadline = time.monotonic() + PATIENCE_SECONDS
        pause_seconds = 0.1
        while True:
            try:
                answer = getattr(self.dynamodb, operation)(ReturnConsumedCapacity="TOTAL", **arguments)
            except ClientError as error:
                if code_of(error) not in THROTTLES or time.monotonic() > deadline:
                    raise
                time.sleep(random.uniform(0, pause_seconds))
                pause_seconds = min(pause_seconds * 2, 5.0)
                continue
            self.pace.spend(answer)
            return answer

    def pages(self, segment: int, **arguments: Any) -> Iterator[list[Item]]:
        """Yield a segment's pages."""
        start: dict[str, Any] = {}
        while True:
            page = self.call(
                "scan", TableName=self.table, Segment=segment, TotalSegments=self.segments, **arguments, **start
            )
            yield page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def items(self, keys: Sequence[str], **arguments: Any) -> dict[str, Item]:
        """Return the cache items of these stored keys that are there, read consistently. Raises Unavailable."""
        found: dict[str, Item] = {}
        for start in range(0, len(keys), READ_BATCH):
            batch = [{"k": {"S": key}} for key in keys[start : start + READ_BATCH]]
            wanted: Any = {"Keys": batch, "ConsistentRead": True, **arguments}
            deadline = time.monotonic() + PATIENCE_SECONDS
            while wanted:
                answer = self.call("batch_get_item", RequestItems={self.table: wanted})
                # One table was asked for, so one is answered: by its name, also when it was asked for by its ARN.
                found |= {item["k"]["S"]: item for items in answer["Responses"].values() for item in items}
                wanted = next(iter((answer.get("UnprocessedKeys") or {}).values()), None)
                if wanted and time.monotonic() > deadline:
                    raise Unavailable(f"{self.table}: DynamoDB left reads unprocessed for {PATIENCE_SECONDS:.0f} s.")
                time.sleep(random.uniform(0, 0.5) if wanted else 0)
        return found

    def in_segments(self, work: Callable[[int], T]) -> list[T]:
        """Do the work of every segment at once; return what each came to."""
        with ThreadPoolExecutor(self.segments, thread_name_prefix="dynamodb-cache-scan") as pool:
            return list(pool.map(work, range(self.segments)))
