"""The class that speaks DynamoDB: one request a method, bulk calls with retries within a time budget.

Source: docs.aws.amazon.com/amazondynamodb/latest/APIReference/. 100 reads and 25 writes a batch; 25 items of 400 KB stay
below a batch's 16 MB, and an answer cut at 16 MB names the keys it left out.
"""

import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from dynamodb_cache import client, observing
from dynamodb_cache.breaker import Breaker
from dynamodb_cache.errors import ConditionFailed, Throttled, Unavailable, Unfinished
from dynamodb_cache.options import Connection, Options

READ_BATCH = 100
WRITE_BATCH = 25
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 1.0


class Table:
    """One table as one alias uses it. Cheap to make and offline."""

    def __init__(self, name: str, options: Options) -> None:
        self.name = name
        self._options = options
        connection = options.connection()
        self.slot = client.slot(connection)
        self.shared = _shared(name, connection)

    # -- one request ------------------------------------------------------------------------------------------------

    def call(self, operation: str, arguments: dict[str, Any]) -> Any:
        """Make one request. Raises ConditionFailed, TableMissing, Unavailable, Refused."""
        shared = self.shared
        if shared.breaker.is_open:
            shared.breaker.admit(self.name, self._options.breaker_seconds)
        if self.slot.breaker.is_open and self._options.breaker_seconds:
            self.slot.breaker.admit(self.name, self._options.breaker_seconds)
        seen = observing.observed.get()
        if seen is not None:
            arguments["ReturnConsumedCapacity"] = "TOTAL"
        try:
            answer = getattr(self.slot.client or self.slot.make(), operation)(**arguments)
        except (ClientError, BotoCoreError) as error:
            raise self._translated(error) from error
        self._answered()
        retries = answer.get("ResponseMetadata", {}).get("RetryAttempts", 0)
        if retries:
            shared.retries += retries
        if seen is not None:
            _note(seen, answer, retries)
        return answer

    def _answered(self) -> None:
        for breaker in (self.shared.breaker, self.slot.breaker):
            if breaker.is_open:
                breaker.succeeded()

    def _translated(self, error: ClientError | BotoCoreError) -> Exception:
        if isinstance(error, ClientError):
            response: Any = error.response
            self.shared.retries += response.get("ResponseMetadata", {}).get("RetryAttempts", 0)
            if response.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
                self._answered()
                return ConditionFailed(response.get("Item") or {})
        ours = client.translated(error, self.name)
        if type(ours) is Unavailable:
            if self._options.breaker_seconds:
                self.shared.breaker.failed(self._options.breaker_seconds)
                if isinstance(error, BotoCoreError):
                    self.slot.breaker.failed(self._options.breaker_seconds)
        else:
            self._answered()
        return ours

    def read(
        self, key: str, projection: str | None = None, *, consistent: bool | None = None
    ) -> Mapping[str, Any] | None:
        """Return an item, or only some of its attributes."""
        arguments: dict[str, Any] = {
            "TableName": self.name,
            "Key": {"k": {"S": key}},
            "ConsistentRead": self._options.consistent_read if consistent is None else consistent,
        }
        if projection is not None:
            arguments["ProjectionExpression"] = projection
        found: Mapping[str, Any] | None = self.call("get_item", arguments).get("Item")
        return found

    def put(
        self,
        item: Mapping[str, Any],
        condition: str | None = None,
        values: Mapping[str, Any] | None = None,
        *,
        old: bool = False,
    ) -> Mapping[str, Any]:
        """Write an item; return what stood there if `old`. Raises ConditionFailed."""
        arguments: dict[str, Any] = {"TableName": self.name, "Item": item}
        _add_condition(arguments, condition, values)
        if old:
            arguments["ReturnValues"] = "ALL_OLD"
        found: Mapping[str, Any] = self.call("put_item", arguments).get("Attributes") or {}
        return found

    def update(
        self,
        key: str,
        change: str,
        condition: str,
        values: Mapping[str, Any],
        *,
        names: Mapping[str, str] | None = None,
        new: bool = False,
    ) -> Mapping[str, Any]:
        """Change an item; return the changed attributes if `new`. Raises ConditionFailed."""
        arguments: dict[str, Any] = {"TableName": self.name, "Key": {"k": {"S": key}}, "UpdateExpression": change}
        _add_condition(arguments, condition, values, names)
        if new:
            arguments["ReturnValues"] = "UPDATED_NEW"
        found: Mapping[str, Any] = self.call("update_item", arguments).get("Attributes") or {}
        return found

    def delete(
        self, key: str, condition: str | None = None, values: Mapping[str, Any] | None = None, *, old: bool = False
    ) -> Mapping[str, Any]:
        """Delete an item; return what stood there if `old`. Raises ConditionFailed."""
        arguments: dict[str, Any] = {"TableName": self.name, "Key": {"k": {"S": key}}}
        _add_condition(arguments, condition, values)
        if old:
            arguments["ReturnValues"] = "ALL_OLD"
        found: Mapping[str, Any] = self.call("delete_item", arguments).get("Attributes") or {}
        return found

    # -- many -------------------------------------------------------------------------------------------------------

    def read_many(self, keys: Sequence[str], *, consistent: bool | None = None) -> Iterator[list[Mapping[str, Any]]]:
        """Yield the items of different keys as they come. Raises Unfinished when the time is over."""
        if consistent is None:
            consistent = self._options.consistent_read
        deadline = self.deadline()
        for start in range(0, len(keys), READ_BATCH):
            wanted: Any = {"Keys": [{"k": {"S": key}} for key in keys[start : start + READ_BATCH]]}
            pause = FIRST_PAUSE_SECONDS
            while wanted:
                wanted["ConsistentRead"] = consistent
                try:
                    answer = self.call("batch_get_item", {"RequestItems": {self.name: wanted}})
                except Throttled:
                    if not self.wait(deadline, pause):
                        raise
                else:
                    yield next(iter(answer.get("Responses", {}).values()), [])
                    # One table was asked for, so one is answered; by its name, even if it was asked for by its ARN.
                    wanted = next(iter((answer.get("UnprocessedKeys") or {}).values()), None)
                    if wanted and not self.wait(deadline, pause):
                        raise Unfinished(
                            f"{self.name}: {len(wanted['Keys'])} keys of a batch were left unread in time."
                        )
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def write_many(self, requests: Sequence[dict[str, Any]], deadline: float | None = None) -> list[dict[str, Any]]:
        """Put and delete items of different keys; return the requests that could not be done in time."""
        deadline = self.deadline() if deadline is None else deadline
        left: list[dict[str, Any]] = []
        for start in range(0, len(requests), WRITE_BATCH):
            wanted = list(requests[start : start + WRITE_BATCH])
            pause = FIRST_PAUSE_SECONDS
            while wanted:
                try:
                    answer = self.call("batch_write_item", {"RequestItems": {self.name: wanted}})
                    wanted = next(iter((answer.get("UnprocessedItems") or {}).values()), [])
                except Throttled:
                    pass
                if wanted and not self.wait(deadline, pause):
                    break
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            left += wanted
        return left

    def scan(self, segment: int, segments: int) -> Iterator[list[str]]:
        """Yield the keys of a part of the table, page by page. Raises Throttled when the time for one page is over."""
        start: dict[str, Any] = {}
        while True:
            arguments = {
                "TableName": self.name,
                "ProjectionExpression": "k",
                "Segment": segment,
                "TotalSegments": segments,
                **start,
            }
            page = self._page(arguments)
            yield [item["k"]["S"] for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def _page(self, arguments: dict[str, Any]) -> Any:
        deadline, pause = self.deadline(), FIRST_PAUSE_SECONDS
        while True:
            try:
                return self.call("scan", arguments)
            except Throttled:
                if not self.wait(deadline, pause):
                    raise
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def deadline(self) -> float:
        """Return when a bulk call that begins now must end."""
        return time.monotonic() + self._options.bulk_seconds

    def wait(self, deadline: float, pause: float) -> bool:
        """Sleep a random part of `pause`; False at once when the time is over."""
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        self.shared.retries += 1
        seen = observing.observed.get()
        if seen is not None:
            seen.retries += 1
        time.sleep(min(random.uniform(0, pause), left))
        return True


class Shared:
    """What all aliases of a process share of one table."""

    def __init__(self) -> None:
        self.breaker = Breaker()
        self.retries = 0
        self.undecodable = 0
        self.shows_items = False  # the item of a failed condition, as was seen; some emulators do not
        self.lock = threading.Lock()
        self.generations: dict[str, tuple[str, float]] = {}
        self.stats: dict[str, observing.Stats] = {}

    def renew(self) -> None:
        """Start anew, in place: cache objects hold on to this."""
        self.breaker.renew()
        self.retries = 0
        self.undecodable = 0
        self.shows_items = False
        self.lock = threading.Lock()
        self.generations.clear()
        for one in self.stats.values():
            one.renew()


_tables: dict[tuple[str, Connection], Shared] = {}


def _shared(name: str, connection: Connection) -> Shared:
    found = _tables.get((name, connection))
    # setdefault is atomic: two threads get the same one
    return found if found is not None else _tables.setdefault((name, connection), Shared())


@client.forgotten_after_fork
def _renew() -> None:
    for one in list(_tables.values()):
        one.renew()


def _add_condition(
    arguments: dict[str, Any],
    condition: str | None,
    values: Mapping[str, Any] | None,
    names: Mapping[str, str] | None = None,
) -> None:
    if condition is not None:
        arguments["ConditionExpression"] = condition
        arguments["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    if values:
        arguments["ExpressionAttributeValues"] = values
    if names:
        arguments["ExpressionAttributeNames"] = names


def _note(seen: observing.CacheCall, answer: Mapping[str, Any], retries: int) -> None:
    seen.requests += 1
    seen.retries += retries
    consumed = answer.get("ConsumedCapacity") or []
    for one in consumed if isinstance(consumed, list) else [consumed]:
        seen.units += one.get("CapacityUnits", 0.0)
