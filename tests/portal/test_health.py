"""/healthz answers while the process lives; /readyz tells what does not answer, and nothing else."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client

from aws import clients, sqs
from dynamodb_cache import client as cache_client
from localaws.server import LocalAWS
from portal import health
from portal.launcher import free_port

ALL_WELL = {"database": "ok", "cache": "ok", "queue": "ok"}


@pytest.fixture(autouse=True)
def prepared(local_aws: LocalAWS, db: None) -> None:
    """The portal's queue and tables."""
    call_command("prepare")


@pytest.fixture(autouse=True)
def asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer is kept, unless a test is about that."""
    monkeypatch.setattr(health, "KEPT_SECONDS", 0)


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Send one AWS service's calls to a port where nobody listens."""

    def send_away(service: str) -> None:
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", f"http://127.0.0.1:{free_port()}")
        forget()

    yield send_away
    monkeypatch.undo()
    forget()


def forget() -> None:
    """Make the next call read again where AWS is."""
    clients.reset()
    sqs.queue.cache_clear()
    cache_client.reset()


@pytest.fixture
def no_database(transactional_db: None) -> Iterator[None]:
    """The database's file cannot be opened."""
    known = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = f"{known}.d/gone.sqlite3"
    yield
    connection.close()
    connection.settings_dict["NAME"] = known


def ready() -> tuple[int, dict[str, str]]:
    answer = Client().get("/readyz")
    assert answer.headers["Content-Type"] == "application/json"
    return answer.status_code, answer.json()


def alive() -> tuple[int, dict[str, str]]:
    answer = Client().get("/healthz")
    return answer.status_code, answer.json()


def test_in_health_both_answer(caplog: pytest.LogCaptureFixture) -> None:
    assert ready() == (200, ALL_WELL)
    assert alive() == (200, {"status": "ok"})
    assert [record for record in caplog.records if record.name == "portal.health"] == []


def test_without_a_database_the_portal_is_alive_but_not_ready(
    no_database: None, caplog: pytest.LogCaptureFixture
) -> None:
    assert ready() == (503, ALL_WELL | {"database": "unreachable"})
    assert alive() == (200, {"status": "ok"})
    assert "readyz: the database does not answer" in caplog.text


def test_a_database_that_comes_back_is_found(no_database: None) -> None:
    assert ready()[0] == 503
    connection.close()
    connection.settings_dict["NAME"] = connection.settings_dict["NAME"].removesuffix(".d/gone.sqlite3")
    assert ready() == (200, ALL_WELL)


def test_without_dynamodb_the_portal_is_alive_but_not_ready(away: Any) -> None:
    away("DYNAMODB")
    assert ready() == (503, ALL_WELL | {"cache": "unreachable"})
    assert alive() == (200, {"status": "ok"})


def test_without_sqs_the_portal_is_alive_but_not_ready(away: Any, caplog: pytest.LogCaptureFixture) -> None:
    away("SQS")
    assert ready() == (503, ALL_WELL | {"queue": "unreachable"})
    assert alive() == (200, {"status": "ok"})
    assert "readyz: the queue does not answer" in caplog.text


def test_a_queue_that_was_never_made_is_told(settings: Any) -> None:
    settings.STACKPORT_OPERATIONS_QUEUE = "stackport-never-made"
    assert ready() == (503, ALL_WELL | {"queue": "unreachable"})


def test_a_cache_table_that_is_gone_is_told_and_made_again_by_prepare(settings: Any) -> None:
    cache_client.client().delete_table(TableName=settings.STACKPORT_CACHE_TABLE)
    try:
        assert ready() == (503, ALL_WELL | {"cache": "unreachable"})
    finally:
        call_command("prepare")
    assert ready() == (200, ALL_WELL)


def test_neither_says_where_anything_is(away: Any, no_database: None) -> None:
    away("DYNAMODB")
    body = Client().get("/readyz").content.decode()
    assert body == '{"database": "unreachable", "cache": "unreachable", "queue": "ok"}'


def test_strangers_cost_aws_nothing_for_some_seconds(away: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ready() == (200, ALL_WELL)
    monkeypatch.setattr(health, "KEPT_SECONDS", 60)
    away("DYNAMODB")
    away("SQS")
    assert [ready() for _ in range(5)] == [(200, ALL_WELL)] * 5, "asked, all five would have failed"
    monkeypatch.setattr(health, "KEPT_SECONDS", 0)
    assert ready()[0] == 503


def test_while_aws_hangs_one_thread_waits_and_the_others_answer() -> None:
    assert ready() == (200, ALL_WELL)
    with health._kept.lock:  # as the one that waits holds it
        assert ready() == (200, ALL_WELL)


def test_a_load_balancer_asks_by_address_and_without_tls(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.ALLOWED_HOSTS = ["portal.example.com"]
    for path in ("/healthz", "/readyz"):
        answer = Client().get(path, headers={"host": "10.1.2.3:8000"})
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json"), path
        assert answer.headers["X-Frame-Options"] == "DENY"
    for path in ("/healthz/x", "/accounts/login/", "/"):
        assert Client().get(path, headers={"host": "10.1.2.3:8000"}).status_code == 400, path
        assert Client().get(path, headers={"host": "portal.example.com"}).status_code == 301, path


def test_a_cookie_costs_no_look_for_its_session(django_assert_num_queries: Any) -> None:
    browser = Client()
    browser.cookies["session"] = "k" * 32
    with django_assert_num_queries(0):
        assert browser.get("/healthz").status_code == 200
