"""DynamoDB's expressions, as much of them as the measured caches use, each parsed once.

A condition becomes a function that tells whether an item meets it, an update one that returns the changed item.
Source: docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html and
Expressions.UpdateExpressions.html
"""

import operator
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

Value = dict[str, Any]
Item = dict[str, Value]


class Scope(NamedTuple):
    """What an expression is read against."""

    item: Mapping[str, Value]
    names: Mapping[str, str]
    values: Mapping[str, Value]

    def of(self, word: str) -> Value | None:
        """Return the value that a word stands for; None for an attribute that is not there."""
        return self.values[word] if word[0] == ":" else self.item.get(self.names.get(word, word))


Test = Callable[[Scope], bool]
Operand = Callable[[Scope], Value | None]
_TOKEN = re.compile(r"\s*(<>|<=|>=|[-+=<>(),]|[#:]?[\w.]+)")
_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def scope(item: Mapping[str, Value] | None, request: Mapping[str, Any]) -> Scope:
    """Return an item, or nothing, with a request's names and values."""
    return Scope(item or {}, request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {}))


@cache
def condition(text: str) -> Test:
    """Return the function that tells whether an item meets a condition."""
    return _Parser(text).either()


def updated(within: Scope, text: str) -> Item:
    """Return the item after an update."""
    new = dict(within.item)
    for name, change in _update(text):
        value = change(within) if change else None
        if value is None:
            new.pop(within.names.get(name, name), None)
        else:
            new[within.names.get(name, name)] = value
    return new


@cache
def _update(text: str) -> list[tuple[str, Operand | None]]:
    return _Parser(text).update()


def plain(value: Mapping[str, Any]) -> Any:
    """Return a value that compares as DynamoDB compares it."""
    return Decimal(value["N"]) if "N" in value else next(iter(value.values()))


class _Parser:
    """Turns a text's words into functions, from the left."""

    def __init__(self, text: str) -> None:
        self._words = _TOKEN.findall(text)[::-1]

    def _take(self, wanted: str | None = None) -> str:
        word: str = self._words.pop()
        if wanted is not None and word.upper() != wanted:
            raise NotImplementedError(f"{word} where {wanted} was expected")
        return word

    def _next_is(self, *words: str) -> bool:
        return bool(self._words) and self._words[-1].upper() in words

    # -- conditions -------------------------------------------------------------------------------------------------

    def either(self) -> Test:
        """Return a whole condition, or one in brackets."""
        tests = [self._all()]
        while self._next_is("OR"):
            self._take()
            tests.append(self._all())
        return lambda within: any(test(within) for test in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self._next_is("AND"):
            self._take()
            tests.append(self._one())
        return lambda within: all(test(within) for test in tests)

    def _one(self) -> Test:
        if self._next_is("NOT"):
            self._take()
            inverted = self._one()
            return lambda within: not inverted(within)
        if self._next_is("("):
            self._take()
            inner = self.either()
            self._take(")")
            return inner
        if self._next_is("ATTRIBUTE_EXISTS", "ATTRIBUTE_NOT_EXISTS"):
            wanted = self._take().lower() == "attribute_exists"
            path = self._argument()
            return lambda within: (path(within) is not None) == wanted
        if self._next_is("BEGINS_WITH"):
            self._take()
            held, prefix = self._arguments()
            return _compared(lambda one, other: bool(one.startswith(other)), held, prefix)
        return self._comparison()

    def _comparison(self) -> Test:
        held, sign = self._operand(), self._take()
        if sign.upper() != "BETWEEN":
            return _compared(_SIGNS[sign], held, self._operand())
        least = self._operand()
        self._take("AND")
        from_below, from_above = _compared(operator.ge, held, least), _compared(operator.le, held, self._operand())
        return lambda within: from_below(within) and from_above(within)

    # -- operands ---------------------------------------------------------------------------------------------------

    def _operand(self) -> Operand:
        if self._next_is("SIZE"):
            self._take()
            sized = self._argument()
            return lambda within: _size(sized(within))
        if self._next_is("IF_NOT_EXISTS"):
            self._take()
            held, otherwise = self._arguments()
            return lambda within: held(within) or otherwise(within)
        if self._next_is("LIST_APPEND"):
            self._take()
            first, second = self._arguments()
            return lambda within: {"L": [*(first(within) or {})["L"], *(second(within) or {})["L"]]}
        word = self._take()
        return lambda within: within.of(word)

    def _argument(self) -> Operand:
        self._take("(")
        found = self._operand()
        self._take(")")
        return found

    def _arguments(self) -> tuple[Operand, Operand]:
        self._take("(")
        first = self._operand()
        self._take(",")
        second = self._operand()
        self._take(")")
        return first, second

    # -- updates ----------------------------------------------------------------------------------------------------

    def update(self) -> list[tuple[str, Operand | None]]:
        """Return each changed attribute with what becomes of it; None removes it."""
        changes: list[tuple[str, Operand | None]] = []
        while self._words:
            verb = self._take().upper()
            while True:
                name = self._take()
                changes.append((name, self._change(verb, name)))
                if not self._next_is(","):
                    break
                self._take()
        return changes

    def _change(self, verb: str, name: str) -> Operand | None:
        if verb == "REMOVE":
            return None
        if verb == "ADD":
            more = self._operand()
            zero = {"N": "0"}
            return lambda within: {"N": str(_number(within.of(name) or zero) + _number(more(within)))}
        self._take("=")
        first = self._operand()
        if not self._next_is("+", "-"):
            return first
        sign = 1 if self._take() == "+" else -1
        second = self._operand()
        return lambda within: {"N": str(_number(first(within)) + sign * _number(second(within)))}


def _compared(test: Callable[[Any, Any], bool], one: Operand, other: Operand) -> Test:
    def met(within: Scope) -> bool:
        held, bound = one(within), other(within)
        if held is None or bound is None:
            return held is not bound and test is operator.ne
        return test(plain(held), plain(bound))

    return met


def _size(value: Value | None) -> Value | None:
    return None if value is None else {"N": str(len(plain(value)))}


def _number(value: Value | None) -> Decimal:
    return Decimal((value or {})["N"])
