"""Forgotten passwords: a link by mail where mail is configured, else words; nothing tells a stranger who is known.

And no other page of allauth's is reachable: none that makes people, changes addresses or confirms them.
"""

import re
from collections.abc import Iterator
from queue import Empty
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import URLPattern, get_resolver

from people.models import Person
from people.urls import account_urls
from tests import smtp_sink
from tests.factories import PersonFactory

pytestmark = pytest.mark.usefixtures("portal_tables")

RESET = "/accounts/password/reset/"
NEW = "a new long password 7"


@pytest.fixture
def ana() -> Person:
    return PersonFactory(email="ana@example.com", name="Ana")


@pytest.fixture
def mailbox(settings: Any) -> Iterator[smtp_sink.Sink]:
    """A portal with mail; what it sends arrives here."""
    with smtp_sink.listening() as sink:
        settings.ROOT_URLCONF = "tests.people.urls_with_mail"
        settings.MAIL_CONFIGURED = True
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sink.port
        settings.DEFAULT_FROM_EMAIL = "Stackport <portal@example.com>"
        settings.PUBLIC_BASE_URL = "https://portal.example.com"
        yield sink


def ask(client: Client, email: str, **headers: str) -> Any:
    return client.post(RESET, {"email": email}, headers=headers)


def link_in(mailbox: smtp_sink.Sink) -> str:
    """Return the link of the next mail."""
    body = mailbox.mails.get(timeout=5).get_payload()
    (found,) = re.findall(r"https?://\S+", body)
    return str(found)


def test_only_these_addresses_exist() -> None:
    accounts = [found for found in get_resolver().url_patterns if str(found.pattern) == "accounts/"]
    names = [one.name for included in accounts for one in included.url_patterns if isinstance(one, URLPattern)]
    assert names == ["account_login", "account_logout", "account_inactive", "account_change_password"]
    assert {one.name for one in account_urls(with_mail=True)} - set(names) == {
        "account_reset_password",
        "account_reset_password_done",
        "account_reset_password_from_key",
        "account_reset_password_from_key_done",
    }


@pytest.mark.parametrize(
    "path",
    ["email/", "signup/", "confirm-email/", "confirm-email/x/", "password/set/", "password/reset/", "reauthenticate/"],
)
def test_nobody_changes_an_address_or_signs_up(client: Client, ana: Person, path: str) -> None:
    client.force_login(ana)
    typed = {"email": "chief@example.com", "action_add": "", "password1": NEW, "password2": NEW}
    assert client.post(f"/accounts/{path}", typed).status_code == 404
    assert [person.email for person in Person.objects.all()] == ["ana@example.com"]


def test_digits_alone_are_no_password() -> None:
    with pytest.raises(ValidationError, match="entirely numeric"):
        validate_password("8301746529174650")


def test_without_mail_the_sign_in_page_says_whom_to_ask(client: Client, settings: Any) -> None:
    settings.STAFF_CONTACT = "the help desk, extension 4711"
    page = client.get("/accounts/login/").content.decode()
    assert "Ask the help desk, extension 4711." in page
    assert "password/reset" not in page


def test_a_link_by_mail_sets_a_new_password(client: Client, ana: Person, mailbox: smtp_sink.Sink) -> None:
    assert "password/reset" in client.get("/accounts/login/").content.decode()
    elsewhere = Client()
    elsewhere.force_login(ana)
    assert ask(client, "ANA@example.com")["Location"] == "/accounts/password/reset/sent/"
    mail = mailbox.mails.get(timeout=5)
    assert (mail["From"], mail["To"]) == ("Stackport <portal@example.com>", "ana@example.com")
    assert mail["Subject"] == "Set a new password for Stackport"
    (link,) = re.findall(r"https?://\S+", mail.get_payload())

    form = client.get(urlsplit(link).path)["Location"]
    assert "Set a new password" in client.get(form).content.decode()
    assert client.post(form, {"password1": NEW, "password2": NEW})["Location"] == "/accounts/password/reset/done/"
    ana.refresh_from_db()
    assert ana.check_password(NEW)
    assert SESSION_KEY not in client.session, "the link proves the mailbox, not who reads it: they sign in"
    assert elsewhere.get("/")["Location"].startswith("/accounts/login/")
    assert "does not work any more" in client.get(urlsplit(link).path).content.decode()


@pytest.mark.parametrize("host", ["testserver:666", "127.0.0.1"])
def test_the_link_is_never_built_from_the_host(client: Client, ana: Person, mailbox: smtp_sink.Sink, host: str) -> None:
    ask(client, ana.email, host=host)
    assert link_in(mailbox).startswith("https://portal.example.com/accounts/password/reset/key/")


def test_nobody_learns_who_is_known_and_strangers_get_no_mail(
    client: Client, ana: Person, mailbox: smtp_sink.Sink
) -> None:
    PersonFactory(email="old@example.com", is_active=False)
    Person.objects.create_user("new@example.com", name="No password yet")
    answers = [ask(client, email) for email in ("nobody@example.com", "old@example.com", "new@example.com", ana.email)]
    assert len({(answer.status_code, answer["Location"], answer.content) for answer in answers}) == 1
    assert mailbox.mails.get(timeout=5)["To"] == ana.email
    with pytest.raises(Empty):
        mailbox.mails.get(timeout=0.3)


def test_a_mail_server_that_is_away_changes_no_answer(
    client: Client, ana: Person, mailbox: smtp_sink.Sink, settings: Any
) -> None:
    settings.EMAIL_PORT = 1
    assert ask(client, ana.email).status_code == ask(client, "nobody@example.com").status_code == 302


def test_who_was_switched_off_is_told_so_only_with_the_password(client: Client) -> None:
    PersonFactory(email="old@example.com", is_active=False)
    typed = {"login": "old@example.com", "password": "a long password"}
    assert client.post("/accounts/login/", typed)["Location"] == "/accounts/inactive/"
    assert "You may not sign in" in client.get("/accounts/inactive/").content.decode()
    assert "not correct" in client.post("/accounts/login/", typed | {"password": "x"}).content.decode()


def test_too_many_tries_are_answered_in_words(client: Client, mailbox: smtp_sink.Sink) -> None:
    answers = [ask(client, "nobody@example.com") for _ in range(7)]
    assert answers[-1].status_code == 429
    assert "Too many tries" in answers[-1].content.decode()
