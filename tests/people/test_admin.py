"""Staff makes people: an address in small letters, no password until one is set, and nobody else gets in."""

import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import Group, Permission
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


# -- staff with few rights ---------------------------------------------------------------------------------------------

NEW = "a new long password"
TAKEN = {"is_superuser": "on", "is_staff": "on", "is_auditor": "on"}


@pytest.fixture
def clerk() -> Person:
    """Somebody of staff who may look after people, and nothing else."""
    return _staff_with("view_person", "add_person", "change_person", "delete_person")


@pytest.fixture
def clerks(clerk: Person) -> Client:
    """The clerk's browser."""
    client = Client()
    client.force_login(clerk)
    return client


def _staff_with(*rights: str, **fields: bool) -> Person:
    person = PersonFactory(is_staff=True, **fields)
    person.user_permissions.set(Permission.objects.filter(codename__in=rights))
    return person


def _sent(person: Person, **typed: str) -> dict[str, str]:
    return {"email": person.email, "name": "New Name", "is_active": "on", **typed}


def _set_password(client: Client, person: Person) -> int:
    typed = {"usable_password": "true", "password1": NEW, "password2": NEW}
    status = client.post(f"/admin/people/person/{person.pk}/password/", typed).status_code
    person.refresh_from_db()
    return status


def test_a_clerk_looks_after_people(clerks: Client) -> None:
    person = PersonFactory()
    assert clerks.post(change(person), _sent(person)).status_code == 302
    person.refresh_from_db()
    assert person.name == "New Name"
    assert _set_password(clerks, person) == 302
    assert person.check_password(NEW)


def test_a_clerk_gives_nobody_rights(clerks: Client, clerk: Person) -> None:
    group = Group.objects.create(name="all")
    right = Permission.objects.get(codename="change_project")
    for person in (clerk, PersonFactory()):
        typed = _sent(person, groups=str(group.pk), user_permissions=str(right.pk), **TAKEN)
        assert clerks.post(change(person), typed).status_code == 302
        found = Person.objects.get(pk=person.pk)
        assert found.name == "New Name"
        assert (found.is_superuser, found.is_auditor, found.is_staff) == (False, False, person.is_staff)
        assert list(found.groups.all()) == []
        assert right not in found.user_permissions.all()


@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize("who", ["superuser", "auditor", "right", "group"])
def test_a_clerk_does_not_touch_who_has_more_rights(clerks: Client, who: str, active: bool) -> None:
    person = PersonFactory(is_active=active, is_superuser=who == "superuser", is_auditor=who == "auditor")
    right = Permission.objects.get(codename="change_project")
    if who == "right":
        person.user_permissions.add(right)
    if who == "group":
        group = Group.objects.create(name="some")
        group.permissions.add(right)
        person.groups.add(group)
    assert clerks.get(change(person)).status_code == 200, "looking is allowed"
    assert clerks.post(change(person), _sent(person)).status_code == 403
    assert _set_password(clerks, person) == 403
    assert clerks.post(f"/admin/people/person/{person.pk}/delete/", {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": str(person.pk), "post": "yes"}
    clerks.post("/admin/people/person/", chosen)
    found = Person.objects.get(pk=person.pk)
    assert (found.name, found.check_password(NEW)) == (person.name, False)


def test_who_has_every_right_gives_them(sam: Client) -> None:
    person = PersonFactory()
    assert sam.post(change(person), _sent(person, **TAKEN)).status_code == 302
    person.refresh_from_db()
    assert person.is_superuser
    assert person.is_auditor
    assert _set_password(sam, person) == 302
