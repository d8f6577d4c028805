"""The launcher: nothing starts on a taken port, a child that dies is told with its last words, everything is stopped."""

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal import launcher as launching
from portal.launcher import Launcher, LauncherError, free_port, is_taken, running, secret_of

# Tells its end in a file shared with the others, and takes a while to end.
OBEDIENT = """
import signal, sys, time
def end(*_):
    time.sleep(0.2)
    open(sys.argv[1], "a").write(sys.argv[2] + " ")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("up", flush=True)
time.sleep(60)
"""
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[Launcher]:
    """A launcher on a fresh state folder; whatever it started is gone in the end."""
    (tmp_path / "log").mkdir()
    made = Launcher(state=tmp_path, port=free_port(), seed=False, pace_seconds=0)
    yield made
    for name in list(made.children):
        made.kill_child(name)


def spawn(launcher: Launcher, name: str, code: str, *arguments: str) -> None:
    """Start a child of some Python code and wait until it says that it is up."""
    launcher.spawn(name, [sys.executable, "-c", code, *arguments])
    deadline = time.monotonic() + 10
    while "up" not in launcher.last_words(name) and launcher.ended() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_port_in_use_is_told_before_anything_starts(launcher: Launcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launching, "HANDOVER_SECONDS", 0.3)  # only shorter: what is asked stays the same
    with socket.socket() as other:
        other.bind(("127.0.0.1", launcher.port))
        other.listen()
        assert is_taken(launcher.port)
        with pytest.raises(LauncherError, match=f"Port {launcher.port} is in use.*PORT=8010 make run"):
            launcher.start()
    assert launcher.children == {}
    assert not is_taken(launcher.port)


def test_a_child_that_dies_at_once_is_told_with_its_last_words(launcher: Launcher) -> None:
    launcher.spawn("web", [sys.executable, "-c", "raise SystemExit('no such table: people')"])
    with pytest.raises(LauncherError, match=r"web ended at once\. Its last words:\nno such table: people"):
        launcher.wait_for_web()
    assert launcher.ended() == "web"


def test_a_silent_child_is_told_too(launcher: Launcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launching, "READY_SECONDS", 1)  # only shorter: what is asked stays the same
    spawn(launcher, "web", "import time; print('up, but deaf', flush=True); time.sleep(60)")
    with pytest.raises(LauncherError, match=r"web did not answer within 1 s\. Its last words:\nup, but deaf"):
        launcher.wait_for_web()
    assert launcher.ended() is None


def test_a_command_that_fails_is_told_with_its_last_words(launcher: Launcher) -> None:
    launcher.settings["STACKPORT_RATE_SCALE"] = "fast"
    with pytest.raises(
        LauncherError, match=r"`manage\.py migrate` failed:(.|\n)*STACKPORT_RATE_SCALE must be a number"
    ):
        launcher.manage("migrate")


def test_what_had_started_is_stopped_when_the_rest_fails(launcher: Launcher) -> None:
    launcher.settings["STACKPORT_RATE_SCALE"] = "fast"
    started = []
    with pytest.raises(LauncherError, match="migrate"), running(launcher):
        started.append("all")
    assert started == []
    assert launcher.aws_port, "the local AWS had started"
    assert launcher.children == {}
    assert not is_taken(launcher.aws_port)


def test_the_worker_stops_first_and_the_local_aws_last(launcher: Launcher, tmp_path: Path) -> None:
    told = tmp_path / "ends"
    for name in ("aws", "web", "worker"):
        spawn(launcher, name, OBEDIENT, str(told), name)
    launcher.stop()
    assert told.read_text().split() == ["worker", "web", "aws"]
    assert launcher.children == {}


def test_a_child_that_does_not_listen_is_ended_all_the_same(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launching, "STOP_SECONDS", 0.3)
    spawn(launcher, "worker", DEAF)
    child = launcher.children["worker"]
    launcher.stop()
    assert child.returncode == -signal.SIGKILL
    assert not is_alive(child.pid)


def test_stopping_twice_or_what_never_started_is_no_error(launcher: Launcher) -> None:
    launcher.stop()
    launcher.stop()


def test_a_child_that_ended_by_itself_is_named(launcher: Launcher) -> None:
    spawn(launcher, "web", "import time; print('up', flush=True); time.sleep(60)")
    assert launcher.ended() is None
    launcher.spawn("worker", [sys.executable, "-c", ""])
    launcher.children["worker"].wait(10)
    assert launcher.ended() == "worker"


