"""Who asks without a session, or with a token of an earlier one."""

from collections.abc import Callable

import pytest
from django.conf import settings
from django.test import Client

from people.models import Person
from projects.models import Operation, Project

ORIGIN = {"Origin": settings.STACKPORT_ORIGINS[0]}
TYPED = {"label": "invoices", "purpose": "Kept “as typed” <b>", "tags": "a = b\r\nc = d", "request_key": "k" * 32}


@pytest.fixture
def address(portal: None, project: Project) -> str:
    return f"/projects/{project.slug}/new-bucket/"


@pytest.fixture
def strict(manager: Person) -> Callable[[], Client]:
    """Make browsers whose CSRF tokens are looked at, with Ana signed in."""

    def browser() -> Client:
        client = Client(enforce_csrf_checks=True)
        client.force_login(manager)
        return client

    return browser


def sent_again(html: str) -> dict[str, str]:
    """Return what the answer's form would send, token and all."""
    import html as entities
    import re

    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', html)
    return {name: entities.unescape(value) for name, value in found}


def token(client: Client, address: str) -> str:
    return sent_again(client.get(address).content.decode())["csrfmiddlewaretoken"]


def test_a_fragment_without_a_session_is_refused_and_leads_nowhere(address: str, project: Project) -> None:
    for place in ("/", address, f"{address}name/", f"/projects/{project.slug}/buckets/", "/projects/none/"):
        for method in ("get", "post"):
            answer = getattr(Client(), method)(place, headers={"HX-Request": "true"})
            assert (answer.status_code, answer.content) == (401, b""), place


def test_a_page_without_a_session_leads_to_the_sign_in(address: str) -> None:
    answer = Client().get(address)
    assert answer.status_code == 302
    assert answer["Location"] == f"/accounts/login/?next={address}"


def test_a_form_after_its_session_keeps_what_was_typed_and_does_nothing(
    address: str, strict: Callable[[], Client]
) -> None:
    client = strict()
    typed = TYPED | {"csrfmiddlewaretoken": token(client, address)}
    client.session.flush()

    answer = client.post(address, typed, headers=ORIGIN)

    assert answer.status_code == 401
    html = answer.content.decode()
    kept = sent_again(html)
    assert {name: kept.get(name) for name in TYPED} == TYPED
    assert kept["csrfmiddlewaretoken"] != typed["csrfmiddlewaretoken"]
    assert f'action="{address}"' in html
    assert Operation.objects.count() == 0


def test_a_form_with_the_token_of_an_earlier_sign_in_is_sent_with_a_new_one(
    address: str, strict: Callable[[], Client]
) -> None:
    old = token(strict(), address)
    client = strict()
    token(client, address)

    answer = client.post(address, TYPED | {"csrfmiddlewaretoken": old}, headers=ORIGIN)

    assert answer.status_code == 403
    again = sent_again(answer.content.decode())
    assert {name: again.get(name) for name in TYPED} == TYPED
    assert client.post(address, again, headers=ORIGIN).status_code == 422  # it is judged as a form: fields are missing


@pytest.mark.parametrize("origin", [{}, {"Origin": "null"}, {"Origin": "https://evil.example"}])
def test_another_sites_form_is_never_made_ready_to_send(
    address: str, strict: Callable[[], Client], origin: dict[str, str]
) -> None:
    client = strict()
    for _ in range(2):  # signed in, then not
        html = client.post(address, TYPED, headers=origin).content.decode()
        assert "Send it again" not in html
        assert TYPED["request_key"] not in html
        client.session.flush()


def test_no_password_is_ever_kept(portal: None, staff: Person) -> None:
    client = Client()
    typed = {"email": "a@example.com", "password1": "a very secret word", "password2": "a very secret word"}
    for place in ("/admin/people/person/add/", "/accounts/password/change/"):
        answer = client.post(place, typed)
        assert answer.status_code == 302, place
        assert b"very secret" not in answer.content
