"""What every page shows of the present, as a page and as the part that a live update fetches."""

import re

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from notifications.topics import TOPICS_AT_MOST
from people.models import Person
from projects import live, sweep
from projects.actions import buckets, projects
from projects.actions.operations import bumped
from projects.live_topic import ProjectTopic
from projects.models import Membership, Operation, Project, ProjectState, Role, State
from projects.stacks import mirror
from projects.stacks.mirror import MirroredStack
from projects.views.projects import ACTIVITY
from tests import portal_run
from tests.factories import ProjectFactory
from tests.projects import mirrored
from tests.projects.specs import asker, spec_for

HTMX = {"HX-Request": "true"}
LIVE = re.compile(r'data-live-topic="([^"]+)" data-live-item="([^"]+)" data-live-version="(\d+)"')


def held(html: str) -> dict[str, int]:
    """Return the versions that an open page would tell."""
    return {item: int(version) for _, item, version in LIVE.findall(html)}


def differs(person: Person, project: Project, html: str) -> set[str]:
    """Return what a page with these versions is told."""
    return {change["item"] for change in ProjectTopic().snapshot(person, str(project.pk), held(html))}


def test_pages_that_show_all_of_a_project_are_told_of_every_change(
    acme: Project, ana: Person, ben: Person, browser: Client, bucket: MirroredStack
) -> None:
    pages = ["/", f"/projects/{acme.slug}/", f"/projects/{acme.slug}/activity/", f"/projects/{acme.slug}/new-bucket/"]
    before = {page: browser.get(page).content.decode() for page in pages}
    assert all(held(html) and not differs(ana, acme, html) for html in before.values())

    buckets.delete(acme, bucket.spec.name, by=asker(ben))

    for page, html in before.items():
        assert differs(ana, acme, html) & {live.ACTIVITY, live.OVERVIEW}, page
        fresh = browser.get(page, headers=HTMX).content.decode()
        assert "<html" not in fresh
        assert held(fresh) != held(html), page
        assert not differs(ana, acme, fresh), page
    Project.objects.filter(pk=acme.pk).update(state=ProjectState.FROZEN)
    assert differs(ana, acme, fresh), "a freeze is heard of too"


def test_an_overview_is_told_of_what_only_the_mirror_knows(
    acme: Project, ana: Person, browser: Client, bucket: MirroredStack
) -> None:
    html = browser.get(f"/projects/{acme.slug}/").content.decode()
    mirrored.fill(acme, [mirrored.stack(acme, mirrored.spec(acme, "another"))])
    assert differs(ana, acme, html) == {live.OVERVIEW}


def test_the_home_page_counts_what_is_under_way_and_follows_so_many_projects(
    acme: Project, ana: Person, ben: Person, browser: Client, bucket: MirroredStack
) -> None:
    buckets.delete(acme, bucket.spec.name, by=asker(ben))
    assert "1 change under way" in browser.get("/", headers=HTMX).content.decode()
    for number in range(TOPICS_AT_MOST):
        other = ProjectFactory(name=f"Project {number:02}", slug=f"project-{number}")
        Membership.objects.create(project=other, person=ana, role=Role.VIEWER)

    html = browser.get("/").content.decode()

    topics = re.search('data-live-topics="([^"]*)"', html)
    assert topics is not None
    assert len(topics[1].split()) == TOPICS_AT_MOST
    assert len(LIVE.findall(html)) == TOPICS_AT_MOST
    assert f"Live for the first {TOPICS_AT_MOST} projects" in html
    assert html.count('href="/projects/project-') == 2 * TOPICS_AT_MOST


