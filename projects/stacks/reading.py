"""Read one stack again and tell the mirror and the open pages."""

from aws.errors import StackNotFound
from projects import live
from projects.models import Project
from projects.stacks import accounts, mirror
from projects.stacks.status import parse


def read_again(project: Project, stack_id: str) -> None:
    """Read a stack and its template, and mirror them; a stack that is gone is forgotten. Raises AWSError."""
    reader = accounts.reader(project)
    try:
        stack = reader.describe(stack_id)
        body = "" if parse(stack.status).gone else reader.template(stack_id)
        newest = reader.newest_event(stack_id)
    except StackNotFound:
        stored = mirror.stack(project, stack_id)
        if stored:
            mirror.forget(project, stack_id, observed=stored.observed_at)
        return
    mirror.apply_reading(project, stack, body, newest.at if newest else None)


def announce(project: Project, stack_id: str) -> None:
    """Tell open pages about a stack's bucket, whoever changed it."""
    stored = mirror.stack(project, stack_id)
    if stored and stored.spec:
        live.announce_target(project, live.bucket_item(stored.spec.name))
