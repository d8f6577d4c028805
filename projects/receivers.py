"""What happens when `notifications` announces a stack event: the mirror learns it and operations are rung.

An event is a hint (DESIGN P5): it moves the status that pages show, and when a stack settles or is gone the stack itself
is read again. A refused duplicate still rings and announces, because the first delivery may have died half way.
"""

import logging
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models.signals import post_delete, post_save
from django.db.transaction import on_commit

from aws import rates
from notifications import push, signals, sources, topics
from notifications.events import StackEvent
from people.models import Person
from projects import owners
from projects.actions import operations
from projects.live_topic import ProjectTopic
from projects.models import Membership, Operation, Project, State
from projects.stacks import mirror, reading, readings
from projects.stacks.status import parse

logger = logging.getLogger(__name__)


def connect() -> None:
    """Listen to stack events, trust the topics of known projects, and offer each project as a live topic."""
    signals.stack_event.connect(on_stack_event, dispatch_uid="projects")
    signals.malformed.connect(on_malformed, dispatch_uid="projects")
    post_delete.connect(on_membership_gone, sender=Membership, dispatch_uid="projects")
    for sender in (Person, Membership):
        post_save.connect(owners.forget, sender=sender, dispatch_uid="owners")
        post_delete.connect(owners.forget, sender=sender, dispatch_uid="owners")
    sources.register(is_project_topic)
    topics.register("project", ProjectTopic())


def is_project_topic(topic_arn: str) -> bool:
    """Tell whether a topic is the event topic of a project's account."""
    parts = topic_arn.split(":")
    project = Project.objects.filter(account_id=parts[4]).first() if len(parts) == 6 else None
    return project is not None and project.account.topic_arn == topic_arn


def on_stack_event(sender: object, *, event: StackEvent, **_: Any) -> None:
    """Apply one event of a known project's account."""
    project = Project.objects.filter(account_id=event.account_id).first()
    if project is None:
        return
    if event.is_stack:
        hear_stack(project, event)
    else:
        announce_progress(project, event)
        mirror.keep_event(project, event)  # last, since hardly anybody waits for it


def hear_stack(project: Project, event: StackEvent) -> None:
    """Show the status that an event tells of at once; when the stack settled, read it and ring its operations.

    A stack that nobody knows is read too.
    """
    known = mirror.standing(project, event.stack_id)
    heard = mirror.apply_event(project, event, known)
    running = running_on(project, event.stack_id)
    targets = [operation.target for operation in running]
    settled = parse(event.status).settled
    # The event may have been on its way for days, and a stack that is not known be gone.
    unknown = known.row is None and not running
    if heard or not settled:
        reading.announce(project, heard or mirror.stack(project, event.stack_id), targets)
    mirror.keep_event(project, event)  # before the last word, so that who looks then sees it too
    if not settled and not unknown:
        return
    read_soon(project, event.stack_id, targets)
    for operation in running:
        operations.ring(operation.pk)


def read_soon(project: Project, stack_id: str, targets: Iterable[str] = ()) -> None:
    """Read a stack again now, or let a worker do it when the project's turn has not come. Raises AWSError."""
    try:
        with rates.without_waiting():  # the events of all projects wait behind this one
            reading.refresh(project, stack_id, targets)
    except readings.NOT_YET:
        readings.later(project, [stack_id])


def on_malformed(sender: object, *, topic_arn: str, stack_id: str | None, **_: Any) -> None:
    """Read a stack again of which an event could not be read."""
    parts = topic_arn.split(":")
    project = Project.objects.filter(account_id=parts[4]).first() if len(parts) == 6 else None
    if project and stack_id:
        read_soon(project, stack_id)


def on_membership_gone(sender: object, *, instance: Membership, **_: Any) -> None:
    """End the live subscriptions of somebody who left the project, once that is committed."""
    topic, person_id = instance.project.topic, instance.person_id
    on_commit(lambda: push.withdraw(topic, person_id))


def running_on(project: Project, stack_id: str) -> list[Operation]:
    """Return the running operations of a stack."""
    return list(
        Operation.objects.filter(project=project, stack_id=stack_id, state=State.RUNNING).select_related("project")
    )


def announce_progress(project: Project, event: StackEvent) -> None:
    """Show a resource's progress, only when the event carries the token of an operation running in that account (S5)."""
    operation_id: UUID | None = Operation.id_of_token(event.token)
    if operation_id is None:
        return
    operation = (
        Operation.objects.filter(pk=operation_id, project=project, stack_id=event.stack_id, state=State.RUNNING)
        .select_related("project")
        .first()
    )
    if operation:
        operations.note_progress(operation)
