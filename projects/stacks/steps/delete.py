"""Delete an empty bucket: count, mark, count again, delete; an object that comes between stops it, and stays.

What is retained is deleted in two moves (DESIGN P3): a change set sets DeletionPolicy Delete with a mark in the
bucket's Metadata (the policy alone would be "no updates"), then DeleteStack. A stop in between flips it back.
"""

from aws.errors import PASSING, AWSError, BucketNotFound, StackNotFound
from aws.s3 import Contents
from projects.stacks.naming import Kind
from projects.stacks.status import StackStatus, parse
from projects.stacks.steps.common import (
    gone,
    judge_and_execute,
    make_change_set,
    not_begun,
    read_again,
    remove_stack,
    settled_update,
)
from projects.stacks.steps.outcomes import Done, Failed, Go, LookAgain, Outcome, Step, Wait, Work
from projects.stacks.templates import UnknownTemplate, fingerprint, read, render

GONE = "The bucket and its stack are gone already."


def _counted(contents: Contents) -> str:
    parts = [
        f"{number} {one if number == 1 else many}"
        for number, one, many in (
            (contents.objects, "object", "objects"),
            (contents.versions, "old version", "old versions"),
            (contents.delete_markers, "delete marker", "delete markers"),
        )
        if number
    ]
    return ("more than " if contents.truncated else "") + " and ".join(parts)


def _contents(work: Work) -> Contents | None:
    """Return what the bucket holds; None when it holds nothing or is gone."""
    try:
        contents = work.buckets.contents(work.operation.target_name)
    except BucketNotFound:
        return None
    return contents if contents.objects or contents.versions or contents.delete_markers else None


def count(work: Work) -> Outcome:
    """Refuse a bucket that is not empty before anything starts."""
    try:
        stack = work.reader.describe(work.operation.stack_id)
    except StackNotFound:
        return Done(GONE)
    status = parse(stack.status)
    if status.gone:
        return Done(GONE)
    if not status.settled:
        return LookAgain(3, "Another change of this stack is still running.")
    held = _contents(work)
    if held:
        return Failed(f"The bucket holds {_counted(held)}, so it was not deleted. Empty it first; nothing was changed.")
    return Go("unprotect") if status.deletable_only else Go("mark")


def _flip(work: Work, look: str, *, deleting: bool) -> Outcome:
    stack = work.reader.describe(work.operation.stack_id)
    if not parse(stack.status).settled:
        return LookAgain(3)
    base = work.reader.template(work.operation.stack_id)
    try:
        parsed = read(base)
    except UnknownTemplate as error:
        return Failed(f"The portal does not know this template, so it does not touch it: {error}")
    if parsed.deleting == deleting:
        return Go("recount" if deleting else "unmarkbuild")
    template = render(Kind.BUCKET, parsed.spec, parsed.context, deleting=deleting)
    return make_change_set(work, template, fingerprint(base), look)


def mark(work: Work) -> Outcome:
    """Ask for the change set that lets CloudFormation delete the bucket."""
    return _flip(work, "marklook", deleting=True)


def mark_look(work: Work) -> Outcome:
    """Judge and execute the mark."""
    return judge_and_execute(work, "marklook", rebase="mark", build="markbuild")


def mark_build(work: Work) -> Outcome:
    """Wait for the mark."""
    return settled_update(work, "marklook", rebase="mark", then=lambda: Go("recount"))


def recount(work: Work) -> Outcome:
    """Look once more, now that the bucket could be deleted; take the mark back when something arrived."""
    held = _contents(work)
    if held:
        work.save(
            cause=f"While the deletion was being prepared, something arrived: the bucket holds {_counted(held)}. "
            "Nothing was lost and the bucket stays."
        )
        return Go("unmark", failed=True)
    return Go("unprotect")


def unmark(work: Work) -> Outcome:
    """Ask for the change set that keeps the bucket again."""
    return _flip(work, "unmarklook", deleting=False)


def unmark_look(work: Work) -> Outcome:
    """Judge and execute the taking back."""
    return judge_and_execute(work, "unmarklook", rebase="unmark", build="unmarkbuild")


def unmark_build(work: Work) -> Outcome:
    """Wait for the taking back, then end with what was found."""
    _stack, status = read_again(work)
    if not status.settled:
        return Wait()
    return Failed(work.operation.cause, here=False)


def unprotect(work: Work) -> Outcome:
    """Take termination protection off."""
    work.stacks.set_termination_protection(work.operation.stack_id, on=False)
    return Go("remove")


def remove(work: Work) -> Outcome:
    """Delete the stack; when AWS refuses, the bucket is protected again and loses its mark."""
    try:
        return remove_stack(work, "removing")
    except PASSING:
        raise
    except AWSError as refusal:
        work.save(cause=f"{refusal.words} The bucket stays as it was.")
        return Go("protect", failed=True)


def protect(work: Work) -> Outcome:
    """Put termination protection on again, then take the mark back."""
    work.stacks.set_termination_protection(work.operation.stack_id, on=True)
    return Go("unmark")


def removing(work: Work) -> Outcome:
    """Wait until bucket and stack are gone."""
    status = gone(work)
    if status is None:
        return Done(f"Bucket {work.operation.target_name} is deleted.")
    if not status.settled:
        return Wait()
    if status == StackStatus.DELETE_FAILED:
        held = _contents(work)
        found = f"it holds {_counted(held)}" if held else "AWS kept it"
        return Failed(
            f"The deletion stopped: {found}. Nothing in it was lost. Empty the bucket, then delete it again; "
            "until then it takes no other change."
        )
    return not_begun(work, "unprotect")


STEPS: dict[str, Step] = {
    "count": count,
    "mark": mark,
    "marklook": mark_look,
    "markbuild": mark_build,
    "recount": recount,
    "unprotect": unprotect,
    "remove": remove,
    "removing": removing,
    "protect": protect,
    "unmark": unmark,
    "unmarklook": unmark_look,
    "unmarkbuild": unmark_build,
}
