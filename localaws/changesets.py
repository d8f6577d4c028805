"""What an update would change, compared with the stack as it is now.

UpdateStack asks only whether there is anything; a change set keeps the list, in AWS's shape.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localaws import schemas
from localaws.errors import LocalAWSError, ValidationError
from localaws.operations import blueprint_of
from localaws.resolution import ATTRIBUTE_MARK, Blueprint
from localaws.stacks import Resource, Settings, Stack

EMPTY = "The submitted information didn't contain changes. Submit different information to create a change set."


@dataclass(frozen=True, slots=True)
class Change:
    """One resource that an update would add, modify or remove."""

    action: str
    logical_id: str
    resource_type: str
    physical_id: str = ""
    replacement: str | None = None
    scope: tuple[str, ...] = ()
    details: tuple[dict[str, Any], ...] = ()
    policy_action: str | None = None

    def shape(self) -> dict[str, Any]:
        """Return AWS's form of it."""
        change = {
            "PolicyAction": self.policy_action,
            "Action": self.action,
            "LogicalResourceId": self.logical_id,
            "PhysicalResourceId": self.physical_id or None,
            "ResourceType": self.resource_type,
            "Replacement": self.replacement,
            "Scope": list(self.scope),
            "Details": list(self.details),
        }
        return {"Type": "Resource", "ResourceChange": change}


def has_updates(stack: Stack, target: Settings) -> bool:
    """Tell whether an update to `target` does anything. Raises ValidationError."""
    aside = stack.settings
    if target.tags != aside.tags or target.notification_arns != aside.notification_arns:
        return True
    return bool(changes(stack, target))


def changes(stack: Stack, target: Settings) -> list[Change]:
    """Return what an update to `target` would change, in the template's order. Raises ValidationError."""
    blueprint = blueprint_of(stack, target)
    schemas.check_types(stack.region, [definition["Type"] for definition in blueprint.resources.values()])
    existing = {
        name: resource
        for name, resource in stack.resources.items()
        if resource.physical_id and resource.status not in {"DELETE_COMPLETE", "DELETE_SKIPPED"}
    }
    found: dict[str, Change] = {}
    later = set(blueprint.resources) - set(existing)
    for wave in blueprint.waves:
        for name in wave:
            change = _change(blueprint, existing, name, target, later)
            if change is None:
                continue
            found[name] = change
            if change.replacement == "True":
                later.add(name)
    removed = [_removal(resource) for name, resource in existing.items() if name not in blueprint.resources]
    return [found[name] for name in blueprint.resources if name in found] + removed


def _change(
    blueprint: Blueprint, existing: Mapping[str, Resource], name: str, target: Settings, later: set[str]
) -> Change | None:
    definition = blueprint.resources[name]
    kind = definition["Type"]
    current = existing.get(name)
    if current is None:
        return Change("Add", name, kind)
    schema = schemas.find(blueprint.scope.region, kind)
    if schema is None:
        raise ValidationError(f"Template format error: Unrecognized resource types: [{kind}]")
    wanted = blueprint.resolve(definition.get("Properties") or {}, existing, later=later)
    if not _is_later(wanted):
        try:
            wanted = schema.coerced(name, wanted)
        except LocalAWSError:
            # invalid properties are a change too: the deployment will say what is wrong with them
            wanted = dict(wanted)
    details = [
        _detail("Properties", prop, schema.replaced_by({prop: current.properties.get(prop)}, {prop: wanted.get(prop)}))
        | {"Evaluation": "Dynamic" if _is_later(wanted.get(prop)) else "Static"}
        for prop in sorted(current.properties.keys() | wanted.keys())
        if current.properties.get(prop) != wanted.get(prop)
    ]
    if schema.tags_property and current.tags != target.tags:
        details.append(_detail("Tags", None, []))
    if current.metadata != blueprint.resolve(definition.get("Metadata"), existing, later=later):
        details.append(_detail("Metadata", None, []))
    if current.type != kind:
        raise ValidationError(
            "Update of resource type is not permitted. The new template modifies resource type of the following "
            f"resources: [{name}]"
        )
    if not details:
        return None
    return _modification(current, definition, details)


def _modification(current: Resource, definition: Mapping[str, Any], details: list[dict[str, Any]]) -> Change:
    replaced = [detail for detail in details if detail["Target"]["RequiresRecreation"] == "Always"]
    sure = any(detail["Evaluation"] == "Static" for detail in replaced)
    replacement = "True" if sure else "Conditional" if replaced else "False"
    policy_action = None
    if replacement != "False":
        kept = definition.get("UpdateReplacePolicy", "Delete") != "Delete"
        policy_action = "ReplaceAndRetain" if kept else "ReplaceAndDelete"
    scope = dict.fromkeys(detail["Target"]["Attribute"] for detail in details)
    return Change(
        "Modify",
        current.logical_id,
        current.type,
        current.physical_id,
        replacement,
        tuple(scope),
        tuple(details),
        policy_action,
    )


def _removal(resource: Resource) -> Change:
    kept = resource.deletion_policy != "Delete"
    return Change(
        "Remove",
        resource.logical_id,
        resource.type,
        resource.physical_id,
        policy_action="Retain" if kept else "Delete",
    )


def _detail(attribute: str, name: str | None, replaced: list[str]) -> dict[str, Any]:
    return {
        "Target": {
            "Attribute": attribute,
            "Name": name,
            "RequiresRecreation": "Always" if replaced else "Never",
        },
        "Evaluation": "Static",
        "ChangeSource": "DirectModification",
    }


def _is_later(value: Any) -> bool:
    return json.dumps(ATTRIBUTE_MARK)[1:-1] in json.dumps(value)
