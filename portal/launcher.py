"""Start the whole portal on this machine: the local AWS, the web process with the intake, one worker process.

`manage.py demo` and the browser tests use it. Children get SIGTERM and are waited for; a child of a shell would
ignore Ctrl-C and stay behind. Children of a launcher that is killed end by themselves (`portal.child`). Everything that
survives a restart lies in the state folder, and one launcher at a time holds that.
"""

import fcntl
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STOP_SECONDS = 10
READY_SECONDS = 60
HANDOVER_SECONDS = 5  # how long the children of a launcher that was killed may take to end


class LauncherError(Exception):
    """Something did not start; the message says what to do."""


def free_port() -> int:
    """Return a port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_taken(port: int) -> bool:
    """Tell whether somebody listens on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def hold(state: Path) -> int:
    """Keep other launchers off a state folder until the returned file is closed or this process ends, however it ends.

    Two would migrate one database and work on one queue. Raises LauncherError. Source: flock(2).
    """
    handle = os.open(state / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(handle, 20, 0).decode().strip()
        os.close(handle)
        raise LauncherError(
            f"{state} is in use by process {holder}, which runs the portal on it already. Stop that one "
            f"(Ctrl-C there, or `kill {holder}`), or choose another folder: STACKPORT_STATE=other PORT=8010 make run"
        ) from None
    os.truncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle


def secret_of(path: Path) -> str:
    """Return the secret kept in a file only its owner reads, made on first use."""
    if not path.exists():
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(50))
    return path.read_text()


@dataclass(slots=True)
class Launcher:
    """The portal's processes on one state folder. `pace_seconds` is how long the local AWS takes for a resource."""

    state: Path
    port: int
    pace_seconds: float = 0.7
    seed: bool = True
    aws_port: int = 0
    aws_options: list[str] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    aws_url: str = ""
    held: int = -1

    @property
    def address(self) -> str:
        """Where the portal answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start everything and return when the sign-in page answers. Raises LauncherError."""
        self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.held = hold(self.state)
        self.expect_free_port()
        (self.state / "log").mkdir(exist_ok=True)
        self.aws_url = self.start_aws()
        self.manage("migrate", "--verbosity=0")
        self.manage("prepare")
        self.start_web()
        self.start_worker()
        self.wait_for_web()
        if self.seed:
            self.manage("seed_demo")

    def expect_free_port(self) -> None:
        """Return when nobody listens on the portal's port. Raises LauncherError."""
        deadline = time.monotonic() + HANDOVER_SECONDS
        while is_taken(self.port):
            if time.monotonic() > deadline:
                raise LauncherError(
                    f"Port {self.port} is in use. Stop what listens there, or choose another: PORT=8010 make run"
                )
            time.sleep(0.1)

    def start_aws(self) -> str:
        """Start the local AWS and return its address."""
        port = self.aws_port or free_port()
        self.spawn(
            "aws",
            [
                sys.executable,
                "-m",
                "localaws",
                f"--port={port}",
                f"--state={self.state / 'aws'}",
                f"--pace={self.pace_seconds}",
                *self.aws_options,
            ],
        )
        url = f"http://127.0.0.1:{port}"
        self.wait_for("aws", f"{url}/_localaws/ready")
        self.aws_port = port
        return url

    def start_web(self) -> None:
        """Start the web process with the intake in it."""
        self.spawn("web", [sys.executable, "manage.py", "serve", f"--port={self.port}"])

    def start_worker(self) -> None:
        """Start the worker process."""
        self.spawn("worker", [sys.executable, "manage.py", "work"])

    def wait_for_web(self) -> None:
        """Return when the sign-in page answers. Raises LauncherError."""
        self.wait_for("web", f"{self.address}/healthz")

    def environment(self) -> dict[str, str]:
        """Return the environment of the portal's own processes."""
        found = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "PYTHONUNBUFFERED": "1",
            "STACKPORT_STATE": str(self.state),
            "STACKPORT_DEMO": "yes",
            "STACKPORT_SECRET_KEY": secret_of(self.state / "secret-key"),
            "STACKPORT_ORIGINS": f"http://127.0.0.1:{self.port},http://localhost:{self.port}",
            "STACKPORT_RATE_SCALE": "50",  # the local AWS has no limits of AWS's size
            "STACKPORT_DYNAMODB_SECONDS": "5",  # nor its speed on a busy machine
        }
        if self.aws_url:
            keys = json.loads((self.state / "aws" / "credentials.json").read_text())
            # A profile, a session or one service's address of the caller's shell would lead away from this AWS.
            found = {name: value for name, value in found.items() if not name.startswith("AWS_")} | {
                "AWS_ENDPOINT_URL": self.aws_url,
                "AWS_ACCESS_KEY_ID": keys["access_key_id"],
                "AWS_SECRET_ACCESS_KEY": keys["secret_access_key"],
                "AWS_DEFAULT_REGION": keys.get("region", "eu-west-1"),
            }
        return {**found, **self.settings}

    def manage(self, *arguments: str) -> None:
        """Run a management command to its end. Raises LauncherError with its last words."""
        done = subprocess.run(  # noqa: S603 - our own interpreter and commands
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise LauncherError(f"`manage.py {' '.join(arguments)}` failed:\n{(done.stdout + done.stderr)[-3000:]}")
        if done.stdout.strip():
            sys.stdout.write(done.stdout)

    def spawn(self, name: str, command: list[str]) -> None:
        """Start a child that logs to the state folder."""
        with (self.state / "log" / f"{name}.log").open("ab") as log:
            self.children[name] = subprocess.Popen(  # noqa: S603 - our own interpreter and commands
                [sys.executable, "-m", "portal.child", str(os.getpid()), *command],
                cwd=ROOT,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def wait_for(self, name: str, url: str) -> None:
        """Return when a child answers at an address. Raises LauncherError when it ends or stays silent."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self.children[name].poll() is not None:
                raise LauncherError(f"{name} ended at once. Its last words:\n{self.last_words(name)}")
            try:
                with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - a loopback address of our own
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.1)
        raise LauncherError(f"{name} did not answer within {READY_SECONDS} s. Its last words:\n{self.last_words(name)}")

    def last_words(self, name: str) -> str:
        """Return the end of a child's log."""
        return (self.state / "log" / f"{name}.log").read_text(errors="replace")[-2000:]

    def ended(self) -> str | None:
        """Return the name of a child that ended by itself."""
        return next((name for name, child in self.children.items() if child.poll() is not None), None)

    def stop_child(self, name: str) -> None:
        """Stop one child: SIGTERM, then SIGKILL for one that does not end."""
        child = self.children.pop(name, None)
        if child is None:
            return
        child.terminate()
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def kill_child(self, name: str) -> None:
        """End a child with SIGKILL, as a power cut would: for tests and game days."""
        child = self.children.pop(name)
        child.kill()
        child.wait()

    def stop(self) -> None:
        """Stop all children, the local AWS last so that the others can finish their calls."""
        for name in ("worker", "web", "aws"):
            self.stop_child(name)
        if self.held >= 0:
            os.close(self.held)
            self.held = -1


@contextmanager
def running(launcher: Launcher) -> Iterator[Launcher]:
    """Run the portal for the length of a block."""
    try:
        launcher.start()
        yield launcher
    finally:
        launcher.stop()
