"""The settings as a fresh process reads them: what is refused, and what an installation on https switches on."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
# Imports the settings anew for each environment given on stdin; one process, since Django's imports cost a second.
READ = """
import importlib, json, os, sys
base = dict(os.environ)
found = []
for wanted in json.load(sys.stdin):
    os.environ.clear()
    os.environ.update(base | wanted)
    try:
        module = importlib.reload(sys.modules["portal.settings"]) if "portal.settings" in sys.modules else (
            importlib.import_module("portal.settings"))
        found.append({name: repr(value) for name, value in vars(module).items() if name.isupper()})
    except Exception as refusal:
        found.append(f"{type(refusal).__name__}: {refusal}")
print(json.dumps(found))
"""
ODD = {
    "STACKPORT_DEMO": ("maybe", "STACKPORT_DEMO must be yes or no."),
    "STACKPORT_DEBUG": ("2", "STACKPORT_DEBUG must be yes or no."),
    "STACKPORT_BEHIND_PROXY": ("nginx", "STACKPORT_BEHIND_PROXY must be yes or no."),
    "STACKPORT_PROXIES": ("1.5", "STACKPORT_PROXIES must be a whole number, 0 or more."),
    "STACKPORT_TIME_ZONE": (
        "Mars",
        "STACKPORT_TIME_ZONE must be a time zone such as Europe/Berlin; 'Mars' is not one.",
    ),
    "STACKPORT_ORIGINS": ("portal.example.com", "STACKPORT_ORIGINS must list full origins such as"),
    "AWS_DEFAULT_REGION": ("Frankfurt", "AWS_DEFAULT_REGION has an odd value. Such as eu-west-1."),
    "STACKPORT_RATE_SCALE": ("0", "STACKPORT_RATE_SCALE must be at least 0.01."),
    "STACKPORT_SWEEP_SECONDS": ("often", "STACKPORT_SWEEP_SECONDS must be a number"),
    "STACKPORT_RECONCILE_SECONDS": ("0.5", "STACKPORT_RECONCILE_SECONDS must be at least 1."),
    "STACKPORT_LOOK_AGAIN_SCALE": ("-1", "STACKPORT_LOOK_AGAIN_SCALE must be at least 0."),
    "STACKPORT_LEASE_SECONDS": ("0", "STACKPORT_LEASE_SECONDS must be at least 1."),
    "STACKPORT_WORKER_THREADS": ("inf", "STACKPORT_WORKER_THREADS must be a number"),
    "STACKPORT_OPEN_PER_PERSON": ("0", "STACKPORT_OPEN_PER_PERSON must be a whole number, 1 or more."),
    "STACKPORT_OPEN_PER_PROJECT": ("many", "STACKPORT_OPEN_PER_PROJECT must be a whole number, 1 or more."),
    "STACKPORT_LOG_LEVEL": ("LOUD", "STACKPORT_LOG_LEVEL has an odd value. DEBUG, INFO, WARNING or ERROR."),
    "STACKPORT_MAIL_URL": ("smtp://mail.example.com", "STACKPORT_MAIL_URL must be like smtp+tls://"),
    "STACKPORT_MAIL_FROM": ("Stackport", "STACKPORT_MAIL_FROM must be an address such as"),
    "STACKPORT_FAULT_CONTROL": ("http://127.0.0.1:1", "STACKPORT_FAULT_CONTROL is for game days"),
}
HTTPS = {"STACKPORT_ORIGINS": "https://portal.example.com", "STACKPORT_SECRET_KEY": "$" + "k" * 60}


def read(*environments: dict[str, str]) -> list[Any]:
    """Return the settings of each environment, or what refused it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STACKPORT_", "AWS_"))}
    done = subprocess.run(
        [sys.executable, "-c", READ],
        cwd=ROOT,
        env=kept,
        input=json.dumps(environments),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return list(json.loads(done.stdout))


@pytest.fixture(scope="module")
def refusals() -> dict[str, Any]:
    """What each odd value is answered with."""
    return dict(zip(ODD, read(*({name: value} for name, (value, _) in ODD.items())), strict=True))


@pytest.mark.parametrize("name", ODD)
def test_an_odd_value_stops_the_start_with_words(refusals: dict[str, Any], name: str) -> None:
    assert str(refusals[name]).startswith(f"ImproperlyConfigured: {ODD[name][1]}")


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """The settings of several installations."""
    kinds = {"bare": {}, "https": HTTPS, "demo": {"STACKPORT_DEMO": "yes", "STACKPORT_FAULT_CONTROL": "on"}}
    kinds["proxy"] = HTTPS | {"STACKPORT_BEHIND_PROXY": "yes", "STACKPORT_SSL_REDIRECT": "no", "STACKPORT_PROXIES": "2"}
    kinds["six"] = {"STACKPORT_ORIGINS": "https://[::1],https://[2001:db8::7]:8443,https://portal.example.com:8443"}
    kinds["mail"] = HTTPS | {
        "STACKPORT_MAIL_URL": "smtp+tls://portal:p%40ss@mail.example.com",
        "STACKPORT_MAIL_FROM": "Stackport <portal@example.com>",
    }
    kinds["empty"] = dict.fromkeys(["STACKPORT_STATE", "STACKPORT_LOG_LEVEL", "AWS_DEFAULT_REGION"], "")
    return dict(zip(kinds, read(*kinds.values()), strict=True))


def test_nothing_set_is_a_production_without_a_key(found: dict[str, Any]) -> None:
    bare = found["bare"]
    assert (bare["DEMO"], bare["DEBUG"], bare["ENVIRONMENT_LABEL"]) == ("False", "False", "'Production'")
    assert bare["SECRET_KEY"].startswith("'unset-")
    assert bare["ALLOWED_HOSTS"] == "['127.0.0.1', 'localhost']"


def test_empty_values_count_as_left_out(found: dict[str, Any]) -> None:
    for name in ("STATE_DIR", "LOG_LEVEL", "AWS_REGION"):
        assert found["empty"][name] == found["bare"][name]


def test_the_key_is_taken_as_it_stands(found: dict[str, Any]) -> None:
    assert found["https"]["SECRET_KEY"] == repr(HTTPS["STACKPORT_SECRET_KEY"])


def test_https_switches_on_all_that_needs_it(found: dict[str, Any]) -> None:
    secure = found["https"]
    assert (secure["SESSION_COOKIE_NAME"], secure["CSRF_COOKIE_NAME"]) == ("'__Host-session'", "'__Host-csrf'")
    for name in ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_SSL_REDIRECT", "SECURE_HSTS_PRELOAD"):
        assert secure[name] == "True"
        assert found["bare"][name] == "False"
    assert int(secure["SECURE_HSTS_SECONDS"]) >= 31_536_000
    assert "wss://portal.example.com" in secure["CONTENT_SECURITY_POLICY"]
    assert secure["ALLOWED_HOSTS"] == "['portal.example.com']"


def test_hosts_are_those_of_the_origins(found: dict[str, Any]) -> None:
    assert found["six"]["ALLOWED_HOSTS"] == "['[2001:db8::7]', '[::1]', 'portal.example.com']"


def test_a_proxys_word_counts_only_when_there_is_one(found: dict[str, Any]) -> None:
    assert found["proxy"]["SECURE_PROXY_SSL_HEADER"] == "('HTTP_X_FORWARDED_PROTO', 'https')"
    assert found["proxy"]["SECURE_SSL_REDIRECT"] == "False"
    assert "SECURE_PROXY_SSL_HEADER" not in found["https"]
    assert (found["proxy"]["ALLAUTH_TRUSTED_PROXY_COUNT"], found["https"]["ALLAUTH_TRUSTED_PROXY_COUNT"]) == ("2", "0")


def test_mail_is_off_until_a_server_is_named(found: dict[str, Any]) -> None:
    assert found["bare"]["MAIL_CONFIGURED"] == "False"
    mail = found["mail"]
    assert mail["MAIL_CONFIGURED"] == mail["EMAIL_USE_TLS"] == "True"
    assert (mail["EMAIL_HOST"], mail["EMAIL_PORT"]) == ("'mail.example.com'", "587")
    assert (mail["EMAIL_HOST_USER"], mail["EMAIL_HOST_PASSWORD"]) == ("'portal'", "'p@ss'")
    assert mail["DEFAULT_FROM_EMAIL"] == "'Stackport <portal@example.com>'"
    assert mail["PUBLIC_BASE_URL"] == "'https://portal.example.com'"
    (refusal,) = read(HTTPS | {"STACKPORT_MAIL_URL": "smtps://mail.example.com"})
    assert refusal.startswith("ImproperlyConfigured: STACKPORT_MAIL_FROM is not set.")


def test_botocore_never_logs_whole_answers(found: dict[str, Any]) -> None:
    for name in ("botocore", "boto3", "urllib3"):
        assert f"'{name}': {{'level': 'WARNING'}}" in found["demo"]["LOGGING"]


def test_the_demo_says_so(found: dict[str, Any]) -> None:
    assert found["demo"]["ENVIRONMENT_LABEL"] == "'Demo'"
