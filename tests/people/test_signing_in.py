"""Signing in and out: by address in any case, never by sign-up, with the same answer for unknown people."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import SESSION_KEY
from django.core.cache import cache
from django.core.management import call_command
from django.http import HttpResponse
from django.test import Client

from localaws.server import LocalAWS
from people.models import Person
from projects.stacks import mirror
from tests.factories import PersonFactory

PASSWORD = "a long password"


@pytest.fixture(autouse=True)
def portal_tables(local_aws: LocalAWS, db: None) -> Iterator[None]:
    """The portal's tables; tries of earlier tests are forgotten."""
    mirror.collection.cache_clear()
    call_command("prepare")
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def ana() -> Person:
    return PersonFactory(email="ana@example.com", name="Ana")


def sign_in(client: Client, login: str, password: str = PASSWORD, *, onward: str = "") -> HttpResponse:
    return client.post("/accounts/login/", {"login": login, "password": password, "next": onward})


@pytest.mark.parametrize("login", ["ana@example.com", "ANA@Example.com", " ana@example.com "])
def test_an_address_signs_in_in_any_case(client: Client, ana: Person, login: str) -> None:
    answer = sign_in(client, login)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert client.session[SESSION_KEY] == str(ana.pk)


def said(answer: HttpResponse) -> str:
    """Return the page without what differs each time or was typed."""
    return re.sub(r'value="[^"]*"', "", answer.content.decode())


def test_unknown_people_and_wrong_passwords_get_the_same_answer(client: Client, ana: Person) -> None:
    wrong = sign_in(client, ana.email, "another password")
    unknown = sign_in(client, "nobody@example.com", "another password")
    assert wrong.status_code == unknown.status_code == 200
    assert said(wrong) == said(unknown)
    assert "not correct" in said(wrong)
    assert SESSION_KEY not in client.session


def test_a_password_matters_in_its_case(client: Client, ana: Person) -> None:
    sign_in(client, ana.email, PASSWORD.upper())
    assert SESSION_KEY not in client.session


def test_a_switched_off_person_does_not_get_in(client: Client) -> None:
    PersonFactory(email="old@example.com", is_active=False)
    sign_in(client, "old@example.com")
    assert SESSION_KEY not in client.session


def test_a_person_who_is_switched_off_is_out_at_once(client: Client, ana: Person) -> None:
    sign_in(client, ana.email)
    assert client.get("/").status_code == 200
    Person.objects.update(is_active=False)
    assert client.get("/")["Location"].startswith("/accounts/login/")


def test_a_person_without_a_password_does_not_get_in(client: Client) -> None:
    Person.objects.create_user("new@example.com", name="New")
    for password in ("", "!", PASSWORD):
        sign_in(client, "new@example.com", password)
        assert SESSION_KEY not in client.session


def test_signing_in_leads_on_inside_the_portal_only(ana: Person) -> None:
    assert sign_in(Client(), ana.email, onward="/projects/acme/")["Location"] == "/projects/acme/"
    for elsewhere in ("https://evil.example.com/", "//evil.example.com", "/\\evil.example.com"):
        assert sign_in(Client(), ana.email, onward=elsewhere)["Location"] == "/"


def test_signing_in_changes_the_session_key(client: Client, ana: Person) -> None:
    """A key that somebody planted beforehand is worth nothing."""
    session = client.session
    session["planted"] = True
    session.save()
    planted = session.session_key
    sign_in(client, ana.email)
    assert client.session.session_key != planted


def test_signing_out_needs_a_post_and_ends_the_session(client: Client, ana: Person) -> None:
    sign_in(client, ana.email)
    assert client.get("/accounts/logout/").status_code == 200
    assert SESSION_KEY in client.session
    assert client.post("/accounts/logout/")["Location"] == "/accounts/login/"
    assert SESSION_KEY not in client.session


def test_many_wrong_tries_are_slowed_down(client: Client, ana: Person) -> None:
    answers = [sign_in(client, ana.email, f"wrong {number}") for number in range(12)]
    assert any(answer.status_code == 429 or "Too many" in said(answer) for answer in answers)
    sign_in(client, ana.email)
    assert SESSION_KEY not in client.session


def test_the_sign_in_page_offers_no_sign_up(client: Client) -> None:
    assert "signup" not in client.get("/accounts/login/").content.decode()


def test_a_new_password_must_be_long_and_not_common(client: Client, ana: Person) -> None:
    sign_in(client, ana.email)
    for weak in ("eleven char", "password1234", "ana@example.com"):
        page = client.post(
            "/accounts/password/change/", {"oldpassword": PASSWORD, "password1": weak, "password2": weak}
        )
        assert page.status_code == 200
    new = "another long one 77"
    client.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": new, "password2": new})
    ana.refresh_from_db()
    assert ana.check_password(new)


def test_behind_a_proxy_one_guesser_does_not_lock_out_the_others(client: Client, ana: Person, settings: Any) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    guesser = Client(headers={"X-Forwarded-For": "198.51.100.1, 203.0.113.5"})
    answers = [sign_in(guesser, f"nobody{number}@example.com") for number in range(31)]
    assert answers[-1].status_code == 429
    other = Client(headers={"X-Forwarded-For": "203.0.113.9"})
    assert sign_in(other, ana.email).status_code == 302
