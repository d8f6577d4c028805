"""What must never serve (S11): demo people, a missing or short key, DEBUG, plain http to another machine."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command

from tests.factories import PersonFactory

ROOT = Path(__file__).parents[2]
KEY = "".join(chr(33 + i * 7 % 90) for i in range(60))
Manage = Callable[..., tuple[int, str]]


def found(*, deploy: bool = True, databases: list[str] | None = None) -> set[str]:
    """Return the ids of our own errors."""
    messages = run_checks(include_deployment_checks=deploy, databases=databases)
    assert all(message.hint for message in messages if message.id and message.id.startswith("stackport."))
    return {str(message.id).removeprefix("stackport.") for message in messages if str(message.id)[:9] == "stackport"}


@pytest.fixture(autouse=True)
def production(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fit installation; each test spoils one thing."""
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = KEY, []
    settings.DEMO = settings.DEBUG = False
    settings.STACKPORT_ORIGINS = ["https://portal.example.com"]
    for name in [name for name in os.environ if name.startswith(("AWS_ENDPOINT_URL", "AWS_IGNORE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)


def test_a_fit_installation_passes() -> None:
    assert found() == set()


@pytest.mark.parametrize(
    ("spoilt", "error"),
    [
        ({"SECRET_KEY": "unset-" + KEY}, "E004"),
        ({"SECRET_KEY": KEY[:49]}, "E005"),
        ({"SECRET_KEY": "changeme" * 8}, "E005"),
        ({"SECRET_KEY": "django-insecure-" + KEY}, "E005"),
        ({"SECRET_KEY_FALLBACKS": [KEY, "changeme"]}, "E008"),
        ({"DEBUG": True}, "E006"),
    ],
)
def test_an_unfit_setting_is_refused_when_serving(settings: Any, spoilt: dict[str, Any], error: str) -> None:
    for name, value in spoilt.items():
        setattr(settings, name, value)
    assert found() == {error}
    assert found(deploy=False) == set()


@pytest.mark.parametrize(
    ("origins", "errors"),
    [
        (["http://portal.example.com"], {"E010"}),
        (["http://127.0.0.1:8000", "http://10.1.2.3:8000"], {"E010"}),
        (["http://127.0.0.1:8000", "http://localhost", "http://[::1]:8000"], set()),
        (["https://portal.example.com", "https://10.1.2.3"], set()),
    ],
)
def test_sessions_do_not_cross_a_network_in_the_clear(settings: Any, origins: list[str], errors: set[str]) -> None:
    settings.STACKPORT_ORIGINS = origins
    assert found() == errors
    assert found(deploy=False) == set()


def test_a_demo_is_refused_in_production_and_away_from_this_machine(settings: Any) -> None:
    settings.DEMO = True
    assert found() == {"E001", "E003"}
    assert found(deploy=False) == {"E001"}


@pytest.mark.parametrize(
    ("endpoints", "errors"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}, set()),
        ({"AWS_ENDPOINT_URL": "http://localhost:4566", "AWS_ENDPOINT_URL_S3": "http://[::1]:4566"}, set()),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_ENDPOINT_URL_S3": "https://s3.example.com"}, {"E001"}),
        ({"AWS_ENDPOINT_URL": "https://aws.example.com"}, {"E001"}),
        ({"AWS_ENDPOINT_URL": ""}, {"E001"}),
        ({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:4566"}, {"E001"}),
    ],
)
def test_a_demo_needs_all_of_aws_on_this_machine(
    settings: Any, monkeypatch: pytest.MonkeyPatch, endpoints: dict[str, str], errors: set[str]
) -> None:
    settings.DEMO = True
    for name, url in endpoints.items():
        monkeypatch.setenv(name, url)
    assert found(deploy=False) == errors


def test_a_demo_that_ignores_its_endpoints_is_refused(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DEMO = True
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert found(deploy=False) == {"E001"}


@pytest.mark.parametrize(
    ("lines", "errors"),
    [
        ("endpoint_url = http://10.1.2.3:4566", {"E002"}),
        ("endpoint_url = http://127.0.0.1:4566", set()),
        ("services = away\n[services away]\nsqs =\n  endpoint_url = http://10.1.2.3:4566", {"E002"}),
        ("region = eu-west-1", set()),
    ],
)
def test_the_files_of_boto3_count_like_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str, errors: set[str]
) -> None:
    (tmp_path / "config").write_text(f"[default]\n{lines}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    assert found(deploy=False) == errors


def test_a_configuration_that_boto3_cannot_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nowhere")
    assert found(deploy=False) == {"E011"}


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"])
@pytest.mark.parametrize(
    ("url", "errors"),
    [
        ("http://aws.example.com", {"E002"}),
        ("HTTP://10.0.0.1:4566", {"E002"}),
        ("aws.example.com", {"E011"}),
        ("https://aws.example.com", set()),
        ("http://127.0.0.1:4566", set()),
    ],
)
def test_plain_http_to_another_machine_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, url: str, errors: set[str]
) -> None:
    monkeypatch.setenv(name, url)
    assert found(deploy=False) == errors


@pytest.mark.django_db
def test_demo_people_may_not_be_in_a_real_database(settings: Any) -> None:
    settings.DEMO = False
    assert found(databases=["default"]) == set()
    PersonFactory(email="sam@example.com", is_active=False)
    PersonFactory(email="ana@example.org")
    PersonFactory(email="somebody.else@example.com")
    assert found(databases=["default"]) == set()
    PersonFactory(email="ana@example.com")
    assert found(databases=["default"]) == {"E007"}
    settings.DEMO = True
    assert "E007" not in found(databases=["default"])


# -- as a process ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def manage(tmp_path_factory: pytest.TempPathFactory) -> Manage:
    """Run a command on a fresh database; return how it ended and what it said."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STACKPORT_", "AWS_"))}
    kept |= {"DJANGO_SETTINGS_MODULE": "portal.settings", "STACKPORT_STATE": str(tmp_path_factory.mktemp("state"))}

    def run(*command: str, **environment: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env=kept | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return done.returncode, done.stdout + done.stderr

    assert run("migrate", "--verbosity=0") == (0, "")
    return run


SERVING = (("serve", "web ready"), ("work", "worker ready"))


@pytest.mark.parametrize(("command", "ready"), SERVING)
@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"STACKPORT_SECRET_KEY": ""}, "STACKPORT_SECRET_KEY is not set.\n\tHINT: Set it to 50 random characters."),
        ({"STACKPORT_SECRET_KEY": "changeme"}, "STACKPORT_SECRET_KEY is too short or too plain."),
        ({"STACKPORT_DEBUG": "yes"}, "STACKPORT_DEBUG is on.\n\tHINT: Unset it"),
        (
            {"STACKPORT_ORIGINS": "http://portal.example.com"},
            "http://portal.example.com is plain http to another machine.",
        ),
        ({"AWS_ENDPOINT_URL": "http://10.0.0.1:4566"}, "http://10.0.0.1:4566 is plain http to another machine."),
        ({"STACKPORT_FAULT_CONTROL": "http://127.0.0.1:1"}, "STACKPORT_FAULT_CONTROL is for game days"),
    ],
)
def test_no_process_starts_that_is_not_fit(
    manage: Manage, command: str, ready: str, environment: dict[str, str], words: str
) -> None:
    code, said = manage(command, **{"STACKPORT_SECRET_KEY": KEY} | environment)
    assert code == 1
    assert words in said
    assert ready not in said


@pytest.mark.parametrize(("command", "ready"), SERVING)
def test_no_process_starts_with_demo_people(manage: Manage, command: str, ready: str) -> None:
    create = "from people.models import Person; Person.objects.create_user('ana@example.com', 'x', name='Ana')"
    manage("shell", "-v0", "-c", create)
    code, said = manage(command, STACKPORT_SECRET_KEY=KEY)
    assert code == 1
    assert "The demo's ana@example.com may sign in.\n\tHINT: Start with a database of your own" in said
    assert ready not in said


def test_a_database_without_tables_is_told_in_words(manage: Manage, tmp_path: Path) -> None:
    code, said = manage("work", STACKPORT_SECRET_KEY=KEY, STACKPORT_STATE=str(tmp_path))
    assert code == 1
    assert "Run `manage.py migrate` first" in said
    assert "Traceback" not in said


def test_seeding_is_refused_outside_the_demo(db: None) -> None:
    with pytest.raises(CommandError, match="STACKPORT_DEMO is off"):
        call_command("seed_demo")
