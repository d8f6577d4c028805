"""The live topic "project:<id>": who may subscribe, and what a page that was away has missed."""

import sys
from collections.abc import Mapping
from typing import Any

from django.db.models import Count, Max, Q

from people.models import Person
from projects import live
from projects.models import Action, Operation, Project
from projects.models.operation import OPEN_STATES
from projects.stacks import index, mirror

SEEN = "*"  # under this name a list tells when it was rendered, in milliseconds


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
        return _differences(project, have)


def _differences(project: Project, have: Mapping[str, int]) -> list[dict[str, Any]]:
    standing = index.buckets(mirror.snapshot(project))
    asked = {
        found["target"]: found
        for found in Operation.objects.filter(project=project)
        .values("target")
        .annotate(
            version=Max("version"),
            running=Count("pk", filter=Q(state__in=OPEN_STATES)),
            asked_at=Max("created_at", filter=Q(action=Action.CREATE, state__in=OPEN_STATES)),
        )
    }
    changed = []
    items = {live.bucket_item(name) for name in standing} | {item for item, found in asked.items() if found["running"]}
    for item in items:
        stack = standing.get(item.removeprefix(live.BUCKET))
        found: Mapping[str, Any] = asked.get(item, {})
        version = live.bucket_version(stack, found.get("version", 0))
        born = live.born(stack, found.get("asked_at"))
        # A page knows of others too, which it does not show; only what came to be since is news to it.
        if have[item] != version if item in have else born > have.get(SEEN, sys.maxsize):
            changed.append({"item": item, "version": version, "born": born})
    gone = [{"item": item, "gone": True} for item in have if item.startswith(live.BUCKET) and item not in items]
    return changed + gone + _operations(project, have)


def _operations(project: Project, have: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return the operations that the page shows and that have moved."""
    held = {
        item: Operation.id_of_token(item.removeprefix("operation:")) for item in have if item.startswith("operation:")
    }
    found = Operation.objects.filter(project=project, pk__in=[pk for pk in held.values() if pk])
    return [
        {"item": operation.live_item, "version": operation.version}
        for operation in found
        if have[operation.live_item] != operation.version
    ]
