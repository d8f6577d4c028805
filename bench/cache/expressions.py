"""As much of DynamoDB's expressions as the measured caches use: enough to hold their items, no judge of correctness.

Source: docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html and
Query.KeyConditionExpressions.html
"""

import operator
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache, partial
from typing import Any

_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
Item = dict[str, dict[str, Any]]
_CLAUSE = re.compile(r"\b(SET|REMOVE|ADD|DELETE)\b")
_ASSIGNMENT = re.compile(r"\s*([#\w.]+)\s*=\s*((?:[^,(]|\([^)]*\))+)")
_OPERAND = re.compile(r"(if_not_exists)\(\s*([#\w.]+)\s*,\s*(:\w+)\s*\)|(:\w+)|([#\w.]+)")
_SORT = re.compile(
    r"begins_with\(\s*([#\w]+)\s*,\s*(:\w+)\s*\)|([#\w]+)\s+BETWEEN\s+(:\w+)\s+AND\s+(:\w+)|([#\w]+)\s*(<=|>=|=|<|>)\s*(:\w+)"
)


def updated(item: Item, request: Mapping[str, Any]) -> Item:
    """Return an item after an UpdateExpression."""
    names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
    new = dict(item)
    for verb, operand in _clauses(request.get("UpdateExpression", "")):
        if verb == "SET":
            for target, expression in _ASSIGNMENT.findall(operand):
                new[names.get(target, target)] = _sum(expression, item, names, values)
        elif verb == "REMOVE":
            for target in operand.split(","):
                new.pop(names.get(target.strip(), target.strip()), None)
        else:
            raise NotImplementedError(f"{verb} in an update is not known here")
    return new


@cache
def _clauses(expression: str) -> list[tuple[str, str]]:
    parts = _CLAUSE.split(expression)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def _sum(expression: str, item: Item, names: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `operand`, `operand + operand` or `operand - operand`."""
    found = []
    for _function, path, otherwise, value, name in _OPERAND.findall(expression):
        path = names.get(path or name, path or name)
        found.append(item.get(path, values.get(otherwise)) if path else values[value])
    if len(found) == 1:
        return dict(found[0])
    first, second = (Decimal(one["N"]) for one in found)
    return {"N": str(first - second if "-" in expression else first + second)}


def refused(held: Item | None, request: Mapping[str, Any]) -> bool:
    """Tell whether a condition that begins with a test for existence fails; other conditions count as met."""
    condition = request.get("ConditionExpression", "").lstrip("( ")
    if condition.startswith("attribute_not_exists"):
        return held is not None
    return condition.startswith("attribute_exists") and held is None


def conditions(request: Mapping[str, Any]) -> list[tuple[str, Callable[[Any], bool]]]:
    """Return a Query's conditions: an attribute and what must be true of it."""
    names, values = request.get("ExpressionAttributeNames", {}), request["ExpressionAttributeValues"]
    found: list[tuple[str, Callable[[Any], bool]]] = []
    for begins, prefix, between, least, most, name, sign, bound in _SORT.findall(request["KeyConditionExpression"]):
        attribute = begins or between or name
        if begins:
            test = _begins(plain(values[prefix]))
        elif between:
            test = _between(plain(values[least]), plain(values[most]))
        else:
            test = partial(_turned(_SIGNS[sign]), plain(values[bound]))
        found.append((names.get(attribute, attribute), test))
    return found


def matches(item: Item, wanted: list[tuple[str, Callable[[Any], bool]]]) -> bool:
    """Tell whether an item meets conditions; one without the attribute is not in the index."""
    return all(name in item and test(plain(item[name])) for name, test in wanted)


def _begins(prefix: str) -> Callable[[Any], bool]:
    return lambda held: held.startswith(prefix)


def _between(least: Any, most: Any) -> Callable[[Any], bool]:
    return lambda held: least <= held <= most


def _turned(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda bound, held: compare(held, bound)


def plain(value: Mapping[str, Any]) -> Any:
    """Return a value that compares as DynamoDB compares it."""
    return Decimal(value["N"]) if "N" in value else next(iter(value.values()))
