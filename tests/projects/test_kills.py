"""Workers die at every call of every step, before it is sent and with its answer lost; operations end right all the same.

A worker killed by SIGKILL leaves the claimed row and whatever its calls have done: exactly what these tests leave. Whole
processes are killed in tests/portal/test_killed_*.py and in tests/browser/test_live_channel.py.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from uuid import UUID

import pytest
from django.utils import timezone

from aws import clients
from aws.accounts import Role
from people.models import Person
from projects import live, worker
from projects.actions import buckets, operations, projects
from projects.models import Action, Operation, Project, State
from projects.stacks import accounts
from projects.stacks.steps import STEPS
from projects.stacks.steps.outcomes import Wait
from tests import portal_run
from tests.calls import Killed, interrupted, killed
from tests.projects.specs import asker, spec_for
from tests.projects.ways import REFUSED, WAYS, WAYS_BACK

CALLS_AT_MOST = 30


def ask(project: Project, person: Person, label: str, action: Action) -> Operation:
    """Ask for an operation of a kind, on a bucket that stands where it must."""
    spec = spec_for(project, person, label)
    created = buckets.create(project, spec, by=asker(person))
    if action == Action.CREATE:
        return created
    assert portal_run.settle(created).state == State.SUCCEEDED
    if action == Action.DELETE:
        return buckets.delete(project, spec.name, by=asker(person))
    stack = live.find_bucket(project, spec.name)
    assert stack is not None
    return buckets.change(project, spec, replace(spec, purpose="Another"), stack.fingerprint, by=asker(person))


def reach(operation: Operation, step: str) -> None:
    portal_run.until(lambda: Operation.objects.get(pk=operation.pk).step == step)


def bells() -> list[dict[str, str]]:
    """Take the bells that wait out of their queue."""
    return [json.loads(message.body) for message in portal_run.take(operations.operations_queue())]


def lease_runs_out(operation: Operation) -> None:
    """Let the time pass that a dead worker's claim stands."""
    Operation.objects.filter(pk=operation.pk).update(leased_until=timezone.now(), step_due_at=timezone.now())


