"""The strictest plain reading of an IAM policy, enough for the policies that the portal ships.

An unknown operator or key ends the test instead of passing it. Source: IAM, "Policy evaluation logic".
"""

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

Context = Mapping[str, str | list[str]]


def allowed(policy: Mapping[str, Any], action: str, resource: str, context: Context) -> bool:
    """Tell whether a policy allows an action: one statement that allows, none that denies."""
    matching = [statement for statement in policy["Statement"] if _matches(statement, action, resource, context)]
    effects = {statement["Effect"] for statement in matching}
    return effects == {"Allow"}


def _matches(statement: Mapping[str, Any], action: str, resource: str, context: Context) -> bool:
    unread = statement.keys() - {"Sid", "Effect", "Action", "Resource", "Condition"}
    assert not unread, f"cannot read {unread}"
    return (
        any(_like(action.lower(), pattern.lower()) for pattern in _listed(statement["Action"]))
        and any(_like(resource, pattern) for pattern in _listed(statement["Resource"]))
        and all(
            OPERATORS[operator](_values(context, key), _listed(expected))
            for operator, keys in statement.get("Condition", {}).items()
            for key, expected in keys.items()
        )
    )


def _like(text: str, pattern: str) -> bool:
    return fnmatchcase(text, pattern.replace("[", "[[]"))


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _values(context: Context, key: str) -> list[str]:
    return _listed(context.get(key, []))


OPERATORS: dict[str, Callable[[list[str], list[str]], bool]] = {
    "StringEquals": lambda given, expected: bool(given) and set(given) <= set(expected),
    "StringEqualsIfExists": lambda given, expected: set(given) <= set(expected),
    # A negated operator holds of a key that is not there.
    "StringNotEquals": lambda given, expected: not set(given) & set(expected),
    "Bool": lambda given, expected: bool(given) and given == expected,
    "Null": lambda given, expected: (not given) == (expected == ["true"]),
    "ForAllValues:StringEquals": lambda given, expected: set(given) <= set(expected),
    "ForAnyValue:StringNotEquals": lambda given, expected: bool(set(given) - set(expected)),
}
