"""A page begins to read the mirror before it knows who asks; nobody gains anything by that."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.endpoint import Endpoint
from django.test import Client

from dynamodb_cache import collections
from projects.models import Membership, Project, Role
from projects.stacks import ahead
from tests.calls import counted
from tests.factories import PersonFactory
from tests.projects import mirrored


@pytest.fixture
def listed(acme: Project) -> Iterator[str]:
    """The address of a list of one bucket."""
    mirrored.fill(acme, [mirrored.stack(acme, mirrored.spec(acme, "invoices"))])
    yield f"/projects/{acme.slug}/buckets/"
    collections.forget_everything()


@pytest.fixture
def member(acme: Project) -> Membership:
    return Membership.objects.create(project=acme, person=PersonFactory(), role=Role.VIEWER)


@pytest.fixture
def let_in(member: Membership, listed: str, client: Client) -> Client:
    """A browser that has seen the list once."""
    client.force_login(member.person)
    assert client.get(listed).status_code == 200
    return client


@pytest.fixture
def readers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The threads that asked DynamoDB, in the order in which they did."""
    found: list[str] = []
    send = Endpoint._send

    def noting(self: Endpoint, request: Any) -> Any:
        found.append(threading.current_thread().name.partition("_")[0])
        return send(self, request)

    monkeypatch.setattr(Endpoint, "_send", noting)
    return found


def test_mirror_and_session_are_read_at_once(let_in: Client, listed: str, readers: list[str]) -> None:
    assert let_in.get(listed).status_code == 200

    assert sorted(readers) == sorted(["ahead", threading.current_thread().name])


def test_a_browser_that_was_not_let_in_makes_us_read_nothing(acme: Project, let_in: Client, listed: str) -> None:
    stranger = Client()
    stranger.force_login(PersonFactory())

    with counted() as there:
        assert stranger.get(listed).status_code == 404
    with counted() as not_there:
        assert stranger.get(listed.replace(acme.slug, "no-such-project")).status_code == 404

    assert there.made == not_there.made == {"dynamodb": 1}


def test_who_is_let_in_no_more_sees_nothing(member: Membership, let_in: Client, listed: str) -> None:
    member.delete()

    assert let_in.get(listed).status_code == 404


def test_a_signed_out_browser_begins_nothing(let_in: Client, listed: str, readers: list[str]) -> None:
    let_in.logout()
    readers.clear()

    assert let_in.get(listed).status_code == 302
    assert "ahead" not in readers


def test_what_was_begun_for_another_account_is_not_shown(acme: Project, let_in: Client, listed: str) -> None:
    Project.objects.filter(pk=acme.pk).update(account_id="999999999999")
    try:
        # The rows are of the account of before, and refused as such.
        assert let_in.get(listed).status_code == 503
    finally:
        Project.objects.filter(pk=acme.pk).update(account_id=acme.account_id)


def test_without_a_free_thread_the_page_reads_for_itself(let_in: Client, listed: str, readers: list[str]) -> None:
    hold, held = threading.Event(), threading.Barrier(ahead.THREADS + 1)

    def busy() -> None:
        held.wait(10)
        hold.wait(10)

    for _ in range(ahead.THREADS):
        ahead._readers.submit(busy)
    held.wait(10)
    try:
        assert let_in.get(listed).status_code == 200
    finally:
        hold.set()
    assert "ahead" not in readers


def test_only_so_many_browsers_are_remembered(
    acme: Project, let_in: Client, listed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "LET_IN_AT_MOST", 2)
    before = len(ahead._let_in)
    for _ in range(3):
        client = Client()
        client.force_login(PersonFactory(is_auditor=True))
        assert client.get(listed).status_code == 200

    assert len(ahead._let_in) <= before
