"""The calls about change sets: create, describe, list, execute, delete.

A change set holds the stack as it was when it was made: any operation that begins later makes it OBSOLETE.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from localaws import changesets
from localaws.calls import Request, check_name, role_checked, settings_of, template_text
from localaws.commands import Commands, must_be_updatable
from localaws.errors import AlreadyExists, ChangeSetNotFound, InvalidChangeSetStatus, ValidationError
from localaws.paging import page
from localaws.stacks import ChangeSet, Settings, Stack, change_set_arn
from localaws.steps import Steps
from localaws.world import World


class ChangeSets:
    """The change-set calls. `finish` completes a change set in a thread, after the pace."""

    def __init__(self, world: World, commands: Commands, finish: Callable[[ChangeSet], None]) -> None:
        self._world = world
        self._store = world.store
        self._commands = commands
        self._finish = finish

    def handlers(self) -> dict[str, Callable[[Request], dict[str, Any]]]:
        return {
            "CreateChangeSet": self.create,
            "DeleteChangeSet": self.delete,
            "DescribeChangeSet": self.describe,
            "ExecuteChangeSet": self.execute,
            "ListChangeSets": self.list,
        }

    def create(self, request: Request) -> dict[str, Any]:
        given = request.parameters
        kind = given.get("ChangeSetType", "UPDATE")
        name = check_name(given["ChangeSetName"], "changeSetName")
        if kind not in {"CREATE", "UPDATE"}:
            raise ValidationError(f"localaws does not offer change sets of type {kind}")
        with self._store.lock:
            stack = None if kind == "CREATE" else self._base(request)
        text = template_text(self._world, request, stack)
        settings = settings_of(request, text, stack)
        role_checked(self._world, request, settings)
        with self._store.lock:
            stack = self._under_review(request, settings) if kind == "CREATE" else self._base(request)
            for other in self._store.change_sets_of(stack.id):
                if other.name == name:
                    if given.get("ClientToken") and other.token == given["ClientToken"]:
                        return {"Id": other.id, "StackId": stack.id}
                    raise AlreadyExists(
                        f"ChangeSet {name} cannot be created due to a mismatch with existing attributes"
                    )
            change_set = self._computed(request, stack, settings, kind)
            self._store.change_sets[change_set.id] = change_set
            self._finish(change_set)
            return {"Id": change_set.id, "StackId": stack.id}

    def _base(self, request: Request) -> Stack:
        """Return the stack that an update starts from. Raises ValidationError."""
        name = request.parameters["StackName"]
        stack = self._store.find(request.caller.account_id, request.caller.region, name)
        if stack is None or stack.deleted_at is not None:
            raise ValidationError(f"Stack [{name}] does not exist")
        must_be_updatable(stack)
        return stack

    def _under_review(self, request: Request, settings: Settings) -> Stack:
        """Return the stack that a CREATE change set is for; it stays REVIEW_IN_PROGRESS until executed."""
        caller, name = request.caller, request.parameters["StackName"]
        stack = self._store.find(caller.account_id, caller.region, name)
        if stack and stack.status == "REVIEW_IN_PROGRESS":
            return stack
        stack = self._commands.new_stack(request, check_name(name), settings)
        stack.last_principal = caller.user_id
        Steps(self._world, stack, self._commands.operation(request, "CREATE", "deploy")).announce(
            "REVIEW_IN_PROGRESS", "User Initiated"
        )
        return stack

    def _computed(self, request: Request, stack: Stack, settings: Settings, kind: str) -> ChangeSet:
        given = request.parameters
        found = changesets.changes(stack, settings)
        changed = bool(found) or kind == "CREATE" or changesets.has_updates(stack, settings)
        return ChangeSet(
            id=change_set_arn(stack.account, stack.region, given["ChangeSetName"]),
            name=given["ChangeSetName"],
            stack_id=stack.id,
            type=kind,
            settings=settings,
            created_at=self._world.clock(),
            base_serial=stack.serial,
            description=given.get("Description", ""),
            changes=[change.shape() for change in found],
            failure="" if changed else changesets.EMPTY,
            on_stack_failure=given.get("OnStackFailure"),
            token=given.get("ClientToken"),
        )

    def complete(self, change_set: ChangeSet) -> None:
        """End the computing of a change set; nothing happens when it was deleted meanwhile."""
        with self._store.lock:
            if change_set.id not in self._store.change_sets:
                return
            if change_set.failure:
                change_set.status, change_set.reason = "FAILED", change_set.failure
                return
            stack = self._store.stacks[change_set.stack_id]
            change_set.status = "CREATE_COMPLETE"
            fresh = change_set.base_serial == stack.serial
            change_set.execution_status = "AVAILABLE" if fresh else "OBSOLETE"

    def execute(self, request: Request) -> dict[str, Any]:
        given, caller = request.parameters, request.caller
        name = given["ChangeSetName"]
        key = request.token_key(f"{given.get('StackName', '')}:{name.rpartition('changeSet/')[2]}")
        with self._store.lock:
            if request.token and key in self._store.tokens:
                return {}
            change_set = self._store.change_set(caller.account_id, caller.region, name, given.get("StackName"))
            if change_set.status != "CREATE_COMPLETE":
                raise InvalidChangeSetStatus(
                    f"ChangeSet [{change_set.id}] cannot be executed in its current status of [{change_set.status}]"
                )
            if change_set.execution_status != "AVAILABLE":
                raise InvalidChangeSetStatus(
                    f"ChangeSet [{change_set.id}] cannot be executed in its current execution status of "
                    f"[{change_set.execution_status}]"
                )
            stack = self._store.stacks[change_set.stack_id]
            change_set.execution_status = "EXECUTE_IN_PROGRESS"
            stack.change_set_id = change_set.id
            self._begin(stack, change_set, request)
            change_set.execution_status = "EXECUTE_COMPLETE"
            if request.token:
                self._store.tokens[key] = stack.id
        return {}

    def _begin(self, stack: Stack, change_set: ChangeSet, request: Request) -> None:
        if change_set.type == "UPDATE":
            must_be_updatable(stack)
            self._commands.begin_update(stack, change_set.settings, request)
            return
        stack.settings = change_set.settings
        disabled = bool(request.parameters.get("DisableRollback"))
        on_failure = change_set.on_stack_failure or ("DO_NOTHING" if disabled else "ROLLBACK")
        stack.disable_rollback = on_failure == "DO_NOTHING"
        self._commands.begin_create(stack, request, on_failure)

    def delete(self, request: Request) -> dict[str, Any]:
        """Drop a change set; to the API one that is gone already is no error."""
        with self._store.lock, suppress(ChangeSetNotFound):
            del self._store.change_sets[self._find(request).id]
        return {}

    def list(self, request: Request) -> dict[str, Any]:
        with self._store.lock:
            stack = self._store.get(request.caller.account_id, request.caller.region, request.parameters["StackName"])
            found = self._store.change_sets_of(stack.id)
            rows, token = page(found, lambda change_set: change_set.id, request.parameters.get("NextToken"))
            return {"Summaries": [self._head(change_set, stack) for change_set in rows], "NextToken": token}

    def describe(self, request: Request) -> dict[str, Any]:
        with self._store.lock:
            change_set = self._find(request)
            stack = self._store.stacks[change_set.stack_id]
            numbered = list(enumerate(change_set.changes))
            rows, token = page(numbered, lambda row: str(row[0]), request.parameters.get("NextToken"))
            settings = change_set.settings
            return {
                **self._head(change_set, stack),
                "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in settings.parameters.items()],
                "NotificationARNs": list(settings.notification_arns),
                "Capabilities": list(settings.capabilities),
                "Tags": [{"Key": key, "Value": value} for key, value in settings.tags.items()],
                "Changes": [change for _, change in rows],
                "OnStackFailure": change_set.on_stack_failure,
                "NextToken": token,
            }

    def _find(self, request: Request) -> ChangeSet:
        given, caller = request.parameters, request.caller
        with self._store.lock:
            return self._store.change_set(
                caller.account_id, caller.region, given["ChangeSetName"], given.get("StackName")
            )

    @staticmethod
    def _head(change_set: ChangeSet, stack: Stack) -> dict[str, Any]:
        return {
            "ChangeSetName": change_set.name,
            "ChangeSetId": change_set.id,
            "StackId": stack.id,
            "StackName": stack.name,
            "Description": change_set.description or None,
            "CreationTime": change_set.created_at,
            "ExecutionStatus": change_set.execution_status,
            "Status": change_set.status,
            "StatusReason": change_set.reason or None,
        }
