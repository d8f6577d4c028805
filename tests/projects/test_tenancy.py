"""Another project's pages answer exactly like pages that do not exist (S7); strangers to the portal see sign-in only.

Routes are read from the URL map, so that a new one is held to the same.
"""

import re
import secrets
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from notifications import topics
from people.models import Person
from projects.actions import buckets
from projects.live_topic import ProjectTopic
from projects.models import Membership, Operation, Project, Role
from tests import portal_run
from tests.factories import PersonFactory
from tests.projects.specs import asker, spec_for

HTMX = {"HX-Request": "true"}
# What answers without a session: health, and allauth's pages around signing in, which tell nothing of anybody.
OPEN_TO_ALL = {
    "healthz",
    "readyz",
    "account_login",
    "account_inactive",
    "account_signup",
    "account_email_verification_sent",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key_done",
}
SIGN_IN = ("/accounts/login/", "/admin/login/")
_ARGUMENT = re.compile(r"<(?:\w+:)?(\w+)>")


def routes(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Walk the URL map: each address with its arguments in angle brackets, and its pattern."""
    for pattern in patterns:
        place = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, place)
        else:
            yield place, pattern


def project_routes() -> list[str]:
    """Return every route that names a project."""
    return [place for place, _pattern in routes(get_resolver().url_patterns) if "<slug:slug>" in place]


def filled(route: str, values: dict[str, str]) -> str:
    """Return a route's address; a route with an argument that this test has no value for fails it."""
    unknown = set(_ARGUMENT.findall(route)) - values.keys()
    assert not unknown, f"{route} has arguments that the test of tenancy does not know: {unknown}"
    return "/" + _ARGUMENT.sub(lambda argument: values[argument[1]], route)


def told(answer: HttpResponse) -> tuple[int, dict[str, str], bytes, list[str]]:
    """Return all that an answer tells: status, headers, body, cookies."""
    return answer.status_code, dict(answer.headers), answer.content, sorted(answer.cookies)


@dataclass(frozen=True)
class Estate:
    """A project with a bucket, a settled operation and a failed one, and a manager of another project."""

    project: Project
    other: Project
    values: dict[str, str]
    member: Client
    stranger: Client


@pytest.fixture
def estate(acme: Project, harbour: Project, ana: Person, label: str) -> Estate:
    operation = buckets.create(acme, spec_for(acme, ana, label), by=asker(ana))
    portal_run.settle(operation)
    sten = PersonFactory(name="Sten Stranger")
    Membership.objects.create(project=harbour, person=sten, role=Role.OWNER)
    member, stranger = Client(), Client()
    member.force_login(ana)
    stranger.force_login(sten)
    values = {"slug": acme.slug, "name": operation.target_name, "pk": str(operation.pk)}
    return Estate(acme, harbour, values, member, stranger)


def absent(values: dict[str, str], *names: str) -> dict[str, str]:
    """Return the values with some replaced by ones that do not exist, of the same length."""
    other = {
        "slug": "z" * len(values["slug"]),
        "name": "z" * len(values["name"]),
        "pk": str(uuid.uuid4()),
    }
    return values | {name: other[name] for name in names}


def test_every_route_of_a_project_is_known() -> None:
    places = [place for place, _pattern in routes(get_resolver().url_patterns)]

    outside = [place for place in places if not place.startswith(("admin/", "accounts/", "projects/<slug:slug>/"))]
    assert outside == ["healthz", "readyz", ""], "a page outside its project's address is not held to tenancy"
    assert len(project_routes()) >= 13


def test_members_find_their_pages(estate: Estate) -> None:
    """So that the other tests compare pages that exist."""
    answers = {route: estate.member.get(filled(route, estate.values)).status_code for route in project_routes()}

    only_sent = {route for route in answers if route.endswith(("/retry/", "/cancel/", "/remove/"))}
    assert {answers[route] for route in only_sent} == {405}
    assert {route: code for route, code in answers.items() if code != 200 and route not in only_sent} == {}


def test_another_projects_pages_answer_like_pages_that_do_not_exist(estate: Estate) -> None:
    before = list(Operation.objects.values())
    nothing = absent(estate.values, "slug"), absent(estate.values, "slug", "name", "pk")
    differing = []
    for route in project_routes():
        for method, headers in (("get", {}), ("get", HTMX), ("post", {}), ("put", {})):
            ask = getattr(estate.stranger, method)
            there = ask(filled(route, estate.values), headers=headers)
            assert there.status_code in {404, 405}, (method, route)
            if any(told(there) != told(ask(filled(route, values), headers=headers)) for values in nothing):
                differing.append((method, route, headers))

    assert differing == []
    assert list(Operation.objects.values()) == before


def test_another_projects_bucket_and_operation_are_not_found_through_ones_own_project(estate: Estate) -> None:
    """The address names my project, and a thing of another one."""
    mine = estate.values | {"slug": estate.other.slug}
    before = list(Operation.objects.values())
    for route in project_routes():
        named = set(_ARGUMENT.findall(route)) - {"slug"}
        if not named:
            continue
        for method in ("get", "post", "put"):
            there = getattr(estate.stranger, method)(filled(route, mine))
            nowhere = getattr(estate.stranger, method)(filled(route, absent(mine, *named)))
            assert told(there) == told(nowhere), (method, route)

    assert list(Operation.objects.values()) == before


def test_a_failed_creation_of_another_project_does_not_fill_my_form(estate: Estate) -> None:
    address = f"/projects/{estate.other.slug}/new-bucket/"

    body = estate.stranger.get(address, {"again": estate.values["pk"]}).content.decode()

    assert "Invoices" not in body
    assert "finance" not in body


def test_a_form_key_of_another_project_leads_nowhere(estate: Estate) -> None:
    key = Operation.objects.get(pk=estate.values["pk"]).request_key
    owner = Membership.objects.get(project=estate.other).person.email
    typed = {
        "label": f"t{secrets.token_hex(4)}",
        "purpose": "Mine",
        "owner": owner,
        "retention": "keep",
        "versions_days": "90",
        "request_key": key,
    }

    answer = estate.stranger.post(f"/projects/{estate.other.slug}/new-bucket/", typed)

    assert answer.status_code == 422
    assert estate.project.slug not in answer.content.decode()
    assert Operation.objects.count() == 1


def test_the_live_topic_of_another_project_is_refused_like_one_that_does_not_exist(estate: Estate) -> None:
    sten = Membership.objects.get(project=estate.other).person
    ana = Membership.objects.get(project=estate.project).person
    topic = ProjectTopic()
    there, nowhere = str(estate.project.pk), str(estate.project.pk + 1000)

    assert topic.may_subscribe(ana, there) is True
    assert topic.may_subscribe(sten, there) is topic.may_subscribe(sten, nowhere) is False
    assert topic.snapshot(sten, there, {"*": 0}) == topic.snapshot(sten, nowhere, {"*": 0}) == []


@pytest.mark.parametrize("key", ["", "x", "-1", "1-5", "9" * 64, "0"])
def test_odd_topics_are_refused(stranger: Person, key: str) -> None:
    assert ProjectTopic().may_subscribe(stranger, key) is False


def test_a_member_of_no_active_account_sees_nothing(project: Project, manager: Person) -> None:
    topic = ProjectTopic()
    assert topic.may_subscribe(manager, str(project.pk)) is True

    manager.is_active = False

    assert topic.may_subscribe(manager, str(project.pk)) is False


def test_the_project_topic_is_the_registered_one() -> None:
    found, key = topics.resolve("project:7")
    assert isinstance(found, ProjectTopic)
    assert key == "7"


def anonymous_addresses() -> Iterator[tuple[str, str]]:
    """Return the name and an address of every route, with values that exist nowhere."""
    values = {
        "slug": "acme-live",
        "name": "a-bucket",
        "pk": str(uuid.uuid4()),
        "object_id": "1",
        "content_type_id": "1",
        "id": "1",
    }
    for place, pattern in routes(get_resolver().url_patterns):
        if "(?P" in place:
            continue  # patterns of allauth's mails and of the admin's fallback
        yield pattern.name or place, filled(place, values)


def test_anonymous_people_reach_sign_in_only(portal: None) -> None:
    reached = {}
    for name, address in anonymous_addresses():
        for method in ("get", "post"):
            answer = getattr(Client(), method)(address)
            away = answer.status_code == 302 and answer["Location"].startswith(SIGN_IN)
            away = away or (answer.status_code == 401 and b"Sign in" in answer.content)
            if not away and name not in OPEN_TO_ALL:
                reached[f"{method} {name}"] = answer.status_code, answer.headers.get("Location")

    assert reached == {}
    assert Client().get("/admin/login/")["Location"].startswith("/accounts/login/")


def test_nobody_signs_up(portal: None) -> None:
    typed = {"email": "new@example.com", "password1": "a long password", "password2": "a long password"}

    Client().post("/accounts/signup/", typed)

    assert not Person.objects.filter(email="new@example.com").exists()
