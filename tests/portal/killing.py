"""The whole product with operations of every kind under way at once, driven call by call, and killed in each step.

The local AWS lets no call of a step through unless it is named, so no step can end unseen: every step makes at least
one of these calls between its claim and its end.
"""

import html
import http.cookiejar
import json
import re
import sqlite3
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aws.accounts import ORGANISATION_ROLE, ProjectAccount, Role
from localaws.callers import Credentials
from portal.launcher import Launcher, free_port, running
from projects.models import Action
from projects.stacks.naming import bucket_name
from projects.stacks.templates import read
from tests.localaws.conftest import connect, post
from tests.projects.ways import REFUSED, WAYS, WAYS_BACK

PATIENCE_SECONDS = 240
PAUSE_SECONDS = 0.03
TOGETHER_SECONDS = 1.5
# What steps ask of CloudFormation, and the one question of S3 that a step asks without any of those.
STALLS = [{"fault": "stall", "actions": actions} for actions in ("cloudformation:", "s3:ListBucketVersions")]
TYPED = {"purpose": "Outlives its processes", "owner": "ana@example.com", "retention": "keep", "versions_days": "90"}
DAYS = {"web": "7", "worker": "30", "aws": "365"}  # of the form's choices; the demo's buckets have 90
OBJECT = {"Key": "invoice.pdf", "Body": b"content"}
_INPUT = re.compile(r'<input type="hidden" name="([^"]+)"(?: value="([^"]*)")?')


@contextmanager
def product(state: Path) -> Iterator[Launcher]:
    """Run the whole portal with its demo data, everything in it settled."""
    launcher = Launcher(
        state=state,
        port=free_port(),
        pace_seconds=0.4,
        # A killed local AWS forgets its last second, the mirror's rows included: they come back by comparing.
        settings={
            "STACKPORT_SWEEP_SECONDS": "1",
            "STACKPORT_RECONCILE_SECONDS": "5",
            "STACKPORT_WORKER_THREADS": "16",  # all operations at work at once, some of them twice
        },
    )
    with running(launcher):
        until(lambda: not rows(launcher, "SELECT id FROM projects_operation WHERE state IN ('waiting', 'running')"))
        yield launcher
        launcher.kill_child("worker")  # it would end its long polls first


def rows(launcher: Launcher, query: str) -> list[tuple[Any, ...]]:
    """Read the portal's database."""
    with closing(sqlite3.connect(f"file:{launcher.state / 'portal.sqlite3'}?mode=ro", uri=True)) as database:
        return database.execute(query).fetchall()


def until(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.1)


def control(launcher: Launcher, call: str, **wish: object) -> dict[str, Any]:
    """Make a control call of the local AWS."""
    token = (launcher.state / "aws" / "control-token").read_text()
    status, found = post(launcher.aws_port, f"/_localaws/control/{call}", wish, **{"X-Localaws-Token": token})
    assert status == 200, found
    return dict(found)


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

    def expect(self, path: str, words: str, *, there: bool = True) -> None:
        """Wait until a page shows words, or no longer does."""
        until(lambda: (words in self.get(path)) == there)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket of one of the demo's projects, there or to be made."""

    launcher: Launcher
    slug: str
    label: str

    @property
    def account_id(self) -> str:
        """The project's account."""
        return str(rows(self.launcher, f"SELECT account_id FROM projects_project WHERE slug = '{self.slug}'")[0][0])

    @property
    def name(self) -> str:
        """Its full name."""
        return bucket_name(self.slug.partition("-")[0], self.label, self.account_id, "eu-west-1")

    @property
    def list(self) -> str:
        """The page of its project's buckets."""
        return f"/projects/{self.slug}/buckets/"

    @property
    def page(self) -> str:
        """Its own page."""
        return f"{self.list}{self.name}/"

    def client(self, service: str) -> Any:
        """Return a client of an administrator of its account."""
        return administrator(self.launcher, self.account_id, service)


def administrator(launcher: Launcher, account_id: str, service: str) -> Any:
    """Return a client of an account's administrator."""
    kept = json.loads((launcher.state / "aws" / "credentials.json").read_text())
    home = Credentials(kept["access_key_id"], kept["secret_access_key"])
    arn = f"arn:aws:iam::{account_id}:role/{ORGANISATION_ROLE}"
    found = connect(launcher.aws_port, home, "sts").assume_role(RoleArn=arn, RoleSessionName="tests")["Credentials"]
    session = Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
    return connect(launcher.aws_port, session, service)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an operation stands, straight from its row. `claimed` names a worker's claim of its step, when one has it."""

    state: str = "waiting"
    step: str = ""
    attempt: int = 0
    cause: str = ""
    stack_id: str = ""
    stack_name: str = ""
    claimed: str | None = None


