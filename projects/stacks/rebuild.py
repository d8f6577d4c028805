"""Rebuild a project's mirror from CloudFormation: names first, details after, in pieces a worker can take.

Runs when the mirror is cold or was wiped, and on a timer as the sweep that finds what no event told. Pages keep
answering meanwhile: a row without details says so, and the head of the partition says when it was last compared.
"""

import logging
import time
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.core.cache import cache

from aws import rates
from aws.cloudformation import StackSummary
from aws.errors import AWSError
from dynamodb_cache.collections import Rebuild, Snapshot
from dynamodb_cache.errors import DynamoDBCacheError
from projects import live
from projects.models import Project
from projects.stacks import accounts, mirror, readings
from projects.stacks.mirror import MirroredStack
from projects.stacks.naming import kind_of
from projects.stacks.status import parse

logger = logging.getLogger(__name__)

ASKED_SECONDS = 30
MARK = 12  # so much of a stack id's end tells the stacks of a project apart; 5,000 take 75 KB of a message


@dataclass(frozen=True, slots=True)
class Listing:
    """A comparison under way, as its next message carries it."""

    project: int
    epoch: str  # of the mirror when it began, as the revision
    revision: int
    next_page: str | None  # the token of the page that is next; empty for the first, None after the last
    seen: list[str]  # marks of the stacks listed so far
    stale: list[str]  # ids of those that are to be read
    more: bool = False  # there are more than one message carries


def ask(project: Project) -> None:
    """Ask a worker to compare the mirror with CloudFormation, at most every half minute; never raises AWSError."""
    try:
        if cache.add(_asked(project), 1, timeout=ASKED_SECONDS):
            readings.send({"rebuild": project.pk})
    except (AWSError, DynamoDBCacheError) as error:
        logger.warning("rebuild not asked for, the sweep will: project=%s error=%s", project.slug, error)


def _asked(project: Project) -> str:
    return f"rebuild-asked:{project.pk}"


def run(value: int | dict[str, Any]) -> None:
    """List the project's stacks, mirror their names, and let the details be read.

    Takes a project's number, or what an earlier message has come to. What fails is dropped: until a comparison has come
    to its end the sweep asks for another, and messages that came back would only pile up meanwhile.
    """
    project = Project.objects.get(pk=value["project"] if isinstance(value, dict) else value)
    try:
        _compare(project, Listing(**value) if isinstance(value, dict) else _begun(project))
    except (AWSError, DynamoDBCacheError) as error:
        logger.warning("mirror not compared, the sweep asks again: project=%s error=%s", project.slug, error)


def _compare(project: Project, listing: Listing) -> None:
    try:
        while listing.next_page is not None:
            with rates.in_background():
                listing = _page(project, listing, listing.next_page)
    except readings.NOT_YET as error:
        cache.set(_asked(project), 1, timeout=ASKED_SECONDS)  # else a long listing would be begun again beside it
        readings.send({"rebuild": asdict(listing)}, readings.seconds_until(error))
    else:
        _finish(project, listing)


def _begun(project: Project) -> Listing:
    begun = mirror.partition(project).begin_rebuild()
    return Listing(project.pk, begun.epoch, begun.revision, next_page="", seen=[], stale=[])


def _page(project: Project, listing: Listing, token: str) -> Listing:
    """List the next stacks and mirror their names."""
    found, following = accounts.reader(project).page(token)
    ours = [one for one in found if kind_of(one.name) is not None]
    mirror.partition(project).put_many(mirror.named(one) for one in ours)
    held = mirror.snapshot(project)
    stale = listing.stale + [one.stack_id for one in ours if _differs(held, one)]
    return replace(
        listing,
        next_page=following or None,
        seen=listing.seen + [one.stack_id[-MARK:] for one in ours],
        stale=stale[: readings.CARRIED],
        more=listing.more or len(stale) > readings.CARRIED,
    )


def _finish(project: Project, listing: Listing) -> None:
    """Drop what was not listed, and let what differs be read."""
    mine = mirror.partition(project)
    marks = set(listing.seen)
    seen = {stack_id for stack_id in mine.snapshot().rows if stack_id[-MARK:] in marks}
    mine.finish_rebuild(Rebuild(listing.epoch, listing.revision), seen=seen)
    mine.set_head(checked_at=time.time())
    readings.later(project, listing.stale, more=listing.more)
    live.announce_project(project)
    logger.info(
        "mirror compared: project=%s stacks=%d to read=%d%s",
        project.slug,
        len(listing.seen),
        len(listing.stale),
        " and more" if listing.more else "",
    )


def _differs(held: Snapshot, listed: StackSummary) -> bool:
    row = held.rows.get(listed.stack_id)
    if row is None:
        return True
    known = MirroredStack.of_row(row)
    # By the time of its last change as well: of an update of which no event came, the status tells nothing.
    return (
        not known.fingerprint or known.status != parse(listed.status) or known.updated_at != mirror.changed_at(listed)
    )
