"""Read one stack again and tell the mirror and the open pages."""

from datetime import datetime

from aws.cloudformation import Stack, Stacks
from aws.errors import StackNotFound
from projects import live
from projects.models import Project
from projects.stacks import accounts, mirror
from projects.stacks.status import parse

TRIES = 3


def read_again(project: Project, stack_id: str) -> None:
    """Read a stack and its template, and mirror them; a stack that is gone is forgotten. Raises AWSError."""
    reader = accounts.reader(project)
    known = mirror.standing(project, stack_id)
    try:
        stack, newest_at = dated(reader, reader.describe(stack_id))
        body = "" if parse(stack.status).gone else reader.template(stack_id)
    except StackNotFound:
        if known.row:
            mirror.forget(project, stack_id, observed=known.observed_at)
        return
    mirror.apply_reading(project, stack, body, newest_at, known)


def dated(reader: Stacks, stack: Stack) -> tuple[Stack, datetime | None]:
    """Return a described stack with the time of its newest event, described again while that tells of another status.

    Else an old status would carry the time of the event that ended it, and that event would pass for old news.
    """
    newest = reader.newest_event(stack.stack_id)
    for _ in range(TRIES):
        told = newest is None or (newest.physical_id == stack.stack_id and newest.status == stack.status)
        if told or parse(stack.status).running:
            break
        stack = reader.describe(stack.stack_id)
        newest = reader.newest_event(stack.stack_id)
    return stack, newest.at if newest else None


def announce(project: Project, stack_id: str) -> None:
    """Tell open pages about a stack's bucket, whoever changed it."""
    stored = mirror.stack(project, stack_id)
    if stored and stored.spec:
        live.announce_target(project, live.bucket_item(stored.spec.name))
