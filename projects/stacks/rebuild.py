"""Rebuild a project's mirror from CloudFormation: names first, details after, in pieces a worker can take.

Runs when the mirror is cold or was wiped, and on a timer as the sweep that finds what no event told. Pages keep
answering meanwhile: a row without details says so, and the head of the partition says when it was last compared.
"""

import json
import logging
import time
from typing import Any

from django.conf import settings
from django.core.cache import cache

from aws import sqs
from aws.cloudformation import StackSummary
from aws.errors import AWSError
from dynamodb_cache.errors import DynamoDBCacheError
from projects import live
from projects.models import Project
from projects.stacks import accounts, mirror, reading
from projects.stacks.mirror import MirroredStack
from projects.stacks.naming import kind_of
from projects.stacks.status import parse

logger = logging.getLogger(__name__)

PIECE = 10  # stacks read for one message, three calls each
ASKED_SECONDS = 30


def ask(project: Project) -> None:
    """Ask a worker to compare the mirror with CloudFormation; safe in a page, at most every half minute."""
    try:
        if cache.add(f"rebuild-asked:{project.pk}", 1, timeout=ASKED_SECONDS):
            sqs.queue(settings.STACKPORT_OPERATIONS_QUEUE).send(json.dumps({"rebuild": project.pk}))
    except (AWSError, DynamoDBCacheError) as error:
        logger.warning("rebuild not asked for, the sweep will: project=%s error=%s", project.slug, error)


def run(project_id: int) -> None:
    """List the project's stacks, mirror their names, and send the details to be read in pieces. Raises AWSError."""
    project = Project.objects.get(pk=project_id)
    mine = mirror.partition(project)
    begun = mine.begin_rebuild()
    listed = [found for found in accounts.reader(project).list() if kind_of(found.name) is not None]
    mine.put_many(mirror.named(found) for found in listed)
    mine.finish_rebuild(begun, seen={found.stack_id for found in listed})
    mine.set_head(checked_at=time.time())
    stale = [found.stack_id for found in listed if _differs(project, found)]
    for start in range(0, len(stale), PIECE):
        read_later(project, stale[start : start + PIECE])
    live.announce_project(project)
    logger.info("mirror compared: project=%s stacks=%d to read=%d", project.slug, len(listed), len(stale))


def read_later(project: Project, stack_ids: list[str]) -> None:
    """Ask a worker to read some stacks whole. Raises AWSError."""
    sqs.queue(settings.STACKPORT_OPERATIONS_QUEUE).send(
        json.dumps({"read": {"project": project.pk, "stacks": stack_ids}})
    )


def _differs(project: Project, listed: StackSummary) -> bool:
    row = mirror.snapshot(project).rows.get(listed.stack_id)
    if row is None:
        return True
    known = MirroredStack.of_row(row)
    # By the time of its last change as well: of an update of which no event came, the status tells nothing.
    return (
        not known.fingerprint or known.status != parse(listed.status) or known.updated_at != mirror.changed_at(listed)
    )


def read_some(piece: dict[str, Any]) -> None:
    """Read some stacks of a project whole. Raises AWSError; stacks read before it stay read."""
    project = Project.objects.get(pk=piece["project"])
    for stack_id in piece["stacks"]:
        reading.refresh(project, stack_id)
