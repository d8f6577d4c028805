"""Workers die in the middle of every step, before and after its calls; the operation ends right all the same.

A worker killed by SIGKILL leaves the claimed row and whatever its calls have done: exactly what these tests leave.
"""

from dataclasses import replace

import pytest
from django.utils import timezone

from people.models import Person
from projects import live, worker
from projects.actions import buckets, operations
from projects.models import Action, Operation, Project, State
from projects.stacks import accounts
from projects.stacks.steps import STEPS
from tests import portal_run
from tests.projects.specs import asker, spec_for

# What happens on the way when nothing goes wrong; the other steps are ways back.
WAYS = {
    Action.CREATE: ("submit", "build", "protect", "verify"),
    Action.CHANGE: ("compare", "look", "build", "verify"),
    Action.DELETE: ("count", "mark", "marklook", "markbuild", "recount", "unprotect", "remove", "removing"),
}
DEATHS = [(action, step) for action, steps in WAYS.items() for step in steps]


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


def lease_runs_out(operation: Operation) -> None:
    """Let the time pass that a dead worker's claim stands."""
    Operation.objects.filter(pk=operation.pk).update(leased_until=timezone.now(), step_due_at=timezone.now())


@pytest.mark.parametrize(("action", "step"), DEATHS)
def test_a_worker_that_dies_after_its_calls_is_replaced(
    acme: Project, ana: Person, label: str, action: Action, step: str
) -> None:
    operation = ask(acme, ana, label, action)
    reach(operation, step)
    held = worker.claim(operation.pk)
    assert held is not None
    worker.take(held)  # the calls are made; what came of them dies with the worker
    lease_runs_out(operation)

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


def test_a_claim_keeps_others_away_until_it_runs_out(acme: Project, ana: Person, label: str) -> None:
    operation = ask(acme, ana, label, Action.CREATE)

    first = worker.claim(operation.pk)

    assert first is not None
    assert worker.claim(operation.pk) is None
    lease_runs_out(operation)
    assert worker.claim(operation.pk) is not None


def test_a_worker_that_lost_its_claim_writes_nothing(acme: Project, ana: Person, label: str) -> None:
    operation = ask(acme, ana, label, Action.CREATE)
    late = worker.claim(operation.pk)
    assert late is not None
    lease_runs_out(operation)
    assert worker.claim(operation.pk) is not None

    with pytest.raises(worker.LostClaim):
        late.save(stack_name="portal-bucket-too-late-aaaaaa")

    operation.refresh_from_db()
    assert operation.stack_name == ""


def test_every_step_has_words_and_every_way_is_known() -> None:
    from projects.stacks.steps import WORDS

    for action, steps in STEPS.items():
        assert set(steps) <= set(WORDS)
        assert set(WAYS[Action(action)]) <= set(steps)


def test_what_waits_is_started_when_the_start_was_lost(acme: Project, ana: Person, label: str) -> None:
    operation = ask(acme, ana, label, Action.CREATE)
    Operation.objects.filter(pk=operation.pk).update(state=State.WAITING, step="", step_due_at=None, started_at=None)
    portal_run.purge()

    portal_run.settle(operation, sweeping=True)

    assert operation.state == State.SUCCEEDED, operation.cause


def test_a_dependent_operation_waits_for_its_condition(acme: Project, ana: Person, label: str) -> None:
    first = ask(acme, ana, label, Action.CREATE)
    spec = spec_for(acme, ana, f"{label}-two")
    second = operations.request(
        acme,
        operations.Request(
            action=Action.CREATE,
            target=live.bucket_item(spec.name),
            author=ana,
            request_key=asker(ana).request_key,
            after=spec.to_document(),
            depends_on=first,
        ),
    )
    assert second.state == State.WAITING

    assert portal_run.settle(first).state == State.SUCCEEDED
    assert portal_run.settle(second).state == State.SUCCEEDED