@dataclass(slots=True)
class Flight:
    """An operation under way, and the steps in which a process shall be killed."""

    bucket: Bucket
    steps: tuple[str, ...]
    path: str
    killed: list[str] = field(default_factory=list)
    now: Standing = Standing()

    @property
    def key(self) -> str:
        """Its row's."""
        return self.path.rstrip("/").rpartition("/")[2].replace("-", "")

    @property
    def left(self) -> set[str]:
        """The steps in which somebody must still be killed."""
        return set(self.steps) - set(self.killed)

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.now.state in {"waiting", "running"}

    def makes(self, call: str) -> bool:
        """Tell whether a call is one of its steps', which are taken in its author's name."""
        stack = self.now.stack_id.split("/")[1] if self.now.stack_id else self.now.stack_name
        return "/person-" in call and (f":stack/{stack}/" in call or f":::{self.bucket.name} " in call)

    def stack(self) -> dict[str, Any]:
        """Return its stack, read from CloudFormation."""
        cloudformation = self.bucket.client("cloudformation")
        return dict(cloudformation.describe_stacks(StackName=self.now.stack_id)["Stacks"][0])

    def is_marked(self) -> bool:
        """Tell whether its template lets CloudFormation delete the bucket."""
        body = self.bucket.client("cloudformation").get_template(StackName=self.now.stack_id)["TemplateBody"]
        return read(body).deleting


class Killer:
    """Drives operations call by call and kills one process in the middle of each of their steps."""

    def __init__(self, launcher: Launcher, victim: str) -> None:
        self.launcher = launcher
        self.victim = victim
        self.flights: list[Flight] = []
        self._dead: set[str] = set()  # claims of killed workers

    def drive(self, before_each: Callable[[], None], *, killing: bool) -> None:
        """Let calls through; return when all operations have ended or, not killing, wait where somebody is to be killed.

        A kill waits a little for others that come to a step of theirs, and serves them too: each restart takes seconds.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        met_at = 0.0
        while True:
            # First the calls, then the rows: a call's step was claimed before the call was made.
            calls = control(self.launcher, "waiting")
            self._look()
            assert time.monotonic() < deadline, self.flights
            due = [flight for flight in self.flights if self._is_due(flight)]
            coming = [flight for flight in self.flights if flight.is_open and flight.left]
            if not any(flight.is_open for flight in self.flights) or (due == coming and not killing):
                return
            met_at = (met_at or time.monotonic()) if due else 0.0
            if killing and due and (due == coming or time.monotonic() > met_at + TOGETHER_SECONDS):
                self._kill(due)
                met_at = 0.0
                continue
            before_each()
            let = [int(number) for number, call in calls.items() if not any(flight.makes(call) for flight in due)]
            control(self.launcher, "faults", fault="let", calls=let)
            time.sleep(PAUSE_SECONDS)

    def _look(self) -> None:
        """Read where the operations stand."""
        keys = ", ".join(f"'{flight.key}'" for flight in self.flights)
        columns = "id, state, step, attempt, cause, stack_id, stack_name, leased_until"
        found = rows(self.launcher, f"SELECT {columns} FROM projects_operation WHERE id IN ({keys})")
        standings = {key: Standing(*row) for key, *row in found}
        for flight in self.flights:
            flight.now = standings[flight.key]

    def _is_due(self, flight: Flight) -> bool:
        """Tell whether a worker that lives is in the middle of a step in which nobody was killed yet."""
        claimed = flight.now.claimed is not None and flight.now.claimed not in self._dead
        return flight.is_open and claimed and flight.now.step in flight.left

    def _kill(self, due: list[Flight]) -> None:
        """Kill the process; what was claimed before and is claimed still, it was killed in the middle of."""
        before = [flight.now for flight in due]
        self.launcher.kill_child(self.victim)
        self._look()
        for flight, seen in zip(due, before, strict=True):
            if flight.now == seen:
                flight.killed.append(seen.step)
        if self.victim == "aws":
            self.launcher.start_aws()
        elif self.victim == "web":
            self.launcher.start_web()
            self.launcher.wait_for_web()
        else:
            self._dead.update(flight.now.claimed or "" for flight in self.flights)
            self.launcher.start_worker()


@contextmanager
def stalled(launcher: Launcher) -> Iterator[None]:
    """Let the local AWS keep the calls of steps meanwhile, however often it is started again."""
    launcher.aws_options = [f"--fault={json.dumps(stall)}" for stall in STALLS]
    for stall in STALLS:
        control(launcher, "faults", **stall)
    try:
        yield
    finally:
        launcher.aws_options = []
        control(launcher, "faults", fault="clear")


@contextmanager
def refusing_deletion(bucket: Bucket) -> Iterator[None]:
    """Take the right to delete a bucket's stack from the portal meanwhile."""
    role = ProjectAccount(bucket.account_id, "eu-west-1", "").role_arn(Role.DEPLOY).rpartition("/")[2]
    named = {"RoleName": role, "PolicyName": "denied-for-a-test"}
    stack = f"arn:aws:cloudformation:eu-west-1:{bucket.account_id}:stack/portal-bucket-{bucket.label}-*"
    statement = {"Effect": "Deny", "Action": "cloudformation:DeleteStack", "Resource": stack}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    bucket.client("iam").put_role_policy(**named, PolicyDocument=document)
    try:
        yield
    finally:
        bucket.client("iam").delete_role_policy(**named)


