"""Specs and askers for tests of operations."""

import secrets

from people.models import Person
from projects.actions.buckets import Asker
from projects.models import Project
from projects.stacks.naming import bucket_name
from projects.stacks.spec import BucketSpec, Retention


def spec_for(project: Project, person: Person, label: str, retention: Retention = Retention.YEAR_1) -> BucketSpec:
    """Return the spec of a bucket of a project."""
    return BucketSpec(
        name=bucket_name(project.bucket_prefix, label, project.account_id, project.region),
        label=label,
        purpose="Invoices",
        owner=person.email,
        retention=retention,
        versions_days=90,
        tags=(("department", "finance"),),
    )


def asker(person: Person, key: str = "") -> Asker:
    """Return who asks, with a fresh request key."""
    return Asker(person, key or secrets.token_hex(16), "a test")
