"""The calls that read: stacks, events, resources, templates, limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from localaws.calls import Request, template_text
from localaws.commands import MOST_STACKS
from localaws.errors import ValidationError
from localaws.paging import page
from localaws.stacks import Event, Resource, Stack
from localaws.template import Template, parse
from localaws.world import World

HIDDEN = "****"


class Queries:
    """The reading calls. They hold the store's lock while they look, and make no call themselves."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._store = world.store

    def handlers(self) -> dict[str, Callable[[Request], dict[str, Any]]]:
        return {
            "DescribeAccountLimits": self.describe_account_limits,
            "DescribeStackEvents": self.describe_stack_events,
            "DescribeStackResource": self.describe_stack_resource,
            "DescribeStackResources": self.describe_stack_resources,
            "DescribeStacks": self.describe_stacks,
            "GetTemplate": self.get_template,
            "GetTemplateSummary": self.get_template_summary,
            "ListStackResources": self.list_stack_resources,
            "ListStacks": self.list_stacks,
            "ValidateTemplate": self.validate_template,
        }

    def _stack(self, request: Request, name: str) -> Stack:
        return self._store.get(request.caller.account_id, request.caller.region, name)

    def describe_stacks(self, request: Request) -> dict[str, Any]:
        name = request.parameters.get("StackName")
        with self._store.lock:
            if name:
                return {"Stacks": [_stack_shape(self._stack(request, name))]}
            live = self._store.live(request.caller.account_id, request.caller.region)
            rows, token = page(live, lambda stack: stack.id, request.parameters.get("NextToken"))
            return {"Stacks": [_stack_shape(stack) for stack in rows], "NextToken": token}

    def list_stacks(self, request: Request) -> dict[str, Any]:
        wanted = set(request.parameters.get("StackStatusFilter") or ())
        with self._store.lock:
            found = self._store.of(request.caller.account_id, request.caller.region)
            matching = [stack for stack in found if not wanted or stack.status in wanted]
            rows, token = page(matching, lambda stack: stack.id, request.parameters.get("NextToken"))
            return {"StackSummaries": [_summary_shape(stack) for stack in rows], "NextToken": token}

    def describe_stack_events(self, request: Request) -> dict[str, Any]:
        name = request.parameters.get("StackName", "")
        with self._store.lock:
            stack = self._store.find(request.caller.account_id, request.caller.region, name)
            if stack is None:
                raise ValidationError(f"Stack [{name}] does not exist")
            newest_first = stack.events[::-1]
            rows, token = page(newest_first, lambda event: event.event_id, request.parameters.get("NextToken"))
            return {"StackEvents": [_event_shape(stack, event) for event in rows], "NextToken": token}

    def describe_stack_resources(self, request: Request) -> dict[str, Any]:
        given = request.parameters
        logical_id = given.get("LogicalResourceId")
        with self._store.lock:
            if given.get("StackName"):
                stack = self._stack(request, given["StackName"])
            else:
                stack = self._owner(request, given.get("PhysicalResourceId", ""))
            rows = [r for r in stack.resources.values() if logical_id in {None, r.logical_id}]
            return {"StackResources": [_resource_shape(stack, resource) for resource in rows]}

    def _owner(self, request: Request, physical_id: str) -> Stack:
        for stack in self._store.live(request.caller.account_id, request.caller.region):
            if physical_id and any(r.physical_id == physical_id for r in stack.resources.values()):
                return stack
        raise ValidationError(f"Stack for {physical_id} does not exist")

    def describe_stack_resource(self, request: Request) -> dict[str, Any]:
        logical_id = request.parameters["LogicalResourceId"]
        with self._store.lock:
            stack = self._stack(request, request.parameters["StackName"])
            if logical_id not in stack.resources:
                raise ValidationError(f"Resource {logical_id} does not exist for stack {stack.name}")
            shape = _resource_shape(stack, stack.resources[logical_id])
            return {"StackResourceDetail": {**shape, "LastUpdatedTimestamp": shape["Timestamp"]}}

    def list_stack_resources(self, request: Request) -> dict[str, Any]:
        with self._store.lock:
            stack = self._stack(request, request.parameters["StackName"])
            rows, token = page(
                list(stack.resources.values()),
                lambda resource: resource.logical_id,
                request.parameters.get("NextToken"),
            )
            shapes = [_resource_shape(stack, resource) for resource in rows]
            summaries = [{**shape, "LastUpdatedTimestamp": shape["Timestamp"]} for shape in shapes]
            return {"StackResourceSummaries": summaries, "NextToken": token}

    def get_template(self, request: Request) -> dict[str, Any]:
        given, caller = request.parameters, request.caller
        with self._store.lock:
            if given.get("ChangeSetName"):
                change_set = self._store.change_set(
                    caller.account_id, caller.region, given["ChangeSetName"], given.get("StackName")
                )
                text = change_set.settings.template
            else:
                text = self._stack(request, given.get("StackName", "")).settings.template
        return {"TemplateBody": text, "StagesAvailable": ["Original", "Processed"]}

    def get_template_summary(self, request: Request) -> dict[str, Any]:
        given = request.parameters
        if given.get("StackName"):
            with self._store.lock:
                text = self._stack(request, given["StackName"]).settings.template
        else:
            text = template_text(self._world, request, None)
        template = parse(text)
        types = sorted({definition["Type"] for definition in template.resources.values()})
        return {
            **_about(template),
            "ResourceTypes": types,
            "Version": str(template.sections.get("AWSTemplateFormatVersion", "2010-09-09")),
            "DeclaredTransforms": [],
        }

    def validate_template(self, request: Request) -> dict[str, Any]:
        return _about(parse(template_text(self._world, request, None)))

    def describe_account_limits(self, _request: Request) -> dict[str, Any]:
        limits = {"StackLimit": MOST_STACKS, "StackOutputsLimit": 200, "ConcurrentResourcesLimit": 2_500}
        return {"AccountLimits": [{"Name": name, "Value": value} for name, value in limits.items()]}


