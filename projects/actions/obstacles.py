"""What stands in the way of a change, in words: names that are taken, deletions under way, conflicts, what is gone."""

from projects import live
from projects.models import Action, Operation, Project
from projects.stacks.changes import conflict_words, conflicts

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
        return f"{creating.actor} is creating a bucket of this name right now."
    if live.find_bucket(project, name):
        return "This project has a bucket of this name already."
    return ""


def being_deleted(project: Project, name: str) -> str:
    """Return that a bucket is being deleted, if it is."""
    deleting = live.of_target(project, live.bucket_item(name)).filter(action=Action.DELETE).open()
    return "This bucket is being deleted." if deleting.exists() else ""


def resumed_at(operation: Operation) -> str:
    """Return the step at which a failed operation goes on; empty when it starts over."""
    return RESUMED_AT.get((Action(operation.action), operation.step), "")


def against_retry(operation: Operation) -> str:
    """Return why trying a failed operation again could only fail; empty when it may succeed."""
    project, name = operation.project, operation.target_name
    if operation.action == Action.CREATE:
        return "" if resumed_at(operation) else taken_by(project, name)
    if found := being_deleted(project, name):
        return found
    stack = live.find_bucket(project, name)
    if stack is None or stack.stack_id != operation.stack_id:
        return "The bucket that this was about does not exist any more, so there is nothing to try again."
    if operation.action == Action.CHANGE and operation.before is not None and stack.spec is not None:
        fought_over = conflicts(operation.before, operation.after or {}, stack.spec.to_document())
        if fought_over:
            return conflict_words(fought_over, stack.spec) + " Open the form with everything typed instead."
    return ""