def test_the_secret_key_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "secret-key"
    first = secret_of(path)
    assert len(first) >= 50
    assert secret_of(path) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert secret_of(tmp_path / "other") != first


def test_children_know_their_own_aws_and_no_other(launcher: Launcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "from-somewhere")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://s3.example.com")
    (launcher.state / "aws").mkdir()
    (launcher.state / "aws" / "credentials.json").write_text('{"access_key_id": "AKIA1", "secret_access_key": "s"}')
    launcher.aws_url = "http://127.0.0.1:4566"
    launcher.settings["STACKPORT_LEASE_SECONDS"] = "5"
    found = launcher.environment()
    assert found["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert (found["AWS_ACCESS_KEY_ID"], found["AWS_SECRET_ACCESS_KEY"]) == ("AKIA1", "s")
    assert found["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert len([name for name in found if name.startswith("AWS_")]) == 4
    assert found["STACKPORT_DEMO"] == "yes"
    assert found["STACKPORT_LEASE_SECONDS"] == "5"
    assert f"http://127.0.0.1:{launcher.port}" in found["STACKPORT_ORIGINS"].split(",")


# -- one launcher on one state folder, and nothing left behind by one that was killed -----------------------------------

LAUNCH = """
import sys, time
from pathlib import Path
from portal.launcher import Launcher, hold
launcher = Launcher(state=Path(sys.argv[1]), port=0)
launcher.held = hold(launcher.state)
(launcher.state / "log").mkdir(exist_ok=True)
launcher.start_aws()
launcher.spawn("worker", [sys.executable, "-c", "import time; time.sleep(60)"])
print(launcher.aws_port, *(child.pid for child in launcher.children.values()), flush=True)
time.sleep(60)
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another launcher that runs on the same state folder, with children."""
    command = [sys.executable, "-c", LAUNCH, str(tmp_path)]
    with subprocess.Popen(command, cwd=launching.ROOT, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def pids_of(other: "subprocess.Popen[str]") -> tuple[int, list[int]]:
    """Return the port of the other's AWS and its children, once they run."""
    assert other.stdout is not None
    port, *pids = map(int, other.stdout.readline().split())
    return port, pids


def test_a_second_launcher_on_one_state_folder_is_refused(launcher: Launcher, other: "subprocess.Popen[str]") -> None:
    pids_of(other)
    with pytest.raises(LauncherError, match=rf"in use by process {other.pid}, .* STACKPORT_STATE=other PORT=8010"):
        launcher.start()
    assert launcher.children == {}


def test_what_a_killed_launcher_leaves_ends_by_itself_and_the_folder_is_free(
    launcher: Launcher, other: "subprocess.Popen[str]"
) -> None:
    port, pids = pids_of(other)
    assert is_taken(port)
    other.kill()
    other.wait()
    # At once, while they are still ending: the next AWS waits until the folder is let go.
    launcher.held = launching.hold(launcher.state)
    launcher.start_aws()
    assert launcher.aws_port != port
    assert not is_taken(port)
    deadline = time.monotonic() + 10
    while any(map(is_alive, pids)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    launcher.stop()


def test_a_folder_is_free_again_after_stopping(launcher: Launcher) -> None:
    launcher.held = launching.hold(launcher.state)
    with pytest.raises(LauncherError, match=f"in use by process {os.getpid()}"):
        launching.hold(launcher.state)
    launcher.stop()
    os.close(launching.hold(launcher.state))


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"PORT": "abc"}, "PORT must be a port, a number from 1 to 65535; 'abc' is none."),
        ({"PORT": "70000"}, "PORT must be a port, a number from 1 to 65535; '70000' is none."),
        ({"STACKPORT_PACE": "abc"}, "STACKPORT_PACE must be a number"),
        ({"STACKPORT_PACE": "-1"}, "STACKPORT_PACE must be at least 0."),
        ({"STACKPORT_TIME_ZONE": "Mars/X"}, "STACKPORT_TIME_ZONE must be a time zone such as Europe/Berlin"),
    ],
)
def test_an_odd_value_is_told_without_a_traceback(tmp_path: Path, environment: dict[str, str], words: str) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STACKPORT_", "DJANGO_"))}
    done = subprocess.run(
        [sys.executable, "manage.py", "demo"],
        cwd=launching.ROOT,
        env=kept | {"STACKPORT_STATE": str(tmp_path)} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(words)
    assert "Traceback" not in done.stderr
