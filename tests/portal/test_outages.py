"""DynamoDB away or its table gone: signed-in people go on, and what cannot go on without it says so in words."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client

from dynamodb_cache import client as cache_client
from people.models import Person
from projects.models import Project


@pytest.fixture
def no_cache_table(acme: Project) -> Iterator[None]:
    """The table of the caches is gone for the length of a test."""
    cache_client.client().delete_table(TableName=settings.STACKPORT_CACHE_TABLE)
    yield
    call_command("prepare")


def test_who_is_signed_in_stays_so_without_the_cache(
    acme: Project, ana: Person, client: Client, request: pytest.FixtureRequest
) -> None:
    client.force_login(ana)
    assert client.get("/").status_code == 200
    request.getfixturevalue("no_cache_table")

    for page in (
        "/",
        f"/projects/{acme.slug}/",
        f"/projects/{acme.slug}/buckets/",
        f"/projects/{acme.slug}/new-bucket/",
    ):
        assert client.get(page).status_code == 200, page


@pytest.mark.usefixtures("no_cache_table")
def test_signing_in_is_refused_in_words_while_tries_cannot_be_counted(ana: Person, client: Client) -> None:
    answer = client.post("/accounts/login/", {"login": ana.email, "password": "wrong"})

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "10"
    assert "does not answer right now" in answer.content.decode()
    assert "Traceback" not in answer.content.decode()
