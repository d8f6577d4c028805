"""The tables are wiped while the portal runs: pages keep answering and become right by themselves."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from dynamodb_cache import collections
from dynamodb_cache.client import client
from people.models import Person
from projects import bucket_pages, live, sweep
from projects.actions import buckets
from projects.models import Project, State
from projects.stacks import mirror
from tests import portal_run
from tests.projects import mirrored
from tests.projects.specs import asker, spec_for


@pytest.fixture
def name(acme: Project, ana: Person, label: str) -> str:
    """The name of a bucket that stands."""
    operation = portal_run.settle(buckets.create(acme, spec_for(acme, ana, label), by=asker(ana)))
    assert operation.state == State.SUCCEEDED, operation.cause
    return operation.target_name


def test_everything_comes_back_from_cloudformation(acme: Project, name: str) -> None:
    before = live.find_bucket(acme, name)
    assert before is not None

    mirrored.wipe()
    assert live.find_bucket(acme, name) is None
    sweep.compare_when_due(acme)
    portal_run.until(lambda: (found := live.find_bucket(acme, name)) is not None and bool(found.fingerprint))

    after = live.find_bucket(acme, name)
    assert after is not None
    assert (after.spec, after.status, after.fingerprint) == (before.spec, before.status, before.fingerprint)
    assert mirror.snapshot(acme).complete


def test_nobody_is_logged_out_and_the_page_says_what_it_lacks(
    acme: Project, ana: Person, name: str, client: Client
) -> None:
    client.force_login(ana)
    address = f"/projects/{acme.slug}/buckets/?q={name}"  # the account has buckets of other tests, by pages
    assert name.encode() in client.get(address).content

    mirrored.wipe()
    answer = client.get(address)

    assert answer.status_code == 200
    assert b"is being read from CloudFormation" in answer.content
    sweep.once()
    portal_run.until(
        lambda: bucket_pages.page(acme, bucket_pages.Query()).unread == 0 and mirror.snapshot(acme).complete
    )
    assert name.encode() in client.get(address).content
    assert b"is being read from CloudFormation" not in client.get(address).content


def test_a_stack_that_somebody_made_past_the_portal_is_found(acme: Project, ana: Person, name: str) -> None:
    stack = live.find_bucket(acme, name)
    assert stack is not None
    mirror.forget(acme, stack.stack_id, observed="0000")  # refused as old: the row stands
    assert live.find_bucket(acme, name) is not None


@pytest.fixture
def no_mirror_table(portal: None) -> Iterator[None]:
    """The mirror's table is gone, and comes back after the test."""
    client().delete_table(TableName=settings.STACKPORT_MIRROR_TABLE)
    yield
    mirror.make_tables()


def test_while_the_mirror_is_away_pages_show_what_was_known_and_say_since_when(
    acme: Project, ana: Person, name: str, client: Client, request: pytest.FixtureRequest
) -> None:
    client.force_login(ana)
    list_page, bucket_page = (f"/projects/{acme.slug}/buckets/{rest}" for rest in ("", f"{name}/"))
    assert name.encode() in client.get(list_page).content
    request.getfixturevalue("no_mirror_table")

    for address in (list_page, bucket_page):
        answer = client.get(address)
        assert answer.status_code == 200
        assert name.encode() in answer.content
        assert b"does not answer: this is the state of" in answer.content

    mirror.make_tables()
    sweep.compare_when_due(acme)
    portal_run.until(lambda: mirror.snapshot(acme).complete and live.find_bucket(acme, name) is not None)
    assert b"does not answer" not in client.get(list_page).content


def test_a_process_that_knows_nothing_says_so_and_loses_nothing_typed(
    acme: Project, ana: Person, name: str, label: str, client: Client, no_mirror_table: None
) -> None:
    client.force_login(ana)
    collections.forget_everything()

    answer = client.get(f"/projects/{acme.slug}/buckets/")
    assert answer.status_code == 503
    assert answer["Retry-After"]

    typed = {"label": f"{label}-x", "purpose": "Invoices that nobody may lose", "owner": ana.email}
    form = {**typed, "retention": "keep", "versions_days": "30", "request_key": "k" * 32}
    answer = client.post(reverse("bucket_create", args=[acme.slug]), form)
    assert answer.status_code == 422
    assert b"cannot be shown right now" in answer.content
    assert b"Invoices that nobody may lose" in answer.content


def test_the_sweep_makes_a_lost_table_again(acme: Project, name: str, no_mirror_table: None) -> None:
    sweep.once()
    sweep.once()

    portal_run.until(lambda: mirror.snapshot(acme).complete)
    portal_run.until(lambda: live.find_bucket(acme, name) is not None)
