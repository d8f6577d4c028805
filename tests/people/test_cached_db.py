"""Sessions: the row in the database is the truth, the copy in the cache a short memory of it."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.cache import caches
from django.test import Client
from django.utils import timezone

from dynamodb_cache import client as cache_client
from people.cached_db import KEPT_SECONDS, SessionStore
from people.models import Person
from portal.launcher import free_port
from tests.calls import counted

pytestmark = pytest.mark.usefixtures("portal_tables")


@pytest.fixture
def browser(manager: Person) -> Client:
    """Somebody who is signed in, and their session in the cache."""
    client = Client()
    client.force_login(manager)
    assert client.get("/").status_code == 200
    return client


def seconds_kept(browser: Client) -> float:
    """Return how long the cache still knows a browser's session."""
    session = SessionStore(browser.cookies[settings.SESSION_COOKIE_NAME].value)
    found = caches["sessions"].ttl(session.cache_key)
    assert found is not None
    return float(found)


def test_a_sign_out_while_dynamodb_is_away_holds_within_minutes(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    stolen = Client()
    stolen.cookies = browser.cookies.copy()  # type: ignore[assignment]
    with monkeypatch.context() as away:
        away.setenv("AWS_ENDPOINT_URL_DYNAMODB", f"http://127.0.0.1:{free_port()}")
        cache_client.reset()
        assert browser.post("/accounts/logout/").status_code == 302
    cache_client.reset()
    assert Session.objects.count() == 0
    with time_machine.travel(timezone.now() + timedelta(seconds=KEPT_SECONDS + 1)):
        answer = stolen.get("/")
    assert answer.headers.get("Location", "").startswith("/accounts/login/")


def test_the_row_lives_on_and_the_cache_is_filled_from_it(browser: Client) -> None:
    row = Session.objects.get()
    assert row.expire_date > timezone.now() + timedelta(hours=11)
    assert 0 < seconds_kept(browser) <= KEPT_SECONDS
    caches["sessions"].clear()
    assert browser.get("/").status_code == 200
    assert 0 < seconds_kept(browser) <= KEPT_SECONDS


def test_a_session_that_ends_sooner_is_kept_no_longer(db: None) -> None:
    store = SessionStore()
    store.set_expiry(60)
    store.create()
    assert 0 < caches["sessions"].ttl(store.cache_key) <= 60  # type: ignore[attr-defined]


async def test_async_pages_keep_it_as_briefly(transactional_db: Any) -> None:
    store = SessionStore()
    await store.acreate()
    assert 0 < caches["sessions"].ttl(store.cache_key) <= KEPT_SECONDS  # type: ignore[attr-defined]
    key = store.session_key
    caches["sessions"].clear()
    again = SessionStore(key)
    assert await again.aload() == {}
    assert 0 < caches["sessions"].ttl(again.cache_key) <= KEPT_SECONDS  # type: ignore[attr-defined]
    assert await again.aexists(key)


def test_a_page_costs_one_read_of_the_session(browser: Client) -> None:
    with counted() as calls:
        assert browser.get("/accounts/password/change/").status_code == 200
    assert calls.made["dynamodb"] == 1, calls.names
