"""Find what was lost: bells between commit and send, events, workers that died, stacks that nobody told us of."""

import logging
import random
import threading
import time
from datetime import datetime, timedelta

from django.conf import settings
from django.core.cache import cache
from django.db import close_old_connections, transaction
from django.utils import timezone

from aws import rates
from aws.errors import AWSError
from dynamodb_cache.errors import DynamoDBCacheError, TableMissing
from projects import posture, queues
from projects.actions import operations
from projects.models import Operation, Project, ProjectState, State
from projects.stacks import index, mirror, reading, readings, rebuild

logger = logging.getLogger(__name__)

DEAD_LETTER_SECONDS = 60
SILENT_SECONDS = 20  # a stack at work that says nothing for so long is read again


def run(stop: threading.Event) -> None:
    """Sweep at the set pace until asked to stop."""
    while not stop.is_set():
        close_old_connections()
        try:
            once()
        except Exception:  # the sweep is the last net: it outlives whatever one round meets
            logger.exception("sweep broken off, the next one tries again")
        close_old_connections()
        stop.wait(settings.STACKPORT_SWEEP_SECONDS)


def once() -> None:
    """Sweep everything once; what AWS refuses now is swept again next time."""
    ring_overdue()
    start_forgotten()
    count_dead_letters()
    for project in Project.objects.exclude(state=ProjectState.ONBOARDING):  # a frozen one's pages are true as well
        try:
            read_silent(project)
            compare_when_due(project)
            posture.ask_when_due(project, mirror.snapshot(project))
        except TableMissing:
            logger.exception("a table is gone, making it again")
            mirror.make_tables()
        except (AWSError, DynamoDBCacheError) as error:
            logger.warning("sweep of project %s put off: %s", project.slug, error)


def count_dead_letters() -> None:
    """Count the messages that nobody could handle, at most once a minute over all workers."""
    try:
        if cache.add("dead-letters-due", 1, timeout=DEAD_LETTER_SECONDS):
            queues.count_dead_letters()
    except (AWSError, DynamoDBCacheError) as error:
        logger.warning("dead letters not counted: %s", error)


def ring_overdue() -> None:
    """Ring every running operation whose time to be looked at has passed."""
    now = timezone.now()
    overdue = Operation.objects.filter(state=State.RUNNING, step_due_at__lt=now).exclude(leased_until__gt=now)
    for operation_id in overdue.values_list("pk", flat=True):
        operations.ring(operation_id)


def start_forgotten() -> None:
    """Start what waits although nothing of its target runs."""
    waiting = Operation.objects.filter(state=State.WAITING).select_related("project")
    for operation in waiting:
        with transaction.atomic():
            operations.start_waiting(operation.project, [operation.target])


def read_silent(project: Project) -> None:
    """Read stacks again that are at work and were not heard of for a while, as many as may be read at once."""
    long_ago = timezone.now() - timedelta(seconds=SILENT_SECONDS)
    silent = [
        stack
        for stack in index.stacks(mirror.snapshot(project)).values()
        if not stack.status.settled and datetime.fromisoformat(stack.updated_at) <= long_ago
    ]
    # In another order each time, so that each has its turn.
    for stack in random.sample(silent, len(silent)):
        try:
            with rates.without_waiting():  # the other projects are swept behind this one
                reading.refresh(project, stack.stack_id)
        except readings.NOT_YET:
            return
        running = Operation.objects.filter(project=project, stack_id=stack.stack_id, state=State.RUNNING)
        for operation_id in running.values_list("pk", flat=True):
            operations.ring(operation_id)


def compare_when_due(project: Project) -> None:
    """Compare the mirror with CloudFormation when it is cold or was not compared for long."""
    snapshot = mirror.snapshot(project)
    checked_at = float(snapshot.head.get("checked_at", 0))
    # Projects are spread over the hour, so that not all are listed in one minute.
    spread = (project.pk * 37 % 100) / 100 * 0.2 + 0.9
    if not snapshot.complete or time.time() - checked_at > settings.STACKPORT_RECONCILE_SECONDS * spread:
        rebuild.ask(project)
