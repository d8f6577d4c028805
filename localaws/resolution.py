"""What a template's values mean for one stack: conditions, intrinsic functions, order of the resources.

A `Blueprint` is a template together with its parameters and the stack it is for. It resolves values against what the
resources deployed so far have given back.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from localaws.errors import ValidationError
from localaws.template import PSEUDO, Template, get_att, references

NO_VALUE = object()
FUNCTIONS = {
    "Ref", "Fn::Base64", "Fn::FindInMap", "Fn::GetAtt", "Fn::If", "Fn::Join", "Fn::Select", "Fn::Split", "Fn::Sub",
}  # fmt: skip
ATTRIBUTE_MARK = "\x00later:"
"""Stands for a value that is known only after the deployment, when a change set is computed."""


class Deployed(Protocol):
    """The part of a resource that other resources refer to."""

    physical_id: str
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scope:
    """The stack that a template is resolved for."""

    account: str
    region: str
    stack_id: str
    stack_name: str
    notification_arns: tuple[str, ...] = ()

    def pseudo(self, name: str) -> Any:
        return {
            "AWS::AccountId": self.account,
            "AWS::NoValue": NO_VALUE,
            "AWS::NotificationARNs": list(self.notification_arns),
            "AWS::Partition": "aws",
            "AWS::Region": self.region,
            "AWS::StackId": self.stack_id,
            "AWS::StackName": self.stack_name,
            "AWS::URLSuffix": "amazonaws.com",
        }[name]


@dataclass(frozen=True)
class Blueprint:
    """A template for one stack. Raises ValidationError when it cannot be deployed at all."""

    template: Template
    parameters: Mapping[str, str]
    scope: Scope
    resources: dict[str, dict[str, Any]] = field(init=False)
    """The definitions whose condition holds."""
    depends_on: dict[str, tuple[str, ...]] = field(init=False)
    waves: list[list[str]] = field(init=False)

    def __post_init__(self) -> None:
        resources = {
            name: definition
            for name, definition in self.template.resources.items()
            if "Condition" not in definition or self.holds(definition["Condition"])
        }
        object.__setattr__(self, "resources", resources)
        depends_on = {name: self._dependencies(definition) for name, definition in resources.items()}
        object.__setattr__(self, "depends_on", depends_on)
        object.__setattr__(self, "waves", waves(depends_on))

    def _dependencies(self, definition: Mapping[str, Any]) -> tuple[str, ...]:
        explicit = definition.get("DependsOn") or []
        explicit = [explicit] if isinstance(explicit, str) else explicit
        chosen = self._choose([definition.get("Properties"), definition.get("Metadata")])
        used = [name for name in references(chosen) if name in self.template.resources]
        absent = sorted({name for name in used if name not in self.resources})
        if absent:
            raise ValidationError(
                f"Template format error: Unresolved resource dependencies [{', '.join(absent)}] "
                "in the Resources block of the template"
            )
        return tuple(sorted({*used, *(name for name in explicit if name in self.resources)}))

    def _choose(self, value: Any) -> Any:
        """Follow every Fn::If, so that a branch not taken makes no dependency."""
        if isinstance(value, list):
            return [self._choose(item) for item in value]
        if not isinstance(value, dict):
            return value
        if value.keys() == {"Fn::If"}:
            return self._choose(self._branch(value["Fn::If"]))
        return {key: self._choose(item) for key, item in value.items()}

    def _branch(self, argument: Any) -> Any:
        if not isinstance(argument, list) or len(argument) != 3:
            raise ValidationError("Template error: Fn::If requires a list argument with three elements")
        return argument[1] if self.holds(argument[0]) else argument[2]

    def holds(self, name: Any, open_names: tuple[str, ...] = ()) -> bool:
        """Tell whether a named condition is true. Raises ValidationError."""
        conditions = self.template.section("Conditions")
        if name not in conditions or name in open_names:
            raise ValidationError(f"Template error: unresolved condition dependency: {name}")
        return self._is_true(conditions[name], (*open_names, name))

    def _is_true(self, value: Any, open_names: tuple[str, ...]) -> bool:
        function, argument = _single(value)
        if function == "Condition":
            return self.holds(argument, open_names)
        if function == "Fn::Equals" and isinstance(argument, list) and len(argument) == 2:
            left, right = (self.resolve(item, {}) for item in argument)
            return bool(_text(left) == _text(right))
        if function in {"Fn::And", "Fn::Or", "Fn::Not"} and isinstance(argument, list) and argument:
            parts = [self._is_true(item, open_names) for item in argument]
            return all(parts) if function == "Fn::And" else any(parts) if function == "Fn::Or" else not parts[0]
        raise ValidationError("Template error: every Condition member must be a boolean intrinsic function")

    def resolve(self, value: Any, deployed: Mapping[str, Deployed], *, later: Iterable[str] | None = None) -> Any:
        """Return `value` with its functions worked out.

        With `later`, a reference to one of these resources, or to one that is not deployed, becomes a mark instead of
        an error. Raises ValidationError.
        """
        return _Resolver(self, deployed, later).resolve(value)


class _Resolver:
    """One resolution; bound to what is deployed at this moment."""

    def __init__(self, blueprint: Blueprint, deployed: Mapping[str, Deployed], later: Iterable[str] | None) -> None:
        self._blueprint = blueprint
        self._deployed = deployed
        self._later = None if later is None else frozenset(later)

    def resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            items = (self.resolve(item) for item in value)
            return [item for item in items if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        function, argument = _single(value)
        if function in FUNCTIONS:
            return self._call(function, argument)
        if function.startswith("Fn::"):
            raise ValidationError(f"Template error: localaws does not offer the function {function}")
        pairs = ((key, self.resolve(item)) for key, item in value.items())
        return {key: item for key, item in pairs if item is not NO_VALUE}

    def _call(self, function: str, argument: Any) -> Any:
        if function == "Ref":
            return self._ref(argument)
        if function == "Fn::GetAtt":
            logical_id, attribute = get_att(argument)
            return self._attribute(logical_id, str(self.resolve(attribute)))
        if function == "Fn::If":
            return self.resolve(self._blueprint._branch(argument))  # noqa: SLF001 - the two classes are one subject
        if function == "Fn::Sub":
            return self._sub(argument)
        if function == "Fn::Base64":
            return base64.b64encode(_text(self.resolve(argument)).encode()).decode()
        arguments = self.resolve(argument)
        if function == "Fn::FindInMap":
            return self._find_in_map(arguments)
        return _apply(function, arguments)

    def _ref(self, name: str) -> Any:
        if name in PSEUDO:
            return self._blueprint.scope.pseudo(name)
        declared = self._blueprint.template.section("Parameters")
        if name in declared:
            value = self._blueprint.parameters[name]
            kind = str(declared[name].get("Type", "String"))
            is_list = kind == "CommaDelimitedList" or kind.startswith("List<")
            return [item.strip() for item in value.split(",")] if is_list else value
        if self._is_later(name):
            return f"{ATTRIBUTE_MARK}{name}"
        return self._deployed[name].physical_id

    def _attribute(self, logical_id: str, attribute: str) -> Any:
        if self._is_later(logical_id):
            return f"{ATTRIBUTE_MARK}{logical_id}.{attribute}"
        attributes = self._deployed[logical_id].attributes
        if attribute not in attributes:
            kind = self._blueprint.resources.get(logical_id, {}).get("Type", logical_id)
            raise ValidationError(
                f"Template error: resource {logical_id} does not support attribute type {attribute} in Fn::GetAtt"
                f" ({kind})"
            )
        return attributes[attribute]

    def _is_later(self, logical_id: str) -> bool:
        if logical_id in self._deployed and logical_id not in (self._later or ()):
            return False
        if self._later is None:
            raise ValidationError(f"Template format error: Unresolved resource dependencies [{logical_id}]")
        return True

    def _sub(self, argument: Any) -> str:
        text, given = (argument, {}) if isinstance(argument, str) else (argument[0], self.resolve(argument[1]))

        def replace(match: re.Match[str]) -> str:
            name = match[1]
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            name = name.strip()
            if name in given:
                return _text(given[name])
            if "." in name:
                return _text(self._attribute(*name.split(".", 1)))
            return _text(self._ref(name))

        return re.sub(r"\$\{([^}]*)\}", replace, text)

    def _find_in_map(self, arguments: Any) -> Any:
        try:
            name, first, second = arguments
            return self._blueprint.template.section("Mappings")[name][first][second]
        except (KeyError, TypeError, ValueError) as error:
            raise ValidationError(f"Template error: Unable to get mapping for {arguments}") from error


def _single(value: Any) -> tuple[str, Any]:
    """Return function and argument of a dict with one key, or ("", None)."""
    if isinstance(value, dict) and len(value) == 1:
        function, argument = next(iter(value.items()))
        return str(function), argument
    return "", None


def _apply(function: str, arguments: Any) -> Any:
    if not isinstance(arguments, list) or len(arguments) != 2:
        raise ValidationError(f"Template error: {function} requires a list argument with two elements")
    first, second = arguments
    if function == "Fn::Join":
        if not isinstance(second, list):
            raise ValidationError("Template error: every Fn::Join object requires a list of strings")
        return str(first).join(_text(item) for item in second)
    if function == "Fn::Split":
        return _text(second).split(str(first))
    index = int(first) if str(first).isdigit() else -1
    if not isinstance(second, list) or not 0 <= index < len(second):
        raise ValidationError("Template error: Fn::Select cannot select nonexistent value at index " + str(first))
    return second[index]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        raise ValidationError("Template error: a string was expected inside an intrinsic function")
    return str(value)


def waves(depends_on: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Return the names in waves; each wave needs only earlier ones. Raises ValidationError on a cycle."""
    waiting = {name: set(needed) & depends_on.keys() for name, needed in depends_on.items()}
    order: list[list[str]] = []
    while waiting:
        ready = [name for name, needed in waiting.items() if not needed]
        if not ready:
            raise ValidationError(f"Circular dependency between resources: [{', '.join(sorted(_cycle(waiting)))}]")
        order.append(ready)
        for name in ready:
            del waiting[name]
        for needed in waiting.values():
            needed.difference_update(ready)
    return order


def _cycle(waiting: Mapping[str, set[str]]) -> set[str]:
    """Leave out what only depends on the cycle but is no part of it."""
    members = dict(waiting)
    while True:
        needed = set().union(*(members[name] for name in members))
        outside = [name for name in members if name not in needed]
        if not outside:
            return set(members)
        for name in outside:
            del members[name]
