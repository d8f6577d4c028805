"""Versions of what pages show, and the signals that tell open pages to look again.

A bucket's version is made from its mirrored stack and its latest operation, so it is the same on every server and
after a rebuild of the mirror, and grows whenever either changes.
"""

import hashlib
import re
import time
from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db.models import Count, Max, Sum

from dynamodb_cache.collections import Snapshot
from notifications import push
from projects.models import Action, Operation, Project
from projects.models.operation import OperationQuerySet
from projects.stacks import index, mirror
from projects.stacks.mirror import MirroredStack

BUCKET = "bucket:"
ACTIVITY = "activity"  # all operations of a project as one item
OVERVIEW = "overview"  # all that there is to know of a project as one item
MOVED_AT_ONCE = 3  # one settles, the next one starts, a third is cancelled
_ORDER = re.compile(r"(?P<moment>\d{4}-\d\d-\d\dT[\d:.]+Z)#(?P<rank>\d+)(?P<reading>\D?)")


def row_version(observed_at: str) -> int:
    """Return a number that grows with a row's order: milliseconds, then rank, then reading; 0 for a name alone."""
    match = _ORDER.fullmatch(observed_at)
    if match is None:
        return 0
    milliseconds = int(datetime.fromisoformat(match["moment"]).timestamp() * 1000)
    return milliseconds * 1000 + int(match["rank"]) * 10 + bool(match["reading"])


def bucket_version(stack: MirroredStack | None, operation_version: int) -> int:
    """Return the version of a bucket as pages show it."""
    return (row_version(stack.observed_at) if stack else 0) + operation_version


def born(stack: MirroredStack | None, asked_at: datetime | None) -> int:
    """Return when a bucket came to be, in milliseconds: asked for, else created. A page counts later ones as new."""
    moment = asked_at or (datetime.fromisoformat(stack.created_at) if stack and stack.created_at else None)
    return int(moment.timestamp() * 1000) if moment else 0


def operations_stamps(projects: Iterable[Project]) -> Mapping[int, tuple[object, ...]]:
    """Return what is another whenever an operation of a project was added or changed, by project; in one query."""
    rows = Operation.objects.filter(project__in=projects).order_by().values_list("project")
    return {row[0]: row[1:] for row in rows.annotate(Count("pk"), Sum("version"), Max("version"))}


def project_version(project: Project) -> int:
    """Return the version of whether a project can be changed, which does not grow."""
    return _digest(project.state, project.frozen_reason)


def activity_version(project: Project, stamp: tuple[object, ...]) -> int:
    """Return the version of a project's operations as a whole. It does not grow: any other one means "look again"."""
    return _digest(stamp, project.state, project.frozen_reason)


def overview_version(project: Project, stamp: tuple[object, ...], snapshot: Snapshot) -> int:
    """Return the version of all that a project's overview shows, which does not grow either."""
    return _digest(stamp, project.state, project.frozen_reason, snapshot.revision, sorted(snapshot.head.items()))


def _digest(*parts: object) -> int:
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:6])  # a browser counts up to 53 bits


def bucket_item(name: str) -> str:
    """Return the live name of a bucket."""
    return BUCKET + name


def of_target(project: Project, target: str) -> OperationQuerySet:
    """Return the operations of a target."""
    return Operation.objects.filter(project=project, target=target)


def find_bucket(project: Project, name: str) -> MirroredStack | None:
    """Return the mirrored stack of a bucket by the bucket's name."""
    return index.buckets(mirror.shown(project)).get(name)


def announce_target(project: Project, target: str, known: MirroredStack | None = None) -> None:
    """Tell every open page of the project that a target changed, and which of its operations moved last.

    `known` is the target's stack for whom has just mirrored it; else the mirror is asked.
    """
    moved = list(of_target(project, target).order_by("-version")[:MOVED_AT_ONCE])
    stack = known or find_bucket(project, target.removeprefix(BUCKET))
    version = bucket_version(stack, moved[0].version if moved else 0)
    asked_at = next((one.created_at for one in moved if one.action == Action.CREATE), None)
    push.publish(project.topic, target, version=version, born=born(stack, asked_at))
    for operation in moved:
        push.publish(project.topic, operation.live_item, version=operation.version)


def announce_project(project: Project) -> None:
    """Tell open pages that all of a project may be another: frozen or thawed, its mirror rebuilt, its posture read."""
    push.publish(project.topic, project.topic, version=int(time.time() * 1000))
