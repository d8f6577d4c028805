"""Staff makes people: an address in small letters, no password until one is set, and nobody else gets in."""

import pytest
from django.contrib.auth import SESSION_KEY
from django.test import Client

from people.models import Person
from tests.factories import PersonFactory

pytestmark = pytest.mark.usefixtures("portal_tables")

ADD = "/admin/people/person/add/"


def change(person: Person) -> str:
    return f"/admin/people/person/{person.pk}/change/"


def test_a_new_person_cannot_sign_in_until_a_password_is_set(sam: Client) -> None:
    answer = sam.post(ADD, {"email": "New.Person@Example.com", "name": "New Person"})
    person = Person.objects.get(name="New Person")
    assert answer["Location"] == change(person)
    assert person.email == "new.person@example.com"
    assert not person.has_usable_password()

    password = "a new long password"
    typed = {"usable_password": "true", "password1": password, "password2": password}
    sam.post(f"/admin/people/person/{person.pk}/password/", typed)
    browser = Client()
    browser.post("/accounts/login/", {"login": "NEW.PERSON@example.com", "password": password})
    assert browser.session[SESSION_KEY] == str(person.pk)


@pytest.mark.parametrize("email", ["", "not an address", "TAKEN@example.com"])
def test_an_odd_or_taken_address_is_refused_in_the_form(sam: Client, email: str) -> None:
    PersonFactory(email="taken@example.com")
    before = Person.objects.count()
    page = sam.post(ADD, {"email": email, "name": "New"})
    assert page.status_code == 200
    assert "errorlist" in page.content.decode()
    assert Person.objects.count() == before


def test_people_are_listed_and_found(sam: Client) -> None:
    PersonFactory(email="ana@example.com", name="Ana Almeida")
    PersonFactory(email="ben@example.com", name="Ben Brandt")
    page = sam.get("/admin/people/person/", {"q": "almeida"}).content.decode()
    assert "ana@example.com" in page
    assert "ben@example.com" not in page


def test_a_persons_page_shows_no_hash(sam: Client) -> None:
    person = PersonFactory()
    page = sam.get(change(person)).content.decode()
    assert person.email in page
    assert person.password.split("$")[-1] not in page


@pytest.mark.parametrize(
    "rights", [{}, {"is_auditor": True}, {"is_superuser": True}, {"is_staff": True, "is_active": False}]
)
def test_only_active_staff_gets_in(client: Client, rights: dict[str, bool]) -> None:
    client.force_login(PersonFactory(**rights))
    for address in ("/admin/people/person/", ADD):
        answer = client.get(address)
        assert answer.status_code in {302, 403}
        assert "/login/" in answer.headers.get("Location", "/login/")


def test_staff_without_the_right_may_not_make_people(client: Client) -> None:
    client.force_login(PersonFactory(is_staff=True))
    assert client.get(ADD).status_code == 403
    assert client.post(ADD, {"email": "x@example.com", "name": "X"}).status_code == 403


def test_addresses_have_no_page_of_their_own(sam: Client) -> None:
    """allauth keeps a second list of addresses; two places to change one would part."""
    assert sam.get("/admin/account/emailaddress/").status_code == 404
