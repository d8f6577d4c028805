"""The calls that change stacks: create, update, delete, cancel, continue, protect.

Each checks what AWS checks, in AWS's words, writes the operation down under the store's lock, and lets a thread run it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from localaws import changesets
from localaws.calls import Request, check_name, role_checked, settings_of, template_text
from localaws.errors import AlreadyExists, LimitExceeded, NoUpdates, StackNotFound, ValidationError
from localaws.operations import blueprint_of
from localaws.stacks import UPDATABLE, Operation, Settings, Stack, stack_arn
from localaws.steps import Steps
from localaws.world import World

MOST_STACKS = 2_000
Handler = Callable[[Request], dict[str, Any]]


class Commands:
    """The writing calls. `start` runs a stack's operation in a thread."""

    def __init__(self, world: World, start: Callable[[Stack], None]) -> None:
        self._world = world
        self._store = world.store
        self._start = start

    def handlers(self) -> dict[str, Handler]:
        return {
            "CancelUpdateStack": self.cancel_update_stack,
            "ContinueUpdateRollback": self.continue_update_rollback,
            "CreateStack": self.create_stack,
            "DeleteStack": self.delete_stack,
            "UpdateStack": self.update_stack,
            "UpdateTerminationProtection": self.update_termination_protection,
        }

    def create_stack(self, request: Request) -> dict[str, Any]:
        name = check_name(request.parameters["StackName"])
        with self._store.lock:
            known = self._store.tokens.get(request.token_key(name))
            if known:
                return {"StackId": known}
        text = template_text(self._world, request, None)
        settings = settings_of(request, text, None)
        role_checked(self._world, request, settings)
        with self._store.lock:
            known = self._store.tokens.get(request.token_key(name))
            if known:
                return {"StackId": known}
            stack = self.new_stack(request, name, settings)
            given = request.parameters
            stack.protected = bool(given.get("EnableTerminationProtection"))
            stack.timeout_minutes = given.get("TimeoutInMinutes")
            stack.disable_rollback = bool(given.get("DisableRollback"))
            on_failure = given.get("OnFailure") or ("DO_NOTHING" if stack.disable_rollback else "ROLLBACK")
            stack.disable_rollback = on_failure == "DO_NOTHING"
            self.begin_create(stack, request, on_failure)
            self.remember(request, name, stack)
        return {"StackId": stack.id}

    def new_stack(self, request: Request, name: str, settings: Settings) -> Stack:
        """Add a stack without a status. Raises AlreadyExists, LimitExceeded, ValidationError. Hold the lock."""
        caller = request.caller
        if self._store.find(caller.account_id, caller.region, name):
            raise AlreadyExists(f"Stack [{name}] already exists")
        if len(self._store.live(caller.account_id, caller.region)) >= MOST_STACKS:
            raise LimitExceeded(f"Limit for stack has been exceeded: {MOST_STACKS}")
        stack = Stack(
            id=stack_arn(caller.account_id, caller.region, name),
            name=name,
            account=caller.account_id,
            region=caller.region,
            settings=settings,
            created_at=self._world.clock(),
        )
        blueprint_of(stack, settings)
        self._store.add(stack)
        return stack

    def begin_create(self, stack: Stack, request: Request, on_failure: str) -> None:
        """Start creating a stack that `new_stack` has added. Hold the lock."""
        operation = self.operation(request, "CREATE", "deploy")
        operation.on_failure = on_failure
        operation.retain_except_on_create = bool(request.parameters.get("RetainExceptOnCreate"))
        stack.retain_except_on_create = operation.retain_except_on_create
        self._begin(stack, operation, "CREATE_IN_PROGRESS")

    def update_stack(self, request: Request) -> dict[str, Any]:
        name = request.parameters["StackName"]
        stack = self._updatable(request, name)
        if stack is None:
            return {"StackId": self._store.tokens[request.token_key(name)]}
        text = template_text(self._world, request, stack)
        settings = settings_of(request, text, stack)
        role_checked(self._world, request, settings)
        with self._store.lock:
            stack = self._updatable(request, name)
            if stack is None:
                return {"StackId": self._store.tokens[request.token_key(name)]}
            if not changesets.has_updates(stack, settings):
                raise NoUpdates
            self.begin_update(stack, settings, request)
            self.remember(request, name, stack)
            return {"StackId": stack.id}

    def _updatable(self, request: Request, name: str) -> Stack | None:
        """Return the stack, or None when this very request has been served already."""
        with self._store.lock:
            if request.token_key(name) in self._store.tokens:
                return None
            stack = self._store.find(request.caller.account_id, request.caller.region, name)
            if stack is None or stack.deleted_at is not None:
                raise ValidationError(f"Stack [{name}] does not exist")
            must_be_updatable(stack)
            return stack

    def begin_update(self, stack: Stack, settings: Settings, request: Request) -> None:
        """Start an update. Hold the lock."""
        operation = self.operation(request, "UPDATE", "deploy")
        disabled = bool(request.parameters.get("DisableRollback"))
        operation.on_failure = "DO_NOTHING" if disabled else "ROLLBACK"
        operation.retain_except_on_create = bool(request.parameters.get("RetainExceptOnCreate"))
        operation.before = copy.deepcopy(stack.resources)
        operation.before_settings = stack.settings
        operation.before_outputs = stack.outputs
        stack.settings = settings
        stack.disable_rollback = disabled
        stack.updated_at = self._world.clock()
        self._begin(stack, operation, "UPDATE_IN_PROGRESS")

    def delete_stack(self, request: Request) -> dict[str, Any]:
        name = request.parameters["StackName"]
        with self._store.lock:
            stack = self._store.find(request.caller.account_id, request.caller.region, name)
            done = request.token_key(name) in self._store.tokens
            if done or stack is None or stack.deleted_at is not None or stack.status == "DELETE_IN_PROGRESS":
                return {}
            if stack.protected:
                raise ValidationError(f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
            operation = self._delete_operation(request, stack)
            if stack.status == "CREATE_IN_PROGRESS" and stack.operation:
                stack.operation.then_delete = operation
                stack.operation.cancelled = True
            elif stack.busy:
                raise ValidationError(f"Stack [{stack.name}] cannot be deleted while in status {stack.status}")
            elif stack.status == "REVIEW_IN_PROGRESS":
                self._store.forget(stack)
                for change_set in self._store.change_sets_of(stack.id):
                    del self._store.change_sets[change_set.id]
            else:
                self._begin(stack, operation, "DELETE_IN_PROGRESS")
            self.remember(request, name, stack)  # a refused call uses up no token
        return {}

    def _delete_operation(self, request: Request, stack: Stack) -> Operation:
        given = request.parameters
        operation = self.operation(request, "DELETE", "delete")
        operation.retain = tuple(given.get("RetainResources") or ())
        operation.force = given.get("DeletionMode") == "FORCE_DELETE_STACK"
        if given.get("RoleARN"):
            stack.settings = settings_with_role(stack.settings, given["RoleARN"])
        if (operation.retain or operation.force) and stack.status != "DELETE_FAILED":
            raise ValidationError(
                f"Invalid operation on stack [{stack.id}]. Resources can only be retained, and a deletion forced, "
                "when the stack is in the DELETE_FAILED state"
            )
        unknown = sorted(set(operation.retain) - stack.resources.keys())
        if unknown:
            raise ValidationError(f"Resources [{', '.join(unknown)}] do not exist in stack [{stack.id}]")
        return operation

    def cancel_update_stack(self, request: Request) -> dict[str, Any]:
        name = request.parameters["StackName"]
        with self._store.lock:
            stack = self._live(request, name)
            if request.token_key(name) in self._store.tokens:
                return {}
            if stack.status != "UPDATE_IN_PROGRESS" or stack.operation is None:
                raise ValidationError(f"CancelUpdateStack cannot be called from current stack status {stack.status}")
            stack.operation.cancelled = True
            self.remember(request, name, stack)
        return {}

    def continue_update_rollback(self, request: Request) -> dict[str, Any]:
        name = request.parameters["StackName"]
        with self._store.lock:
            stack = self._live(request, name)
            if request.token_key(name) in self._store.tokens:
                return {}
            operation = stack.suspended
            if stack.status != "UPDATE_ROLLBACK_FAILED" or operation is None:
                raise ValidationError(
                    f"Stack:{stack.id} is in {stack.status} state and can not continue update rollback."
                )
            fresh = self.operation(request, "UPDATE", "rollback")
            operation.token, operation.principal_id = fresh.token, fresh.principal_id
            operation.credentials = fresh.credentials
            operation.skip = tuple(request.parameters.get("ResourcesToSkip") or ())
            self._begin(stack, operation, "UPDATE_ROLLBACK_IN_PROGRESS")
            self.remember(request, name, stack)
        return {}

    def update_termination_protection(self, request: Request) -> dict[str, Any]:
        with self._store.lock:
            stack = self._live(request, request.parameters["StackName"])
            stack.protected = bool(request.parameters["EnableTerminationProtection"])
            return {"StackId": stack.id}

    def remember(self, request: Request, name: str, stack: Stack) -> None:
        """Note that a request with this token has been served."""
        if request.token:
            self._store.tokens[request.token_key(name)] = stack.id

    def _live(self, request: Request, name: str) -> Stack:
        stack = self._store.get(request.caller.account_id, request.caller.region, name)
        if stack.deleted_at is not None:
            raise StackNotFound(name)
        return stack

    def operation(self, request: Request, kind: str, phase: str) -> Operation:
        return Operation(
            kind=kind,
            token=request.token,
            principal_id=request.caller.user_id,
            credentials=request.credentials,
            phase=phase,
        )

    def _begin(self, stack: Stack, operation: Operation, status: str) -> None:
        stack.operation, stack.suspended = operation, None
        stack.serial += 1
        for change_set in self._store.change_sets_of(stack.id):
            if change_set.execution_status == "AVAILABLE":
                change_set.execution_status = "OBSOLETE"
        Steps(self._world, stack, operation).announce(status, "User Initiated")
        self._start(stack)


def must_be_updatable(stack: Stack) -> None:
    """Raise ValidationError, in AWS's words, unless the stack may be updated now."""
    if stack.status not in UPDATABLE:
        raise ValidationError(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")


def settings_with_role(settings: Settings, role_arn: str) -> Settings:
    return Settings(
        settings.template,
        settings.parameters,
        settings.tags,
        settings.notification_arns,
        settings.capabilities,
        role_arn,
    )
