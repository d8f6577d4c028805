"""Judge IAM policies: a pure evaluator of the parts of the language that our policies use.

An explicit deny wins, then an allow, then nothing. An operator or key that the evaluator does not know matches no Allow
and every Deny, so that it errs closed. Source: "Policy evaluation logic" and "Condition operators" of the IAM guide.
"""

import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

Context = Mapping[str, str | list[str]]


@dataclass(frozen=True, slots=True)
class Request:
    """One call to be judged."""

    action: str  # "s3:GetObject"
    resources: tuple[str, ...] = ("*",)
    context: Context = field(default_factory=dict)
    principals: frozenset[str] = frozenset()  # ARNs, account ids and services that the caller counts as


@lru_cache(maxsize=2048)
def parsed(text: str) -> tuple[Mapping[str, Any], ...]:
    """Return a policy document's statements."""
    document = json.loads(text)
    statements = document.get("Statement", [])
    return tuple(statements if isinstance(statements, list) else [statements])


def explicitly_denied(policies: Iterable[str], request: Request) -> bool:
    """Tell whether any statement denies the request."""
    return any(
        statement.get("Effect") == "Deny" and _applies(statement, request, resource, unknown=True)
        for text in policies
        for statement in parsed(text)
        for resource in request.resources
    )


def allowed(policies: Iterable[str], request: Request) -> bool:
    """Tell whether statements allow the request on every one of its resources; denials are asked for apart."""
    texts = list(policies)
    return all(
        any(
            statement.get("Effect") == "Allow" and _applies(statement, request, resource, unknown=False)
            for text in texts
            for statement in parsed(text)
        )
        for resource in request.resources
    )


def _applies(statement: Mapping[str, Any], request: Request, resource: str, *, unknown: bool) -> bool:
    return (
        _principal_matches(statement, request)
        and _in(statement, "Action", request.action, fold=True)
        and _in(statement, "Resource", resource)
        and _conditions_hold(statement.get("Condition", {}), request.context, unknown=unknown)
    )


def _list(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]


def like(text: str, pattern: str) -> bool:
    """Match with IAM's wildcards, `*` and `?` alone."""
    return re.fullmatch(_expression(pattern), text, re.DOTALL) is not None


@lru_cache(maxsize=4096)
def _expression(pattern: str) -> str:
    return "".join(".*" if letter == "*" else "." if letter == "?" else re.escape(letter) for letter in pattern)


def _in(statement: Mapping[str, Any], name: str, value: str, *, fold: bool = False) -> bool:
    """Match an element or its Not form; without either (a trust policy's Resource) everything matches."""
    text = value.lower() if fold else value

    def found(patterns: Any) -> bool:
        return any(like(text, pattern.lower() if fold else pattern) for pattern in _list(patterns))

    if name in statement:
        return found(statement[name])
    if f"Not{name}" in statement:
        return not found(statement[f"Not{name}"])
    return True


def _principal_matches(statement: Mapping[str, Any], request: Request) -> bool:
    if "NotPrincipal" in statement:
        return not _principals(statement["NotPrincipal"]) & request.principals
    if "Principal" not in statement:
        return True
    named = _principals(statement["Principal"])
    return "*" in named or bool(named & request.principals)


def _principals(value: Any) -> set[str]:
    if isinstance(value, str):
        return {value}
    return {one for names in value.values() for one in _list(names)}


def _conditions_hold(conditions: Mapping[str, Mapping[str, Any]], context: Context, *, unknown: bool) -> bool:
    held = {name.lower(): value for name, value in context.items()}
    return all(
        _condition_holds(operator, wanted, held.get(key.lower()), unknown=unknown)
        for operator, keys in conditions.items()
        for key, wanted in keys.items()
    )


def _condition_holds(operator: str, wanted: Any, value: str | list[str] | None, *, unknown: bool) -> bool:
    quantifier, _, plain = operator.rpartition(":")
    if_exists = plain.endswith("IfExists")
    plain = plain.removesuffix("IfExists")
    if plain == "Null":
        return (value is None) == (_list(wanted)[0].lower() == "true")
    negated = plain.startswith(("StringNot", "ArnNot", "NumericNot", "DateNot", "NotIp"))
    if value is None:
        # AWS: an absent key fails a positive operator and satisfies a negated one.
        return if_exists or negated or quantifier == "ForAllValues"
    test = _OPERATORS.get(plain)
    if test is None:
        return unknown
    values = _list(value)
    wanted_values = _list(wanted)

    def one(found: str) -> bool:
        matches = (_tested(test, found, pattern, unknown=unknown) for pattern in wanted_values)
        return all(matches) if negated else any(matches)

    each = quantifier == "ForAllValues" or (negated and quantifier != "ForAnyValue")
    return all(map(one, values)) if each else any(map(one, values))


def _tested(test: Callable[[str, str], bool], found: str, pattern: str, *, unknown: bool) -> bool:
    try:
        return test(found, pattern)
    except ValueError:
        return unknown


def _not(test: Callable[[str, str], bool]) -> Callable[[str, str], bool]:
    return lambda found, pattern: not test(found, pattern)


def _same(found: str, pattern: str) -> bool:
    return found == pattern


def _folded(found: str, pattern: str) -> bool:
    return found.lower() == pattern.lower()


def _in_network(found: str, pattern: str) -> bool:
    return ipaddress.ip_address(found) in ipaddress.ip_network(pattern, strict=False)


def _number(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    return lambda found, pattern: compare(float(found), float(pattern))


def _moment(compare: Callable[[datetime, datetime], bool]) -> Callable[[str, str], bool]:
    return lambda found, pattern: compare(datetime.fromisoformat(found), datetime.fromisoformat(pattern))


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": _same,
    "StringNotEquals": _not(_same),
    "StringEqualsIgnoreCase": _folded,
    "StringNotEqualsIgnoreCase": _not(_folded),
    "StringLike": like,
    "StringNotLike": _not(like),
    "ArnEquals": like,
    "ArnLike": like,
    "ArnNotEquals": _not(like),
    "ArnNotLike": _not(like),
    "Bool": _folded,
    "NumericEquals": _number(lambda a, b: a == b),
    "NumericNotEquals": _number(lambda a, b: a != b),
    "NumericLessThan": _number(lambda a, b: a < b),
    "NumericLessThanEquals": _number(lambda a, b: a <= b),
    "NumericGreaterThan": _number(lambda a, b: a > b),
    "NumericGreaterThanEquals": _number(lambda a, b: a >= b),
    "DateLessThan": _moment(lambda a, b: a < b),
    "DateGreaterThan": _moment(lambda a, b: a > b),
    "IpAddress": _in_network,
    "NotIpAddress": _not(_in_network),
}
