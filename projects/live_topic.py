"""The live topic "project:<id>": who may subscribe, and what a page that was away has missed."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Count, Max, Q

from people.models import Person
from projects import live
from projects.models import Operation, Project
from projects.models.operation import OPEN_STATES
from projects.stacks import mirror
from projects.stacks.mirror import MirroredStack
from projects.stacks.spec import BucketSpec


class ProjectTopic:
    """Answers the consumer's two questions for every project."""

    def may_subscribe(self, person: Person, key: str) -> bool:
        """Tell whether the person may see the project."""
        return key.isdigit() and Project.objects.visible_to(person).filter(pk=int(key)).exists()

    def snapshot(self, person: Person, key: str, have: Mapping[str, int]) -> list[dict[str, Any]]:
        """Return what differs from the versions that the page holds: newer, unknown to it, or gone."""
        project = Project.objects.visible_to(person).filter(pk=int(key)).first()
        if project is None:
            return []
        versions = current_versions(project, have)
        changed = [
            {"item": item, "version": version} for item, version in versions.items() if have.get(item, -1) < version
        ]
        gone = [{"item": item, "gone": True} for item in have if item not in versions]
        return changed + gone


def current_versions(project: Project, have: Mapping[str, int]) -> dict[str, int]:
    """Return the versions of the project's buckets, and of the operations that the page holds."""
    stacks = {
        live.bucket_item(stack.spec.name): stack
        for stack in map(MirroredStack.of_row, mirror.snapshot(project).rows.values())
        if isinstance(stack.spec, BucketSpec)
    }
    latest = {
        found["target"]: found
        for found in Operation.objects.filter(project=project)
        .values("target")
        .annotate(version=Max("version"), running=Count("pk", filter=Q(state__in=OPEN_STATES)))
    }
    versions = {
        item: live.row_version(stack.observed_at) + latest.get(item, {}).get("version", 0)
        for item, stack in stacks.items()
    }
    for target, found in latest.items():
        if found["running"]:
            versions.setdefault(target, found["version"])
    held = [item.removeprefix("operation:") for item in have if item.startswith("operation:")]
    versions.update(
        (operation.live_item, operation.version)
        for operation in Operation.objects.filter(project=project, pk__in=_uuids(held))
    )
    return versions


def _uuids(texts: list[str]) -> list[Any]:
    return [found for found in map(Operation.id_of_token, texts) if found]
