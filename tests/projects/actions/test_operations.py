"""How many operations may be open at a time: of one person, and in a project. Nothing here goes as far as AWS."""

from typing import Any

import pytest

from people.models import Person
from projects.actions import buckets, operations
from projects.errors import TooManyOpen
from projects.models import Membership, Operation, Project, Role, State
from tests.factories import MembershipFactory, PersonFactory
from tests.projects.specs import asker, spec_for


@pytest.fixture(autouse=True)
def limits(portal_tables: None, settings: Any) -> None:
    """Two of one person, three in a project."""
    settings.STACKPORT_OPEN_PER_PERSON, settings.STACKPORT_OPEN_PER_PROJECT = 2, 3


@pytest.fixture
def ben(project: Project) -> Person:
    """Another manager of the project."""
    person = PersonFactory(name="Ben Manager")
    Membership.objects.create(project=project, person=person, role=Role.MANAGER)
    return person


def create(project: Project, person: Person, label: str, key: str = "") -> Operation:
    return buckets.create(project, spec_for(project, person, label), by=asker(person, key))


def test_one_person_leaves_room_for_the_others(project: Project, manager: Person, ben: Person) -> None:
    for label in ("first", "second"):
        create(project, manager, label)

    with pytest.raises(TooManyOpen, match="Your changes under way in this project, waiting ones included: 2"):
        create(project, manager, "third")

    assert create(project, ben, "third").is_open
    assert Operation.objects.count() == 3, "what was refused left a row"


def test_a_project_takes_no_more_than_its_share(project: Project, manager: Person, ben: Person) -> None:
    for number, person in enumerate((manager, manager, ben)):
        create(project, person, f"b{number}")

    with pytest.raises(
        TooManyOpen, match=r"^Changes under way in this project, waiting ones included: 3\. More than 3"
    ):
        create(project, ben, "one-more")


def test_other_projects_do_not_count(project: Project, manager: Person) -> None:
    other = MembershipFactory(person=manager).project
    for label in ("first", "second"):
        create(other, manager, label)

    assert create(project, manager, "first").is_open


def test_what_has_settled_does_not_count(project: Project, manager: Person) -> None:
    for number, state in enumerate((State.SUCCEEDED, State.FAILED, State.CANCELLED)):
        Operation.objects.filter(pk=create(project, manager, f"b{number}").pk).update(state=state)

    assert create(project, manager, "one-more").is_open


def test_a_double_click_finds_its_operation_at_the_limit_too(project: Project, manager: Person) -> None:
    create(project, manager, "first")
    second = create(project, manager, "second", "k" * 32)

    assert create(project, manager, "second", "k" * 32) == second


def test_another_try_counts_for_who_tries(project: Project, manager: Person, ben: Person) -> None:
    failed = create(project, manager, "first")
    Operation.objects.update(state=State.FAILED)
    for label in ("second", "third"):
        create(project, manager, label)
    failed.refresh_from_db()

    with pytest.raises(TooManyOpen):
        operations.retry(failed, by=manager)

    failed.refresh_from_db()
    assert (failed.state, failed.attempt, failed.retried_by) == (State.FAILED, 1, None)
    operations.retry(failed, by=ben)
    assert Operation.objects.all().open().of_actor(ben).get() == failed
    assert Operation.objects.all().open().of_actor(manager).count() == 2
