"""Typed settings from the environment: good values are read, odd ones refused with words that say how to mend them."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from portal import environment as env

NAME = "STACKPORT_TEST_VALUE"
ORIGINS = [
    "https://portal.example.com",
    "https://127.0.0.1:8000",
    "https://[::1]:8000",
    "https://portal.example.com:8443",
]
Set = Callable[[str | None], None]


@pytest.fixture(name="given")
def given_value(monkeypatch: pytest.MonkeyPatch) -> Set:
    """Set the variable, or take it away."""

    def given(value: str | None) -> None:
        if value is None:
            monkeypatch.delenv(NAME, raising=False)
        else:
            monkeypatch.setenv(NAME, value)

    return given


@pytest.mark.parametrize("value", [None, ""])
def test_what_is_not_set_or_empty_takes_the_default(given: Set, value: str | None) -> None:
    given(value)
    assert env.text(NAME, "queue", pattern="[a-z]+") == "queue"
    assert [env.flag(NAME), env.flag(NAME, default=True)] == [False, True]
    assert env.number(NAME, 4, least=1) == 4
    assert env.words(NAME, ["a"]) == ["a"]
    assert env.origins(NAME, ORIGINS) == ORIGINS
    assert env.zone(NAME, "UTC") == "UTC"


@pytest.mark.parametrize("value", [None, ""])
def test_what_has_no_default_must_be_set(given: Set, value: str | None) -> None:
    given(value)
    with pytest.raises(ImproperlyConfigured, match=rf"{NAME} is not set\. Ask staff\."):
        env.text(NAME, hint="Ask staff.")
    assert env.text(NAME, "") == ""


@pytest.mark.parametrize("value", ["$HOME", "$", "$$key", r"\$key", "a#b c'd\"", " spaces stay "])
def test_a_text_is_taken_as_it_stands(given: Set, value: str) -> None:
    """A random key may hold any character."""
    given(value)
    assert env.text(NAME, "") == value


def test_a_text_must_match_its_pattern_whole(given: Set) -> None:
    given("eu-west-1")
    assert env.text(NAME, pattern=r"[a-z]+-[a-z]+-\d") == "eu-west-1"
    given("eu-west-1 and more")
    with pytest.raises(ImproperlyConfigured, match=rf"{NAME} has an odd value\. Such as eu-west-1\."):
        env.text(NAME, pattern=r"[a-z]+-[a-z]+-\d", hint="Such as eu-west-1.")


@pytest.mark.parametrize(
    ("value", "read"),
    [("1", True), ("yes", True), ("TRUE", True), (" on ", True), ("0", False), ("No", False), ("off", False)],
)
def test_a_flag_is_yes_or_no(given: Set, value: str, read: bool) -> None:
    given(value)
    assert env.flag(NAME, default=not read) is read


def test_numbers_and_lists_are_read(given: Set) -> None:
    given("0.5")
    assert env.number(NAME, 1) == 0.5
    given(" a, b ,,c ")
    assert env.words(NAME) == ["a", "b", "c"]
    given(",".join(ORIGINS))
    assert env.origins(NAME) == ORIGINS
    given("http://127.0.0.1:8000,http://localhost:8000")
    assert env.origins(NAME) == ["http://127.0.0.1:8000", "http://localhost:8000"]
    given("Europe/Berlin")
    assert env.zone(NAME, "UTC") == "Europe/Berlin"


@pytest.mark.parametrize(
    ("read", "value", "words"),
    [
        (env.flag, "maybe", "must be yes or no"),
        (lambda name: env.number(name, 1), "fast", "must be a number"),
        (lambda name: env.number(name, 1), "nan", "must be a number"),
        (lambda name: env.number(name, 1), "inf", "must be a number"),
        (lambda name: env.number(name, 1, least=1), "0.5", "must be at least 1"),
        (lambda name: env.number(name, 1), "-1", "must be at least 0"),
        (lambda name: env.count(name, 1, least=2), "1", "must be a whole number, 2 or more"),
        (lambda name: env.zone(name, "UTC"), "Mars/Olympus", "must be a time zone such as Europe/Berlin"),
        (lambda name: env.zone(name, "UTC"), "../../etc/passwd", "must be a time zone"),
    ],
)
def test_an_odd_value_is_refused_in_words(given: Set, read: Callable[[str], Any], value: str, words: str) -> None:
    given(value)
    with pytest.raises(ImproperlyConfigured, match=f"{NAME} {words}"):
        read(NAME)


@pytest.mark.parametrize(
    "value",
    [
        "portal.example.com",
        "//portal.example.com",
        "https://",
        "https://portal.example.com/",
        "https://portal.example.com/path",
        "https://portal.example.com?x=1",
        "https://portal.example.com#x",
        "https://me@portal.example.com",
        "https://Portal.example.com",
        "HTTPS://portal.example.com",
        "https://portal.example.com:80x",
        "https://portal.example.com:99999",
        "https://[::1",
        "ftp://portal.example.com",
        "wss://portal.example.com",
        "*",
    ],
)
def test_what_no_browser_sends_is_no_origin(given: Set, value: str) -> None:
    given(f"https://other.example.com,{value}")
    with pytest.raises(ImproperlyConfigured, match=f"{NAME} must list full origins such as") as refusal:
        env.origins(NAME)
    assert repr(value) in str(refusal.value)


def test_one_plain_origin_among_protected_ones_is_refused(given: Set) -> None:
    given("https://portal.example.com,http://127.0.0.1:8000")
    with pytest.raises(ImproperlyConfigured, match=f"{NAME} must list origins of https alone, or of http alone"):
        env.origins(NAME)


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:4566", True),
        ("http://localhost", True),
        ("http://[::1]:80/x", True),
        ("", False),
        ("http://127.0.0.1.example.com", False),
        ("http://127.0.0.1@example.com", False),
        ("https://example.com/127.0.0.1", False),
    ],
)
def test_only_this_machine_is_loopback(url: str, here: bool) -> None:
    assert env.is_loopback(url) is here


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("smtp://127.0.0.1:2525", env.MailServer("127.0.0.1", 2525, starttls=False, tls=False)),
        ("smtps://mail.example.com", env.MailServer("mail.example.com", 465, starttls=False, tls=True)),
        (
            "smtp+tls://me:p%2Fw@mail.example.com:26/",
            env.MailServer("mail.example.com", 26, starttls=True, tls=False, user="me", password="p/w"),
        ),
        ("", None),
    ],
)
def test_a_mail_server_is_read_from_its_url(given: Set, url: str, read: env.MailServer | None) -> None:
    given(url)
    assert env.mail_server(NAME) == read
    assert "p/w" not in repr(read)


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.com",
        "smtp://mail.example.com",
        "smtp+tls://",
        "smtp+tls://mail.example.com:x",
        "smtps://mail.example.com/path",
        "smtps://mail.example.com?tls=no",
        "https://mail.example.com",
    ],
)
def test_links_that_let_somebody_in_do_not_travel_in_the_clear(given: Set, url: str) -> None:
    given(url)
    with pytest.raises(ImproperlyConfigured, match=f"{NAME} must be like smtp"):
        env.mail_server(NAME)
