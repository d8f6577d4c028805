"""Read one stack again and tell the mirror and the open pages."""

from collections.abc import Iterable
from datetime import datetime

from aws.cloudformation import Stack, Stacks
from aws.errors import StackNotFound
from projects import live
from projects.models import Project
from projects.stacks import accounts, mirror
from projects.stacks.mirror import MirroredStack
from projects.stacks.status import parse

TRIES = 3


def refresh(project: Project, stack_id: str, targets: Iterable[str] = ()) -> None:
    """Read a stack again, mirror it and tell open pages, also of one that is gone. Raises AWSError."""
    before, present = read_again(project, stack_id)
    announce(project, present, targets or _targets(present or before))


def announce(project: Project, present: MirroredStack | None, targets: Iterable[str] = ()) -> None:
    """Tell open pages about the targets of what runs on a stack, else about its bucket, whoever changed it.

    `present` is the stack as it has just been mirrored; None when the mirror is to be asked.
    """
    # Of what only events told, pages know nothing but the operation.
    known = present if present and present.spec else None
    for target in targets or _targets(known):
        live.announce_target(project, target, known)


def _targets(stack: MirroredStack | None) -> list[str]:
    return [live.bucket_item(stack.spec.name)] if stack and stack.spec else []


def read_again(project: Project, stack_id: str) -> tuple[MirroredStack | None, MirroredStack | None]:
    """Read a stack and its template, and mirror them; a stack that is gone is forgotten. Raises AWSError.

    Return how it was mirrored before, and how it is now, which is None when newer news came meanwhile.
    """
    reader = accounts.reader(project)
    known = mirror.standing(project, stack_id)
    before = MirroredStack.of_row(known.row) if known.row else None
    try:
        stack, newest_at = dated(reader, reader.describe(stack_id))
        body = "" if parse(stack.status).gone else reader.template(stack_id)
    except StackNotFound:
        if known.row:
            mirror.forget(project, stack_id, observed=known.observed_at)
        return before, None
    return before, mirror.apply_reading(project, stack, body, newest_at, known)


def dated(reader: Stacks, stack: Stack) -> tuple[Stack, datetime | None]:
    """Return a described stack with the time of its newest event, described again while that tells of another status.

    Else an old status would carry the time of the event that ended it, and that event would pass for old news. The clocks
    of AWS's hosts may disagree: the time is the latest of its newest events, so that none of them passes for news.
    """
    newest = reader.newest_events(stack.stack_id)
    for _ in range(TRIES):
        told = not newest or (newest[0].physical_id == stack.stack_id and newest[0].status == stack.status)
        if told or parse(stack.status).running:
            break
        stack = reader.describe(stack.stack_id)
        newest = reader.newest_events(stack.stack_id)
    return stack, max((event.at for event in newest), default=None)
