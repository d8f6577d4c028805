"""One step of an operation: create, update, replace or remove a single resource, with its events.

Every step can run again after a crash: what it has done so far stands in the resource's record.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localaws import events, providers, schemas
from localaws.errors import LocalAWSError, ResourceFailed, Stopped
from localaws.providers.base import Call, handler_error
from localaws.resolution import Blueprint, Scope
from localaws.stacks import Operation, Resource, Stack
from localaws.world import World

logger = logging.getLogger(__name__)
KEPT = frozenset({"Retain", "RetainExceptOnCreate", "Snapshot"})


class Steps:
    """The steps of one stack's running operation."""

    def __init__(self, world: World, stack: Stack, operation: Operation) -> None:
        self.world = world
        self.stack = stack
        self.operation = operation

    def announce(self, status: str, reason: str = "", resource: Resource | None = None) -> None:
        """Set a status, of the resource or of the stack itself, and record and publish its event."""
        with self.world.store.lock:
            target: Any = self.stack if resource is None else resource
            target.status, target.reason = status, reason
            if resource is None:
                self.world.told.note(self.stack.id)
            event = events.record(
                self.stack,
                self.world.clock(),
                status=status,
                reason=reason,
                resource=resource,
                skew_seconds=self.world.faults.skew(),
            )
            if resource is not None:
                resource.changed_at = event.timestamp
            for arn in self.stack.settings.notification_arns:
                notice = events.Notice(self.stack.account, arn, events.text(self.stack, event))
                self.world.publisher.submit(notice)

    def deploy(self, blueprint: Blueprint, logical_id: str) -> None:
        """Bring one resource to what the template says; on failure note it in the operation."""
        if self.operation.failed or self.operation.cancelled:
            return
        stack = self.stack
        definition = blueprint.resources[logical_id]
        resource = stack.resources.get(logical_id)
        try:
            wanted = self._wanted(blueprint, logical_id, definition)
        except LocalAWSError as error:
            if resource is None:
                resource = Resource(logical_id=logical_id, type=definition["Type"])
                with self.world.store.lock:
                    stack.resources[logical_id] = resource
            self._fail(resource, self._verb(resource), error)
            return
        if resource is None:
            resource = wanted
            with self.world.store.lock:
                stack.resources[logical_id] = resource
            self._create(resource)
        elif not resource.complete:
            self._adopt_settings(resource, wanted)
            self._create(resource)
        elif self._must_replace(resource, wanted):
            self._replace(resource, wanted)
        elif differs(resource, wanted) or resource.attempted is not None or resource.status == "UPDATE_IN_PROGRESS":
            self._update(resource, wanted)
        else:
            with self.world.store.lock:
                self._adopt_policies(resource, wanted)

    def _wanted(self, blueprint: Blueprint, logical_id: str, definition: Mapping[str, Any]) -> Resource:
        """Return the resource as the template describes it now. Raises ValidationError, ResourceFailed."""
        schema = schemas.find(self.stack.region, definition["Type"])
        if schema is None:
            raise ResourceFailed(f"Unrecognized resource type: {definition['Type']}")
        with self.world.store.lock:
            deployed = dict(self.stack.resources)
        properties = blueprint.resolve(definition.get("Properties") or {}, deployed)
        return Resource(
            logical_id=logical_id,
            type=definition["Type"],
            properties=schema.coerced(logical_id, properties),
            metadata=blueprint.resolve(definition.get("Metadata"), deployed),
            tags=dict(self.stack.settings.tags) if schema.tags_property else {},
            depends_on=blueprint.depends_on[logical_id],
            deletion_policy=definition.get("DeletionPolicy", "Delete"),
            update_replace_policy=definition.get("UpdateReplacePolicy", "Delete"),
        )

    def _must_replace(self, resource: Resource, wanted: Resource) -> bool:
        if resource.type != wanted.type:
            return True
        schema = schemas.find(self.stack.region, wanted.type)
        return bool(schema and schema.replaced_by(resource.properties, wanted.properties))

    def _verb(self, resource: Resource) -> str:
        """A resource that was there before the operation is updated, even when that makes it anew."""
        return "UPDATE" if resource.logical_id in self.operation.before else "CREATE"

    def _create(self, resource: Resource) -> None:
        verb = self._verb(resource)
        if not resource.status.endswith("IN_PROGRESS"):
            replacing = "Requested update requires the creation of a new physical resource; hence creating one."
            self.announce(f"{verb}_IN_PROGRESS", replacing if verb == "UPDATE" else "", resource)
        call = self._call(resource, resource.properties)
        call.on_plan = lambda name: self._plan(resource, name)
        call.on_made = lambda physical_id: self._made(resource, physical_id)
        try:
            self._before_call(resource)
            attributes = self._provide("create", resource, call)
            self._after_call(resource)
        except (LocalAWSError, ClientError, BotoCoreError) as error:
            self._fail(resource, verb, error)
            return
        with self.world.store.lock:
            resource.attributes = attributes
            resource.complete = True
            self.announce(f"{verb}_COMPLETE", "", resource)

    def _plan(self, resource: Resource, name: str) -> None:
        """Claim a name. Two stacks that found it free at the same moment must not both take it."""
        with self.world.store.lock:
            for other in self.world.store.live(self.stack.account, self.stack.region):
                for rival in other.resources.values():
                    same = rival is not resource and rival.type == resource.type
                    if same and rival.planned_id == name and not rival.status.endswith(("FAILED", "DELETE_COMPLETE")):
                        raise ResourceFailed(f"{name} already exists in stack {other.id}")
            resource.planned_id = name

    def _made(self, resource: Resource, physical_id: str) -> None:
        with self.world.store.lock:
            resource.physical_id = physical_id
            self.announce(f"{self._verb(resource)}_IN_PROGRESS", "Resource creation Initiated", resource)

    def _replace(self, resource: Resource, wanted: Resource) -> None:
        """Make the new one beside the old one, which the cleanup removes unless its policy keeps it."""
        old = copy.deepcopy(resource)
        old.deletion_policy = wanted.update_replace_policy
        with self.world.store.lock:
            self.operation.leftovers.append(old)
            self.stack.resources[resource.logical_id] = wanted
        self._create(wanted)

    def _update(self, resource: Resource, wanted: Resource) -> None:
        with self.world.store.lock:
            before = resource.properties
            if resource.attempted is not None:
                before = {}
            resource.attempted = wanted.properties
            if resource.status != "UPDATE_IN_PROGRESS":
                self.announce("UPDATE_IN_PROGRESS", "", resource)
        try:
            self._before_call(resource)
            if before != wanted.properties or resource.tags != wanted.tags:
                self._change(resource, wanted, before or resource.properties)
            self._after_call(resource)
        except (LocalAWSError, ClientError, BotoCoreError) as error:
            self._fail(resource, "UPDATE", error)
            return
        with self.world.store.lock:
            resource.metadata = wanted.metadata
            self._adopt_policies(resource, wanted)
            self.announce("UPDATE_COMPLETE", "", resource)

    def _change(self, resource: Resource, wanted: Resource, before: dict[str, Any]) -> None:
        call = self._call(resource, wanted.properties)
        call.old, call.old_tags, call.tags = before, resource.tags, wanted.tags
        attributes = self._provide("update", resource, call)
        with self.world.store.lock:
            resource.properties, resource.tags, resource.attributes = wanted.properties, wanted.tags, attributes
            resource.attempted = None

    def restore(self, resource: Resource, before: Resource) -> None:
        """Bring a changed resource back to what it was before the operation. Raises what the data plane raises."""
        attempted = resource.attempted if resource.attempted is not None else resource.properties
        with self.world.store.lock:
            self.announce("UPDATE_IN_PROGRESS", "", resource)
        self._before_call(resource)
        if attempted != before.properties or resource.tags != before.tags:
            call = self._call(resource, before.properties)
            call.old, call.old_tags, call.tags = attempted, resource.tags, before.tags
            self._provide("update", resource, call)
        self._after_call(resource)
        with self.world.store.lock:
            resource = copy.deepcopy(before)
            resource.attempted = None
            self.stack.resources[before.logical_id] = resource
            self.announce("UPDATE_COMPLETE", "", resource)

    def remove(self, resource: Resource, *, keep: bool, quiet_if_absent: bool = True) -> bool:
        """Remove one physical resource, or skip it; tell whether it is out of the stack."""
        if resource.status in {"DELETE_COMPLETE", "DELETE_SKIPPED"}:
            return True
        if keep and resource.physical_id:
            self.announce("DELETE_SKIPPED", "", resource)
            return True
        if not resource.physical_id and quiet_if_absent:
            self.announce("DELETE_COMPLETE", "", resource)
            return True
        if resource.status != "DELETE_IN_PROGRESS":
            resource.attempted = None
            self.announce("DELETE_IN_PROGRESS", "", resource)
        try:
            self._before_call(resource)
            self._provide("delete", resource, self._call(resource, resource.properties))
            self.world.pause(self._seconds(resource) / 2)
        except (LocalAWSError, ClientError, BotoCoreError) as error:
            if isinstance(error, Stopped):
                raise
            self.announce("DELETE_FAILED", _reason(error), resource)
            return False
        self.announce("DELETE_COMPLETE", "", resource)
        return True

    def _provide(self, verb: str, resource: Resource, call: Call) -> Any:
        words = self.world.faults.resource_failure(resource.logical_id, resource.type)
        if words:
            raise ResourceFailed(words)
        try:
            return getattr(providers.find(resource.type), verb)(call)
        except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
            # A mistake of ours or of moto's must not leave the stack in progress for ever; AWS says the same two words
            logger.exception("the provider of %s could not %s %s", resource.type, verb, resource.logical_id)
            raise ResourceFailed("Internal Failure") from error

    def _call(self, resource: Resource, properties: dict[str, Any]) -> Call:
        return Call(
            client=lambda service: self.world.client(self.stack, service),
            scope=scope_of(self.stack),
            logical_id=resource.logical_id,
            properties=copy.deepcopy(properties),
            physical_id=resource.physical_id,
            planned_id=resource.planned_id,
            tags=resource.tags,
        )

    def _seconds(self, resource: Resource) -> float:
        return self.world.pace_seconds + self.world.faults.slow(resource.type)

    def _before_call(self, resource: Resource) -> None:
        self.world.pause(self._seconds(resource) / 2)
        self._check_cancelled(resource)

    def _after_call(self, resource: Resource) -> None:
        self.world.pause(self._seconds(resource) / 2)
        self._check_cancelled(resource)

    def _check_cancelled(self, resource: Resource) -> None:
        """A resource that waits when another one fails, or when somebody cancels, is not carried on."""
        if self.operation.phase == "deploy" and (self.operation.failed or self.operation.cancelled):
            verb = "creation" if self._verb(resource) == "CREATE" else "update"
            raise ResourceFailed(f"Resource {verb} cancelled")

    def _fail(self, resource: Resource, verb: str, error: Exception) -> None:
        if isinstance(error, Stopped):
            raise error
        with self.world.store.lock:
            reason = _reason(error)
            if not reason.endswith(" cancelled"):
                self.operation.failed.append(resource.logical_id)
            self.announce(f"{verb}_FAILED", reason, resource)

    def _adopt_settings(self, resource: Resource, wanted: Resource) -> None:
        with self.world.store.lock:
            resource.properties, resource.metadata, resource.tags = wanted.properties, wanted.metadata, wanted.tags
            self._adopt_policies(resource, wanted)

    def _adopt_policies(self, resource: Resource, wanted: Resource) -> None:
        resource.deletion_policy = wanted.deletion_policy
        resource.update_replace_policy = wanted.update_replace_policy
        resource.depends_on = wanted.depends_on
        resource.attempted = None


def differs(resource: Resource, wanted: Resource) -> bool:
    """Tell whether an update has anything to do; a deletion policy alone is no change."""
    return (
        resource.properties != wanted.properties
        or resource.metadata != wanted.metadata
        or resource.tags != wanted.tags
        or resource.type != wanted.type
    )


def scope_of(stack: Stack) -> Scope:
    return Scope(stack.account, stack.region, stack.id, stack.name, stack.settings.notification_arns)


def _reason(error: Exception) -> str:
    return str(handler_error(error)) if isinstance(error, ClientError) else str(error)