def save(launcher: Launcher) -> None:
    """Wait until the local AWS has on disk what it was told: a killed one forgets its last second."""
    until(lambda: control(launcher, "info")["saved"])


def kill_in_every_step(launcher: Launcher, victim: str, deleted: Bucket, filled: Bucket) -> None:
    """Run every kind of operation, and kill a process in the middle of every step.

    `deleted` is to be deleted; `filled` too, but an object arrives in it meanwhile. Both are gone or filled for good.
    """
    created, taken, changed, refused = (
        Bucket(launcher, "acme-invoices", label)
        for label in (f"killed-{victim}", f"taken-{victim}", "invoices", "test-exchange")
    )
    stranger = Bucket(launcher, "harbour-logistics", "")
    browser = Browser(launcher)
    killer = Killer(launcher, victim)
    days = DAYS[victim]

    def fly(bucket: Bucket, form: str, steps: tuple[str, ...], **typed: str) -> Flight:
        killer.flights.append(Flight(bucket, steps, browser.send(form, **typed)))
        return killer.flights[-1]

    def delete(bucket: Bucket, steps: tuple[str, ...]) -> Flight:
        return fly(bucket, f"{bucket.page}delete/", steps, confirmation=bucket.label)

    stranger.client("s3").create_bucket(
        Bucket=taken.name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    with refusing_deletion(refused):
        save(launcher)
        with stalled(launcher):
            new = f"/projects/{created.slug}/new-bucket/"
            # First those that have a way to go before it matters to them who dies.
            collision = fly(taken, new, WAYS_BACK[Action.CREATE], label=taken.label, **TYPED)
            interruption = delete(filled, WAYS_BACK[Action.DELETE])
            refusal = delete(refused, REFUSED[Action.DELETE])
            filling: list[object] = []

            def fill() -> None:
                """Put the object where nobody has looked since the first count; the count that finds it is kept back."""
                if interruption.now.step in {"markbuild", "recount"} and not filling:
                    filling.append(filled.client("s3").put_object(Bucket=filled.name, **OBJECT))
                    save(launcher)

            killer.drive(fill, killing=False)
            creation = fly(created, new, WAYS[Action.CREATE], label=created.label, **TYPED)
            change = fly(
                changed, f"{changed.page}edit/", WAYS[Action.CHANGE], confirmed="yes", **TYPED | {"versions_days": days}
            )
            deletion = delete(deleted, WAYS[Action.DELETE])
            killer.drive(fill, killing=True)

    for flight in killer.flights:
        assert sorted(flight.killed) == sorted(flight.steps), (flight.path, flight.killed, flight.now)
        assert flight.now.attempt == 1
    expect_success(browser, creation, change, deletion, days)
    expect_way_back(browser, collision, "name is taken", "Nothing was left behind")
    assert collision.stack()["StackStatus"] == "DELETE_COMPLETE"
    for flight, words in (
        (interruption, "Nothing was lost and the bucket stays"),
        (refusal, "AWS refused DeleteStack"),
    ):
        expect_way_back(browser, flight, words)
        browser.expect(flight.bucket.page, 'data-state="ready"')
        assert flight.stack()["EnableTerminationProtection"]
        assert not flight.is_marked()
    found = filled.client("s3").get_object(Bucket=filled.name, Key=OBJECT["Key"])
    assert found["Body"].read() == OBJECT["Body"]


def expect_success(browser: Browser, creation: Flight, change: Flight, deletion: Flight, days: str) -> None:
    """Expect that pages show a bucket made, one changed and one gone."""
    for flight in (creation, change, deletion):
        assert flight.now.state == "succeeded", flight.now
    browser.expect(creation.bucket.page, 'data-state="ready"')
    browser.expect(change.bucket.page, f"Can be brought back for {days} days")
    browser.expect(deletion.bucket.list, deletion.bucket.name, there=False)
    assert creation.stack()["EnableTerminationProtection"]


def expect_way_back(browser: Browser, flight: Flight, *words: str) -> None:
    """Expect that an operation's page says that it failed, and why."""
    assert flight.now.state == "failed", flight.now
    page = browser.get(flight.path)
    for one in words:
        assert one in page, flight.now.cause