def die_at_every_call(operation: Operation) -> int:
    """Let one worker after the other die in the operation's step, each at a later moment; return how many died."""
    for moment in range(2 * CALLS_AT_MOST):
        try:
            with killed(call=moment // 2, answered=bool(moment % 2)):
                worker.run_step(operation.pk)
        except Killed:
            lease_runs_out(operation)
            continue
        return moment
    raise AssertionError("the step makes more calls than a step should")


@pytest.mark.parametrize(("action", "step"), [(action, step) for action, steps in WAYS.items() for step in steps])
def test_a_worker_that_dies_at_any_call_is_replaced(
    acme: Project, ana: Person, label: str, action: Action, step: str
) -> None:
    operation = ask(acme, ana, label, action)
    reach(operation, step)

    assert die_at_every_call(operation) > 0

    portal_run.settle(operation, sweeping=True)
    assert operation.state == State.SUCCEEDED, operation.cause
    assert_in_force(operation)


@pytest.mark.parametrize("step", WAYS_BACK[Action.CREATE])
def test_a_worker_that_dies_while_remains_are_removed_is_replaced(
    acme: Project, harbour: Project, ana: Person, label: str, step: str
) -> None:
    stranger = clients.organisation_member(harbour.account_id, "s3", "eu-west-1")
    name = spec_for(acme, ana, label).name
    stranger.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    operation = ask(acme, ana, label, Action.CREATE)
    reach(operation, step)

    assert die_at_every_call(operation) > 0

    portal_run.settle(operation, sweeping=True)
    assert operation.state == State.FAILED
    assert "name is taken" in operation.cause
    assert "Nothing was left behind" in operation.cause
    assert operation.stack_name not in {stack.name for stack in accounts.reader(acme).list()}


@pytest.mark.parametrize("step", WAYS_BACK[Action.DELETE])
def test_a_worker_that_dies_while_a_mark_is_taken_back_is_replaced(
    acme: Project, ana: Person, label: str, step: str
) -> None:
    operation = ask(acme, ana, label, Action.DELETE)
    reach(operation, "markbuild")
    s3 = clients.organisation_member(acme.account_id, "s3", acme.region)
    s3.put_object(Bucket=operation.target_name, Key="invoice.pdf", Body=b"content")
    reach(operation, step)

    assert die_at_every_call(operation) > 0

    portal_run.settle(operation, sweeping=True)
    assert operation.state == State.FAILED
    assert "Nothing was lost" in operation.cause
    found = live.find_bucket(acme, operation.target_name)
    assert found is not None
    assert not found.deleting
    assert s3.get_object(Bucket=operation.target_name, Key="invoice.pdf")["Body"].read() == b"content"


@contextmanager
def denied(project: Project, role: Role, action: str) -> Iterator[None]:
    """The account's administrator takes a right from one of the portal's roles meanwhile."""
    iam = clients.organisation_member(project.account_id, "iam", project.region)
    named = {"RoleName": project.account.role_arn(role).rpartition("/")[2], "PolicyName": "denied-for-a-test"}
    statement = {"Effect": "Deny", "Action": action, "Resource": "*"}
    iam.put_role_policy(**named, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    try:
        yield
    finally:
        iam.delete_role_policy(**named)


def is_protected(operation: Operation) -> bool:
    cloudformation = clients.organisation_member(operation.project.account_id, "cloudformation", "eu-west-1")
    (stack,) = cloudformation.describe_stacks(StackName=operation.stack_id)["Stacks"]
    return bool(stack["EnableTerminationProtection"])


@pytest.mark.parametrize("dies", [False, True])
def test_a_refused_deletion_leaves_the_bucket_protected_and_unmarked(
    acme: Project, ana: Person, label: str, dies: bool
) -> None:
    operation = ask(acme, ana, label, Action.DELETE)
    reach(operation, "remove")
    assert not is_protected(operation)
    with denied(acme, Role.DEPLOY, "cloudformation:DeleteStack"):
        reach(operation, "protect")
        if dies:
            assert die_at_every_call(operation) > 0
        portal_run.settle(operation, sweeping=True)

    assert operation.state == State.FAILED
    assert "AWS refused DeleteStack" in operation.cause
    assert is_protected(operation)
    found = live.find_bucket(acme, operation.target_name)
    assert found is not None
    assert not found.deleting
    assert portal_run.settle(operations.retry(operation, by=ana)).state == State.SUCCEEDED


def test_a_creation_that_could_not_be_looked_at_goes_on_with_its_stack(acme: Project, ana: Person, label: str) -> None:
    operation = ask(acme, ana, label, Action.CREATE)
    reach(operation, "build")
    with denied(acme, Role.READ, "cloudformation:DescribeStacks"):
        worker.run_step(operation.pk)
    operation.refresh_from_db()
    assert operation.state == State.FAILED
    stood = operation.stack_id

    again = portal_run.settle(operations.retry(operation, by=ana))

    assert again.state == State.SUCCEEDED, again.cause
    assert again.stack_id == stood
    assert is_protected(again)


def test_an_end_that_was_not_written_whole_is_written_again(
    acme: Project, ana: Person, label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = ask(acme, ana, label, Action.CREATE)
    with monkeypatch.context() as patched:

        def die(*_: object, **__: object) -> None:
            raise Killed

        patched.setattr(worker, "_end_step", die)
        with pytest.raises(Killed):
            worker.run_step(operation.pk)
    lease_runs_out(operation)

    portal_run.settle(operation, sweeping=True)

    assert operation.state == State.SUCCEEDED, operation.cause
    assert not operation.steps.filter(ended_at=None).exists()


def test_what_was_not_begun_waits_when_staff_freezes_the_project(acme: Project, ana: Person, label: str) -> None:
    operation = ask(acme, ana, label, Action.CREATE)
    operation.refresh_from_db()
    assert operation.state == State.RUNNING
    projects.freeze(acme, reason="audit")
    try:
        while portal_run.ring_one():
            pass
        operation.refresh_from_db()
        assert (operation.state, operation.stack_name) == (State.WAITING, "")
    finally:
        projects.thaw(acme)
    assert portal_run.settle(operation).state == State.SUCCEEDED


@pytest.mark.parametrize(
    ("action", "asking", "waiting"),
    [
        (Action.CHANGE, "look", "build"),
        (Action.DELETE, "marklook", "markbuild"),
        (Action.DELETE, "remove", "removing"),
    ],
)
def test_what_was_answered_but_never_began_is_asked_for_again(
    acme: Project, ana: Person, label: str, monkeypatch: pytest.MonkeyPatch, action: Action, asking: str, waiting: str
) -> None:
    monkeypatch.setattr("projects.stacks.steps.common.VISIBLE_SECONDS", 0)
    operation = ask(acme, ana, label, action)
    reach(operation, asking)
    # As an AWS leaves it that took the request and forgot it, as a killed local one may.
    Operation.objects.filter(pk=operation.pk).update(step=waiting, step_due_at=timezone.now())

    portal_run.settle(operation, sweeping=True)

    assert operation.state == State.SUCCEEDED, operation.cause
    assert_in_force(operation)


def assert_in_force(operation: Operation) -> None:
    """The outcome stands once, in CloudFormation itself."""
    found = live.find_bucket(operation.project, operation.target_name)
    if operation.action == Action.DELETE:
        assert found is None
        return
    assert found is not None
    assert operation.after is not None
    assert found.spec is not None
    assert found.spec.to_document() == operation.after
    named = [stack for stack in accounts.reader(operation.project).list() if stack.stack_id == operation.stack_id]
    assert len(named) == 1


@pytest.fixture
def held(acme: Project, ana: Person, label: str) -> worker.Claim:
    """A worker's claim on the first step of a creation; no bell waits."""
    claim = worker.claim(ask(acme, ana, label, Action.CREATE).pk)
    assert claim is not None
    portal_run.purge()
    return claim


def test_a_claim_keeps_others_away_until_it_runs_out(held: worker.Claim) -> None:
    assert worker.claim(held.operation.pk) is None
    lease_runs_out(held.operation)
    assert worker.claim(held.operation.pk) is not None


def test_a_bell_that_meets_a_claim_rings_again_when_the_step_waits(held: worker.Claim) -> None:
    """The step may have asked just before the stack settled, and the bell come just after."""
    worker.run_step(held.operation.pk)  # the bell's
    assert not bells()
    worker.advance(held, Wait())

    assert bells() == [{"operation": str(held.operation.pk)}]
    assert worker.claim(held.operation.pk) is not None


def test_a_step_that_nobody_rang_for_waits_in_silence(held: worker.Claim) -> None:
    worker.advance(held, Wait())

    assert not bells()


def test_a_bell_takes_the_step_whose_claim_ends_just_then(held: worker.Claim, monkeypatch: pytest.MonkeyPatch) -> None:
    hurry = worker.hurry

    def late(operation_id: UUID) -> bool:
        worker.advance(held, Wait())
        return hurry(operation_id)

    monkeypatch.setattr(worker, "hurry", late)
    worker.run_step(held.operation.pk)

    held.operation.refresh_from_db()
    assert held.operation.step == "build"


def test_a_worker_that_lost_its_claim_writes_nothing(held: worker.Claim) -> None:
    lease_runs_out(held.operation)
    assert worker.claim(held.operation.pk) is not None

    with pytest.raises(worker.LostClaim):
        held.save(stack_name="portal-bucket-too-late-aaaaaa")

    held.operation.refresh_from_db()
    assert held.operation.stack_name == ""


@pytest.mark.parametrize(
    ("action", "look", "then"), [(Action.CHANGE, "look", "build"), (Action.DELETE, "marklook", "markbuild")]
)
def test_what_a_late_worker_executed_is_no_move_of_somebody_else(
    acme: Project, ana: Person, label: str, action: Action, look: str, then: str
) -> None:
    operation = ask(acme, ana, label, action)
    reach(operation, look)
    operation.refresh_from_db()

    def late_worker() -> None:
        """Its claim has run out, but its call is on the way."""
        stacks = accounts.deployer(acme, actor="late")
        stacks.execute_change_set(operation.stack_id, operation.change_set_id, token=operation.token(look))
        portal_run.until(lambda: accounts.reader(acme).describe(operation.stack_id).status == "UPDATE_COMPLETE")

    with interrupted(late_worker, named="GetTemplate"):
        worker.run_step(operation.pk)

    operation.refresh_from_db()
    assert (operation.step, operation.rebases) == (then, 0)
    portal_run.settle(operation)
    assert operation.state == State.SUCCEEDED, operation.cause
    assert_in_force(operation)


def test_every_step_has_words_and_every_way_is_known() -> None:
    from projects.stacks.steps import WORDS

    for action, steps in STEPS.items():
        assert set(steps) <= set(WORDS)
        named = {*WAYS[Action(action)], *WAYS_BACK.get(Action(action), ()), *REFUSED.get(Action(action), ())}
        assert named == set(steps)


def test_what_waits_is_started_when_the_start_was_lost(acme: Project, ana: Person, label: str) -> None:
    operation = ask(acme, ana, label, Action.CREATE)
    Operation.objects.filter(pk=operation.pk).update(state=State.WAITING, step="", step_due_at=None, started_at=None)
    portal_run.purge()

    portal_run.settle(operation, sweeping=True)

    assert operation.state == State.SUCCEEDED, operation.cause


def waiting_for(condition: Operation, person: Person, label: str) -> Operation:
    spec = spec_for(condition.project, person, label)
    asked = operations.Request(
        action=Action.CREATE,
        target=live.bucket_item(spec.name),
        author=person,
        request_key=asker(person).request_key,
        after=spec.to_document(),
        depends_on=condition,
    )
    return operations.request(condition.project, asked)


def test_a_dependent_operation_waits_for_its_condition(acme: Project, ana: Person, label: str) -> None:
    first = ask(acme, ana, label, Action.CREATE)
    second = waiting_for(first, ana, f"{label}-two")
    assert second.state == State.WAITING

    assert portal_run.settle(first).state == State.SUCCEEDED
    assert portal_run.settle(second).state == State.SUCCEEDED


def test_what_follows_a_change_that_did_not_succeed_is_not_started(acme: Project, ana: Person, label: str) -> None:
    first = ask(acme, ana, label, Action.CREATE)
    Operation.objects.filter(pk=first.pk).update(state=State.WAITING, step="", started_at=None)
    second = waiting_for(first, ana, f"{label}-two")
    third = waiting_for(second, ana, f"{label}-three")

    operations.cancel(first, by=ana)

    for operation in (second, third):
        operation.refresh_from_db()
        assert operation.state == State.FAILED
        assert "which did not succeed, so it was not started" in operation.cause


def test_what_is_tried_again_goes_to_the_end_of_the_queue(acme: Project, ana: Person, label: str) -> None:
    first = ask(acme, ana, label, Action.CHANGE)
    spec = spec_for(acme, ana, label)
    stack = live.find_bucket(acme, spec.name)
    assert stack is not None
    running, waiting = (
        buckets.change(acme, spec, replace(spec, versions_days=days), stack.fingerprint, by=asker(ana))
        for days in (7, 365)
    )
    Operation.objects.filter(pk=first.pk).update(state=State.FAILED, step="verify")
    Operation.objects.filter(pk=running.pk).update(state=State.RUNNING, step="compare")
    first.refresh_from_db()

    again = operations.retry(first, by=ana)
    assert again.state == State.WAITING
    Operation.objects.filter(pk=running.pk).update(state=State.CANCELLED)
    operations.start_waiting(acme, [again.target])

    waiting.refresh_from_db()
    again.refresh_from_db()
    assert (waiting.state, again.state) == (State.RUNNING, State.WAITING)
