"""How a project's account is protected: read again every hour, kept in the mirror's head, shown on the overview.

Only the lines of the self-test that read and change nothing (`selftest.STANDING`).
"""

import logging
import time
from dataclasses import asdict, dataclass
from typing import Self

from django.conf import settings
from django.core.cache import cache

from aws import rates
from dynamodb_cache.collections import Snapshot
from projects import live, selftest
from projects.models import Project
from projects.selftest import Line
from projects.stacks import mirror, readings

logger = logging.getLogger(__name__)

ASKED_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Posture:
    """What the last reading said, and when it was, in seconds since the epoch."""

    checked_at: float
    lines: tuple[Line, ...]

    @classmethod
    def of(cls, snapshot: Snapshot) -> Self | None:
        """Return what the mirror holds; None when the account was not read yet."""
        found = snapshot.head.get("posture")
        return cls(found["checked_at"], tuple(Line(**line) for line in found["lines"])) if found else None

    @property
    def failing(self) -> int:
        """How many lines do not hold."""
        return sum(1 for line in self.lines if not line.passed)


def ask_when_due(project: Project, snapshot: Snapshot) -> None:
    """Ask a worker to read the account when the last reading is old, once in five minutes.

    Raises AWSError, DynamoDBCacheError.
    """
    found = Posture.of(snapshot)
    due = found is None or time.time() - found.checked_at > settings.STACKPORT_RECONCILE_SECONDS
    if due and cache.add(f"posture-asked:{project.pk}", 1, timeout=ASKED_SECONDS):
        readings.send({"posture": project.pk})


def run(project_id: int) -> None:
    """Read the account, keep what it says and tell open pages. Raises AWSError, DynamoDBCacheError."""
    project = Project.objects.get(pk=project_id)
    try:
        with rates.without_waiting():
            lines = selftest.run(project, selftest.STANDING, passing_on=readings.NOT_YET)
    except readings.NOT_YET as error:  # this is no news of the account: what was read last stays
        readings.send({"posture": project.pk}, readings.seconds_until(error))
        return
    mirror.partition(project).set_head(posture={"checked_at": time.time(), "lines": [asdict(line) for line in lines]})
    for line in lines:
        if not line.passed:
            logger.error("account is not as it should be: project=%s line=%s: %s", project.slug, line.name, line.words)
    live.announce_project(project)
