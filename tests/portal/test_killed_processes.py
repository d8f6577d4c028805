"""The web process and the local AWS are killed in every step of every kind of operation; each ends right all the same.

The real processes on a state folder of their own. A worker dies at every single call in tests/projects/test_kills.py.
"""

import html
import http.cookiejar
import re
import sqlite3
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from portal.launcher import Launcher, free_port, running

PATIENCE_SECONDS = 120
LIST = "/projects/acme-invoices/buckets/"
NEW = "/projects/acme-invoices/new-bucket/"
_INPUT = re.compile(r'<input type="hidden" name="([^"]+)"(?: value="([^"]*)")?')


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """The whole portal with its demo data."""
    launcher = Launcher(
        state=tmp_path_factory.mktemp("killed"),
        port=free_port(),
        pace_seconds=0.4,  # so long a step of CloudFormation's lasts at least: it must be seen to be killed
        # A killed local AWS forgets its last second, the mirror's rows included: they come back by comparing.
        settings={
            "STACKPORT_LEASE_SECONDS": "2",
            "STACKPORT_SWEEP_SECONDS": "1",
            "STACKPORT_RECONCILE_SECONDS": "5",
        },
    )
    with running(launcher):
        yield launcher


class Browser:
    """Signed in as Ana, without scripts."""

    def __init__(self, launcher: Launcher) -> None:
        self.address = launcher.address
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()), urllib.request.ProxyHandler({})
        )
        self.send("/accounts/login/", login="ana@example.com", password="stackport-demo")

    def get(self, path: str) -> str:
        """Return what a page says, errors included."""
        try:
            with self._opener.open(self.address + path, timeout=30) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            return str(error.read().decode())

    def send(self, path: str, **typed: str) -> str:
        """Fill a page's form in and send it, its hidden fields too; return the path of the page it leads to."""
        hidden = {name: html.unescape(value) for name, value in _INPUT.findall(self.get(path))}
        body = urllib.parse.urlencode(hidden | typed).encode()
        request = urllib.request.Request(self.address + path, body, {"Referer": self.address + path})
        with self._opener.open(request, timeout=30) as answer:
            return urllib.parse.urlsplit(answer.url).path


@dataclass(frozen=True)
class Standing:
    """Where an operation stands, straight from its row."""

    state: str
    step: str
    attempt: int
    cause: str

    @classmethod
    def of(cls, state: Path, operation: str) -> "Standing":
        with closing(sqlite3.connect(f"file:{state / 'portal.sqlite3'}?mode=ro", uri=True)) as database:
            row = database.execute(
                "SELECT state, step, attempt, cause FROM projects_operation WHERE id = ?", [operation.replace("-", "")]
            ).fetchone()
        return cls(*row)


def kill(launcher: Launcher, victim: str) -> None:
    launcher.kill_child(victim)
    if victim == "aws":
        launcher.start_aws()
    else:
        launcher.start_web()
        launcher.wait_for_web()


def kill_in_every_step(launcher: Launcher, victim: str, path: str) -> list[str]:
    """Kill a process as soon as an operation comes to a step, each time; return the steps, when it has succeeded."""
    operation = path.rstrip("/").rpartition("/")[2]
    steps: list[str] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (standing := Standing.of(launcher.state, operation)).state in {"waiting", "running"}:
        assert time.monotonic() < deadline, f"{standing} after the death of {victim} in {steps}"
        if standing.step and standing.step not in steps:
            steps.append(standing.step)
            kill(launcher, victim)
        time.sleep(0.005)
    assert standing.state == "succeeded", standing.cause
    assert standing.attempt == 1
    return steps


def shows(browser: Browser, path: str, words: str, *, there: bool = True) -> bool:
    """Wait until a page shows words, or no longer does."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if (words in browser.get(path)) == there:
            return True
        time.sleep(0.2)
    return False


@pytest.mark.parametrize("victim", ["web", "aws"])
def test_operations_end_right_whoever_dies(product: Launcher, victim: str) -> None:
    browser = Browser(product)
    label = f"killed-{victim}"
    typed = {
        "purpose": "Outlives its processes",
        "owner": "ana@example.com",
        "retention": "keep",
        "versions_days": "90",
    }

    made = browser.send(NEW, label=label, **typed)
    steps = kill_in_every_step(product, victim, made)
    assert "build" in steps, steps
    name = re.search(rf"acme-{label}-\d+-[a-z0-9-]+", browser.get(made))
    assert name is not None
    bucket = f"{LIST}{name[0]}/"
    assert shows(browser, bucket, 'data-state="ready"')

    changed = browser.send(f"{bucket}edit/", confirmed="yes", **typed | {"versions_days": "365"})
    steps = kill_in_every_step(product, victim, changed)
    assert "build" in steps, steps
    assert shows(browser, bucket, "Can be brought back for 365 days")

    deleted = browser.send(f"{bucket}delete/", confirmation=label)
    steps = kill_in_every_step(product, victim, deleted)
    assert "markbuild" in steps, steps
    assert shows(browser, LIST, name[0], there=False)
