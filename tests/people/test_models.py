"""The user model: an e-mail address in small letters signs in; without a password nobody can."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from people.models import Person

pytestmark = pytest.mark.django_db
PASSWORD = "a long password"


def test_an_address_is_kept_in_small_letters_without_spaces() -> None:
    person = Person.objects.create_user(" Ana.Almeida@Example.COM ", PASSWORD, name="Ana")
    assert person.email == "ana.almeida@example.com"
    person.email = " ANA@example.com "
    person.clean()
    assert person.email == "ana@example.com"


def test_a_person_needs_an_address() -> None:
    with pytest.raises(ValueError, match="needs an e-mail address"):
        Person.objects.create_user("", PASSWORD)


def test_two_people_may_not_differ_in_case_only() -> None:
    Person.objects.create_user("ana@example.com", PASSWORD, name="Ana")
    with pytest.raises(IntegrityError):
        Person.objects.create_user("ANA@example.com", PASSWORD, name="Ana too")


def test_a_form_refuses_two_people_who_differ_in_case_only() -> None:
    Person.objects.create_user("ana@example.com", PASSWORD, name="Ana")
    with pytest.raises(ValidationError) as refusal:
        Person(email="ANA@example.com", name="Ana too", password="x").full_clean()
    assert "email" in refusal.value.message_dict


def test_without_a_password_nobody_can_sign_in() -> None:
    person = Person.objects.create_user("ana@example.com", name="Ana")
    assert not person.has_usable_password()
    assert not person.check_password("")


def test_a_person_has_no_rights_until_staff_gives_them() -> None:
    person = Person.objects.create_user("ana@example.com", PASSWORD, name="Ana")
    assert (person.is_staff, person.is_superuser, person.is_auditor, person.is_active) == (False, False, False, True)
    assert person.check_password(PASSWORD)


def test_a_superuser_has_every_right_but_a_switched_off_one_none() -> None:
    root = Person.objects.create_superuser("root@example.com", PASSWORD, name="Root")
    assert (root.is_staff, root.is_superuser, root.has_perm("people.delete_person")) == (True, True, True)
    root.is_active = False
    assert not root.has_perm("people.delete_person")


def test_people_are_found_by_their_address_in_any_case() -> None:
    ana = Person.objects.create_user("ana@example.com", PASSWORD, name="Ana")
    assert Person.objects.get_by_natural_key("ANA@example.com") == ana
    for unknown in ("ben@example.com", "", None):
        with pytest.raises(Person.DoesNotExist):
            Person.objects.get_by_natural_key(unknown)


@pytest.mark.parametrize(
    ("name", "shown", "short"), [("Ana Almeida", "Ana Almeida", "Ana"), ("", "ana@example.com", "ana@example.com")]
)
def test_a_person_is_shown_by_name_else_by_address(name: str, shown: str, short: str) -> None:
    person = Person(email="ana@example.com", name=name)
    assert (str(person), person.get_full_name(), person.get_short_name()) == (shown, shown, short)
