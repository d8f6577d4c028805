"""What the stand-in for DynamoDB keeps: a dict a table, and the answer of each operation that the caches call."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from bench.cache.expressions import Item, condition, plain, scope, updated

PAGE_BYTES = 1024 * 1024


class Refused(Exception):
    """The request is answered with an error of DynamoDB: its code and the answer's body."""

    def __init__(self, code: str, **more: Any) -> None:
        super().__init__(code)
        kind = f"com.amazonaws.dynamodb.v20120810#{code}"
        self.body = json.dumps({"__type": kind, "message": code, **more}).encode()


class Table:
    """One table. An item is kept with its JSON, so that a read costs no encoding."""

    def __init__(self, definition: Mapping[str, Any]) -> None:
        self.definition = definition
        self._keys = [key["AttributeName"] for key in definition["KeySchema"]]
        self.items: dict[Any, tuple[Item, bytes]] = {}

    def place(self, item: Item) -> Any:
        """Return what identifies an item."""
        if len(self._keys) == 1:
            return item[self._keys[0]]["S"]
        return tuple(item[name]["S"] for name in self._keys)

    def sort_attribute(self, index: str | None) -> str:
        """Return what the items of the table, or of its local index, are in order of."""
        schema = self.definition["KeySchema"]
        for one in self.definition.get("LocalSecondaryIndexes", []):
            if one["IndexName"] == index:
                schema = one["KeySchema"]
        found: str = schema[1]["AttributeName"]
        return found

    def key(self, item: Item) -> Item:
        """Return an item's key attributes."""
        return {name: item[name] for name in self._keys}

    def held(self, key: Item) -> Item | None:
        """Return an item, or None."""
        found = self.items.get(self.place(key))
        return found[0] if found else None

    def keep(self, item: Item) -> None:
        """Keep an item in place of what was there."""
        self.items[self.place(item)] = (item, json.dumps(item, separators=(",", ":")).encode())


