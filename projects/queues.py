"""The portal's queues, in its own account: bells for workers, events from the projects' accounts, dead letters.

The events queue's policy lists the exact topic of each project (S5); it is renewed when a project is onboarded. SQS
takes 8,192 bytes of policy, which is room for about 140 projects; the next one is refused in words, before anything
is made for it. Source: "Amazon SQS policy quotas" in the SQS developer guide.
"""

import json
import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.cache import cache

from aws import s3, sqs
from aws.accounts import ProjectAccount
from projects.errors import EventsQueueFull
from projects.models import Project

TRIES = 5
POLICY_BYTES = 8192
_DEAD_LETTERS = "dead-letters"
_KEPT_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """About how many messages could not be handled, and when that was counted, in seconds since the epoch."""

    count: int
    counted_at: float


def prepare() -> None:
    """Make the queues and the private bucket, and renew the events queue's policy. Safe to repeat."""
    dead = sqs.create_queue(settings.STACKPORT_DEAD_LETTER_QUEUE)
    sqs.create_queue(settings.STACKPORT_OPERATIONS_QUEUE, dead_letters=dead, tries=20, visibility_seconds=90)
    # Longer than a call that hangs, tries included.
    sqs.create_queue(settings.STACKPORT_READINGS_QUEUE, dead_letters=dead, tries=10, visibility_seconds=180)
    sqs.create_queue(settings.STACKPORT_EVENTS_QUEUE, dead_letters=dead, tries=TRIES, visibility_seconds=30)
    allow_topics()
    s3.ensure_private_bucket(settings.STACKPORT_TEMPLATE_BUCKET)


def allow_topics() -> None:
    """Let exactly the topics of the known projects send to the events queue. Raises EventsQueueFull: the old one stands."""
    queue = sqs.queue(settings.STACKPORT_EVENTS_QUEUE)
    topics = sorted(project.account.topic_arn for project in Project.objects.all())
    queue.set_policy(_expect_room(events_policy(queue.arn(), topics), len(topics)))


def expect_room() -> None:
    """Raise EventsQueueFull when one more project would not fit: asked before an account is made for it."""
    queue_arn = sqs.queue(settings.STACKPORT_EVENTS_QUEUE).arn()
    topics = sorted(project.account.topic_arn for project in Project.objects.all())
    longest = ProjectAccount("0" * 12, "ap-southeast-1", "").topic_arn
    _expect_room(events_policy(queue_arn, [*topics, longest]), len(topics) + 1)


def _expect_room(policy: str, topics: int) -> str:
    if len(policy.encode()) > POLICY_BYTES:
        raise EventsQueueFull(
            f"The events queue's policy would name {topics} topics, more than the {POLICY_BYTES:,} bytes that SQS takes. "
            "Delete projects that are no longer used, or run another portal for the new ones."
        )
    return policy


def count_dead_letters() -> None:
    """Count the messages that could not be handled and keep the number for the staff pages. Raises AWSError."""
    count = sqs.queue(settings.STACKPORT_DEAD_LETTER_QUEUE).waiting()
    cache.set(_DEAD_LETTERS, {"count": count, "counted_at": time.time()}, timeout=_KEPT_SECONDS)


def dead_letters() -> DeadLetters | None:
    """Return the last count; None when no worker has counted within the hour. It costs one read of the cache."""
    found = cache.get(_DEAD_LETTERS)
    return DeadLetters(found["count"], found["counted_at"]) if found else None


def events_policy(queue_arn: str, topic_arns: list[str]) -> str:
    """Return the events queue's policy: SNS may send, for these topics alone; nobody else of other accounts may."""
    statements: list[dict[str, Any]] = []
    if topic_arns:
        statements.append(
            {
                "Sid": "ProjectTopics",
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue_arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": topic_arns}},
            }
        )
    account = queue_arn.split(":")[4]
    statements.append(
        {
            "Sid": "Portal",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
            "Action": "sqs:*",
            "Resource": queue_arn,
        }
    )
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, sort_keys=True, separators=(",", ":"))
