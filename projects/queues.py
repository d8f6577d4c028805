"""The portal's queues, in its own account: bells for workers, events from the projects' accounts, dead letters.

The events queue's policy lists the exact topic of each project (S5); it is renewed when a project is onboarded.
"""

import json
from typing import Any

from django.conf import settings

from aws import s3, sqs
from projects.models import Project

TRIES = 5


def prepare() -> None:
    """Make the queues and the private bucket, and renew the events queue's policy. Safe to repeat."""
    dead = sqs.create_queue(settings.STACKPORT_DEAD_LETTER_QUEUE)
    sqs.create_queue(settings.STACKPORT_OPERATIONS_QUEUE, dead_letters=dead, tries=20, visibility_seconds=90)
    sqs.create_queue(settings.STACKPORT_EVENTS_QUEUE, dead_letters=dead, tries=TRIES, visibility_seconds=30)
    allow_topics()
    s3.ensure_private_bucket(settings.STACKPORT_TEMPLATE_BUCKET)


def allow_topics() -> None:
    """Let exactly the topics of the known projects send to the events queue."""
    queue = sqs.queue(settings.STACKPORT_EVENTS_QUEUE)
    topics = sorted(project.account.topic_arn for project in Project.objects.all())
    queue.set_policy(events_policy(queue.arn(), topics))


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
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, sort_keys=True)
