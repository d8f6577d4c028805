"""Every kind of answer, errors among them: security headers, a strict content policy, words, and nothing secret."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings

from people.models import Person
from portal.context import installation
from projects.models import Role
from projects.stacks import mirror
from tests.factories import MembershipFactory, PersonFactory, ProjectFactory
from tests.fixtures_localaws import LocalAWS, empty, is_standing
from tests.portal.urls_with_a_failing_page import SECRET

HTMX = {"HX-Request": "true"}


@dataclass(slots=True)
class Visitors:
    """A browser of each kind of visitor."""

    manager: Client
    viewer: Client
    staff: Client
    nobody: Client = field(default_factory=lambda: Client(raise_request_exception=False))
    checked: Client = field(default_factory=lambda: Client(enforce_csrf_checks=True))


ASKED: dict[str, Callable[[Visitors, str], Any]] = {
    "a public page": lambda who, _: who.nobody.get("/accounts/login/"),
    "a page": lambda who, at: who.manager.get(f"{at}/buckets/"),
    "a fragment": lambda who, at: who.manager.get(f"{at}/buckets/", headers=HTMX),
    "a staff page": lambda who, _: who.staff.get("/admin/"),
    "JSON": lambda who, _: who.nobody.get("/healthz"),
    "a redirect to sign in": lambda who, _: who.nobody.get("/"),
    "a redirect to the slash": lambda who, at: who.manager.get(at),
    "a refused form": lambda who, at: who.manager.post(f"{at}/new-bucket/", {"label": "x"}),
    "a damaged request": lambda who, _: who.nobody.get("/suspicious/"),
    "a foreign host": lambda who, _: who.nobody.get("/accounts/login/", headers={"host": "evil.example.com"}),
    "a right that is missing": lambda who, at: who.viewer.get(f"{at}/new-bucket/"),
    "a form from elsewhere": lambda who, _: who.checked.post("/accounts/login/", {"login": "x", "password": "y"}),
    "no such page": lambda who, _: who.manager.get("/nowhere/"),
    "no such page, to nobody": lambda who, _: who.nobody.get("/nowhere/<script>alert(1)</script>/"),
    "a wrong method": lambda who, at: who.manager.put(f"{at}/buckets/"),
    "a failure": lambda who, _: who.nobody.get("/failing/"),
    "a failing fragment": lambda who, _: who.nobody.get("/failing/", headers=HTMX),
}
STATUS = {
    "a public page": 200,
    "a page": 200,
    "a fragment": 200,
    "a staff page": 200,
    "JSON": 200,
    "a redirect to sign in": 302,
    "a redirect to the slash": 301,
    "a refused form": 422,
    "a damaged request": 400,
    "a foreign host": 400,
    "a right that is missing": 403,
    "a form from elsewhere": 403,
    "no such page": 404,
    "no such page, to nobody": 404,
    "a wrong method": 405,
    "a failure": 500,
    "a failing fragment": 500,
}
ERRORS = {
    "a damaged request": "That request was not understood",
    "a foreign host": "That request was not understood",
    "a right that is missing": "Viewers may look at Acme invoices, but not change it.",
    "a form from elsewhere": "The form has expired",
    "no such page": "There is no such page",
    "no such page, to nobody": "There is no such page",
    "a failure": "The portal failed",
}


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


@contextmanager
def open_portal(**settings: Any) -> Iterator[None]:
    """The portal with its queues and tables, and a page that breaks."""
    with override_settings(ROOT_URLCONF="tests.portal.urls_with_a_failing_page", **settings):
        mirror.collection.cache_clear()
        call_command("prepare")
        yield


@pytest.fixture(scope="module")
def answers(served_aws: LocalAWS, django_db_setup: None, django_db_blocker: Any) -> dict[str, HttpResponse]:
    """One answer of each kind, asked for once."""
    if not is_standing(served_aws):
        empty(served_aws)
    with django_db_blocker.unblock(), open_portal(), transaction.atomic():
        project = ProjectFactory(name="Acme invoices")
        member = {role: MembershipFactory(project=project, role=role).person for role in (Role.MANAGER, Role.VIEWER)}
        who = Visitors(
            signed_in(member[Role.MANAGER]),
            signed_in(member[Role.VIEWER]),
            signed_in(PersonFactory(is_staff=True, is_superuser=True)),
        )
        found = {kind: ask(who, f"/projects/{project.slug}") for kind, ask in ASKED.items()}
        transaction.set_rollback(True)
    return found


@pytest.mark.parametrize("kind", STATUS)
def test_every_answer_carries_the_security_headers(answers: dict[str, HttpResponse], kind: str) -> None:
    answer = answers[kind]
    assert answer.status_code == STATUS[kind]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in answer["Permissions-Policy"]
    assert "Server" not in answer
    assert "X-Powered-By" not in answer


@pytest.mark.parametrize("kind", STATUS)
def test_every_answer_carries_the_content_policy(answers: dict[str, HttpResponse], kind: str) -> None:
    policy = dict(part.strip().split(" ", 1) for part in answers[kind]["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert not re.search(
        r"unsafe|\*|https?:", " ".join(value for name, value in policy.items() if name != "connect-src")
    )
    assert policy["connect-src"].split() == ["'self'", "ws://testserver", "ws://127.0.0.1:8000"]


class Inline(HTMLParser):
    """Notes what a strict content policy forbids, and files of other places."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._open = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._open = tag if tag == "style" or (tag == "script" and "src" not in given) else ""
        self.found += [f"{tag} {name}" for name in given if name == "style" or name.startswith("on")]
        loaded = given.get("src") or (given.get("href") if tag == "link" else None) or "/"
        if not loaded.startswith("/") or loaded.startswith("//"):
            self.found.append(loaded)

    def handle_data(self, data: str) -> None:
        if self._open and data.strip():
            self.found.append(f"inline {self._open}")
        self._open = ""


