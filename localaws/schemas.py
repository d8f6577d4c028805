"""Resource schemas of AWS, as cfn-lint bundles them: is a type known, are resolved properties valid, what replaces.

moto takes almost anything, so a misspelt hardening property would pass unseen; AWS's own schemas refuse it.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import jsonschema
import regex
from jsonschema.exceptions import ValidationError as SchemaError

from localaws.errors import ResourceFailed, ValidationError

KEYWORDS = (
    "additionalProperties", "allOf", "anyOf", "definitions", "dependencies", "oneOf", "patternProperties",
    "properties", "required", "type",
)  # fmt: skip
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Schema:
    """What the engine asks of one resource type in one Region."""

    validator: Any
    create_only: tuple[tuple[str, ...], ...]
    read_only: frozenset[str]
    tags_property: str
    """The property that takes tags, or "" when the type has none."""

    def coerced(self, logical_id: str, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Return the properties with text turned into the type that the schema asks for. Raises ResourceFailed.

        CloudFormation does the same: a parameter is always text.
        """
        given = copy.deepcopy(dict(properties))
        errors = list(self.validator.iter_errors(given))
        while sum(_mend(given, error) for error in errors):
            errors = list(self.validator.iter_errors(given))
        words = [_words(error) for error in errors]
        words += [f"#: extraneous key [{name}] is not permitted" for name in sorted(given.keys() & self.read_only)]
        if words:
            raise ResourceFailed(
                f"Properties validation failed for resource {logical_id} with message:\n[{', '.join(words)}]"
            )
        return given

    def replaced_by(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
        """Return the changed properties that only a new physical resource can take."""
        return [".".join(path) for path in self.create_only if _at(old, path) != _at(new, path)]


def find(region: str, resource_type: str) -> Schema | None:
    """Return the schema of a type, or None when AWS has no such type in the Region."""
    with _lock:
        return _find(region, resource_type)


@cache
def _find(region: str, resource_type: str) -> Schema | None:
    # cfn-lint takes half a second to import: only when the first template arrives
    from cfnlint.schema import ResourceNotFoundError
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

    try:
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(region, resource_type).schema
    except ResourceNotFoundError:
        return None
    body = {keyword: schema[keyword] for keyword in KEYWORDS if keyword in schema}
    tagging = schema.get("tagging") or {}
    taggable = tagging.get("taggable", "Tags" in schema.get("properties", {}))
    return Schema(
        validator=_Validator(body),
        create_only=tuple(_path(pointer) for pointer in schema.get("createOnlyProperties") or []),
        read_only=frozenset(p[0] for p in map(_path, schema.get("readOnlyProperties") or []) if len(p) == 1),
        tags_property=str(tagging.get("tagProperty", "/properties/Tags")).rpartition("/")[2] if taggable else "",
    )


def check_types(region: str, resource_types: Iterable[str]) -> None:
    """Raise ValidationError, in AWS's words, when a type is unknown."""
    unknown = sorted({name for name in resource_types if find(region, name) is None})
    if unknown:
        raise ValidationError(f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]")


def _pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[SchemaError]:
    """AWS's patterns are Java's: `regex` reads what `re` does not, such as Unicode classes."""
    if isinstance(instance, str) and not regex.search(pattern, instance):
        yield SchemaError(f"{instance!r} does not match {pattern!r}")


_extend: Any = jsonschema.validators.extend  # untyped in its stubs
_Validator = _extend(jsonschema.Draft7Validator, {"pattern": _pattern})


def _path(pointer: str) -> tuple[str, ...]:
    return tuple(part for part in pointer.removeprefix("/properties/").split("/") if part != "*")


def _at(properties: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        properties = properties.get(name) if isinstance(properties, Mapping) else None
    return properties


def _mend(given: dict[str, Any], error: Any) -> bool:
    """Turn one value of the wrong type into the right one, if that loses nothing; tell whether it did."""
    if error.validator != "type" or not error.absolute_path:
        return False
    wanted = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
    for kind in wanted:
        value = _converted(error.instance, kind)
        if value is not None:
            *parents, last = error.absolute_path
            holder: Any = given
            for name in parents:
                holder = holder[name]
            holder[last] = value
            return True
    return False


def _converted(value: Any, kind: str) -> Any:
    if kind == "string" and isinstance(value, bool):
        return "true" if value else "false"
    if kind == "string" and isinstance(value, (int, float)):
        return str(value)
    if kind == "boolean" and isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    if kind in {"integer", "number"} and isinstance(value, str):
        try:
            return int(value) if kind == "integer" else float(value)
        except ValueError:
            return None
    return None


def _words(error: Any) -> str:
    place = "#" + "".join(f"/{part}" for part in error.absolute_path)
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = error.schema.get("properties", {})
        extra = ", ".join(sorted(name for name in error.instance if name not in known))
        return f"{place}: extraneous key [{extra}] is not permitted"
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        return f"{place}: required key [{', '.join(missing)}] not found"
    return f"{place}: {error.message}"
