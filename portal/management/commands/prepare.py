"""`manage.py prepare`: make what the portal itself needs in its own AWS account. Safe to repeat.

Queues, tables and the private bucket; a deployment makes them by its own template instead and runs this to verify.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from projects import queues
from projects.errors import EventsQueueFull
from projects.stacks import mirror


class Command(BaseCommand):
    """Makes queues, tables and the private bucket."""

    help = "Make the portal's own queues, tables and private bucket, and renew the events queue's policy."

    def handle(self, *_args: Any, **_options: Any) -> None:
        mirror.make_tables()
        try:
            queues.prepare()
        except EventsQueueFull as refusal:
            raise CommandError(str(refusal)) from refusal
