"""The live topic "project:<id>": who may subscribe, and what a page that was away has missed."""

import sys
from collections.abc import Mapping
from typing import Any

from people.models import Person
from projects import bucket_pages, live
from projects.models import Action, Operation, Project
from projects.stacks import mirror

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
    return _buckets(project, have) + _operations(project, have) + _as_a_whole(project, have)


def _buckets(project: Project, have: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return the buckets that differ, when the page shows any."""
    if SEEN not in have and not any(item.startswith(live.BUCKET) for item in have):
        return []
    listing = bucket_pages.listing(project, mirror.snapshot(project))
    changed = []
    items = set()
    for bucket in map(listing.bucket, listing.names):
        items.add(bucket.item)
        asked = bucket.operation if bucket.operation and bucket.operation.action == Action.CREATE else None
        born = live.born(bucket.stack, asked.created_at if asked else None)
        # A page knows of others too, which it does not show; only what came to be since is news to it.
        if have[bucket.item] != bucket.version if bucket.item in have else born > have.get(SEEN, sys.maxsize):
            changed.append({"item": bucket.item, "version": bucket.version, "born": born})
    gone = [{"item": item, "gone": True} for item in have if item.startswith(live.BUCKET) and item not in items]
    return changed + gone


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


def _as_a_whole(project: Project, have: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return what is told of the project as one item, when it is not as the page shows it."""
    present = {}
    if project.topic in have:
        present[project.topic] = live.project_version(project)
    stamp: tuple[object, ...] = ()
    if live.ACTIVITY in have or live.OVERVIEW in have:
        stamp = live.operations_stamps([project]).get(project.pk, ())
    if live.ACTIVITY in have:
        present[live.ACTIVITY] = live.activity_version(project, stamp)
    if live.OVERVIEW in have:
        present[live.OVERVIEW] = live.overview_version(project, stamp, mirror.snapshot(project))
    return [{"item": item, "version": version} for item, version in present.items() if have[item] != version]
