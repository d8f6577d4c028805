"""What a step notes while it waits reaches open pages once, not at every look."""

import pytest

from people.models import Person
from projects import worker
from projects.actions import buckets
from projects.models import Operation, OperationStep, Project
from projects.stacks.steps.outcomes import LookAgain
from tests.projects.specs import asker, spec_for


@pytest.fixture
def operation(acme: Project, ana: Person, label: str) -> Operation:
    return buckets.create(acme, spec_for(acme, ana, label), by=asker(ana))


def look(operation: Operation, note: str) -> int:
    """Let a step end by looking again later; return the version that pages compare."""
    held = worker.claim(operation.pk)
    assert held is not None
    OperationStep.objects.get_or_create(operation=operation, attempt=held.attempt, name=held.step)
    worker.advance(held, LookAgain(1, note))
    operation.refresh_from_db()
    return operation.version


def test_a_note_moves_the_version_when_it_is_another_one(operation: Operation) -> None:
    before = operation.version
    waiting = look(operation, "AWS asked to wait: Throttling.")
    assert waiting > before
    assert look(operation, "AWS asked to wait: Throttling.") == waiting
    assert look(operation, "") == waiting
    assert look(operation, "The mirror does not answer.") > waiting
    assert operation.steps.get(name=operation.step).note == "The mirror does not answer."


def test_a_worker_that_lost_its_hold_notes_nothing(operation: Operation) -> None:
    held = worker.claim(operation.pk)
    assert held is not None
    OperationStep.objects.get_or_create(operation=operation, attempt=held.attempt, name=held.step)
    Operation.objects.update(leased_until=None)
    with pytest.raises(worker.LostClaim):
        worker.advance(held, LookAgain(1, "too late"))
    assert not OperationStep.objects.filter(note="too late").exists()
