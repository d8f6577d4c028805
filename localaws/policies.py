"""Judge IAM policies: a pure evaluator of the parts of the language that our policies use.

An explicit deny wins, then an allow, then nothing. An operator or key that the evaluator does not know matches no Allow
and every Deny, so that it errs closed. Source: "Policy evaluation logic" and "Condition operators" of the IAM guide.
"""

import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

Context = Mapping[str, str | list[str]]

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_LITERALS = {"*": "*", "?": "?", "$": "$"}  # "${*}" is a star and no wildcard
# Stand for a literal star and question mark: no ARN holds such a letter.
_STAR, _MARK = "\ue000", "\ue001"
_WILD = {"*": ".*", "?": ".", _STAR: r"\*", _MARK: r"\?"}


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
    held = {name.lower(): value for name, value in request.context.items()}
    return (
        _principal_matches(statement, request)
        and _in(statement, "Action", request.action, held, fold=True)
        and _in(statement, "Resource", resource, held)
        and all(
            _condition_holds(operator, wanted, held.get(key.lower()), held, unknown=unknown)
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def _list(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]


def like(text: str, pattern: str) -> bool:
    """Match with IAM's wildcards, `*` and `?` alone."""
    return re.fullmatch(_expression(pattern), text, re.DOTALL) is not None


@lru_cache(maxsize=4096)
def _expression(pattern: str) -> str:
    return "".join(_WILD.get(letter) or re.escape(letter) for letter in pattern)


def arn_like(text: str, pattern: str) -> bool:
    """Match an ARN part by part: a wildcard in a condition does not reach over a colon."""
    parts, patterns = text.split(":", 5), pattern.split(":", 5)
    return len(parts) == len(patterns) and all(map(like, parts, patterns))


def _filled(pattern: str, held: Context) -> str | None:
    """Put values in the place of policy variables, their wildcards taken literally; None when one is unknown."""
    if "${" not in pattern:
        return pattern
    filled = pattern
    for variable in _VARIABLE.findall(pattern):
        value = _LITERALS.get(variable) or held.get(variable.lower())
        if not isinstance(value, str):
            return None
        filled = filled.replace(f"${{{variable}}}", value.replace("*", _STAR).replace("?", _MARK))
    return filled


def _in(statement: Mapping[str, Any], name: str, value: str, held: Context, *, fold: bool = False) -> bool:
    """Match an element or its Not form; without either (a trust policy's Resource) everything matches."""
    text = value.lower() if fold else value

    def found(patterns: Any) -> bool:
        filled = (_filled(pattern, held) for pattern in _list(patterns))
        return any(one is not None and like(text, one.lower() if fold else one) for one in filled)

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


def _condition_holds(
    operator: str, wanted: Any, value: str | list[str] | None, held: Context, *, unknown: bool
) -> bool:
    quantifier, _, plain = operator.rpartition(":")
    if_exists = plain.endswith("IfExists")
    plain = plain.removesuffix("IfExists")
    if plain == "Null":
        return str(value is None).lower() in {one.lower() for one in _list(wanted)}
    test = _OPERATORS.get(plain)
    if test is None or quantifier not in {"", "ForAllValues", "ForAnyValue"}:
        return unknown
    negated = plain.startswith(("StringNot", "ArnNot", "NumericNot", "DateNot", "NotIp"))
    if value is None or value == []:
        # AWS: an absent key fails a positive operator and satisfies a negated one; ForAnyValue needs some value.
        return if_exists or quantifier == "ForAllValues" or (negated and quantifier != "ForAnyValue")
    patterns = [one for one in (_filled(pattern, held) for pattern in _list(wanted)) if one is not None]

    def one(found: str) -> bool:
        matches = (_tested(test, found, pattern, unknown=unknown) for pattern in patterns)
        return all(matches) if negated else any(matches)

    each = quantifier == "ForAllValues" or (negated and quantifier != "ForAnyValue")
    return all(map(one, _list(value))) if each else any(map(one, _list(value)))


def _tested(test: Callable[[str, str], bool], found: str, pattern: str, *, unknown: bool) -> bool:
    try:
        return test(found, pattern)
    except ValueError:
        return unknown


def _not(test: Callable[[str, str], bool]) -> Callable[[str, str], bool]:
    return lambda found, pattern: not test(found, pattern)


def _same(found: str, pattern: str) -> bool:
    return found == pattern.replace(_STAR, "*").replace(_MARK, "?")


def _folded(found: str, pattern: str) -> bool:
    return _same(found.lower(), pattern.lower())


def _in_network(found: str, pattern: str) -> bool:
    return ipaddress.ip_address(found) in ipaddress.ip_network(pattern, strict=False)


def _number(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    return lambda found, pattern: compare(float(found), float(pattern))


def _moment(compare: Callable[[datetime, datetime], bool]) -> Callable[[str, str], bool]:
    return lambda found, pattern: compare(_instant(found), _instant(pattern))


def _instant(text: str) -> datetime:
    """Read ISO 8601 or seconds since 1970; without a zone it is UTC."""
    if re.fullmatch(r"\d{9,12}", text):
        return datetime.fromtimestamp(int(text), UTC)
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": _same,
    "StringNotEquals": _not(_same),
    "StringEqualsIgnoreCase": _folded,
    "StringNotEqualsIgnoreCase": _not(_folded),
    "StringLike": like,
    "StringNotLike": _not(like),
    "ArnEquals": arn_like,
    "ArnLike": arn_like,
    "ArnNotEquals": _not(arn_like),
    "ArnNotLike": _not(arn_like),
    "Bool": _folded,
    "NumericEquals": _number(lambda a, b: a == b),
    "NumericNotEquals": _number(lambda a, b: a != b),
    "NumericLessThan": _number(lambda a, b: a < b),
    "NumericLessThanEquals": _number(lambda a, b: a <= b),
    "NumericGreaterThan": _number(lambda a, b: a > b),
    "NumericGreaterThanEquals": _number(lambda a, b: a >= b),
    "DateEquals": _moment(lambda a, b: a == b),
    "DateNotEquals": _moment(lambda a, b: a != b),
    "DateLessThan": _moment(lambda a, b: a < b),
    "DateLessThanEquals": _moment(lambda a, b: a <= b),
    "DateGreaterThan": _moment(lambda a, b: a > b),
    "DateGreaterThanEquals": _moment(lambda a, b: a >= b),
    "IpAddress": _in_network,
    "NotIpAddress": _not(_in_network),
}
