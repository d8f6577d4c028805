"""Templates as text: JSON or YAML with AWS's short forms, the checks made before anything runs, the parameters.

Follows "Template anatomy" and "Parameters" of the CloudFormation guide. What a value means is in `resolution`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml

from localaws.errors import ValidationError

LARGEST_BODY_BYTES = 51_200
LARGEST_BODY_BY_URL_BYTES = 1_000_000
MOST_RESOURCES = 500
SECTIONS = {
    "AWSTemplateFormatVersion", "Conditions", "Description", "Hooks", "Mappings", "Metadata", "Outputs", "Parameters",
    "Resources", "Rules", "Transform",
}  # fmt: skip
ATTRIBUTES = {
    "Condition", "CreationPolicy", "DeletionPolicy", "DependsOn", "Metadata", "Properties", "Type", "UpdatePolicy",
    "UpdateReplacePolicy",
}  # fmt: skip
DELETION_POLICIES = {"Delete", "Retain", "RetainExceptOnCreate", "Snapshot"}
NAMED_IAM = {
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
}
IAM_TYPES = {*NAMED_IAM, "AWS::IAM::AccessKey", "AWS::IAM::Policy", "AWS::IAM::UserToGroupAddition"}
SUBSTITUTION = re.compile(r"\$\{([^!}][^}]*)\}")
PSEUDO = {
    "AWS::AccountId", "AWS::NoValue", "AWS::NotificationARNs", "AWS::Partition", "AWS::Region", "AWS::StackId",
    "AWS::StackName", "AWS::URLSuffix",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Template:
    """A checked template. `sections` is its whole document."""

    sections: dict[str, Any]

    def section(self, name: str) -> dict[str, Any]:
        return dict(self.sections.get(name) or {})

    @property
    def description(self) -> str:
        return str(self.sections.get("Description") or "")

    @property
    def resources(self) -> dict[str, Any]:
        return self.section("Resources")

    def capability(self) -> tuple[str, list[str]]:
        """Return the capability that a caller must give ("" if none) and the types that ask for it."""
        types = sorted({r["Type"] for r in self.resources.values() if r["Type"] in IAM_TYPES})
        named = any(NAMED_IAM.get(r["Type"], " ") in (r.get("Properties") or {}) for r in self.resources.values())
        return ("CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM" if types else ""), types


class _Loader(yaml.SafeLoader):
    """YAML as CloudFormation reads it: short forms, and no dates (a policy's Version is text)."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


@lru_cache(maxsize=256)
def parse(text: str) -> Template:
    """Read and check a template. Raises ValidationError in AWS's words.

    The result is shared by everybody who asks for the same text, so nobody may change it.
    """
    document = _load(text)
    if not isinstance(document, dict):
        raise _format_error("unsupported structure.")
    unknown = sorted(str(name) for name in document if name not in SECTIONS)
    if unknown:
        raise ValidationError(f"Invalid template property or properties [{', '.join(unknown)}]")
    if document.get("Transform"):
        raise ValidationError("Transforms are not offered by localaws")
    for name in SECTIONS & document.keys() - {"AWSTemplateFormatVersion", "Description", "Transform"}:
        if not isinstance(document[name], dict):
            raise _format_error(f"{name} must be an object.")
    template = Template(document)
    _check_resources(template)
    _check_references(template)
    return template


def _load(text: str) -> Any:
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except ValueError as error:
            at = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
            raise _format_error(f"JSON not well-formed.{at}") from error
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a subclass of SafeLoader
    except (yaml.YAMLError, ValueError) as error:
        raise _format_error("YAML not well-formed.") from error


def _format_error(words: str) -> ValidationError:
    return ValidationError(f"Template format error: {words}")


def _check_resources(template: Template) -> None:
    resources = template.resources
    if not resources:
        raise _format_error("At least one Resources member must be defined.")
    if len(resources) > MOST_RESOURCES:
        raise _format_error(f"Number of resources, {len(resources)}, is greater than maximum allowed, {MOST_RESOURCES}")
    for logical_id, resource in resources.items():
        if not re.fullmatch(r"[A-Za-z0-9]{1,255}", str(logical_id)):
            raise _format_error(f"Resource name {logical_id} is non alphanumeric.")
        if not isinstance(resource, dict):
            raise _format_error("Any Resources member must be an object.")
        if not isinstance(resource.get("Type"), str):
            raise _format_error(f"[/Resources/{logical_id}] Every Resources object must contain a Type member.")
        unknown = sorted(str(name) for name in resource if name not in ATTRIBUTES)
        if unknown:
            raise ValidationError(f"Invalid template resource property '{unknown[0]}'")
        for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
            if resource.get(policy, "Delete") not in DELETION_POLICIES:
                raise _format_error(f"Unrecognized {policy} {resource[policy]} for resource {logical_id}")


def _check_references(template: Template) -> None:
    parameters = template.section("Parameters").keys()
    resources = template.resources
    unresolved: set[str] = set()
    for logical_id, resource in resources.items():
        depends_on = resource.get("DependsOn") or []
        named = {depends_on} if isinstance(depends_on, str) else set(depends_on)
        named |= set(references(resource.get("Properties"))) | set(references(resource.get("Metadata")))
        unresolved |= named - resources.keys() - parameters - PSEUDO
        if logical_id in named:
            raise ValidationError(f"Circular dependency between resources: [{logical_id}]")
        condition = resource.get("Condition")
        if condition is not None and condition not in template.section("Conditions"):
            raise _format_error(f"Unresolved condition dependency {condition} in the Resources block of the template")
    if unresolved:
        raise _format_error(
            f"Unresolved resource dependencies [{', '.join(sorted(unresolved))}] in the Resources block of the template"
        )
    unresolved = set(references(template.section("Outputs"))) - resources.keys() - parameters - PSEUDO
    if unresolved:
        raise _format_error(
            f"Unresolved resource dependencies [{', '.join(sorted(unresolved))}] in the Outputs block of the template"
        )


def references(value: Any) -> Iterator[str]:
    """Yield every name that a Ref, GetAtt or Sub inside `value` points to."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
        return
    if not isinstance(value, dict):
        return
    function, argument = next(iter(value.items())) if len(value) == 1 else ("", None)
    if function == "Ref" and isinstance(argument, str):
        yield argument
    elif function == "Fn::GetAtt":
        yield get_att(argument)[0]
    elif function == "Fn::Sub":
        yield from _substituted(argument)
    else:
        for item in value.values():
            yield from references(item)


def _substituted(argument: Any) -> Iterator[str]:
    text, given = (argument[0], argument[1]) if isinstance(argument, list) and len(argument) > 1 else (argument, {})
    if not isinstance(text, str) or not isinstance(given, dict):
        raise ValidationError(
            "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments."
        )
    for name in SUBSTITUTION.findall(text):
        if name.strip() not in given:
            yield name.strip().split(".", 1)[0]
    yield from references(list(given.values()))


def get_att(argument: Any) -> tuple[str, str]:
    """Return logical id and attribute of a GetAtt. Raises ValidationError."""
    parts = argument.split(".", 1) if isinstance(argument, str) else argument
    if isinstance(parts, list) and len(parts) >= 2 and all(isinstance(part, str) for part in parts):
        return parts[0], ".".join(parts[1:])
    raise ValidationError("Template error: every Fn::GetAtt object requires two non-empty parameters")


def parameter_values(template: Template, given: Mapping[str, str]) -> dict[str, str]:
    """Return a value for every parameter, defaults filled in. Raises ValidationError."""
    declared = template.section("Parameters")
    unknown = sorted(given.keys() - declared.keys())
    if unknown:
        raise ValidationError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    values = {name: given.get(name, rules.get("Default")) for name, rules in declared.items()}
    missing = sorted(name for name, value in values.items() if value is None)
    if missing:
        raise ValidationError(f"Parameters: [{', '.join(missing)}] must have values")
    texts = {name: str(value) for name, value in values.items()}
    for name, value in texts.items():
        _check_parameter(name, value, declared[name])
    return texts


def _check_parameter(name: str, value: str, rules: Mapping[str, Any]) -> None:
    words = rules.get("ConstraintDescription")
    allowed = [str(item) for item in rules.get("AllowedValues", [])]
    if allowed and value not in allowed:
        raise ValidationError((words and f"Parameter {name} failed to satisfy constraint: {words}")
                              or f"Parameter '{name}' must be one of AllowedValues")  # fmt: skip
    pattern = rules.get("AllowedPattern")
    if pattern and not re.fullmatch(pattern, value):
        raise ValidationError(
            f"Parameter {name} failed to satisfy constraint: {words or f'must match pattern {pattern}'}"
        )
    if len(value) < int(rules.get("MinLength", 0)):
        raise ValidationError(f"Parameter '{name}' must contain at least {rules['MinLength']} characters")
    if "MaxLength" in rules and len(value) > int(rules["MaxLength"]):
        raise ValidationError(f"Parameter '{name}' must contain at most {rules['MaxLength']} characters")
    if rules.get("Type") == "Number":
        _check_number(name, value, rules)


def _check_number(name: str, value: str, rules: Mapping[str, Any]) -> None:
    try:
        number = float(value)
    except ValueError as error:
        raise ValidationError(f"Parameter '{name}' must be a number.") from error
    if "MinValue" in rules and number < float(rules["MinValue"]):
        raise ValidationError(f"Parameter '{name}' must be a number not less than {rules['MinValue']}")
    if "MaxValue" in rules and number > float(rules["MaxValue"]):
        raise ValidationError(f"Parameter '{name}' must be a number not greater than {rules['MaxValue']}")
