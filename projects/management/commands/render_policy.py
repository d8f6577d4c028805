"""`manage.py render_policy`: print the IAM policy that the running portal's identity needs in its own account.

manage.py render_policy ACCOUNT_ID REGION                 with the names of queues, tables and bucket as this portal is set
"""

import json
import re
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from projects.stacks.policies import Home, portal_identity


class Command(BaseCommand):
    """Prints the policy as indented JSON with sorted keys."""

    help = "Print the IAM policy that the running portal's identity needs in its own account."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account_id")
        parser.add_argument("region")
        parser.add_argument("--partition", default="aws", help="aws-cn, aws-us-gov; by default aws")

    def handle(self, *_args: Any, **options: Any) -> None:
        if not re.fullmatch(r"\d{12}", options["account_id"]):
            raise CommandError(f"An account id has 12 digits; {options['account_id']!r} is none.")
        home = home_of_settings(options["account_id"], options["region"], options["partition"])
        self.stdout.write(json.dumps(portal_identity(home), indent=2, sort_keys=True))


def home_of_settings(account_id: str, region: str, partition: str = "aws") -> Home:
    """Return the portal's own account with the names that the settings give."""
    return Home(
        account_id=account_id,
        region=region,
        cache_table=settings.STACKPORT_CACHE_TABLE,
        mirror_table=settings.STACKPORT_MIRROR_TABLE,
        events_queue=settings.STACKPORT_EVENTS_QUEUE,
        operations_queue=settings.STACKPORT_OPERATIONS_QUEUE,
        readings_queue=settings.STACKPORT_READINGS_QUEUE,
        dead_letter_queue=settings.STACKPORT_DEAD_LETTER_QUEUE,
        private_bucket=settings.STACKPORT_TEMPLATE_BUCKET,
        partition=partition,
    )
