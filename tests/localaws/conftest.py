"""Fixtures for a local AWS of its own process: started on a free port, killed or stopped as a test wants."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.config import Config

from localaws.callers import Credentials
from localaws.inprocess import keep_ip_host

HOME = "100000000000"
REGION = "eu-west-1"
PATIENCE_SECONDS = 20
ROOT = Path(__file__).parents[2]

_session = boto3.session.Session()  # one: it keeps the models that it has read


def connect(port: int, keys: Credentials, service: str, region: str = REGION) -> Any:
    """Return a boto3 client of a local AWS on a port; it never tries twice."""
    client = _session.client(  # type: ignore[call-overload]
        service,
        region_name=region,
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key,
        aws_session_token=keys.session_token,
        config=Config(retries={"total_max_attempts": 1}, max_pool_connections=64),
    )
    client.meta.events.register_first("request-created.s3-control", keep_ip_host)
    return client


def post(port: int, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """Post JSON; return status and JSON answer."""
    sent = Request(f"http://127.0.0.1:{port}{path}", json.dumps(body or {}).encode(), headers)
    try:
        with urlopen(sent, timeout=PATIENCE_SECONDS) as answer:
            return answer.status, json.load(answer)
    except HTTPError as refusal:
        with refusal:
            return refusal.code, json.load(refusal)


@dataclass
class Process:
    """`python -m localaws` on one state folder; may be started again after it ended."""

    folder: Path
    port: int = 0
    running: subprocess.Popen[str] | None = field(default=None, repr=False)

    def start(self, *arguments: str) -> None:
        self.running = subprocess.Popen(
            [sys.executable, "-m", "localaws", "--port=0", f"--state={self.folder}", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.running.stdout is not None
        line = self.running.stdout.readline()
        assert line.startswith("ready http://127.0.0.1:"), self.end(signal.SIGKILL)
        self.port = int(line.rsplit(":", 1)[1])

    def end(self, how: signal.Signals) -> tuple[int, str]:
        """Send a signal and wait; return the exit code and what it said on stderr."""
        assert self.running is not None
        self.running.send_signal(how)
        _, said = self.running.communicate(timeout=PATIENCE_SECONDS)
        code, self.running = self.running.returncode, None
        return code, said

    @contextmanager
    def ended(self) -> Iterator[None]:
        """Kill what still runs in the end."""
        try:
            yield
        finally:
            if self.running is not None:
                self.end(signal.SIGKILL)

    @property
    def home(self) -> Credentials:
        kept = json.loads((self.folder / "credentials.json").read_text())
        return Credentials(kept["access_key_id"], kept["secret_access_key"])

    def client(self, service: str, keys: Credentials | None = None, region: str = REGION) -> Any:
        return connect(self.port, keys or self.home, service, region)

    def control(self, call: str, **wish: Any) -> tuple[int, Any]:
        token = (self.folder / "control-token").read_text()
        return post(self.port, f"/_localaws/control/{call}", wish, **{"X-Localaws-Token": token})

    def save(self) -> None:
        """Wait until the journal's next turn has written everything; fail when it takes longer than it may."""
        until(lambda: self.control("info")[1]["saved"])


def until(condition: Callable[[], Any]) -> Any:
    """Return the condition's first true answer; fail when there is none in time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)
    return found


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Start a local AWS of its own; what still runs at the end is killed."""
    with ExitStack() as stack:

        def start(*arguments: str) -> Process:
            found = Process(tmp_path / "state")
            stack.enter_context(found.ended())
            found.start(*arguments)
            return found

        yield start


@pytest.fixture
def localaws(aws: Any) -> Any:
    """The local AWS of this test process, emptied."""
    return aws
