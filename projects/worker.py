"""Run operations one short step a message: claim the row, take the step, write what came of it (DESIGN P4).

Two messages for one operation never run it twice: a step is claimed by a conditional update with a lease, and its
outcome is written only while that lease stands. A worker that dies leaves a lease that runs out; the sweep rings again.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, Value, When
from django.db.models.expressions import BaseExpression
from django.db.models.functions import Greatest
from django.utils import timezone

from aws import rates
from aws.errors import PASSING, AccessDenied, AWSError
from dynamodb_cache.errors import DynamoDBCacheError
from projects import live
from projects.actions import operations
from projects.models import Operation, OperationStep, State
from projects.stacks import accounts
from projects.stacks.steps import STEPS
from projects.stacks.steps.outcomes import Done, Failed, Go, LookAgain, Outcome, Wait, Work

logger = logging.getLogger(__name__)

WAIT_SECONDS = 20  # a stack that says nothing for so long is read again
FAULTS_AT_MOST = 4
FAULT_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's hold on one step of an operation."""

    operation: Operation
    attempt: int
    step: str
    leased_until: datetime | None

    def save(self, **fields: object) -> None:
        """Write to the row while the hold stands. Raises LostClaim."""
        held = Operation.objects.filter(
            pk=self.operation.pk, attempt=self.attempt, step=self.step, leased_until=self.leased_until
        )
        if not held.update(**fields):
            raise LostClaim(f"operation {self.operation.pk} is held by somebody else")
        for name, value in fields.items():
            if not isinstance(value, BaseExpression):  # what the database made of it, nothing in a step reads
                setattr(self.operation, name, value)


class LostClaim(Exception):
    """The lease ran out and another worker took the step."""


def claim(operation_id: UUID) -> Claim | None:
    """Take a running operation's step for the length of a lease; None when it is not to be run now."""
    now = timezone.now()
    # Microseconds make the lease's end unique enough to be its name.
    until = now + timedelta(seconds=settings.STACKPORT_LEASE_SECONDS)
    taken = (
        Operation.objects.filter(pk=operation_id, state=State.RUNNING)
        .exclude(leased_until__gt=now)
        .update(leased_until=until, step_due_at=until)
    )
    if not taken:
        return None
    operation = Operation.objects.all().with_people().get(pk=operation_id)
    return Claim(operation, operation.attempt, operation.step, operation.leased_until)


def hurry(operation_id: UUID) -> bool:
    """Have a step that is being taken looked at again as soon as it ends; False when nobody holds it any more.

    Who rings may know what the step asked about too early to see.
    """
    now = timezone.now()
    return bool(
        Operation.objects.filter(pk=operation_id, state=State.RUNNING, leased_until__gt=now).update(step_due_at=now)
    )


def run_step(operation_id: UUID) -> None:
    """Take one step of an operation, if it is running; when somebody else holds it, it is looked at again after."""
    held = claim(operation_id)
    if held is None and not hurry(operation_id):
        held = claim(operation_id)  # the hold ended just between
    if held is None:
        return
    if _put_back(held):
        return
    step, _new = OperationStep.objects.get_or_create(operation=held.operation, attempt=held.attempt, name=held.step)
    if step.ended_at is not None:  # come to again, since the base had moved
        OperationStep.objects.filter(pk=step.pk).update(started_at=timezone.now(), ended_at=None, failed=False)
    try:
        advance(held, _outcome(held))
    except LostClaim as lost:
        logger.warning("step given up: %s", lost)


def _put_back(held: Claim) -> bool:
    """Let an operation wait again of which nothing was begun when staff froze its project; tell whether it does."""
    operation = held.operation
    begun = OperationStep.objects.filter(operation=operation, attempt=held.attempt).exclude(name="asked")
    if not operation.project.why_frozen or begun.exists():
        return False
    held.save(state=State.WAITING, started_at=None, step_due_at=None, leased_until=None, version=operations.bumped())
    live.announce_target(operation.project, operation.target)
    return True


def _outcome(held: Claim) -> Outcome:
    """Take the step; a fault of the portal itself is tried again, and after some tries told in words.

    Else the operation would run for ever, and everything behind it would wait.
    """
    try:
        return take(held)
    except LostClaim:
        raise
    except Exception as fault:
        faults = held.operation.faults + 1
        logger.exception("step met a fault: operation=%s step=%s faults=%d", held.operation.pk, held.step, faults)
        held.save(faults=faults)
        if faults < FAULTS_AT_MOST:
            return LookAgain(FAULT_SECONDS * faults, "The portal met a fault of its own; it tries again.")
        return Failed(
            f"The portal itself failed here ({type(fault).__name__}), {faults} times. What AWS has done so far stands "
            "as it is. Staff finds the fault in the log under this operation's number; after that, try again."
        )


