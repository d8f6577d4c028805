"""Ask for buckets to be made, changed and deleted. Every rule that a form or the API must keep stands here."""

from dataclasses import dataclass, replace
from typing import Any

from django.db import IntegrityError

from people.models import Person
from projects import live
from projects.actions import obstacles, operations
from projects.errors import BucketBeingDeleted, BucketGone, NameTaken, NothingChanged
from projects.models import Action, Operation, Project
from projects.stacks.mirror import MirroredStack
from projects.stacks.spec import BucketSpec


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, why, and the key of the form that was sent."""

    person: Person
    request_key: str
    reason: str = ""


def create(project: Project, spec: BucketSpec, *, by: Asker) -> Operation:
    """Ask for a new bucket; a worker builds its stack. Raises NameTaken, ProjectNotReady, FormUsed, TooManyOpen."""
    asked = _request(Action.CREATE, spec.name, by, after=spec.to_document())
    if (repeated := operations.repeated(project, asked)) is not None:
        return repeated
    operations.expect_open(project)
    held = obstacles.taken_by(project, spec.name)
    if held:
        raise NameTaken(held)
    try:
        return operations.request(project, asked)
    except IntegrityError as error:
        # Two managers sent the same name in the same moment: the database let one through, which may have ended since.
        raise NameTaken(obstacles.taken_by(project, spec.name) or f"{obstacles.BEING_CREATED}.") from error


def _standing(project: Project, name: str) -> MirroredStack:
    stack = live.find_bucket(project, name)
    if stack is None:
        raise BucketGone("This bucket does not exist any more.")
    if deleting := obstacles.being_deleted(project, name):
        raise BucketBeingDeleted(deleting)
    return stack


def change(project: Project, before: BucketSpec, after: BucketSpec, base_fingerprint: str, *, by: Asker) -> Operation:
    """Ask for a change from the state that the form showed.

    Raises BucketGone, BucketBeingDeleted, NothingChanged, ProjectNotReady, FormUsed, TooManyOpen.
    """
    asked = _request(
        Action.CHANGE,
        before.name,
        by,
        before=before.to_document(),
        after=after.to_document(),
        base_fingerprint=base_fingerprint,
    )
    if (repeated := operations.repeated(project, asked)) is not None:
        return repeated
    operations.expect_open(project)
    stack = _standing(project, before.name)
    if before == after:
        raise NothingChanged("Nothing is different from what stands now.")
    return operations.request(project, replace(asked, stack_id=stack.stack_id, stack_name=stack.name))


def delete(project: Project, name: str, *, by: Asker) -> Operation:
    """Ask for an empty bucket to be deleted.

    Raises BucketGone, BucketBeingDeleted, ProjectNotReady, FormUsed, TooManyOpen.
    """
    asked = _request(Action.DELETE, name, by)
    if (repeated := operations.repeated(project, asked)) is not None:
        return repeated
    operations.expect_open(project)
    stack = _standing(project, name)
    before = stack.spec.to_document() if stack.spec else None
    return operations.request(project, replace(asked, before=before, stack_id=stack.stack_id, stack_name=stack.name))


def _request(action: Action, name: str, by: Asker, **fields: Any) -> operations.Request:
    return operations.Request(
        action=action,
        target=live.bucket_item(name),
        author=by.person,
        request_key=by.request_key,
        reason=by.reason,
        **fields,
    )
