"""Steps that several actions share: change sets as compare-and-swap, settling, removal, reading back."""

import contextlib
from collections.abc import Callable, Mapping

from django.utils import timezone

from aws.cloudformation import Stack
from aws.errors import ChangeSetNotFound, ChangeSetObsolete, NoUpdates, StackNotFound, TokenAlreadyUsed
from projects.stacks import invariants, mirror, reading
from projects.stacks.causes import root_cause
from projects.stacks.changes import UnsafeChange, judge
from projects.stacks.naming import Kind
from projects.stacks.protection import posture
from projects.stacks.spec import BucketSpec
from projects.stacks.status import StackStatus, parse
from projects.stacks.steps.outcomes import Done, Failed, Go, LookAgain, Outcome, Wait, Work
from projects.stacks.templates import RESOURCE_TYPES, Template, fingerprint, protection, read
from projects.stacks.templates import body as body_of

REBASES = 3
SETTLING_SECONDS = 60
VISIBLE_SECONDS = 15  # how long a fresh stack may stay unseen on AWS


def tags_of(spec: BucketSpec) -> dict[str, str]:
    """Return the stack's tags; CloudFormation hands them on to the resources."""
    return {"stackport:label": spec.label, "stackport:owner": spec.owner}


def spec_of(work: Work) -> BucketSpec:
    """Return the asked-for spec."""
    return BucketSpec.from_document(work.spec_document())


def read_again(work: Work) -> tuple[Stack, StackStatus]:
    """Read the operation's stack, tell the mirror, and return it. Raises StackNotFound."""
    operation = work.operation
    known = mirror.standing(operation.project, operation.stack_id)
    stack = work.reader.describe(operation.stack_id)
    status = parse(stack.status)
    if status.settled and not status.gone:
        stack, newest_at = reading.dated(work.reader, stack)
        body = work.reader.template(operation.stack_id)
        mirror.apply_reading(operation.project, stack, body, newest_at, known)
    return stack, parse(stack.status)


def executed(work: Work, step: str) -> bool:
    """Tell whether the step's change set was executed by an earlier try: the stack's events carry its token."""
    return any(event.token == work.token(step) for event in work.reader.events(work.operation.stack_id, limit=100))


def make_change_set(
    work: Work, template: Template, base: str, look: str, *, tags: Mapping[str, str] | None = None, **saved: object
) -> Outcome:
    """Ask for a change set of a wanted template, remembering the base that it was made from."""
    broken = invariants.check(template)
    if broken:
        return Failed("The portal refused its own template: " + "; ".join(broken))
    name = f"op-{work.token(look)}"
    work.save(base_fingerprint=base, change_set_id=name, **saved)
    try:
        found = work.stacks.create_change_set(
            work.operation.stack_id,
            name,
            body_of(template),
            token=work.token(look),
            resource_types=RESOURCE_TYPES[Kind.BUCKET],
            tags=tags,
        )
    except NoUpdates:
        return Done("Nothing had to be changed: it stands as asked for already.")
    work.save(change_set_id=found)
    return Go(look)


def judge_and_execute(work: Work, step: str, *, rebase: str, build: str) -> Outcome:
    """Look at the change set; execute it when the base still stands and nothing with data is touched."""
    operation = work.operation
    try:
        change_set = work.stacks.describe_change_set(operation.stack_id, operation.change_set_id)
    except ChangeSetNotFound:
        return Go(build) if executed(work, step) else moved(work, rebase)
    if change_set.execution_status.startswith("EXECUTE"):
        return Go(build)
    if change_set.running:
        return LookAgain(1)
    if change_set.empty:
        work.stacks.delete_change_set(operation.stack_id, operation.change_set_id)
        return Done("Nothing had to be changed: it stands as asked for already.")
    if change_set.status == "FAILED":
        return Failed(f"CloudFormation refused the change before it began. AWS says: {change_set.reason}")
    if fingerprint(work.reader.template(operation.stack_id)) != operation.base_fingerprint:
        if executed(work, step):  # by a worker that was late, its claim being run out
            return Go(build)
        work.stacks.delete_change_set(operation.stack_id, operation.change_set_id)
        return moved(work, rebase)
    try:
        judge(change_set.changes)
        work.stacks.execute_change_set(operation.stack_id, operation.change_set_id, token=work.token(step))
    except UnsafeChange as refusal:
        work.stacks.delete_change_set(operation.stack_id, operation.change_set_id)
        return Failed(str(refusal))
    except (ChangeSetObsolete, ChangeSetNotFound):
        return Go(build) if executed(work, step) else moved(work, rebase)
    except TokenAlreadyUsed:
        pass
    return Go(build)


