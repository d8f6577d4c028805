"""What staff can change by hand, and what not: states move by actions with a reason, rows of operations by nobody."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.test import Client

from aws import sqs
from people.models import Person
from projects import queues, sweep
from projects.models import Action, Membership, Operation, OperationStep, Project, ProjectState, State
from projects.stacks import readings
from tests.factories import PersonFactory, ProjectFactory

pytestmark = pytest.mark.usefixtures("portal_tables")

PROJECTS = "/admin/projects/project/"
OPERATIONS = "/admin/projects/operation/"
TURNED = "Ana\u202egpj.exe"


def act(client: Client, where: str, action: str, row: Project | Operation, **typed: str) -> str:
    """Take an action on one row; return the page that follows."""
    answer = client.post(where, {"action": action, "_selected_action": str(row.pk), **typed}, follow=True)
    return answer.content.decode()


def test_freezing_needs_a_reason_and_shows_it(sam: Client, project: Project) -> None:
    assert "Say why" in act(sam, PROJECTS, "freeze", project)
    project.refresh_from_db()
    assert project.state == ProjectState.ACTIVE
    act(sam, PROJECTS, "freeze", project, reason="audit until Friday")
    project.refresh_from_db()
    assert project.why_closed == "Staff has frozen this project: audit until Friday."
    assert LogEntry.objects.get().change_message == "Frozen: audit until Friday"

    assert "Only an active project can be frozen" in act(sam, PROJECTS, "freeze", project, reason="again")
    act(sam, PROJECTS, "thaw", project)
    project.refresh_from_db()
    assert (project.state, project.frozen_reason) == (ProjectState.ACTIVE, "")


@pytest.mark.parametrize("action", ["freeze", "thaw"])
def test_what_is_being_set_up_becomes_active_by_no_action(sam: Client, action: str) -> None:
    project = ProjectFactory(state=ProjectState.ONBOARDING)
    act(sam, PROJECTS, action, project, reason="so")
    project.refresh_from_db()
    assert project.state == ProjectState.ONBOARDING


def test_nothing_that_buckets_hang_on_can_be_changed_by_hand(sam: Client) -> None:
    project = ProjectFactory(state=ProjectState.ONBOARDING, slug="kept", region="eu-west-1", bucket_prefix="kept")
    page = f"{PROJECTS}{project.pk}/change/"
    sent = {
        "name": "New name",
        "purpose": "New purpose",
        "slug": "other",
        "account_id": "999999999999",
        "region": "us-east-1",
        "bucket_prefix": "other",
        "state": "active",
        "frozen_reason": "x",
        "memberships-TOTAL_FORMS": "0",
        "memberships-INITIAL_FORMS": "0",
    }
    assert sam.post(page, sent).status_code == 302
    found = Project.objects.get(pk=project.pk)
    assert (found.name, found.purpose) == ("New name", "New purpose")
    for name in ("slug", "account_id", "region", "bucket_prefix", "state", "frozen_reason"):
        assert getattr(found, name) == getattr(project, name)


def test_a_new_project_begins_with_being_set_up(sam: Client) -> None:
    sent = {
        "name": "New",
        "slug": "new",
        "account_id": "123456789012",
        "region": "eu-west-1",
        "bucket_prefix": "new",
        "state": "active",
        "memberships-TOTAL_FORMS": "0",
        "memberships-INITIAL_FORMS": "0",
    }
    sam.post(f"{PROJECTS}add/", sent)
    assert Project.objects.get(slug="new").state == ProjectState.ONBOARDING


@pytest.mark.parametrize("prefix", ["sthree", "sthree-configurator", "amzn-s3-demo", "amzn-s3-demo-x"])
def test_a_prefix_that_s3_refuses_is_refused_with_the_project(prefix: str) -> None:
    project = ProjectFactory.build(bucket_prefix=prefix)
    with pytest.raises(ValidationError, match="AWS keeps names that begin like this for itself"):
        project.full_clean()
    ProjectFactory.build(bucket_prefix="sthrees").full_clean()


def test_names_show_what_was_typed(sam: Client, project: Project) -> None:
    for person in (Person(email="x@example.com", name=TURNED), Person(email="x@example.com", name="A\nB")):
        with pytest.raises(ValidationError, match="turn the reading direction"):
            person.clean()
    with pytest.raises(ValidationError, match="turn the reading direction"):
        ProjectFactory.build(name=TURNED).full_clean()
    assert "turn the reading direction" in act(sam, PROJECTS, "freeze", project, reason=TURNED)
    project.refresh_from_db()
    assert project.state == ProjectState.ACTIVE
    Person(email="x@example.com", name="Zoë O'Brien-Łukasz 李 𠀀").clean()


# -- operations --------------------------------------------------------------------------------------------------------


@pytest.fixture
def failed(project: Project, manager: Person) -> Operation:
    """A creation that failed."""
    operation = Operation.objects.create(
        project=project,
        action=Action.CREATE,
        target="bucket:acme-in-200000000000-eu-west-1-an",
        author=manager,
        request_key="k",
        state=State.FAILED,
        after={},
    )
    OperationStep.objects.create(operation=operation, attempt=1, name="submit")
    return operation


def staff_with(*rights: str) -> Client:
    """Return the browser of somebody of staff with these rights alone."""
    person = PersonFactory(is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client = Client()
    client.force_login(person)
    return client


def test_who_may_only_look_changes_nothing_in_aws(failed: Operation) -> None:
    looking = staff_with("view_operation", "view_project")
    assert 'value="retry"' not in looking.get(OPERATIONS).content.decode()
    for action in ("retry", "cancel"):
        act(looking, OPERATIONS, action, failed)
    act(looking, PROJECTS, "freeze", failed.project, reason="so")
    failed.refresh_from_db()
    failed.project.refresh_from_db()
    assert (failed.attempt, failed.state, failed.project.state) == (1, State.FAILED, ProjectState.ACTIVE)


def test_who_may_change_operations_tries_again_and_cancels(failed: Operation, manager: Person) -> None:
    operating = staff_with("view_operation", "change_operation")
    act(operating, OPERATIONS, "retry", failed)
    failed.refresh_from_db()
    assert failed.attempt == 2
    waiting = Operation.objects.create(
        project=failed.project, action=Action.DELETE, target=failed.target, author=manager, request_key="w"
    )
    act(operating, OPERATIONS, "cancel", waiting)
    waiting.refresh_from_db()
    assert waiting.state == State.CANCELLED
    answer = operating.post(f"{OPERATIONS}{waiting.pk}/change/", {"state": "running"})
    waiting.refresh_from_db()
    assert (answer.status_code, waiting.state) == (403, State.CANCELLED), "rows themselves are nobody's to edit"


def test_a_frozen_project_refuses_staff_too(sam: Client, failed: Operation) -> None:
    act(sam, PROJECTS, "freeze", failed.project, reason="audit")
    assert "Staff has frozen this project: audit." in act(sam, OPERATIONS, "retry", failed)
    failed.refresh_from_db()
    assert failed.state == State.FAILED


def test_what_waits_in_a_frozen_project_starts_when_it_is_thawed(
    sam: Client, failed: Operation, manager: Person
) -> None:
    act(sam, PROJECTS, "freeze", failed.project, reason="audit")
    waiting = Operation.objects.create(
        project=failed.project, action=Action.DELETE, target=failed.target, author=manager, request_key="w"
    )
    sweep.start_forgotten()
    waiting.refresh_from_db()
    assert waiting.state == State.WAITING
    act(sam, PROJECTS, "thaw", failed.project)
    waiting.refresh_from_db()
    assert waiting.state == State.RUNNING


def test_every_time_has_its_zone(sam: Client, failed: Operation) -> None:
    for page in (OPERATIONS, f"{OPERATIONS}{failed.pk}/change/", f"{PROJECTS}{failed.project_id}/change/"):
        said = sam.get(page).content.decode()
        assert re.search(r"\d\d \w{3} 20\d\d \d\d:\d\d:\d\d UTC", said), page
        assert "p.m." not in said
        assert "a.m." not in said


def test_resync_asks_a_worker(sam: Client, project: Project) -> None:
    assert "A worker compares them now" in act(sam, PROJECTS, "resync", project)
    assert Membership.objects.filter(project=project).count() == 0


def test_resync_needs_the_right_to_change(project: Project) -> None:
    cache.delete(f"rebuild-asked:{project.pk}")
    before = asked()
    act(staff_with("view_project"), PROJECTS, "resync", project)
    assert asked() == before
    act(staff_with("view_project", "change_project"), PROJECTS, "resync", project)
    assert asked() == before + 1


def test_resync_asks_once_in_a_while(sam: Client, project: Project) -> None:
    cache.delete(f"rebuild-asked:{project.pk}")
    before = asked()
    for _ in range(3):
        act(sam, PROJECTS, "resync", project)
    assert asked() == before + 1


def asked() -> int:
    """Return how many readings wait for workers."""
    return readings.queue().waiting()


# -- memberships -------------------------------------------------------------------------------------------------------


def test_a_membership_stays_with_its_person_and_project(sam: Client, project: Project, manager: Person) -> None:
    membership = Membership.objects.get(person=manager, project=project)
    other, elsewhere = PersonFactory(), ProjectFactory()
    sent = {"person": str(other.pk), "project": str(elsewhere.pk), "role": "viewer"}
    assert sam.post(f"/admin/projects/membership/{membership.pk}/change/", sent).status_code == 302
    membership.refresh_from_db()
    assert (membership.person, membership.project, membership.role) == (manager, project, "viewer")

    row = {"id": str(membership.pk), "project": str(project.pk), "person": str(other.pk), "role": "owner"}
    sent = {"name": project.name, "memberships-TOTAL_FORMS": "1", "memberships-INITIAL_FORMS": "1"}
    sent |= {f"memberships-0-{name}": value for name, value in row.items()}
    assert sam.post(f"{PROJECTS}{project.pk}/change/", sent).status_code == 302
    membership.refresh_from_db()
    assert (membership.person, membership.role) == (manager, "owner")


def test_a_new_membership_names_both(sam: Client, project: Project) -> None:
    person = PersonFactory()
    sent = {"person": str(person.pk), "project": str(project.pk), "role": "viewer"}
    assert sam.post("/admin/projects/membership/add/", sent).status_code == 302
    assert Membership.objects.get(person=person).project == project


# -- dead letters ------------------------------------------------------------------------------------------------------


def test_staff_sees_how_many_messages_nobody_could_handle(sam: Client) -> None:
    assert "No worker has counted them" in sam.get("/admin/").content.decode()
    dead = sqs.queue("stackport-dead-letters")
    already = dead.waiting()
    dead.send("unreadable")
    sweep.count_dead_letters()
    found = queues.dead_letters()
    assert found is not None
    assert found.count == already + 1
    assert f"About {already + 1}." in sam.get("/admin/").content.decode()
    dead.send("another")
    sweep.count_dead_letters()
    counted_again = queues.dead_letters()
    assert counted_again == found, "counted once a minute, not in each round and not in a request"
