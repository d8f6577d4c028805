"""`manage.py seed_demo`: demo people, two projects with accounts of their own, buckets in several states.

Everything goes through the product's own code: accounts are vended and onboarded as staff would, buckets are asked
for by the actions behind the form. Refused unless STACKPORT_DEMO is on. Safe to repeat.
"""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from aws import clients, s3
from people.demo import PASSWORD, PEOPLE
from people.models import Person
from projects.actions import buckets, onboarding
from projects.errors import ProjectError
from projects.models import Membership, Operation, Project, ProjectState, Role
from projects.stacks.naming import bucket_name
from projects.stacks.spec import BucketSpec, Retention


@dataclass(frozen=True, slots=True)
class DemoProject:
    """One project of the demo."""

    slug: str
    name: str
    prefix: str
    purpose: str
    members: tuple[tuple[str, str], ...]
    buckets: tuple[tuple[str, str, Retention], ...]


PROJECTS = (
    DemoProject(
        "acme-invoices",
        "Acme invoices",
        "acme",
        "Acme delivers invoices and collects payment advice.",
        (("ana", Role.MANAGER), ("ben", Role.MANAGER), ("olga", Role.OWNER), ("vera", Role.VIEWER)),
        (
            ("invoices", "Invoices that Acme delivers each night", Retention.YEAR_1),
            ("payment-advice", "Payment advice for Acme to collect", Retention.DAYS_90),
            ("contracts", "Signed contracts, kept until somebody deletes them", Retention.KEEP),
            ("test-exchange", "Trial files of the first week", Retention.DAYS_30),
        ),
    ),
    DemoProject(
        "harbour-logistics",
        "Harbour logistics",
        "harbour",
        "Shipping papers between the harbour office and its carriers.",
        (("ana", Role.MANAGER), ("olga", Role.OWNER)),
        (
            ("manifests", "Cargo manifests from the carriers", Retention.YEARS_7),
            ("gate-photos", "Photos taken at the gate", Retention.DAYS_30),
        ),
    ),
)


TAKEN = ("scanner-inbox", "Scans from the gate house", Retention.DAYS_90)


class Command(BaseCommand):
    """Seeds the demo."""

    help = "Make demo people, projects and buckets; only with STACKPORT_DEMO and a local AWS."

    def handle(self, *_args: Any, **_options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("STACKPORT_DEMO is off: demo people must not exist beside real accounts.")
        for email, name, rights in PEOPLE:
            if not Person.objects.filter(email=email).exists():
                Person.objects.create_user(email, PASSWORD, name=name, **rights)
        for demo in PROJECTS:
            project = self.project(demo)
            for label, purpose, retention in demo.buckets:
                self.bucket(project, demo, label, purpose, retention)
        self.name_taken_by_a_stranger()

    def project(self, demo: DemoProject) -> Project:
        """Return the demo project with its members, its account vended and onboarded."""
        project = Project.objects.filter(slug=demo.slug).first()
        if project is None:
            project = onboarding.vend(
                Project(
                    slug=demo.slug,
                    name=demo.name,
                    bucket_prefix=demo.prefix,
                    purpose=demo.purpose,
                    region=settings.AWS_REGION,
                )
            )
        if project.state == ProjectState.ONBOARDING:
            onboarding.set_up(project)
        for person, role in demo.members:
            Membership.objects.get_or_create(
                project=project, person=Person.objects.get(email=f"{person}@example.com"), defaults={"role": role}
            )
        return project

    def name_taken_by_a_stranger(self) -> None:
        """Make Harbour's scanner inbox in Acme's account first, so that its creation fails and shows what that looks like."""
        harbour, acme = (Project.objects.get(slug=demo.slug) for demo in reversed(PROJECTS))
        taken = bucket_name(harbour.bucket_prefix, TAKEN[0], harbour.account_id, harbour.region)
        s3.ensure_private_bucket(taken, clients.organisation_member(acme.account_id, "s3", acme.region))
        self.bucket(harbour, PROJECTS[1], *TAKEN)

    def bucket(self, project: Project, demo: DemoProject, label: str, purpose: str, retention: Retention) -> None:
        """Ask for a demo bucket once; what people did to it since stays."""
        key = f"demo-{demo.slug}-{label}"
        if Operation.objects.filter(request_key=key).exists():
            return
        ana = Person.objects.get(email="ana@example.com")
        spec = BucketSpec(
            name=bucket_name(project.bucket_prefix, label, project.account_id, project.region),
            label=label,
            purpose=purpose,
            owner=ana.email,
            retention=retention,
            versions_days=90,
            tags=(("department", "finance" if "acme" in demo.slug else "logistics"),),
        )
        try:
            buckets.create(project, spec, by=buckets.Asker(ana, key, "Demo data"))
        except ProjectError as refusal:
            raise CommandError(f"{label}: {refusal}") from refusal
