"""Rows of the mirror for tests of pages, written as the product writes them but without building stacks."""

import uuid
from collections.abc import Iterable

from django.conf import settings

from dynamodb_cache.client import client
from projects.models import Project
from projects.stacks import mirror
from projects.stacks.mirror import MirroredStack
from projects.stacks.naming import Kind, bucket_name, stack_name
from projects.stacks.spec import BucketSpec, Retention
from projects.stacks.status import StackStatus, parse

KEYS = {settings.STACKPORT_MIRROR_TABLE: ("p", "s"), settings.STACKPORT_CACHE_TABLE: ("k",)}
HEARD = "2026-11-23T10:00:00.000Z"


def spec(project: Project, label: str, **changes: object) -> BucketSpec:
    """Return the spec of a bucket of a project."""
    fields: dict[str, object] = {
        "purpose": f"Purpose of {label}",
        "owner": "olga@example.com",
        "retention": Retention.YEAR_1,
        "versions_days": 90,
        "tags": (("department", "finance"),),
    }
    name = bucket_name(project.bucket_prefix, label, project.account_id, project.region)
    return BucketSpec(name=name, label=label, **(fields | changes))  # type: ignore[arg-type]  # any field


def stack(project: Project, wanted: BucketSpec, status: StackStatus = StackStatus.CREATE_COMPLETE) -> MirroredStack:
    """Return a stack as the mirror holds it."""
    name = stack_name(Kind.BUCKET, wanted.label, "abc123")
    place = f"arn:aws:cloudformation:{project.region}:{project.account_id}:stack"
    return MirroredStack(
        stack_id=f"{place}/{name}/{uuid.uuid5(uuid.NAMESPACE_URL, wanted.name)}",
        name=name,
        kind=Kind.BUCKET,
        status=status,
        spec=wanted,
        fingerprint="f" * 64,
        created_at=HEARD,
        updated_at=HEARD,
    )


def fill(project: Project, stacks: Iterable[MirroredStack], *, moment: str = HEARD) -> None:
    """Write stacks to the project's mirror and call it complete."""
    mine = mirror.partition(project)
    mine.put_many((one.stack_id, one.document(), f"{moment}#{parse(str(one.status)).rank}") for one in stacks)
    mine.set_head(complete=True)


def wipe() -> None:
    """Delete every item of the mirror's table and of the cache's."""
    for table, keys in KEYS.items():
        for page in client().get_paginator("scan").paginate(TableName=table):
            for item in page["Items"]:
                client().delete_item(TableName=table, Key={key: item[key] for key in keys})
