"""What stands in a line of the log, and what never does."""

import io
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from django.conf import settings as django_settings
from django.test import Client

from portal import logs

KEY = "1-cxyz12-0123456789abcdef"
RESET = f"/accounts/password/reset/key/{KEY}/"

pytestmark = pytest.mark.usefixtures("portal_tables")


@pytest.fixture(params=[False, True], ids=["JSON", "for a person"])
def lines(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """What the handler of an installation would write."""
    given = logs.configuration("INFO", for_a_person=request.param)["formatters"]["lines"]
    formatter = structlog.stdlib.ProcessorFormatter(**{name: value for name, value in given.items() if name != "()"})
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(formatter)
    logging.getLogger().addHandler(handler)
    yield written
    logging.getLogger().removeHandler(handler)


def test_the_key_of_a_password_reset_is_never_logged(lines: io.StringIO, settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.people.urls_with_mail"
    Client().get(RESET)
    Client().get("/accounts/login/", {"next": RESET})
    logging.getLogger("portal.outages").warning("a page could not be answered: path=%s error=%s", RESET, "x")
    structlog.get_logger("portal").warning("nested", found={"paths": [RESET]})
    logging.getLogger("portal").error("failed", exc_info=ValueError(RESET))
    said = lines.getvalue()
    assert "request_started" in said
    assert said.count("/password/reset/key/[key]") >= 4
    assert KEY not in said
    assert "error=x" in said, "what follows an address stays"


def test_other_addresses_are_logged_whole(lines: io.StringIO) -> None:
    Client().get("/accounts/login/?q=whole")
    assert "GET /accounts/login/?q=whole" in lines.getvalue()
    assert django_settings.LOGGING["root"]["handlers"] == ["console"]


@pytest.mark.parametrize(
    ("proxies", "forwarded", "logged"),
    [
        (0, "203.0.113.5", "127.0.0.1"),
        (1, "203.0.113.5", "203.0.113.5"),
        (1, "198.51.100.1, 203.0.113.5", "203.0.113.5"),
        (2, "198.51.100.1, 203.0.113.5, 10.0.0.1", "203.0.113.5"),
        (1, "2001:db8::7", "2001:db8::7"),
    ],
)
def test_the_address_logged_is_the_one_that_limits_count(
    lines: io.StringIO, settings: Any, proxies: int, forwarded: str, logged: str
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    answers = [Client().get("/accounts/login/", headers={"X-Forwarded-For": forwarded})]
    assert [answer.status_code for answer in answers] == [200]
    found = re.findall(r"""\bip"?[=:] ?"?([\da-f.:]+)""", lines.getvalue())
    assert set(found) == {logged}


@pytest.mark.parametrize("forwarded", ["203.0.113.5", "", "nonsense, nonsense"])
def test_an_address_that_cannot_be_known_stops_no_page(lines: io.StringIO, settings: Any, forwarded: str) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 2
    assert Client().get("/accounts/login/", headers={"X-Forwarded-For": forwarded}).status_code == 200
    assert "203.0.113.5" not in lines.getvalue()
