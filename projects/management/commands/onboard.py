"""`manage.py onboard`: make an AWS account fit for a project and say, line by line, whether it is.

manage.py onboard SLUG --vend --name NAME --prefix PREFIX
                                        Organizations makes the account, the portal lays the baseline in it
manage.py onboard SLUG --link           print the quick-create link for an existing account's administrator
manage.py onboard SLUG                  run the self-test; when every line passes the project becomes active

Run again after it broke off, it goes on where it stopped. The rules are those of `projects.actions.onboarding`.
"""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from aws.errors import AWSError
from projects.actions import onboarding
from projects.errors import ProjectError
from projects.models import Project


class Command(BaseCommand):
    """Vends or adopts, then tests."""

    help = "Vend or adopt a project's AWS account and run its self-test."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--vend", action="store_true", help="let Organizations make the account, and lay the baseline")
        how.add_argument("--link", action="store_true", help="print the quick-create link, good for an hour")
        new = parser.add_argument_group("a new project, with --vend")
        new.add_argument("--name", default="", help="as its managers know it")
        new.add_argument("--prefix", default="", help="every bucket's name starts with it")
        new.add_argument("--purpose", default="")
        new.add_argument("--region", default=settings.AWS_REGION)

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            self.onboard(options)
        except ProjectError as refusal:
            raise CommandError(str(refusal)) from refusal
        except ValidationError as refusal:
            raise CommandError("\n".join(refusal.messages)) from refusal
        except AWSError as error:
            raise CommandError(f"{error.words} Mend that, then run this again: it goes on where it stopped.") from error

    def onboard(self, options: dict[str, Any]) -> None:
        """Do what was asked. Raises ProjectError, ValidationError, AWSError, CommandError."""
        project = Project.objects.filter(slug=options["slug"]).first()
        if options["vend"]:
            project = project or onboarding.vend(self.new(options))
            onboarding.prepare_account(project)
        if project is None:
            raise CommandError(
                f"There is no project {options['slug']!r}. Make it in the staff pages first, or --vend it."
            )
        if options["link"]:
            self.print_link(onboarding.quick_create(project))
            return
        lines = onboarding.activate(project)
        for line in lines:
            self.stdout.write(f"{'pass' if line.passed else 'FAIL'}  {line.name}: {line.words}")
        if not all(line.passed for line in lines):
            raise CommandError("The account is not fit yet; mend the lines that fail and run this again.")
        self.stdout.write(f"{project.name} is {project.get_state_display().lower()}. {project.why_closed}".strip())

    def new(self, options: dict[str, Any]) -> Project:
        """Return the project that was described, not yet saved."""
        if not (options["name"] and options["prefix"]):
            raise CommandError(f"There is no project {options['slug']!r}. To make it, give --name and --prefix too.")
        return Project(
            slug=options["slug"],
            name=options["name"],
            bucket_prefix=options["prefix"],
            purpose=options["purpose"],
            region=options["region"],
        )

    def print_link(self, found: onboarding.QuickCreate) -> None:
        """Print what the account's administrator needs, the link alone on its line."""
        self.stdout.write(
            f"{found.link}\n\n"
            f"SHA-256 of the template: {found.sha256}\n"
            "Before creating the stack, the account's administrator compares it with what the link leads to:\n"
            f"  curl -s '{found.template_url}' | sha256sum\n"
            "Another sum: create nothing, and ask whoever runs the portal.\n\n"
            f"Trail is set to {found.trail}. Where the organisation's trail records S3 objects of this account already,\n"
            "choose organisation on that page. The self-test says when nothing records them."
        )