@pytest.mark.parametrize("form", ["edit", "confirm", "delete"])
def test_an_open_form_learns_who_changes_the_bucket(
    acme: Project, ana: Person, ben: Person, browser: Client, bucket: MirroredStack, form: str
) -> None:
    edit = f"/projects/{acme.slug}/buckets/{bucket.spec.name}/edit/"
    around = f"{edit}?form={form}"
    change = buckets.change(acme, bucket.spec, mirrored.spec(acme, bucket.spec.label, purpose="b"), "", by=asker(ben))

    running = browser.get(around, headers=HTMX).content.decode()
    assert f"Being changed by {ben} since" in running
    assert 'id="send"' in running
    assert 'name="purpose"' not in running, "what somebody types in is not touched"

    Operation.objects.update(state=State.SUCCEEDED, version=bumped())
    moved = browser.get(f"{around}&base=another", headers=HTMX).content.decode()
    assert f"{ben} changed it at" in moved
    assert "changed it at" not in browser.get(f"{around}&base={bucket.fingerprint}", headers=HTMX).content.decode()

    buckets.delete(acme, bucket.spec.name, by=asker(ben))
    going = browser.get(around, headers=HTMX).content.decode()
    assert f"It is being deleted by {ben}" in going
    assert 'id="send"' not in going, "a control that is off says why"

    Operation.objects.exclude(pk=change.pk).update(state=State.SUCCEEDED)
    mirror.partition(acme).delete(bucket.stack_id, observed_at="2026-11-23T12:00:00.000Z#9")
    gone = browser.get(around, headers=HTMX)
    assert gone.status_code == 200
    assert f"{ben} deleted this bucket" in gone.content.decode()
    assert 'id="send"' not in gone.content.decode()
    Operation.objects.filter(action="delete").delete()
    assert "It was deleted, but not through the portal" in browser.get(around, headers=HTMX).content.decode()
    Operation.objects.filter(pk=change.pk).update(action="delete")
    for page in (edit, edit.replace("/edit/", "/delete/"), edit.replace("/edit/", "/technical/")):
        assert browser.get(page).status_code == 410


def test_the_technical_page_follows(acme: Project, ben: Person, browser: Client, bucket: MirroredStack) -> None:
    page = f"/projects/{acme.slug}/buckets/{bucket.spec.name}/technical/"
    buckets.delete(acme, bucket.spec.name, by=asker(ben))
    html = browser.get(page, headers=HTMX).content.decode()
    assert held(html)
    assert f"Being deleted by {ben} since" in html