def take(held: Claim) -> Outcome:
    """Run the claimed step; errors that pass by themselves become "look again"."""
    operation = held.operation
    project = operation.project
    actor = f"person-{operation.actor.pk}"
    step = STEPS[operation.action][held.step]
    try:
        work = Work(
            operation=operation,
            stacks=accounts.deployer(project, actor=actor),
            reader=accounts.reader(project, actor=actor),
            buckets=accounts.buckets(project, actor=actor),
            save=held.save,
        )
        with rates.without_waiting():  # else one project's turn would hold up a thread that others need
            return step(work)
    except PASSING as error:
        seconds = getattr(error, "retry_after", None) or 3
        return LookAgain(seconds, f"AWS asked to wait: {error.code}.")
    except DynamoDBCacheError as error:
        return LookAgain(3, f"The mirror does not answer: {error}")
    except AccessDenied as error:
        return Failed(
            f"The project's account refused the portal ({error.operation}). Staff must look at the account's roles."
        )
    except AWSError as error:
        logger.exception("step failed: operation=%s step=%s", operation.pk, held.step)
        return Failed(f"AWS refused {error.operation}: {error.message} ({error.code})")


def advance(held: Claim, outcome: Outcome) -> None:
    """Write what came of the step, announce it, and ring for what is next. Raises LostClaim."""
    operation = held.operation
    now = timezone.now()
    version = operations.bumped()
    match outcome:
        case Go(step=step):
            with transaction.atomic():  # a step whose end was lost would look busy for ever
                held.save(step=step, step_due_at=now, leased_until=None, version=version)
                _end_step(held, outcome.note, failed=outcome.failed)
            operations.ring(operation.pk)
        case LookAgain(seconds=seconds):
            due_at = now + timedelta(seconds=max(seconds, 1) + 5)
            with transaction.atomic():  # a worker that lost its hold writes no note either
                news = {"version": version} if _note_step(held, outcome.note) else {}
                held.save(step_due_at=due_at, leased_until=None, **news)
            operations.ring(operation.pk, delay_seconds=min(ceil(seconds * settings.STACKPORT_LOOK_AGAIN_SCALE), 900))
            if not news:
                return  # nothing that a page shows has changed
        case Wait():
            silent_at = now + timedelta(seconds=WAIT_SECONDS)
            hurried = When(step_due_at__lt=held.leased_until, then=F("step_due_at"))
            held.save(step_due_at=Case(hurried, default=Value(silent_at)), leased_until=None)
            if Operation.objects.filter(pk=operation.pk, step_due_at__lt=silent_at).exists():
                operations.ring(operation.pk)
            return
        case Done(words=words):
            _settle(held, State.SUCCEEDED, outcome=words, version=version)
        case Failed(cause=cause, here=here):
            _settle(held, State.FAILED, cause=cause, version=version, failed=here)
    live.announce_target(operation.project, operation.target)


@transaction.atomic
def _settle(
    held: Claim, state: State, *, version: Greatest, cause: str = "", outcome: str = "", failed: bool = False
) -> None:
    """End the operation and start what waited for it."""
    operation = held.operation
    held.save(
        state=state,
        cause=cause,
        outcome=outcome,
        settled_at=timezone.now(),
        leased_until=None,
        step_due_at=None,
        version=version,
    )
    _end_step(held, cause or outcome, failed=failed)
    waiting = operation.dependents.filter(state=State.WAITING).values_list("target", flat=True)
    operations.start_waiting(operation.project, {operation.target, *waiting})


def _end_step(held: Claim, note: str, *, failed: bool = False) -> None:
    OperationStep.objects.filter(operation=held.operation, attempt=held.attempt, name=held.step).update(
        ended_at=timezone.now(), failed=failed, **({"note": note} if note else {})
    )


def _note_step(held: Claim, note: str) -> bool:
    """Write a note to the step; return whether it is another one than before."""
    step = OperationStep.objects.filter(operation=held.operation, attempt=held.attempt, name=held.step)
    return bool(note and step.exclude(note=note).update(note=note))
