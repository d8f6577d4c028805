"""Change a bucket: read base, change set, read base again and compare, judge, execute (DESIGN P3)."""

from dataclasses import replace

from aws.errors import StackNotFound
from projects.stacks.changes import conflict_words, conflicts, in_words, rebased, tags_problem
from projects.stacks.naming import Kind
from projects.stacks.spec import BucketSpec
from projects.stacks.status import parse
from projects.stacks.steps.common import judge_and_execute, make_change_set, settled_update, spec_of, tags_of, verify
from projects.stacks.steps.outcomes import Done, Failed, Go, LookAgain, Outcome, Step, Work
from projects.stacks.templates import UnknownTemplate, fingerprint, read, render
from projects.stacks.templates import body as body_of

GONE = "The bucket's stack does not exist any more, so nothing could be changed."


def compare(work: Work) -> Outcome:
    """Read the base, merge what was asked for into it, and ask for a change set."""
    operation = work.operation
    try:
        stack = work.reader.describe(operation.stack_id)
    except StackNotFound:
        return Failed(GONE)
    status = parse(stack.status)
    if status.gone:
        return Failed(GONE)
    if not status.settled:
        return LookAgain(3, "Another change of this stack is still running.")
    if not status.editable:
        return Failed(f"The stack cannot be changed now: {status.words}. Staff must repair or remove it first.")
    base = work.reader.template(operation.stack_id)
    try:
        parsed = read(base)
    except UnknownTemplate as error:
        return Failed(f"The portal does not know this template, so it does not touch it: {error}")
    if not isinstance(parsed.spec, BucketSpec) or operation.before is None:
        return Failed("The stack holds no bucket that the portal knows.")
    now = parsed.spec.to_document()
    asked = work.spec_document()
    # Both to one field is for people to settle.
    if fought_over := conflicts(operation.before, asked, now):
        words = conflict_words(fought_over, parsed.spec, stored=True)
        return Failed(f"{words} Open the form again if you want yours instead.")
    wanted = rebased(BucketSpec.from_document(operation.before), BucketSpec.from_document(asked), parsed.spec)
    wanted = replace(wanted, name=parsed.spec.name, label=parsed.spec.label)
    if problem := tags_problem(wanted):
        return Failed(f"{problem} Nothing was changed.")
    template = render(Kind.BUCKET, wanted, parsed.context)
    if fingerprint(body_of(template)) == fingerprint(base):
        return Done("Nothing had to be changed: it stands as asked for already.")
    return make_change_set(
        work,
        template,
        fingerprint(base),
        "look",
        tags=tags_of(wanted),
        before=now,
        after=wanted.to_document(),
    )


def look(work: Work) -> Outcome:
    """Judge the change set and execute it."""
    return judge_and_execute(work, "look", rebase="compare", build="build")


def build(work: Work) -> Outcome:
    """Wait for the change to settle."""
    return settled_update(work, "look", rebase="compare", then=lambda: Go("verify"))


def read_back(work: Work) -> Outcome:
    """Read the protection back and say what was changed."""
    outcome = verify(work)
    if isinstance(outcome, Done) and work.operation.before:
        lines = in_words(BucketSpec.from_document(work.operation.before), spec_of(work))
        return Done("; ".join(lines) or outcome.words)
    return outcome


STEPS: dict[str, Step] = {"compare": compare, "look": look, "build": build, "verify": read_back}
