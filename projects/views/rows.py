"""Rows of lists as HTML, rendered once for each thing that they show.

A page of 50 rows is mostly template work, and hardly any row changes between two pages. A row shows nothing of who
asks, so one process keeps it for everybody who may see the list.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import lru_cache

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from projects.bucket_pages import Bucket
from projects.models import Project

KEPT = 4096  # about 1 KB each


@dataclass(frozen=True, slots=True)
class _Row:
    """Rows are the same when all that they show is."""

    shown: Hashable
    project: Project = field(compare=False)
    bucket: Bucket = field(compare=False)


@lru_cache(maxsize=KEPT)
def _render(row: _Row) -> SafeString:
    return render_to_string("projects/_bucket_row.html", {"project": row.project, "bucket": row.bucket})


def bucket_row(project: Project, bucket: Bucket) -> SafeString:
    """Return a bucket's row of a list."""
    stack, operation = bucket.stack, bucket.operation
    shown = (
        project.pk,
        bucket.name,
        bucket.version,
        # A stack of which only the name is known has no version of its own.
        (stack.observed_at, stack.status, stack.updated_at) if stack else None,
        (operation.pk, operation.state, str(operation.actor), operation.asked_at) if operation else None,
        bucket.what_follows,
        bucket.owner,
    )
    return _render(_Row(shown, project, bucket))