def test_a_page_asks_once_who_the_reader_is_and_what_they_may_do(
    acme: Project, browser: Client, bucket: MirroredStack, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    listed = f"/projects/{acme.slug}/buckets/"
    browser.get(listed)
    with django_assert_num_queries(3):  # the person; the project with their role; whether an operation moved
        assert "New bucket" in browser.get(listed).content.decode()


def test_every_page_of_a_project_hears_that_it_is_frozen(
    acme: Project, ana: Person, browser: Client, bucket: MirroredStack
) -> None:
    change = buckets.change(acme, bucket.spec, mirrored.spec(acme, bucket.spec.label, purpose="b"), "", by=asker(ana))
    start = f"/projects/{acme.slug}/"
    named = f"{start}buckets/{bucket.spec.name}/"
    places = ["", "activity/", "buckets/", "new-bucket/", f"operations/{change.pk}/"]
    pages = [*(start + place for place in places), *(named + tab for tab in ("", "technical/", "activity/", "edit/"))]
    before = {page: browser.get(page).content.decode() for page in pages}
    assert not any(differs(ana, acme, html) for html in before.values())

    projects.freeze(acme, reason="audit")

    told = {page for page, html in before.items() if acme.topic in differs(ana, acme, html)}
    assert told == set(pages)
    closed = browser.get(f"{start}closed/", headers=HTMX).content.decode()
    assert "Staff has frozen this project: audit." in closed
    assert not differs(ana, acme, closed)
    listed = browser.get(f"{start}buckets/", headers=HTMX).content.decode()
    assert 'id="list-actions" hx-swap-oob="true"></div>' in listed, "no bucket can be asked for any more"
    projects.thaw(acme)
    assert "frozen" not in browser.get(f"{start}closed/").content.decode()


def test_what_waits_in_a_frozen_project_says_what_it_waits_for(
    acme: Project, ana: Person, browser: Client, bucket: MirroredStack
) -> None:
    change = buckets.change(acme, bucket.spec, mirrored.spec(acme, bucket.spec.label, purpose="b"), "", by=asker(ana))
    Operation.objects.update(state=State.WAITING)
    projects.freeze(acme, reason="audit")
    words = browser.get(change.get_absolute_url()).content.decode()
    assert "It waits until staff thaws the project." in words
    assert re.search(r"Waiting for <span data-elapsed=\"[\d.]+\">(under )?\d+ s</span>\.", words)
    assert "Under way" not in words
    assert "its turn" not in words


def test_activity_goes_back_to_the_first_change(
    acme: Project, ana: Person, browser: Client, bucket: MirroredStack
) -> None:
    item = live.bucket_item(bucket.spec.name)
    Operation.objects.bulk_create(
        Operation(
            project=acme,
            action="change",
            target=item,
            author=ana,
            request_key=f"k{number}",
            state=State.SUCCEEDED,
            reason=f"Reason {number:03}.",
        )
        for number in range(ACTIVITY + 1)
    )
    named = f"/projects/{acme.slug}/buckets/{bucket.spec.name}/"
    for address in (f"/projects/{acme.slug}/activity/", f"{named}activity/"):
        newest = browser.get(address).content.decode()
        assert f"1 to {ACTIVITY} of {ACTIVITY + 1}" in newest
        assert "Reason 000." not in newest
        assert 'href="?page=2"' in newest
        oldest = browser.get(address, {"page": "2"}, headers=HTMX).content.decode()
        assert "Reason 000." in oldest
        assert f'hx-get="{address}?page=2"' in oldest, "a live update stays on the page"
        assert browser.get(address, {"page": "9" * 5000}).status_code == 200
    assert "All its changes" in browser.get(named).content.decode()
    assert browser.get(f"/projects/{acme.slug}/buckets/no-such-bucket/activity/").status_code == 404


def test_a_new_bucket_says_why_none_can_be_made(acme: Project, browser: Client) -> None:
    Project.objects.filter(pk=acme.pk).update(state=ProjectState.FROZEN, frozen_reason="audit")
    html = browser.get(f"/projects/{acme.slug}/new-bucket/", headers=HTMX).content.decode()
    assert "Staff has frozen this project: audit." in html
    assert 'id="send"' not in html


def test_a_project_being_set_up_says_so_and_is_not_rebuilt(portal: None, ana: Person, client: Client) -> None:
    young = ProjectFactory(name="Young", slug="young", state=ProjectState.ONBOARDING)
    Membership.objects.create(project=young, person=ana, role=Role.MANAGER)
    client.force_login(ana)

    for page in ("", "buckets/"):
        words = client.get(f"/projects/young/{page}").content.decode()
        assert "still being set up by staff" in words
        assert "being read from CloudFormation" not in words
        assert "Create the first bucket" not in words
    sweep.once()
    assert {"rebuild": young.pk} not in portal_run.take_readings()
    Project.objects.filter(pk=young.pk).update(state=ProjectState.ACTIVE)
    assert "being read from CloudFormation" in client.get("/projects/young/buckets/").content.decode()
    assert portal_run.take_readings() == [], "a page would wait for SQS"
    sweep.once()
    assert {"rebuild": young.pk} in portal_run.take_readings()


def test_a_refusal_is_shown_in_the_colour_of_one(acme: Project, ana: Person, browser: Client, label: str) -> None:
    operation = buckets.create(acme, spec_for(acme, ana, label), by=asker(ana))
    answer = browser.post(f"{operation.get_absolute_url()}retry/", follow=True)
    assert re.search('alert-danger" role="alert">Only a failed', answer.content.decode())
