"""What stands in the way of a change, in words: names that are taken, deletions under way, conflicts, what is gone."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from projects import live
from projects.models import Action, Operation, Project, State
from projects.stacks.causes import NAME_TAKEN
from projects.stacks.changes import conflict_words, conflicts

BEING_CREATED = "A bucket of this name is being created right now"
REFUSAL_TOLD_FOR = timedelta(days=1)
# Failed in one of these, a creation or change stands: only what comes from there on is done again.
RESUMED_AT = {
    (Action.CREATE, "build"): "build",  # it was sent, and nobody could look: CloudFormation went on by itself
    (Action.CREATE, "protect"): "protect",
    (Action.CREATE, "verify"): "protect",
    (Action.CHANGE, "verify"): "verify",
}


def taken_by(project: Project, name: str) -> str:
    """Return who holds a bucket name in this project; empty when it is free as far as the portal knows."""
    creating = live.of_target(project, live.bucket_item(name)).filter(action=Action.CREATE).open().with_people().first()
    if creating:
        return f"{BEING_CREATED}, asked for by {creating.actor}."
    if live.find_bucket(project, name):
        return "This project has a bucket of this name already."
    return ""


def refused_at(project: Project, name: str) -> datetime | None:
    """Return when AWS lately refused a bucket name as taken; None when it did not, or has made the bucket since.

    AWS alone knows every bucket of the account, and of others' names where they are not kept apart.
    """
    since = timezone.now() - REFUSAL_TOLD_FOR
    tried = live.of_target(project, live.bucket_item(name)).filter(action=Action.CREATE, settled_at__gte=since)
    last = tried.filter(Q(state=State.SUCCEEDED) | Q(cause__contains=NAME_TAKEN)).order_by("-settled_at").first()
    return last.settled_at if last is not None and last.state != State.SUCCEEDED else None


def being_deleted(project: Project, name: str) -> str:
    """Return that a bucket is being deleted, if it is."""
    deleting = live.of_target(project, live.bucket_item(name)).filter(action=Action.DELETE).open()
    return "This bucket is being deleted." if deleting.exists() else ""


def resumed_at(operation: Operation) -> str:
    """Return the step at which a failed operation goes on; empty when it starts over."""
    return RESUMED_AT.get((Action(operation.action), operation.step), "")


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why trying again could only fail, in words, and whether the form, begun again from what stands, may succeed."""

    words: str
    form_helps: bool = False


def against_retry(operation: Operation) -> Obstacle | None:
    """Return why trying a failed operation again could only fail; None when it may succeed."""
    project, name = operation.project, operation.target_name
    if operation.action == Action.CREATE:
        taken = "" if resumed_at(operation) else taken_by(project, name)
        return Obstacle(taken, form_helps=True) if taken else None
    if found := being_deleted(project, name):
        return Obstacle(found)
    stack = live.find_bucket(project, name)
    if stack is None or stack.stack_id != operation.stack_id:
        return Obstacle("The bucket that this was about does not exist any more, so there is nothing to try again.")
    if operation.action == Action.CHANGE and operation.before is not None and stack.spec is not None:
        fought_over = conflicts(operation.before, operation.after or {}, stack.spec.to_document())
        if fought_over:
            words = conflict_words(fought_over, stack.spec)
            return Obstacle(f"{words} If you want yours instead, begin again from what stands now.", form_helps=True)
    return None


@dataclass(frozen=True, slots=True)
class WaysOn:
    """What is offered after a failure: another try, or why not; the form, in words, or none."""

    retry: bool
    why_no_retry: str
    form: str
    form_first: bool


def ways_on(action: str, cause: str, obstacle: Obstacle | None) -> WaysOn:
    """Return what is offered after a failure: nothing that could only be refused."""
    form = "" if action == Action.DELETE else "Open the form with everything typed"
    if obstacle is None:
        return WaysOn(retry=True, why_no_retry="", form=form, form_first=NAME_TAKEN in cause and bool(form))
    if not obstacle.form_helps:
        form = ""
    elif action == Action.CHANGE:
        form = "Begin again from what stands now"
    return WaysOn(retry=False, why_no_retry=obstacle.words, form=form, form_first=bool(form))