@pytest.mark.parametrize("kind", [kind for kind, status in STATUS.items() if status not in {301, 302}])
def test_no_answer_needs_more_than_the_policy_allows(answers: dict[str, HttpResponse], kind: str) -> None:
    page = Inline()
    page.feed(answers[kind].content.decode())
    assert page.found == []


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_says_what_it_means_and_nothing_secret(answers: dict[str, HttpResponse], kind: str) -> None:
    body = answers[kind].content.decode()
    assert ERRORS[kind] in body
    assert '<link rel="stylesheet" href="/static/css/portal.css">' in body
    assert '<a class="btn btn-primary" href="/">To my projects</a>' in body
    told = re.search(
        r"Traceback|RuntimeError|SuspiciousOperation|DisallowedHost|\.py\b|csrfmiddlewaretoken|Reason", body
    )
    assert told is None
    for secret in (SECRET, django_settings.SECRET_KEY, "evil.example.com"):
        assert secret not in body


def test_a_failing_fragment_says_no_more_than_a_page(answers: dict[str, HttpResponse]) -> None:
    assert SECRET not in answers["a failing fragment"].content.decode()


def test_an_unknown_address_is_not_repeated(answers: dict[str, HttpResponse]) -> None:
    assert "alert(1)" not in answers["no such page, to nobody"].content.decode()


@pytest.mark.parametrize("kind", ["a page", "a fragment", "a staff page"])
def test_pages_with_a_persons_things_are_not_kept_for_others(answers: dict[str, HttpResponse], kind: str) -> None:
    assert "Cookie" in answers[kind]["Vary"]


def test_the_session_cookie_is_not_for_scripts_or_other_sites(local_aws: LocalAWS, manager: Person) -> None:
    with open_portal():
        client = Client()
        client.post("/accounts/login/", {"login": manager.email, "password": "a long password"})
    session = client.cookies[django_settings.SESSION_COOKIE_NAME]
    assert (session["httponly"], session["samesite"]) == (True, "Lax")


def test_every_page_knows_its_installation(local_aws: LocalAWS, manager: Person) -> None:
    with open_portal(ENVIRONMENT_LABEL="Rehearsal", DEMO=False):
        assert installation(HttpRequest()) == {
            "environment_label": "Rehearsal",
            "is_demo": False,
            "live_url": "/ws/",
            "time_zone": "UTC",
            "mail_is_configured": False,
            "staff_contact": "the staff of this portal",
        }
        home = signed_in(manager).get("/").content.decode()
        assert "Rehearsal" in home
        assert 'data-live-url="/ws/"' in home
        assert "stackport-demo" not in Client().get("/accounts/login/").content.decode()
    with open_portal(DEMO=True):
        assert "stackport-demo" in Client().get("/accounts/login/").content.decode()


def test_https_asks_browsers_to_stay_with_it(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS, settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = 31_536_000, True
    plain = Client().get("/accounts/login/")
    assert (plain.status_code, plain["Location"]) == (301, "https://testserver/accounts/login/")
    assert Client().get("/healthz", secure=True)["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
