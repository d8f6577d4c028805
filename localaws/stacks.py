"""What the engine remembers: stacks, their resources and events, change sets, and the operation that runs.

Everything here is plain data that pickles, because the journal writes it beside moto's state. An operation keeps what
it needs to go on after a crash: the resources as they were before it and the phase it has reached.
"""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from localaws.errors import ChangeSetNotFound, StackNotFound

if TYPE_CHECKING:
    from localaws.callers import Credentials

STACK_TYPE = "AWS::CloudFormation::Stack"
BUSY = frozenset(
    {
        "CREATE_IN_PROGRESS",
        "ROLLBACK_IN_PROGRESS",
        "UPDATE_IN_PROGRESS",
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        "DELETE_IN_PROGRESS",
    }
)
UPDATABLE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"})


@dataclass(frozen=True, slots=True)
class Settings:
    """What a caller asks of a stack; an update replaces it whole, a rollback puts the old one back."""

    template: str
    parameters: dict[str, str]
    tags: dict[str, str]
    notification_arns: tuple[str, ...]
    capabilities: tuple[str, ...]
    role_arn: str | None


@dataclass(slots=True)
class Resource:
    """One resource of a stack as it was last deployed; `physical_id` is empty until it exists."""

    logical_id: str
    type: str
    physical_id: str = ""
    planned_id: str = ""
    """A name found free before the create call, so that a create repeated after a crash knows it for its own."""
    complete: bool = False
    """Its creation has ended well at least once."""
    status: str = ""
    reason: str = ""
    changed_at: float = 0.0
    attempted: dict[str, Any] | None = None
    """The properties of an update that has begun; a rollback starts from them."""
    properties: dict[str, Any] = field(default_factory=dict)
    metadata: Any = None
    attributes: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    """The stack's tags that were given to it, its own not among them."""
    depends_on: tuple[str, ...] = ()
    deletion_policy: str = "Delete"
    update_replace_policy: str = "Delete"


@dataclass(frozen=True, slots=True)
class Event:
    """One row of DescribeStackEvents and one SNS message. `properties` is JSON, absent for the stack itself."""

    event_id: str
    timestamp: float
    logical_id: str
    physical_id: str
    resource_type: str
    status: str
    reason: str
    properties: str | None
    token: str | None
    principal_id: str


@dataclass(frozen=True, slots=True)
class Output:
    key: str
    value: str
    description: str = ""
    export_name: str = ""


@dataclass(slots=True)
class Operation:
    """The change that runs on a stack. `phase` is deploy, rollback, cleanup or delete."""

    kind: str
    token: str | None
    principal_id: str
    credentials: Credentials | None = field(repr=False)
    phase: str
    before: dict[str, Resource] = field(default_factory=dict)
    before_settings: Settings | None = None
    before_outputs: list[Output] = field(default_factory=list)
    leftovers: list[Resource] = field(default_factory=list)
    """Physical resources that the cleanup removes: replaced, dropped or rolled back ones."""
    failed: list[str] = field(default_factory=list)
    failure: str = ""
    on_failure: str = "ROLLBACK"
    retain_except_on_create: bool = False
    retain: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    force: bool = False
    cancelled: bool = False
    rolling_back: bool = False
    then_delete: Operation | None = None


@dataclass(slots=True)
class Stack:
    """A stack; its id is an ARN with a UUID and stays valid after its deletion."""

    id: str
    name: str
    account: str
    region: str
    settings: Settings
    created_at: float
    status: str = ""
    reason: str = ""
    updated_at: float | None = None
    deleted_at: float | None = None
    protected: bool = False
    disable_rollback: bool = False
    timeout_minutes: int | None = None
    retain_except_on_create: bool = False
    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: list[Output] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    operation: Operation | None = None
    suspended: Operation | None = None
    """An update whose rollback failed; ContinueUpdateRollback takes it up again."""
    last_principal: str = ""
    change_set_id: str | None = None
    last_event_ms: int = 0
    serial: int = 0
    """Counts operations: a change set made at another serial is obsolete."""

    @property
    def busy(self) -> bool:
        return self.status in BUSY


