"""The mirror: each project's stacks as rows of a DynamoDB collection, so that a page never calls CloudFormation.

Needs the table STACKPORT_MIRROR_TABLE (`manage.py prepare`). CloudFormation stays the truth: rows are made from its
events and from reading stacks again, ordered by AWS's own times, and may be wiped at any moment (DESIGN P5, P6).
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Self

from django.conf import settings
from django.core.management import call_command

from aws.cloudformation import Stack, StackSummary
from dynamodb_cache.collections import Collection, Partition, Row, Snapshot, Standing
from dynamodb_cache.errors import DynamoDBCacheError, ForeignRow
from dynamodb_cache.options import Connection
from notifications.events import StackEvent
from projects.errors import MirrorUnreachable
from projects.models import Project
from projects.stacks import ahead
from projects.stacks.naming import Kind, kind_of
from projects.stacks.spec import BucketSpec
from projects.stacks.status import NEVER, StackStatus, just_after, observed_at, parse
from projects.stacks.templates import Parsed, UnknownTemplate, fingerprint, read

logger = logging.getLogger(__name__)

CLOCKS_APART = timedelta(minutes=5)  # what AWS allows in a signature
EVENTS_KEPT_SECONDS = 90 * 86_400  # as long as AWS keeps the events of a deleted stack


@dataclass(frozen=True, slots=True)
class MirroredStack:
    """One stack as last heard of."""

    stack_id: str
    name: str
    kind: Kind
    status: StackStatus
    reason: str = ""
    spec: BucketSpec | None = None
    fingerprint: str = ""
    deleting: bool = False
    outputs: Mapping[str, str] = field(default_factory=dict)
    created_at: str = ""
    updated_at: str = ""
    problem: str = ""  # why the template could not be read, in words
    heard_only: bool = False  # nothing but events told of it: nobody knows yet what it holds
    observed_at: str = ""

    @classmethod
    def of_row(cls, row: Row) -> Self:
        """Read a row."""
        document = dict(row.document)
        spec = document.pop("spec")
        document["kind"] = Kind(document["kind"])
        document["status"] = parse(document["status"])
        return cls(**document, spec=BucketSpec.from_document(spec) if spec else None, observed_at=row.observed_at)

    def document(self) -> dict[str, Any]:
        """Return the row's document."""
        return {
            "stack_id": self.stack_id,
            "name": self.name,
            "kind": self.kind.value,
            "status": str(self.status),
            "reason": self.reason,
            "spec": self.spec.to_document() if self.spec else None,
            "fingerprint": self.fingerprint,
            "deleting": self.deleting,
            "outputs": dict(self.outputs),
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "problem": self.problem,
            "heard_only": self.heard_only,
        }


@cache
def collection() -> Collection:
    """Return the process's one collection of mirrored stacks."""
    # As the caches have it, so that they share one client.
    connection = Connection(
        read_timeout_seconds=settings.STACKPORT_DYNAMODB_SECONDS, max_attempts=settings.STACKPORT_DYNAMODB_ATTEMPTS
    )
    return Collection(settings.STACKPORT_MIRROR_TABLE, connection=connection)


def make_tables() -> None:
    """Make the mirror's table and the caches' tables where they are missing. Raises CommandError."""
    call_command("dynamodb_cache", "create", verbosity=0)


def partition(project: Project) -> Partition:
    """Return the partition that holds a project's stacks; rows of another account are refused."""
    return collection().partition(f"project#{project.pk}", owner=project.account_id)


def snapshot(project: Project) -> Snapshot:
    """Return the project's rows as last mirrored: one small read when nothing changed."""
    return partition(project).snapshot()


def shown(project: Project) -> Snapshot:
    """Return the rows for a page: while DynamoDB does not answer, as this process last knew them.

    Raises MirrorUnreachable when it knows none.
    """
    mine = partition(project)
    try:
        return ahead.snapshot(mine)
    except DynamoDBCacheError as error:
        known = None if isinstance(error, ForeignRow) else mine.last_known()  # another account's is never shown
        if known is None:
            raise MirrorUnreachable(
                "What stands in this project cannot be shown right now: the store that pages are read from does not "
                "answer. The buckets themselves work on. Try again in a moment."
            ) from error
        logger.warning("mirror does not answer, showing what is known: project=%s error=%s", project.slug, error)
        return known


def stack(project: Project, stack_id: str) -> MirroredStack | None:
    """Return one mirrored stack, read consistently."""
    row = partition(project).get(stack_id)
    return MirroredStack.of_row(row) if row else None


def _iso(moment: datetime | None) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else ""


def _read_after(order: str) -> str:
    """Order a reading of the stack after the event that it was made for, and before the next event."""
    return order + "r"


