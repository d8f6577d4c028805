"""Ask for operations, ring the bell, start what waits, retry and cancel.

The row decides; a message on the operations queue only says "look at this row" (DESIGN P4).
"""

import hashlib
import json
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Max, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from aws import sqs
from aws.errors import AWSError
from people.models import Person
from projects import live
from projects.actions import obstacles
from projects.errors import FormUsed, NotCancellable, NotRemovable, NotRetryable, ProjectNotReady, TooManyOpen
from projects.models import Action, Operation, OperationStep, Project, State
from projects.stacks.steps import first_step

logger = logging.getLogger(__name__)

NOT_FAILED = "Only a failed change can be tried again; reload the page to see where this one stands."


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks for: the change to one target, as the form had it."""

    action: Action
    target: str
    author: Person
    request_key: str
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    base_fingerprint: str = ""
    reason: str = ""
    stack_id: str = ""
    stack_name: str = ""
    depends_on: Operation | None = None

    @property
    def digest(self) -> str:
        """What was asked for, as a SHA-256: two of one form are the same click when this is the same."""
        content = [self.action, self.target, self.before if self.action == Action.CHANGE else None, self.after]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _above_target(project: Project, target: str) -> int:
    """Return a version above every operation of the target: milliseconds of now, or one more when the clock lags."""
    latest = Operation.objects.filter(project=project, target=target).aggregate(latest=Max("version"))["latest"]
    return max(int(time.time() * 1000), (latest or 0) + 1)


def bumped(at_least: int = 0) -> Greatest:
    """Return the expression of a row's next version, safe when two processes update the row at once."""
    return Greatest(F("version") + 1, Value(max(int(time.time() * 1000), at_least)))


def _expect_room(project: Project, person: Person) -> None:
    """Raise TooManyOpen when the operation that was just opened is one too many; that undoes its transaction."""
    opened = Operation.objects.filter(project=project).open()
    for whose, found, most in (
        ("Your changes", opened.of_actor(person), settings.STACKPORT_OPEN_PER_PERSON),
        ("Changes", opened, settings.STACKPORT_OPEN_PER_PROJECT),
    ):
        others = found.count() - 1
        if others >= most:
            raise TooManyOpen(
                f"{whose} under way in this project, waiting ones included: {others}. More than {most} at a time are not "
                "taken. This one was not begun, and nothing of it is lost: ask for it again when some of those are done. "
                "The project's activity shows how far they are."
            )


def expect_open(project: Project) -> None:
    """Raise ProjectNotReady when nothing can be changed in a project now."""
    if project.why_closed:
        raise ProjectNotReady(project.why_closed)


def repeated(project: Project, asked: Request) -> Operation | None:
    """Return the operation that the same form made already: a double click, a browser's resubmit.

    Raises FormUsed when the form comes again with something else in it, as it does after Back.
    """
    first = Operation.objects.filter(request_key=asked.request_key).first()
    if first is not None:
        _expect_same(project, first, asked)
    return first


def _expect_same(project: Project, first: Operation, asked: Request) -> None:
    if first.project_id != project.pk:
        # Nothing of another project's operation may be told here.
        raise FormUsed("This form was used already, so nothing was made of it now. Look at it and send it once more.")
    if first.request_digest != asked.digest:
        raise FormUsed(
            f"This form was used before, for “{first}”. What it holds now was not asked for yet: "
            "send it once more if you want that too."
        )


@transaction.atomic
def request(project: Project, asked: Request) -> Operation:
    """Write the operation's row and start it unless its target is busy; the same form finds the first row.

    Raises FormUsed when the form's key made something else, TooManyOpen.
    """
    operation, created = Operation.objects.get_or_create(
        request_key=asked.request_key,
        defaults={
            "project": project,
            "action": asked.action,
            "target": asked.target,
            "before": asked.before,
            "after": asked.after,
            "base_fingerprint": asked.base_fingerprint,
            "request_digest": asked.digest,
            "author": asked.author,
            "reason": asked.reason,
            "stack_id": asked.stack_id,
            "stack_name": asked.stack_name,
            "depends_on": asked.depends_on,
            "version": _above_target(project, asked.target),
        },
    )
    if not created:
        _expect_same(project, operation, asked)
        return operation
    _expect_room(project, asked.author)
    start_waiting(project, [asked.target])
    transaction.on_commit(partial(live.announce_target, project, asked.target))
    return operation


def start_waiting(project: Project, targets: Iterable[str]) -> None:
    """Start the oldest waiting operation of each target that has none running; ring its bell on commit.

    In a frozen project nothing starts: what waits there goes on waiting until it is thawed.
    """
    for target in targets:
        ready = _ready(project, target)
        while ready is not None and ready.depends_on is not None and ready.depends_on.state != State.SUCCEEDED:
            _give_up(ready, ready.depends_on)
            ready = _ready(project, target)
        if ready is None:
            continue
        now = timezone.now()
        try:
            # The partial unique index is the lock: of two that start at once, one is refused here and stays waiting.
            with transaction.atomic():
                started = Operation.objects.filter(pk=ready.pk, state=State.WAITING).update(
                    state=State.RUNNING,
                    step=ready.step or first_step(ready.action),
                    started_at=now,
                    step_due_at=now,
                    version=bumped(_above_target(project, target)),
                )
        except IntegrityError:
            continue
        if started:
            transaction.on_commit(partial(ring, ready.pk))