def _about(template: Template) -> dict[str, Any]:
    capability, types = template.capability()
    words = f"The following resource(s) require capabilities: [{', '.join(types)}]" if types else None
    parameters = [
        {
            "ParameterKey": name,
            "DefaultValue": None if rules.get("Default") is None else str(rules["Default"]),
            "NoEcho": _is_hidden(rules),
            "Description": rules.get("Description"),
            "ParameterType": rules.get("Type", "String"),
            "ParameterConstraints": {"AllowedValues": [str(item) for item in rules.get("AllowedValues", [])]},
        }
        for name, rules in template.section("Parameters").items()
    ]
    return {
        "Parameters": parameters,
        "Description": template.description or None,
        "Capabilities": [capability] if capability else [],
        "CapabilitiesReason": words,
    }


def _is_hidden(rules: dict[str, Any]) -> bool:
    return str(rules.get("NoEcho", "")).lower() == "true"


def _stack_shape(stack: Stack) -> dict[str, Any]:
    settings = stack.settings
    template = parse(settings.template)
    declared = template.section("Parameters")
    return {
        **_summary_shape(stack),
        "ChangeSetId": stack.change_set_id,
        "Description": template.description or None,
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": HIDDEN if _is_hidden(declared.get(key, {})) else value}
            for key, value in settings.parameters.items()
        ],
        "RollbackConfiguration": {},
        "DisableRollback": stack.disable_rollback,
        "NotificationARNs": list(settings.notification_arns),
        "TimeoutInMinutes": stack.timeout_minutes,
        "Capabilities": list(settings.capabilities),
        "Outputs": [
            {
                "OutputKey": output.key,
                "OutputValue": output.value,
                "Description": output.description or None,
                "ExportName": output.export_name or None,
            }
            for output in stack.outputs
        ],
        "RoleARN": settings.role_arn,
        "Tags": [{"Key": key, "Value": value} for key, value in settings.tags.items()],
        "EnableTerminationProtection": stack.protected,
        "RetainExceptOnCreate": stack.retain_except_on_create,
    }


def _summary_shape(stack: Stack) -> dict[str, Any]:
    return {
        "StackId": stack.id,
        "StackName": stack.name,
        "TemplateDescription": parse(stack.settings.template).description or None,
        "CreationTime": stack.created_at,
        "LastUpdatedTime": stack.updated_at,
        "DeletionTime": stack.deleted_at,
        "StackStatus": stack.status,
        "StackStatusReason": stack.reason or None,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }


def _event_shape(stack: Stack, event: Event) -> dict[str, Any]:
    return {
        "StackId": stack.id,
        "EventId": event.event_id,
        "StackName": stack.name,
        "LogicalResourceId": event.logical_id,
        "PhysicalResourceId": event.physical_id,
        "ResourceType": event.resource_type,
        "Timestamp": event.timestamp,
        "ResourceStatus": event.status,
        "ResourceStatusReason": event.reason or None,
        "ResourceProperties": event.properties,
        "ClientRequestToken": event.token,
    }


def _resource_shape(stack: Stack, resource: Resource) -> dict[str, Any]:
    return {
        "StackName": stack.name,
        "StackId": stack.id,
        "LogicalResourceId": resource.logical_id,
        "PhysicalResourceId": resource.physical_id or None,
        "ResourceType": resource.type,
        "Timestamp": resource.changed_at,
        "ResourceStatus": resource.status,
        "ResourceStatusReason": resource.reason or None,
        "Metadata": None,
        "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
    }
