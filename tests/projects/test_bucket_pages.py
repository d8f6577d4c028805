"""What pages say of a bucket: who does what to it, what follows, and what may be done now."""

import re
from dataclasses import replace

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from people.models import Person
from projects import bucket_pages, owners
from projects.actions import buckets, projects
from projects.actions.operations import bumped
from projects.models import Operation, Project, State
from projects.stacks import mirror
from projects.stacks.mirror import MirroredStack
from tests.factories import PersonFactory
from tests.projects import mirrored
from tests.projects.specs import asker

HTMX = {"HX-Request": "true"}


@pytest.fixture
def place(acme: Project, bucket: MirroredStack) -> str:
    """The address of a bucket that stands."""
    return f"/projects/{acme.slug}/buckets/{bucket.spec.name}/"


def change(project: Project, bucket: MirroredStack, person: Person) -> Operation:
    wanted = mirrored.spec(project, bucket.spec.label, purpose="b")
    return buckets.change(project, bucket.spec, wanted, bucket.fingerprint, by=asker(person))


def test_a_deletion_that_waits_is_announced_and_closes_the_bucket(
    acme: Project, ana: Person, ben: Person, browser: Client, bucket: MirroredStack, place: str
) -> None:
    change(acme, bucket, ana)
    for page in (place, f"{place}technical/", f"{place}row/"):
        html = browser.get(page, headers=HTMX).content.decode()
        assert "asked to delete it" not in html
        assert ("Another change would wait its turn behind it" in html) == (not page.endswith("row/"))

    buckets.delete(acme, bucket.spec.name, by=asker(ben))

    words = f"{ben} asked to delete it; that waits behind this change."
    page = browser.get(f"{place}delete/").content.decode()
    assert words in page
    assert 'id="send"' not in page
    for page in (
        place,
        f"{place}technical/",
        f"{place}row/",
        f"/projects/{acme.slug}/buckets/",
        f"{place}edit/?form=edit",
    ):
        html = browser.get(page, headers=HTMX).content.decode()
        assert words in html, page
        assert "would wait its turn" not in html, page
        assert "Your change will wait" not in html, page
        assert 'id="change"' not in html, page
        assert 'id="send"' not in html, page
    assert f"No change possible: {words}" in browser.get(place).content.decode()
    assert words in browser.get(f"{place}delete/").content.decode()


def test_who_changes_it_is_told_so_and_everybody_else_their_name(
    acme: Project, ana: Person, ben: Person, browser: Client, bucket: MirroredStack, place: str
) -> None:
    bens = Client()
    bens.force_login(ben)
    listed = f"/projects/{acme.slug}/buckets/"
    pages = (place, f"{place}technical/", f"{place}edit/", f"{place}delete/")
    change(acme, bucket, ana)
    for page in pages:
        assert "You have been changing this since" in browser.get(page).content.decode(), page
        assert f"Being changed by {ana} since" in bens.get(page).content.decode(), page
    buckets.delete(acme, bucket.spec.name, by=asker(ben))
    for page in (place, f"{place}edit/", f"{place}delete/"):
        assert f"{ben} asked to delete it" in browser.get(page).content.decode(), page
        assert "You asked to delete it" in bens.get(page).content.decode(), page
    for row in (listed, f"{place}row/"):
        assert f'">{ana}</a> since' in browser.get(row, headers=HTMX).content.decode()
        assert f"{ben} asked to delete it" in bens.get(row, headers=HTMX).content.decode(), "kept for everybody"
    waiting = Operation.objects.get(action="delete")
    assert "s change of the same bucket" in bens.get(waiting.get_absolute_url()).content.decode()
    assert "your own change of the same bucket" in browser.get(waiting.get_absolute_url()).content.decode()
    Operation.objects.filter(action="change").update(state=State.SUCCEEDED, settled_at=timezone.now())
    Operation.objects.filter(action="delete").update(state=State.RUNNING, version=bumped())
    assert "You are deleting it." in bens.get(f"{place}edit/").content.decode()
    assert f"It is being deleted by {ben}." in browser.get(f"{place}edit/").content.decode()


def test_headings_have_the_name_that_people_typed(
    acme: Project, ana: Person, browser: Client, bucket: MirroredStack, place: str
) -> None:
    label, name = bucket.spec.label, bucket.spec.name
    operation = change(acme, bucket, ana)
    running = [place, f"{place}technical/", f"{place}edit/", f"{place}delete/", f"{place}activity/"]
    whole = [operation.get_absolute_url(), place, f"{place}activity/", f"{place}delete/"]

    def heading(page: str) -> str:
        parts = re.findall(r"(?s)<title>.*?</title>|<ol class=.breadcrumb.*?</ol>|<h1.*?</h1>", page)
        assert len(parts) == 3
        return re.sub("<[^>]*>", " ", " ".join(parts))

    def check(pages: list[str]) -> None:
        for page in pages:
            html = browser.get(page).content.decode()
            assert label in heading(html), page
            assert acme.account_id not in heading(html), page
            assert "portal-" not in heading(html), page

    check([operation.get_absolute_url(), *running])
    for page in whole:
        assert re.search(f'class="[^"]*mono[^>]*>{name}<', browser.get(page).content.decode()), page
    for page in (f"/projects/{acme.slug}/", f"/projects/{acme.slug}/activity/"):
        assert f">Change {label}<" in browser.get(page).content.decode()
    Operation.objects.update(action="delete", state=State.SUCCEEDED, settled_at=timezone.now(), version=bumped())
    named = replace(bucket, spec=None, fingerprint="")
    mirrored.fill(acme, [named], moment="2026-11-23T12:00:00.000Z")
    check([place, f"/projects/{acme.slug}/buckets/{named.name}/"])