class Tables:
    """Every table, and the operations on them."""

    def __init__(self) -> None:
        self._tables: dict[str, Table] = {}
        self.operations: dict[bytes, Callable[[Any], bytes]] = {
            b"GetItem": self._get,
            b"PutItem": self._put,
            b"UpdateItem": self._update,
            b"DeleteItem": self._delete,
            b"BatchGetItem": self._batch_get,
            b"BatchWriteItem": self._batch_write,
            b"TransactWriteItems": self._transact,
            b"Query": self._query,
            b"Scan": self._scan,
            b"CreateTable": self._create,
            b"DescribeTable": self._describe,
            b"DescribeTimeToLive": lambda _: (
                b'{"TimeToLiveDescription":{"TimeToLiveStatus":"ENABLED","AttributeName":"t"}}'
            ),
            b"UpdateTimeToLive": lambda _: b"{}",
        }

    def _table(self, name: str) -> Table:
        found = self._tables.get(name)
        if found is None:
            raise Refused("ResourceNotFoundException")
        return found

    # -- tables -----------------------------------------------------------------------------------------------------

    def _create(self, request: Any) -> bytes:
        if request["TableName"] in self._tables:
            raise Refused("ResourceInUseException")
        self._tables[request["TableName"]] = Table(request)
        return json.dumps({"TableDescription": {"TableName": request["TableName"], "TableStatus": "ACTIVE"}}).encode()

    def _describe(self, request: Any) -> bytes:
        definition = self._table(request["TableName"]).definition
        return json.dumps({"Table": {**definition, "TableStatus": "ACTIVE"}}).encode()

    # -- one item ---------------------------------------------------------------------------------------------------

    def _get(self, request: Any) -> bytes:
        table = self._table(request["TableName"])
        found = table.items.get(table.place(request["Key"]))
        if found is None:
            return b"{%b}" % _capacity(request, 1, first=True)
        text = _projected(found, request)
        return b'{"Item":%b%b}' % (text, _capacity(request, len(text) // 4096 + 1))

    def _put(self, request: Any) -> bytes:
        table, item = self._table(request["TableName"]), request["Item"]
        old = self._checked(table, item, request)
        table.keep(item)
        return _written(old, item, request)

    def _update(self, request: Any) -> bytes:
        table = self._table(request["TableName"])
        old = self._checked(table, request["Key"], request)
        new = updated(scope(old or request["Key"], request), request["UpdateExpression"])
        table.keep(new)
        return _written(old, new, request)

    def _delete(self, request: Any) -> bytes:
        table = self._table(request["TableName"])
        old = self._checked(table, request["Key"], request)
        table.items.pop(table.place(request["Key"]), None)
        return _written(old, {}, request)

    def _checked(self, table: Table, key: Item, request: Any) -> Item | None:
        held = table.held(key)
        wished = request.get("ConditionExpression")
        if wished and not condition(wished)(scope(held, request)):
            wanted = held and request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
            raise Refused("ConditionalCheckFailedException", **({"Item": held} if wanted else {}))
        return held

    # -- many items -------------------------------------------------------------------------------------------------

    def _batch_get(self, request: Any) -> bytes:
        answers = []
        for name, wanted in request["RequestItems"].items():
            table = self._table(name)
            found = (table.items.get(table.place(key)) for key in wanted["Keys"])
            texts = b",".join(_projected(one, wanted) for one in found if one)
            answers.append(b'"%b":[%b]' % (name.encode(), texts))
        return b'{"Responses":{%b},"UnprocessedKeys":{}%b}' % (b",".join(answers), _capacities(request))

    def _batch_write(self, request: Any) -> bytes:
        for name, wanted in request["RequestItems"].items():
            table = self._table(name)
            for one in wanted:
                if "PutRequest" in one:
                    table.keep(one["PutRequest"]["Item"])
                else:
                    table.items.pop(table.place(one["DeleteRequest"]["Key"]), None)
        return b'{"UnprocessedItems":{}%b}' % _capacities(request)

    def _transact(self, request: Any) -> bytes:
        single = {"Put": self._put, "Update": self._update, "Delete": self._delete}
        changes = [change for one in request["TransactItems"] for change in one.items()]
        reasons = []
        for _kind, arguments in changes:
            try:
                self._checked(self._table(arguments["TableName"]), arguments.get("Key") or arguments["Item"], arguments)
                reasons.append({"Code": "None"})
            except Refused:
                reasons.append({"Code": "ConditionalCheckFailed"})
        if any(reason["Code"] != "None" for reason in reasons):
            raise Refused("TransactionCanceledException", CancellationReasons=reasons)
        for kind, arguments in changes:
            if kind != "ConditionCheck":
                single[kind](arguments)
        return b"{}"

    def _query(self, request: Any) -> bytes:
        table, wanted = self._table(request["TableName"]), condition(request["KeyConditionExpression"])
        found = [one for one in table.items.values() if wanted(scope(one[0], request))]
        sort = table.sort_attribute(request.get("IndexName"))
        found.sort(key=lambda one: plain(one[0][sort]), reverse=not request.get("ScanIndexForward", True))
        return _page(table, found, request)

    def _scan(self, request: Any) -> bytes:
        table = self._table(request["TableName"])
        return _page(table, list(table.items.values()), request)


def _page(table: Table, found: list[tuple[Item, bytes]], request: Any) -> bytes:
    """Return as many as fit into a page, after those that earlier pages had."""
    start = request.get("ExclusiveStartKey")
    if start is not None:
        last = table.place(start)
        passed = next(number for number, (item, _) in enumerate(found) if table.place(item) == last)
        found = found[passed + 1 :]
    texts, size = [], 0
    for number, one in enumerate(found):
        if size > PAGE_BYTES or number == request.get("Limit"):
            break
        texts.append(_projected(one, request))
        size += len(one[1])
    more = b""
    if len(texts) < len(found):
        more = b',"LastEvaluatedKey":' + json.dumps(table.key(found[len(texts) - 1][0])).encode()
    return b'{"Items":[%b],"Count":%d,"ScannedCount":%d%b}' % (b",".join(texts), len(texts), len(texts), more)


def _projected(found: tuple[Item, bytes], request: Any) -> bytes:
    if "ProjectionExpression" not in request:
        return found[1]
    names = request.get("ExpressionAttributeNames", {})
    wanted = {names.get(name.strip(), name.strip()) for name in request["ProjectionExpression"].split(",")}
    return json.dumps({name: value for name, value in found[0].items() if name in wanted}).encode()


def _written(old: Item | None, new: Item, request: Any) -> bytes:
    """Return a write's answer with the attributes that it asks for."""
    asked = request.get("ReturnValues", "NONE")
    shown = old if asked.endswith("_OLD") else new if asked.endswith("_NEW") else None
    if shown and asked.startswith("UPDATED"):
        shown = {name: value for name, value in shown.items() if name not in request["Key"]}
    capacity = _capacity(request, 1, first=not shown)
    return b'{"Attributes":%b%b}' % (json.dumps(shown).encode(), capacity) if shown else b"{%b}" % capacity


def _capacity(request: Any, units: float, *, first: bool = False) -> bytes:
    if request.get("ReturnConsumedCapacity", "NONE") == "NONE":
        return b""
    used = json.dumps({"TableName": request["TableName"], "CapacityUnits": float(units)}).encode()
    return (b"" if first else b",") + b'"ConsumedCapacity":' + used


def _capacities(request: Any) -> bytes:
    if request.get("ReturnConsumedCapacity", "NONE") == "NONE":
        return b""
    used = [{"TableName": name, "CapacityUnits": 25.0} for name in request["RequestItems"]]
    return b',"ConsumedCapacity":' + json.dumps(used).encode()