@dataclass(slots=True)
class ChangeSet:
    """A set of changes computed against the stack as it was at `base_serial`."""

    id: str
    name: str
    stack_id: str
    type: str
    settings: Settings
    created_at: float
    base_serial: int
    description: str = ""
    status: str = "CREATE_PENDING"
    reason: str = ""
    execution_status: str = "UNAVAILABLE"
    changes: list[dict[str, Any]] = field(default_factory=list)
    failure: str = ""
    """The reason it will end FAILED with, known when it is computed."""
    on_stack_failure: str | None = None
    token: str | None = None


class Store:
    """All stacks and change sets. Hold `lock` for every look and change, never while calling the data plane."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.stacks: dict[str, Stack] = {}
        self.change_sets: dict[str, ChangeSet] = {}
        self.tokens: dict[tuple[str, ...], str] = {}
        self._live: dict[tuple[str, str, str], str] = {}

    def add(self, stack: Stack) -> None:
        self.stacks[stack.id] = stack
        self._live[stack.account, stack.region, stack.name] = stack.id

    def bury(self, stack: Stack) -> None:
        """Free the stack's name; its id still finds it."""
        if self._live.get((stack.account, stack.region, stack.name)) == stack.id:
            del self._live[stack.account, stack.region, stack.name]

    def forget(self, stack: Stack) -> None:
        self.bury(stack)
        del self.stacks[stack.id]

    def live(self, account: str, region: str) -> list[Stack]:
        """Return the stacks that are not deleted, newest first."""
        found = [self.stacks[i] for (a, r, _), i in self._live.items() if (a, r) == (account, region)]
        return sorted(found, key=lambda stack: stack.created_at, reverse=True)

    def of(self, account: str, region: str) -> list[Stack]:
        """Return every stack, deleted ones too, newest first."""
        found = [stack for stack in self.stacks.values() if (stack.account, stack.region) == (account, region)]
        return sorted(found, key=lambda stack: stack.created_at, reverse=True)

    def find(self, account: str, region: str, name: str) -> Stack | None:
        """Return the live stack of this name, or the stack of this id, dead or alive."""
        if name.startswith("arn:"):
            stack = self.stacks.get(name)
            return stack if stack and (stack.account, stack.region) == (account, region) else None
        stack_id = self._live.get((account, region, name))
        return self.stacks[stack_id] if stack_id else None

    def get(self, account: str, region: str, name: str) -> Stack:
        """Like `find`. Raises StackNotFound."""
        stack = self.find(account, region, name)
        if stack is None:
            raise StackNotFound(name)
        return stack

    def change_sets_of(self, stack_id: str) -> list[ChangeSet]:
        return [change_set for change_set in self.change_sets.values() if change_set.stack_id == stack_id]

    def change_set(self, account: str, region: str, name: str, stack_name: str | None) -> ChangeSet:
        """Return a change set by its id, or by its name and its stack. Raises ChangeSetNotFound, StackNotFound."""
        if name.startswith("arn:"):
            found = self.change_sets.get(name)
            if found and self.find(account, region, found.stack_id):
                return found
            raise ChangeSetNotFound(name)
        stack = self.get(account, region, stack_name or "")
        for change_set in self.change_sets_of(stack.id):
            if change_set.name == name:
                return change_set
        raise ChangeSetNotFound(name)

    def state(self) -> dict[str, Any]:
        """Return what `restore` takes back."""
        return {"stacks": self.stacks, "change_sets": self.change_sets, "tokens": self.tokens}

    def restore(self, state: dict[str, Any]) -> None:
        self.stacks = state["stacks"]
        self.change_sets = state["change_sets"]
        self.tokens = state["tokens"]
        self._live = {(s.account, s.region, s.name): s.id for s in self.stacks.values() if s.deleted_at is None}


def stack_arn(account: str, region: str, name: str) -> str:
    return f"arn:aws:cloudformation:{region}:{account}:stack/{name}/{uuid.uuid4()}"


def change_set_arn(account: str, region: str, name: str) -> str:
    return f"arn:aws:cloudformation:{region}:{account}:changeSet/{name}/{uuid.uuid4()}"
