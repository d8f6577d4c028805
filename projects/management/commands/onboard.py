"""`manage.py onboard`: make an AWS account fit for a project and say, line by line, whether it is.

manage.py onboard SLUG --vend           Organizations makes the account, the portal lays the baseline
manage.py onboard SLUG --link           print the quick-create link for an existing account's administrator
manage.py onboard SLUG                  run the self-test; when every line passes the project becomes active
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from projects import selftest
from projects.actions import onboarding
from projects.errors import ProjectError
from projects.models import Project, ProjectState


class Command(BaseCommand):
    """Vends or adopts, then tests."""

    help = "Vend or adopt a project's AWS account and run its self-test."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--vend", action="store_true", help="lay the baseline through the account's first role")
        how.add_argument("--link", action="store_true", help="print the quick-create link, good for an hour")

    def handle(self, *_args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["slug"]).first()
        if project is None:
            raise CommandError(f"There is no project {options['slug']!r}. Make it in the admin first.")
        if options["link"]:
            self.stdout.write(onboarding.quick_create_link(project))
            return
        try:
            if options["vend"]:
                onboarding.lay_baseline(project)
                onboarding.harden_account(project)
            lines = selftest.run(project)
        except ProjectError as error:
            raise CommandError(str(error)) from error
        for line in lines:
            self.stdout.write(f"{'pass' if line.passed else 'FAIL'}  {line.name}: {line.words}")
        if not all(line.passed for line in lines):
            raise CommandError("The account is not fit yet; mend the lines that fail and run this again.")
        Project.objects.filter(pk=project.pk).update(state=ProjectState.ACTIVE)
        self.stdout.write(f"{project.name} is {ProjectState.ACTIVE.label.lower()}.")