def apply_event(project: Project, event: StackEvent, known: Standing) -> MirroredStack | None:
    """Apply an event about a stack itself, of which the mirror held `known`, and return the stack as it is mirrored now.

    None for old news, stacks not of the portal, and odd claims.

    That a stack is gone, or back, is never believed but read. So is an event of the future: it would outrank true ones.
    """
    kind = kind_of(event.stack_name)
    status = parse(event.status)
    if kind is None or status.gone or event.at > datetime.now(UTC) + CLOCKS_APART:
        return None
    order = observed_at(event.at, event.status)
    mine = partition(project)
    while known.observed_at < order and (known.row or not known.observed_at):
        heard = replace(
            MirroredStack.of_row(known.row)
            if known.row
            else MirroredStack(
                event.stack_id, event.stack_name, kind, status, created_at=_iso(event.at), heard_only=True
            ),
            status=status,
            reason=event.reason,
            updated_at=_iso(event.at),
            observed_at=order,
        )
        # What somebody reads meanwhile must not be undone: an event tells of the status alone.
        version = known.row.version if known.row else 0
        if mine.offer(event.stack_id, heard.document(), observed_at=order, if_version=version).accepted:
            return heard
        known = mine.standing(event.stack_id)
    return None


def standing(project: Project, stack_id: str) -> Standing:
    """Return what is known of a stack: ask before reading CloudFormation, for `apply_reading`."""
    return partition(project).standing(stack_id)


def apply_reading(
    project: Project, read_stack: Stack, body: str, newest_event_at: datetime | None, known: Standing
) -> MirroredStack | None:
    """Apply what CloudFormation says of a stack now; `known` is what the mirror held before it was asked.

    Return the stack as it is mirrored now; None when it is gone, not of the portal, or newer news came meanwhile.

    A reading's order is its newest event's, so that AWS's clock decides. It is newer than all that was known before,
    even when the clocks of AWS's hosts say otherwise; what was heard meanwhile is compared with it as usual.
    """
    kind = kind_of(read_stack.name)
    if kind is None:
        return None
    status = parse(read_stack.status)
    found = None if status.gone else _of_stack(read_stack, kind, status, body)
    order = _read_after(
        observed_at(newest_event_at or read_stack.updated_at or read_stack.created_at, read_stack.status)
    )
    if order <= known.observed_at:
        held = MirroredStack.of_row(known.row) if known.row else None
        if held == (found and replace(found, observed_at=known.observed_at)):
            return held
        order = just_after(known.observed_at)
    mine = partition(project)
    if found is None:
        mine.delete(read_stack.stack_id, observed_at=order)
        return None
    mine.attach(read_stack.stack_id, {"body": body}, observed_at=order)
    now = replace(found, observed_at=order)
    return now if mine.put(read_stack.stack_id, now.document(), observed_at=order) else None


def _of_stack(read_stack: Stack, kind: Kind, status: StackStatus, body: str) -> MirroredStack:
    parsed: Parsed | None = None
    problem = ""
    try:
        parsed = read(body)
    except UnknownTemplate as error:
        problem = str(error)
    return MirroredStack(
        stack_id=read_stack.stack_id,
        name=read_stack.name,
        kind=kind,
        status=status,
        reason=read_stack.status_reason or "",
        spec=parsed.spec if parsed else None,
        fingerprint=fingerprint(body),
        deleting=parsed.deleting if parsed else False,
        outputs=read_stack.outputs,
        created_at=_iso(read_stack.created_at),
        updated_at=changed_at(read_stack),
        problem=problem,
    )


def changed_at(stack: Stack | StackSummary) -> str:
    """Return when CloudFormation last began to change a stack, as the mirror writes it."""
    return _iso(stack.updated_at or stack.created_at)


def named(summary: StackSummary) -> tuple[str, dict[str, Any], str]:
    """Return the row of a stack of which only the name and status are known, older than any event about it."""
    kind = kind_of(summary.name)
    if kind is None:
        raise ValueError(f"{summary.name} is no stack of the portal.")
    row = MirroredStack(
        stack_id=summary.stack_id,
        name=summary.name,
        kind=kind,
        status=parse(summary.status),
        created_at=_iso(summary.created_at),
        updated_at=changed_at(summary),
    )
    return (
        summary.stack_id,
        row.document(),
        NEVER + observed_at(summary.updated_at or summary.created_at, summary.status),
    )


def forget(project: Project, stack_id: str, *, observed: str) -> bool:
    """Drop a stack that CloudFormation no longer has; False when there is newer news.

    `observed` is the order of the row that was compared.
    """
    return partition(project).delete(stack_id, observed_at=observed + "x")


def keep_event(project: Project, event: StackEvent) -> bool:
    """Keep a raw event for the Technical page, without properties. Return False when it is kept already."""
    return partition(project).append(
        event.stack_id,
        f"{_iso(event.at)}#{event.event_id}",
        {
            "at": _iso(event.at),
            "logical_id": event.logical_id,
            "physical_id": event.physical_id,
            "type": event.resource_type,
            "status": event.status,
            "reason": event.reason,
            "token": event.token,
        },
        expires_at=event.at.timestamp() + EVENTS_KEPT_SECONDS,
    )


def kept_events(project: Project, stack_id: str, limit: int = 200) -> list[dict[str, Any]]:
    """Return a stack's kept events, newest first."""
    return [document for _entry, document in partition(project).entries(stack_id, limit=limit)]


def kept_template(project: Project, stack_id: str) -> str:
    """Return the newest template that was read of a stack; empty when none was."""
    found = partition(project).attached(stack_id)
    return str(found["body"]) if found else ""