def _ready(project: Project, target: str) -> Operation | None:
    """Return what has waited longest for a target and whose condition has settled."""
    return (
        Operation.objects.filter(project=project, target=target, state=State.WAITING)
        .of_thawed_projects()
        .exclude(depends_on__isnull=False, depends_on__state__in=(State.WAITING, State.RUNNING))
        .select_related("depends_on")
        .in_turn()
        .first()
    )


def _give_up(operation: Operation, condition: Operation) -> None:
    """End an operation whose condition did not succeed, and what in turn waited for it."""
    Operation.objects.filter(pk=operation.pk, state=State.WAITING).update(
        state=State.FAILED,
        cause=f"It was to follow “{condition}”, which did not succeed, so it was not started.",
        settled_at=timezone.now(),
        version=bumped(_above_target(operation.project, operation.target)),
    )
    transaction.on_commit(partial(live.announce_target, operation.project, operation.target))
    start_dependents(operation)


def start_dependents(operation: Operation) -> None:
    """Start what waited for an operation that has settled, or end it where that did not succeed."""
    targets = operation.dependents.filter(state=State.WAITING).values_list("target", flat=True)
    start_waiting(operation.project, list(targets))


def operations_queue() -> sqs.Queue:
    """Return the queue that carries the bells."""
    return sqs.queue(settings.STACKPORT_OPERATIONS_QUEUE)


def ring(operation_id: object, delay_seconds: int = 0) -> None:
    """Tell a worker to look at an operation. A lost bell is rung again by the sweep, so a failure only costs time."""
    body = json.dumps({"operation": str(operation_id)})
    try:
        operations_queue().send(body, delay_seconds=delay_seconds)
    except AWSError as error:
        logger.warning("bell not rung, the sweep will: operation=%s error=%s", operation_id, error)


def note_progress(operation: Operation) -> None:
    """Let open pages look at a running operation again: one of its resources moved."""
    Operation.objects.filter(pk=operation.pk, state=State.RUNNING).update(version=bumped())
    live.announce_target(operation.project, operation.target)


def retry(operation: Operation, *, by: Person) -> Operation:
    """Try a failed operation again with everything that was typed. Raises NotRetryable, ProjectNotReady, TooManyOpen."""
    if operation.state != State.FAILED:
        raise NotRetryable(NOT_FAILED)
    expect_open(operation.project)
    if obstacle := obstacles.against_retry(operation):
        raise NotRetryable(obstacle.words)
    try:
        return _retry(operation, by=by)
    except IntegrityError as error:
        raise NotRetryable(f"{obstacles.BEING_CREATED}; choose another name.") from error


@transaction.atomic
def _retry(operation: Operation, *, by: Person) -> Operation:
    resumed_at = obstacles.resumed_at(operation)
    # A creation that starts over makes a new stack under a new name; all others keep to the stack that they are about.
    fresh_stack = {} if resumed_at or operation.action != Action.CREATE else {"stack_name": "", "stack_id": ""}
    settled = Operation.objects.filter(pk=operation.pk, state=State.FAILED).update(
        state=State.WAITING,
        attempt=operation.attempt + 1,
        retried_by=by,
        retried_at=timezone.now(),
        step=resumed_at,
        cause="",
        outcome="",
        change_set_id="",
        rebases=0,
        faults=0,
        leased_until=None,
        settled_at=None,
        version=bumped(_above_target(operation.project, operation.target)),
        **fresh_stack,
    )
    if not settled:
        raise NotRetryable(NOT_FAILED)
    _expect_room(operation.project, by)
    operation.refresh_from_db()
    OperationStep.objects.create(
        operation=operation,
        attempt=operation.attempt,
        name="asked",
        ended_at=timezone.now(),
        note=f"Tried again by {by}.",
    )
    start_waiting(operation.project, [operation.target])
    transaction.on_commit(partial(live.announce_target, operation.project, operation.target))
    operation.refresh_from_db()
    return operation


@transaction.atomic
def cancel(operation: Operation, *, by: Person) -> Operation:
    """Cancel an operation that has not started. Raises NotCancellable."""
    cancelled = Operation.objects.filter(pk=operation.pk, state=State.WAITING).update(
        state=State.CANCELLED,
        outcome=f"Cancelled by {by} before it started.",
        settled_at=timezone.now(),
        version=bumped(_above_target(operation.project, operation.target)),
    )
    if not cancelled:
        raise NotCancellable("It has started already, so it can no longer be cancelled.")
    start_dependents(operation)
    transaction.on_commit(partial(live.announce_target, operation.project, operation.target))
    operation.refresh_from_db()
    return operation


def take_off_list(operation: Operation, *, by: Person) -> Operation:
    """End a failed creation for good: its row leaves the lists, its page stays. Raises NotRemovable."""
    if live.find_bucket(operation.project, operation.target_name) is not None:
        raise NotRemovable("Its bucket stands, so it stays in the list. Delete the bucket instead.")
    return _take_off_list(operation, by=by)


@transaction.atomic
def _take_off_list(operation: Operation, *, by: Person) -> Operation:
    taken = Operation.objects.filter(pk=operation.pk, state=State.FAILED, action=Action.CREATE).update(
        state=State.CANCELLED,
        outcome=f"Taken off the list by {by}. The bucket was never made.",
        version=bumped(_above_target(operation.project, operation.target)),
    )
    if not taken:
        raise NotRemovable("Only a creation that failed can be taken off the list.")
    transaction.on_commit(partial(live.announce_target, operation.project, operation.target))
    operation.refresh_from_db()
    return operation
