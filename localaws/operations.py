"""An operation from its first event to its last: deploy, roll back, clean up, delete.

`Run.go` starts at the phase that the operation has reached, so the same code begins it and continues it after a
restart. Source: "Stack status codes" and "Stack failure options" of the CloudFormation guide.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localaws.errors import LocalAWSError, Stopped, ValidationError
from localaws.resolution import Blueprint, waves
from localaws.stacks import Operation, Output, Resource, Settings, Stack
from localaws.steps import KEPT, Steps, scope_of
from localaws.template import parameter_values, parse
from localaws.world import World

HELD_SECONDS = 0.02
logger = logging.getLogger(__name__)


def blueprint_of(stack: Stack, settings: Settings) -> Blueprint:
    """Return the stack's template, ready to resolve. Raises ValidationError."""
    template = parse(settings.template)
    return Blueprint(template, parameter_values(template, settings.parameters), scope_of(stack))


class Run:
    """One operation on one stack, in a thread of its own."""

    def __init__(self, world: World, stack: Stack, operation: Operation) -> None:
        self.world = world
        self.stack = stack
        self.operation = operation
        self.steps = Steps(world, stack, operation)

    def go(self) -> None:
        """Run to the end, or until the engine halts; then the state says where to go on."""
        try:
            while self.stack.operation is self.operation:
                self.world.check()
                while self.world.faults.hold(self.stack.status):
                    self.world.pause(HELD_SECONDS)
                self._phase()()
        except Stopped:
            logger.debug("operation on %s stopped; its state can be resumed", self.stack.id)

    def _phase(self) -> Callable[[], None]:
        return {
            "deploy": self._deploy,
            "rollback": self._rollback_update if self.operation.kind == "UPDATE" else self._rollback_create,
            "cleanup": self._cleanup,
            "delete": self._delete,
        }[self.operation.phase]

    # deploy

    def _deploy(self) -> None:
        try:
            blueprint = blueprint_of(self.stack, self.stack.settings)
        except ValidationError as error:
            self._deploy_failed(str(error))
            return
        for wave in blueprint.waves:
            self._each(wave, lambda logical_id: self.steps.deploy(blueprint, logical_id))
            if self.operation.failed or self.operation.cancelled:
                self._deploy_failed(self._failed_words())
                return
        try:
            outputs = self._outputs(blueprint)
        except ValidationError as error:
            self._deploy_failed(str(error))
            return
        with self.world.store.lock:
            if self.operation.cancelled:
                self._deploy_failed(self._failed_words())
                return
            self.stack.outputs = outputs
            if self.operation.kind == "CREATE":
                self._end("CREATE_COMPLETE")
                return
            self._set_aside(set(self.stack.resources) - set(blueprint.resources))
            self.operation.phase = "cleanup"
            self.steps.announce("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")

    def _each(self, names: list[str], step: Callable[[str], Any]) -> list[Any]:
        """Run a wave in parallel; a wave of one stays in this thread."""
        if len(names) == 1:
            return [step(names[0])]
        futures = [self.world.pool.submit(step, name) for name in names]
        results: list[Any] = []
        stopped: Stopped | None = None
        for future in futures:
            try:
                results.append(future.result())
            except Stopped as error:
                stopped = error
        if stopped:
            raise stopped
        return results

    def _outputs(self, blueprint: Blueprint) -> list[Output]:
        with self.world.store.lock:
            deployed = dict(self.stack.resources)
        outputs = []
        for key, definition in blueprint.template.section("Outputs").items():
            if "Condition" in definition and not blueprint.holds(definition["Condition"]):
                continue
            value = blueprint.resolve(definition["Value"], deployed)
            export = blueprint.resolve((definition.get("Export") or {}).get("Name", ""), deployed)
            text = value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
            outputs.append(Output(key, text, str(definition.get("Description") or ""), str(export)))
        return outputs

    def _failed_words(self) -> str:
        if self.operation.cancelled:
            return "User Initiated"
        failed = sorted(set(self.operation.failed))
        groups = {
            "create": [name for name in failed if name not in self.operation.before],
            "update": [name for name in failed if name in self.operation.before],
        }
        return " ".join(
            f"The following resource(s) failed to {verb}: [{', '.join(names)}]."
            for verb, names in groups.items()
            if names
        )

    def _deploy_failed(self, words: str) -> None:
        operation, stack = self.operation, self.stack
        with self.world.store.lock:
            operation.failure = words
            if operation.then_delete is not None:
                following = operation.then_delete
                stack.operation = self.operation = following
                self.steps = Steps(self.world, stack, following)
                self.steps.announce("DELETE_IN_PROGRESS", "User Initiated")
            elif operation.on_failure == "DO_NOTHING":
                self._end(f"{operation.kind}_FAILED", words)
            elif operation.kind == "UPDATE":
                self._back_to_before()
                operation.phase = "rollback"
                self.steps.announce("UPDATE_ROLLBACK_IN_PROGRESS", words)
            elif operation.on_failure == "DELETE":
                operation.phase, operation.rolling_back = "delete", True
                self.steps.announce("DELETE_IN_PROGRESS", f"{words} Delete requested by user.".strip())
            else:
                operation.phase, operation.rolling_back = "rollback", True
                self.steps.announce("ROLLBACK_IN_PROGRESS", f"{words} Rollback requested by user.".strip())

    # rollback

    def _back_to_before(self) -> None:
        if self.operation.before_settings is not None:
            self.stack.settings = self.operation.before_settings
        self.stack.outputs = self.operation.before_outputs
        self.operation.rolling_back = True
        self.operation.leftovers = []

    def _rollback_create(self) -> None:
        failed = self._remove_all()
        with self.world.store.lock:
            if failed:
                self._end("ROLLBACK_FAILED", f"The following resource(s) failed to delete: [{', '.join(failed)}].")
            else:
                self._end("ROLLBACK_COMPLETE")

    def _rollback_update(self) -> None:
        before = self.operation.before
        failed: list[str] = []
        for wave in waves({name: resource.depends_on for name, resource in before.items()}):
            failed += [name for name in self._each(wave, self._restore) if name]
        with self.world.store.lock:
            if failed:
                self._end_rollback_failed(sorted(failed))
                return
            self._set_aside(set(self.stack.resources) - set(before))
            self.operation.phase = "cleanup"
            self.steps.announce("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")

    def _restore(self, name: str) -> str:
        """Bring one resource back; return its name if that failed."""
        old, current = self.operation.before[name], self.stack.resources[name]
        if name in self.operation.skip:
            with self.world.store.lock:
                self.stack.resources[name] = copy.deepcopy(old)
                self.steps.announce("UPDATE_COMPLETE", "", self.stack.resources[name])
            return ""
        if current.physical_id != old.physical_id:
            with self.world.store.lock:
                self._put_aside(current)
                self.stack.resources[name] = copy.deepcopy(old)
                self.steps.announce("UPDATE_COMPLETE", "", self.stack.resources[name])
            return ""
        if not self._touched(current, old):
            with self.world.store.lock:
                self.stack.resources[name] = copy.deepcopy(old)
            return ""
        try:
            self.steps.restore(current, old)
        except Stopped:
            raise
        except (LocalAWSError, ClientError, BotoCoreError) as error:
            self.steps.announce("UPDATE_FAILED", str(error), current)
            return name
        return ""

    @staticmethod
    def _touched(current: Resource, old: Resource) -> bool:
        return (
            current.attempted is not None
            or current.properties != old.properties
            or current.metadata != old.metadata
            or current.tags != old.tags
            or current.status in {"UPDATE_IN_PROGRESS", "UPDATE_FAILED"}
        )

    def _end_rollback_failed(self, failed: list[str]) -> None:
        """Keep the operation: ContinueUpdateRollback goes on with it."""
        words = f"The following resource(s) failed to update: [{', '.join(failed)}]."
        self.steps.announce("UPDATE_ROLLBACK_FAILED", words)
        self.stack.suspended = self.operation
        self.stack.operation = None

    # cleanup and delete

    def _set_aside(self, names: Iterable[str]) -> None:
        """Move resources that the stack does not have any more to those that the cleanup removes."""
        for name in sorted(names):
            self._put_aside(self.stack.resources.pop(name))

    def _put_aside(self, resource: Resource) -> None:
        if self.operation.rolling_back and not self._kept(resource):
            resource.deletion_policy = "Delete"
        resource.attempted = None
        self.operation.leftovers.append(resource)

    def _cleanup(self) -> None:
        leftovers = {str(index): resource for index, resource in enumerate(self.operation.leftovers)}
        indexes = {resource.logical_id: index for index, resource in leftovers.items()}
        needs = {i: [indexes[name] for name in r.depends_on if indexes.get(name, i) != i] for i, r in leftovers.items()}

        def remove(index: str) -> bool:
            resource = leftovers[index]
            return self.steps.remove(resource, keep=resource.deletion_policy in KEPT)

        removed = [done for wave in reversed(waves(needs)) for done in self._each(wave, remove)]
        words = "" if all(removed) else "Update successful. One or more resources could not be deleted."
        with self.world.store.lock:
            self._end("UPDATE_ROLLBACK_COMPLETE" if self.operation.rolling_back else "UPDATE_COMPLETE", words)

    def _kept(self, resource: Resource) -> bool:
        """Tell whether a resource stays. RetainExceptOnCreate gives up what the failed operation made itself."""
        policy = resource.deletion_policy
        if not self.operation.rolling_back:
            return policy in KEPT
        return policy in {"Retain", "Snapshot"} and not self.operation.retain_except_on_create

    def _remove_all(self) -> list[str]:
        """Remove every resource, dependents first; return the names that stay. What one of them needs stays too."""
        resources = self.stack.resources
        failed: set[str] = set()
        blocked: set[str] = set()

        def remove(name: str) -> None:
            resource = resources[name]
            keep = self._kept(resource) or name in self.operation.retain
            waits = name in blocked and not self.operation.force
            if waits or not self.steps.remove(resource, keep=keep):
                blocked.update(resource.depends_on)
                if not waits:
                    failed.add(name)

        for wave in reversed(waves({name: resource.depends_on for name, resource in resources.items()})):
            self._each(wave, remove)
        return sorted(failed)

    def _delete(self) -> None:
        failed = self._remove_all()
        stack = self.stack
        with self.world.store.lock:
            if failed and not self.operation.force:
                self._end("DELETE_FAILED", f"The following resource(s) failed to delete: [{', '.join(failed)}]. ")
                return
            stack.deleted_at = self.world.clock()
            self.world.store.bury(stack)
            for change_set in self.world.store.change_sets_of(stack.id):
                del self.world.store.change_sets[change_set.id]
            self._end("DELETE_COMPLETE")

    def _end(self, status: str, reason: str = "") -> None:
        self.steps.announce(status, reason)
        self.stack.last_principal = self.operation.principal_id
        self.stack.operation = None
