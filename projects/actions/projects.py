"""Freeze a project and thaw it: while it is frozen nobody changes anything in it and nothing that waits starts.

What runs already is finished, since half a change helps nobody. Only onboarding makes a project active
(`projects.actions.onboarding`); thawing gives back what freezing took.
"""

from functools import partial

from django.db import transaction

from people.text import HIDDEN_WORDS, has_hidden_signs
from projects import live
from projects.actions import operations
from projects.errors import NotFreezable
from projects.models import Operation, Project, ProjectState, State


def freeze(project: Project, *, reason: str) -> Project:
    """Keep everybody from changing an active project; `reason` is shown to them. Raises NotFreezable."""
    if not reason.strip():
        raise NotFreezable("Say why: the project's managers read it on every page.")
    if has_hidden_signs(reason):
        raise NotFreezable(HIDDEN_WORDS)
    return _move(
        project, ProjectState.ACTIVE, ProjectState.FROZEN, reason.strip(), "Only an active project can be frozen."
    )


@transaction.atomic
def thaw(project: Project) -> Project:
    """Let a frozen project be changed again; what waited meanwhile starts. Raises NotFreezable."""
    _move(project, ProjectState.FROZEN, ProjectState.ACTIVE, "", "It is not frozen.")
    waiting = Operation.objects.filter(project=project, state=State.WAITING).order_by("target")
    operations.start_waiting(project, list(waiting.values_list("target", flat=True).distinct()))
    return project


def _move(project: Project, before: ProjectState, after: ProjectState, reason: str, refusal: str) -> Project:
    moved = Project.objects.filter(pk=project.pk, state=before).update(state=after, frozen_reason=reason)
    if not moved:
        raise NotFreezable(refusal)
    project.refresh_from_db(fields=["state", "frozen_reason"])
    transaction.on_commit(partial(live.announce_project, project))
    return project
