"""System checks: each one fires, says how to mend it, and is silent where all is well; all of them offline."""

import os
import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.backends import cache as cache_sessions
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from dynamodb_cache.checks import check_caches
from dynamodb_cache.options import Options
from tests.dynamodb_cache.operating import alias

CACHE, CACHED_DB, DB = (f"django.contrib.sessions.backends.{name}" for name in ("cache", "cached_db", "db"))


class SessionStore(cache_sessions.SessionStore):
    """An engine of a project's own, made of Django's."""


@pytest.fixture(autouse=True)
def offline(socket_disabled, settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any call would fail; a Region is named, sessions are in the database."""
    settings.SESSION_ENGINE = DB
    settings.SESSION_CACHE_ALIAS = "default"
    settings.DEBUG = False
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_PROFILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)


@pytest.fixture
def found(settings) -> Callable[..., dict[str, str]]:
    """Check these aliases; return the messages by id, without the package's name."""

    def check(**aliases: dict[str, Any]) -> dict[str, str]:
        settings.CACHES = aliases
        messages = check_caches()
        assert all(message.hint for message in messages)
        return {message.id.removeprefix("dynamodb_cache."): message.msg for message in messages}

    return check


def test_plain_aliases_are_fine(found) -> None:
    assert found(default=alias("t-1", prefix="a"), other=alias("t-1", prefix="b"), third=alias("t-2")) == {}


def test_other_backends_are_not_looked_at(found) -> None:
    assert (
        found(default={"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"FAIL_OPNE": 1}}) == {}
    )


def test_a_backend_that_cannot_be_imported_is_djangos_to_report(found) -> None:
    assert found(default={"BACKEND": "nowhere.Cache"}) == {}


def test_django_runs_them_under_the_tag_caches(settings) -> None:
    settings.SESSION_ENGINE = CACHE
    settings.CACHES = {"default": alias(FAIL_OPEN=True)}
    with pytest.raises(SystemCheckError, match=r"dynamodb_cache\.E002"):
        call_command("check", "--tag", "caches")


def test_the_documentation_lists_every_check() -> None:
    root = Path(__file__).parents[2]
    made = re.findall(r'id="dynamodb_cache\.(\w+)"', (root / "dynamodb_cache" / "checks.py").read_text())
    listed = re.findall(r"^\| `([EW]\d{3})` \|", (root / "docs" / "cache.md").read_text(), re.MULTILINE)
    assert sorted(made) == listed


def test_the_documentation_lists_every_option_with_its_default() -> None:
    text = (Path(__file__).parents[2] / "docs" / "cache.md").read_text()
    listed = dict(re.findall(r"^\| `([A-Z_]+)` \| ([^|]+) \|", text, re.MULTILINE))
    shown = {"serializer": '`"pickle"`', "max_value_bytes": "16 MiB"}
    defaults = {field.name: getattr(Options(), field.name) for field in fields(Options)}
    plain = {name: f"`{value:g}`" if isinstance(value, float) else f"`{value}`" for name, value in defaults.items()}
    assert listed == {name.upper(): text for name, text in {**plain, **shown}.items()}


# -- refused settings -----------------------------------------------------------------------------------------------


def test_e001_a_refused_option_is_a_message_and_no_traceback(found) -> None:
    messages = found(default=alias(FAIL_OPNE=True), other=alias("t-2"))
    assert messages.keys() == {"E001"}
    assert "unknown option FAIL_OPNE" in messages["E001"]
    assert "CACHES['default']" in messages["E001"]


def test_e001_leaves_other_aliases_checked(found, settings) -> None:
    settings.SESSION_ENGINE, settings.SESSION_CACHE_ALIAS = CACHE, "sessions"
    assert found(default=alias(FAIL_OPNE=True), sessions=alias("t-2", FAIL_OPEN=True)).keys() == {"E001", "E002"}


@pytest.mark.parametrize("wrong", [{"FAIL_OPEN": "yes"}, {"READ_TIMEOUT_SECONDS": -1}, {"SERIALIZER": "yaml"}])
def test_e001_a_bad_value_too(found, wrong: dict[str, Any]) -> None:
    assert found(default=alias(**wrong)).keys() == {"E001"}


# -- reaching DynamoDB ----------------------------------------------------------------------------------------------


def test_w001_no_region_anywhere(found, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert found(default=alias()).keys() == {"W001"}


@pytest.mark.parametrize("where", ["variable", "option", "file", "profile"])
def test_w001_is_silent_where_a_region_is_named(found, monkeypatch, tmp_path: Path, where: str) -> None:
    config = tmp_path / "config"
    config.write_text("[default]\nregion = eu-west-1\n[profile shop]\nregion = eu-west-1\n")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    options = {}
    if where == "variable":
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    elif where == "option":
        options = {"REGION": "eu-west-1"}
    else:
        monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    if where == "profile":
        config.write_text(config.read_text().replace("[default]\nregion", "[default]\n#"))
        monkeypatch.setenv("AWS_PROFILE", "shop")
    assert found(default=alias(**options)) == {}


def test_w001_a_profile_that_does_not_exist_names_no_region(found, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert found(default=alias()).keys() == {"W001"}


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"])
def test_w002_plain_http_to_another_machine(found, monkeypatch, settings, variable: str) -> None:
    monkeypatch.setenv(variable, "http://dynamodb.example.com:8000")
    assert "dynamodb.example.com" in found(default=alias())["W002"]
    settings.DEBUG = True
    assert found(default=alias()) == {}


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost", "http://[::1]:1", "https://example.com"])
def test_w002_is_silent_on_loopback_and_https(found, monkeypatch, url: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    assert found(default=alias()) == {}


def test_w002_the_option_counts_before_the_variable(found, monkeypatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:8000")
    assert found(default=alias(ENDPOINT_URL="http://dynamodb.example.com")).keys() == {"W002"}


# -- timeouts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("timeout", "made"), [("a day", 300), (0.5, 0), (1.9, 1), (True, 1), ([], 300)])
def test_w003_a_timeout_that_django_silently_changes(found, timeout: Any, made: int) -> None:
    assert f"makes {made} seconds" in found(default={**alias(), "TIMEOUT": timeout})["W003"]


@pytest.mark.parametrize("timeout", [None, 0, 60, "60"])
def test_w003_is_silent_on_whole_seconds_and_none(found, timeout: Any) -> None:
    assert found(default={**alias(), "TIMEOUT": timeout}) == {}


# -- shared tables --------------------------------------------------------------------------------------------------


def test_w004_two_aliases_with_one_table_and_one_prefix(found) -> None:
    messages = found(default=alias("t-1", prefix="a"), other=alias("t-1", prefix="a"), third=alias("t-1", prefix="b"))
    assert messages.keys() == {"W004"}
    assert "default, other" in messages["W004"]


def test_w004_is_silent_for_the_same_name_in_another_region(found) -> None:
    assert found(default=alias(REGION="eu-west-1"), other=alias(REGION="us-east-1")) == {}


def test_w004_is_silent_for_another_version(found) -> None:
    assert found(default=alias(), other={**alias(), "VERSION": 2}) == {}


def test_w005_a_namespace_without_prefix_on_a_shared_table(found) -> None:
    assert found(default=alias(NAMESPACE_CLEAR=True), other=alias(prefix="b")).keys() == {"W005"}


def test_w005_is_silent_with_a_prefix_or_a_table_of_its_own(found) -> None:
    assert found(default=alias(prefix="a", NAMESPACE_CLEAR=True), other=alias()) == {}
    assert found(default=alias("t-1", NAMESPACE_CLEAR=True), other=alias("t-2")) == {}


def test_w006_pickle_beside_another_serializer(found) -> None:
    messages = found(default=alias(prefix="a", SERIALIZER="pickle"), other=alias(prefix="b"))
    assert messages.keys() == {"W006"}
    assert "CACHES['default'] pickles" in messages["W006"]


def test_w006_is_silent_where_all_do_the_same(found) -> None:
    assert found(default=alias(prefix="a", SERIALIZER="pickle"), other=alias(prefix="b", SERIALIZER="pickle")) == {}
    assert found(default=alias("t-1", SERIALIZER="pickle"), other=alias("t-2")) == {}


# -- sessions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", [CACHE, __name__])
def test_e002_cache_sessions_on_an_alias_that_fails_open(found, settings, engine: str) -> None:
    settings.SESSION_ENGINE = engine
    assert found(default=alias(FAIL_OPEN=True)).keys() == {"E002"}
    assert found(default=alias()) == {}


def test_e002_looks_at_the_sessions_alias_only(found, settings) -> None:
    settings.SESSION_ENGINE, settings.SESSION_CACHE_ALIAS = CACHE, "sessions"
    assert found(default=alias(prefix="a", FAIL_OPEN=True), sessions=alias(prefix="b")) == {}


@pytest.mark.parametrize("engine", [DB, "django.contrib.sessions.backends.signed_cookies", "nowhere.sessions"])
def test_sessions_elsewhere_are_fine(found, settings, engine: str) -> None:
    settings.SESSION_ENGINE = engine
    assert found(default=alias(FAIL_OPEN=True, CONSISTENT_READ=False, SERIALIZER="pickle")) == {}


def test_sessions_on_a_cache_of_another_kind_are_fine(found, settings) -> None:
    settings.SESSION_ENGINE, settings.SESSION_CACHE_ALIAS = CACHE, "local"
    local = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    assert found(default=alias(FAIL_OPEN=True), local=local) == {}


def test_w007_cache_sessions_read_eventually(found, settings) -> None:
    settings.SESSION_ENGINE = CACHE
    assert found(default=alias(CONSISTENT_READ=False)).keys() == {"W007"}
    settings.SESSION_ENGINE = CACHED_DB  # has the database to fall back on
    assert found(default=alias(CONSISTENT_READ=False, FAIL_OPEN=True)) == {}


@pytest.mark.parametrize("engine", [CACHE, CACHED_DB])
def test_w008_pickled_sessions(found, settings, engine: str) -> None:
    settings.SESSION_ENGINE = engine
    fail_open = engine == CACHED_DB
    assert found(default=alias(SERIALIZER="pickle", FAIL_OPEN=fail_open)).keys() == {"W008"}
    assert found(default=alias(SERIALIZER="json", FAIL_OPEN=fail_open)) == {}


def test_w009_cached_db_sessions_on_an_alias_that_raises(found, settings) -> None:
    settings.SESSION_ENGINE = CACHED_DB
    assert found(default=alias()).keys() == {"W009"}
    assert found(default=alias(FAIL_OPEN=True)) == {}
