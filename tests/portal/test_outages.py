"""DynamoDB away or its table gone: signed-in people go on, and what cannot go on without it says so in words."""

import copy
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client

from dynamodb_cache import client as cache_client
from dynamodb_cache import collections
from people.models import Person
from projects.models import Operation, Project
from projects.stacks import mirror
from tests.projects import mirrored


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


@pytest.fixture
def silent(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], socket.socket]]:
    """Let DynamoDB be a port that takes every connection and answers nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as port:
        port.settimeout(0.2)

        def begin() -> socket.socket:
            monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", f"http://127.0.0.1:{port.getsockname()[1]}")
            settings.STACKPORT_DYNAMODB_SECONDS = 0.3
            settings.CACHES = {
                name: {**alias, "OPTIONS": {**alias["OPTIONS"], "READ_TIMEOUT_SECONDS": 0.3}}
                for name, alias in copy.deepcopy(settings.CACHES).items()
            }
            mirror.collection.cache_clear()
            return port

        yield begin
    monkeypatch.undo()
    cache_client.reset()
    mirror.collection.cache_clear()
    collections.forget_everything()


def tries(port: socket.socket) -> int:
    """Return how many connections have come; each try that nobody answers has one of its own."""
    found = 0
    while True:
        try:
            port.accept()[0].close()
        except TimeoutError:
            return found
        found += 1


@pytest.mark.parametrize("known", [True, False])
def test_a_form_waits_once_for_a_dynamodb_that_is_silent(
    acme: Project, ana: Person, client: Client, label: str, known: bool, silent: Callable[[], socket.socket]
) -> None:
    client.force_login(ana)
    mirrored.fill(acme, [])
    client.get(f"/projects/{acme.slug}/buckets/")
    port = silent()
    if not known:
        collections.forget_everything()
    sent = {"label": label, "purpose": "Invoices", "owner": ana.email, "retention": "keep", "versions_days": "90"}

    answer = client.post(f"/projects/{acme.slug}/new-bucket/", sent | {"request_key": "k" * 32})

    assert tries(port) == settings.STACKPORT_DYNAMODB_ATTEMPTS
    assert Operation.objects.exists() == known
    if not known:
        assert answer.status_code == 422
        assert "does not answer" in answer.content.decode()
        assert f'value="{label}"' in answer.content.decode()
