"""`manage.py render_templates DIR`: write every kind of template in all its options as files, for reading and linting.

manage.py render_templates DIR                            every example, with the account numbers of AWS's own examples
manage.py render_templates DIR --portal ACCOUNT_ID        only the baseline, trusting that account: the one to publish
"""

import json
import re
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from projects.stacks import baseline
from projects.stacks.templates import body, examples, fingerprint


class Command(BaseCommand):
    """Writes templates as indented JSON with sorted keys."""

    help = "Write every kind of CloudFormation template in all its options as files."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("directory", type=Path)
        parser.add_argument("--portal", metavar="ACCOUNT_ID", help="only the baseline, trusting the portal's account")

    def handle(self, *_args: Any, **options: Any) -> None:
        directory: Path = options["directory"]
        portal: str | None = options["portal"]
        if portal is not None and not re.fullmatch(r"\d{12}", portal):
            raise CommandError(f"An account id has 12 digits; {portal!r} is none.")
        directory.mkdir(parents=True, exist_ok=True)
        found = examples.templates() if portal is None else {"baseline": baseline.template(portal_account_id=portal)}
        for name, template in found.items():
            path = directory / f"{name}.json"
            path.write_text(json.dumps(template, indent=2, sort_keys=True) + "\n")
            self.stdout.write(f"{path}  {len(body(template))} bytes  SHA-256 {fingerprint(template)}")