def moved(work: Work, rebase: str) -> Outcome:
    """Start over from the template as it is now; give up after three moves."""
    if work.operation.rebases >= REBASES:
        return Failed(
            "Somebody else keeps changing this bucket outside the portal. Nothing was changed; try again later."
        )
    work.save(rebases=work.operation.rebases + 1, change_set_id="")
    return Go(rebase, "The template had moved; compared again.")


def settled_update(work: Work, step: str, *, rebase: str, then: Callable[[], Outcome]) -> Outcome:
    """Wait for the executed change set; go on when its template is in force."""
    stack, status = read_again(work)
    if not status.settled:
        return Wait()
    if not executed(work, step):
        # Its first event may take some seconds. What never began, whatever was answered, is asked for once more.
        return LookAgain(2) if _step_seconds(work) < VISIBLE_SECONDS else moved(work, rebase)
    if status == StackStatus.UPDATE_COMPLETE:
        return then()
    if status == StackStatus.UPDATE_ROLLBACK_FAILED:
        return Failed(
            "The change failed and could not be taken back whole. Staff must repair this stack before anything else."
        )
    cause = root_cause(work.reader.events(stack.stack_id, limit=100), work.token(step))
    return Failed(f"Rolled back: the bucket is as it was before. {cause}")


def _step_seconds(work: Work) -> float:
    """Return for how long the operation is at its present step."""
    operation = work.operation
    began_at = operation.steps.get(attempt=operation.attempt, name=operation.step).started_at
    return (timezone.now() - began_at).total_seconds()


def remove_stack(work: Work, then: str) -> Outcome:
    """Ask CloudFormation to delete the stack."""
    with contextlib.suppress(StackNotFound, TokenAlreadyUsed):
        work.stacks.delete(work.operation.stack_id, token=work.token("remove"))
    return Go(then)


def not_begun(work: Work, asking: str) -> Outcome:
    """Wait for a deletion to begin; what never begins, whatever was answered, is asked for once more."""
    return LookAgain(2) if _step_seconds(work) < VISIBLE_SECONDS else Go(asking, "It had not begun; asked once more.")


def gone(work: Work) -> StackStatus | None:
    """Return the status of a stack that should be gone; None when it is."""
    operation = work.operation
    known = mirror.standing(operation.project, operation.stack_id)
    try:
        stack = work.reader.describe(operation.stack_id)
    except StackNotFound:
        if known.row:
            mirror.forget(operation.project, operation.stack_id, observed=known.observed_at)
        return None
    status = parse(stack.status)
    if status.gone:
        stack, newest_at = reading.dated(work.reader, stack)
        mirror.apply_reading(operation.project, stack, "", newest_at, known)
        return None
    return status


def verify(work: Work) -> Outcome:
    """Read the bucket's protection back from S3 itself and compare it with the template; S3 may take some seconds."""
    spec = spec_of(work)
    parsed = read(work.reader.template(work.operation.stack_id))
    wanted = protection(spec, parsed.context)
    missing = [line.words for line in posture(work.buckets.configuration(spec.name), wanted) if not line.ok]
    if not missing:
        return Done(f"Bucket {spec.name} stands, with every protection read back from S3.")
    if _step_seconds(work) < SETTLING_SECONDS:
        return LookAgain(2, "S3 does not show every protection yet.")
    return Failed("The bucket stands, but S3 does not show these protections: " + "; ".join(missing))
