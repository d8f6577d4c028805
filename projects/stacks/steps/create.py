"""Create a bucket: CreateStack, wait, protect, read back; failed remains are removed by us."""

import secrets

from django.utils import timezone

from aws.errors import AlreadyExists, StackNotFound
from projects.stacks import accounts, invariants
from projects.stacks.causes import root_cause
from projects.stacks.naming import Kind, stack_name
from projects.stacks.status import StackStatus
from projects.stacks.steps.common import (
    VISIBLE_SECONDS,
    gone,
    not_begun,
    read_again,
    remove_stack,
    spec_of,
    tags_of,
    verify,
)
from projects.stacks.steps.outcomes import Failed, Go, LookAgain, Outcome, Step, Wait, Work
from projects.stacks.templates import RESOURCE_TYPES, render
from projects.stacks.templates import body as body_of

_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"


def submit(work: Work) -> Outcome:
    """Render the template and create the stack; a repeat finds the stack that the first try made."""
    operation = work.operation
    spec = spec_of(work)
    template = render(Kind.BUCKET, spec, accounts.baseline(operation.project))
    broken = invariants.check(template)
    if broken:
        return Failed("The portal refused its own template: " + "; ".join(broken))
    if not operation.stack_name:
        ending = "".join(secrets.choice(_LETTERS) for _ in range(6))
        work.save(stack_name=stack_name(Kind.BUCKET, spec.label, ending))
    try:
        stack_id = work.stacks.create(
            operation.stack_name,
            body_of(template),
            token=work.token("submit"),
            resource_types=RESOURCE_TYPES[Kind.BUCKET],
            tags=tags_of(spec),
        )
    except AlreadyExists:
        # The name ends in six letters of our own, so it is the stack of an earlier try of this very step.
        stack_id = work.reader.describe(operation.stack_name).stack_id
    work.save(stack_id=stack_id)
    return Go("build")


def build(work: Work) -> Outcome:
    """Wait for the stack; a failed one is removed before the operation ends."""
    operation = work.operation
    try:
        stack, status = read_again(work)
    except StackNotFound:
        age = (timezone.now() - (operation.started_at or timezone.now())).total_seconds()
        return LookAgain(2) if age < VISIBLE_SECONDS else Go("submit", "The stack was not there; sent once more.")
    if not status.settled:
        return Wait()
    if status == StackStatus.CREATE_COMPLETE:
        return Go("protect")
    work.save(cause=root_cause(work.reader.events(stack.stack_id, limit=100), work.token("submit")))
    return Failed(operation.cause) if status.gone else Go("remove", failed=True)


def remove(work: Work) -> Outcome:
    """Delete what a failed creation left; nothing that holds data survives a rolled back creation."""
    return remove_stack(work, "removing")


def removing(work: Work) -> Outcome:
    """Wait until the remains are gone, then end with the cause."""
    status = gone(work)
    if status is None:
        return Failed(f"{work.operation.cause} Nothing was left behind.", here=False)
    if not status.settled:
        return Wait()
    if status == StackStatus.DELETE_FAILED:
        return Failed(f"{work.operation.cause} Some remains could not be removed; staff can see them in the account.")
    return not_begun(work, "remove")


def protect(work: Work) -> Outcome:
    """Switch termination protection on."""
    work.stacks.set_termination_protection(work.operation.stack_id, on=True)
    return Go("verify")


STEPS: dict[str, Step] = {
    "submit": submit,
    "build": build,
    "protect": protect,
    "verify": verify,
    "remove": remove,
    "removing": removing,
}