def test_a_deletion_that_waits_costs_no_query(
    acme: Project,
    ana: Person,
    ben: Person,
    browser: Client,
    bucket: MirroredStack,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    change(acme, bucket, ana)
    buckets.delete(acme, bucket.spec.name, by=asker(ben))
    bucket_pages.find(acme, bucket.spec.name)
    with django_assert_num_queries(1):  # whether an operation moved
        assert bucket_pages.find(acme, bucket.spec.name) is not None


def test_an_open_form_says_once_that_the_project_is_frozen(
    acme: Project, ana: Person, browser: Client, bucket: MirroredStack, place: str
) -> None:
    projects.freeze(acme, reason="audit")
    for form in ("edit", "delete"):
        html = browser.get(f"{place}{form}/").content.decode()
        assert html.count("Staff has frozen this project: audit.") == 1
        assert 'id="send"' not in html
        around = browser.get(f"{place}edit/?form={form}", headers=HTMX).content.decode()
        assert "frozen" not in around, "the alert of the whole page says it, live as well"
        assert re.search("It cannot be (changed|deleted) now", around)
    projects.thaw(acme)
    change(acme, bucket, ana)
    projects.freeze(acme, reason="audit")
    assert "You have been changing this since" in browser.get(f"{place}edit/").content.decode()


def test_an_open_form_says_you_of_the_readers_own_change(
    acme: Project, ana: Person, ben: Person, browser: Client, bucket: MirroredStack, place: str
) -> None:
    around = f"{place}edit/?form=edit&base=another"
    for person, words in ((ana, "You changed it at"), (ben, f"{ben} changed it at")):
        change(acme, bucket, person)
        Operation.objects.open().update(state=State.SUCCEEDED, settled_at=timezone.now(), version=bumped())
        assert words in browser.get(around, headers=HTMX).content.decode()
    buckets.delete(acme, bucket.spec.name, by=asker(ana))
    Operation.objects.open().update(state=State.SUCCEEDED, settled_at=timezone.now(), version=bumped())
    mirror.partition(acme).delete(bucket.stack_id, observed_at="2026-11-23T12:00:00.000Z#9")
    assert "You deleted this bucket" in browser.get(around, headers=HTMX).content.decode()


def test_lists_show_who_the_owner_is_and_the_bucket_their_address(
    acme: Project, ana: Person, browser: Client, bucket: MirroredStack, place: str
) -> None:
    left = mirrored.stack(acme, mirrored.spec(acme, "another", owner="a@example.com"))
    mirrored.fill(acme, [left])
    listed = f"/projects/{acme.slug}/buckets/"

    def table() -> str:
        return browser.get(listed, {"sort": "owner"}).content.decode().split("<tbody", 1)[1]

    assert f">{ana.name}<" in table()
    assert ana.email not in table()
    assert ">a@example.com<" in table(), "nobody known"
    for page in (browser.get(place).content.decode(), browser.get(place, headers=HTMX).content.decode()):
        assert ana.name in page
        assert ana.email in page
    assert table().index(">a@example.com<") < table().index(f">{ana.name}<")
    ana.name = "0 comes first"
    ana.save()
    assert table().index(">0 comes first<") < table().index(">a@example.com<"), "sorted as shown"
    ana.memberships.all().delete()
    browser.force_login(PersonFactory(is_staff=True, is_superuser=True))
    assert f">{ana.email}<" in table()


def test_names_are_read_again_after_a_while(acme: Project, ana: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    assert owners.names(acme)[ana.email] == ana.name
    Person.objects.update(name="Renamed elsewhere")
    assert owners.names(acme)[ana.email] == ana.name
    monkeypatch.setattr(owners, "KEPT_SECONDS", 0)
    assert owners.names(acme)[ana.email] == "Renamed elsewhere"


@pytest.mark.parametrize("asked", ["Ana", "ana manager", "purpose manager", "purpose {email}"])
def test_a_search_finds_the_name_and_the_address_of_the_owner(
    acme: Project,
    ana: Person,
    browser: Client,
    bucket: MirroredStack,
    asked: str,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    other = mirrored.stack(acme, mirrored.spec(acme, "another", owner="somebody@example.com"))
    mirrored.fill(acme, [other])
    bucket_pages.find(acme, bucket.spec.name)
    with django_assert_num_queries(3):  # the person; the project with their role; whether an operation moved
        html = browser.get(f"/projects/{acme.slug}/buckets/", {"q": asked.format(email=ana.email)}).content.decode()
    assert f'id="row-{bucket.spec.name}"' in html
    assert f'id="row-{other.spec.name}"' not in html


def test_a_search_knows_only_the_names_of_the_projects_members(
    acme: Project, browser: Client, bucket: MirroredStack
) -> None:
    stranger = PersonFactory(name="Zoe Zander")
    mirrored.fill(acme, [mirrored.stack(acme, mirrored.spec(acme, "another", owner=stranger.email))])
    html = browser.get(f"/projects/{acme.slug}/buckets/", {"q": "Zander"}).content.decode()
    assert "No bucket matches" in html
