"""At AWS's own rates: who rebuilds a large project keeps nobody waiting, and the rebuild itself comes to its end."""

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings as portal_settings
from django.core.cache import cache
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aws import rates
from aws.errors import RateLimited
from localaws import paging
from localaws.server import LocalAWS
from notifications import signals
from notifications.intake import Intake
from people.models import Person
from projects import bells, posture, sweep
from projects.actions import buckets
from projects.models import Membership, Project, Role, State
from projects.posture import Posture
from projects.stacks import accounts, baseline, mirror, readings, rebuild
from projects.stacks.mirror import MirroredStack
from projects.stacks.naming import Kind, kind_of, stack_name
from projects.stacks.status import StackStatus, parse
from projects.stacks.templates import RESOURCE_TYPES, body, fingerprint
from tests import portal_run
from tests.factories import ProjectFactory
from tests.fixtures_projects import onboard
from tests.projects import mirrored
from tests.projects.specs import asker, spec_for

STACKS = 40
PATIENCE_SECONDS = 60
Pace = Callable[[float], None]


@pytest.fixture
def crowded(portal: None, local_aws: LocalAWS) -> Project:
    """A project whose account has many stacks, of which the mirror knows nothing."""
    project = onboard("crowded-live", local_aws.generation)
    stacks = accounts.deployer(project, actor="a test")
    for _ in range(STACKS - len(list(accounts.reader(project).list()))):
        stacks.create(
            stack_name(Kind.PROBE, "crowd", secrets.token_hex(3)),
            body(baseline.probe_template()),
            token=secrets.token_hex(8),
            resource_types=RESOURCE_TYPES[Kind.PROBE],
            tags={},
        )
    while not local_aws.engine.idle():
        time.sleep(0.01)
    accounts.baseline(project)
    portal_run.purge()
    return project


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """For how long threads have waited for their turn."""
    found: list[float] = []

    def sleep(seconds: float) -> None:
        found.append(seconds)
        time.sleep(seconds)

    monkeypatch.setattr(rates, "time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))
    return found


@pytest.fixture
def at_pace(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pace]:
    """Set the scale of the rates for the rest of the test; 1 is AWS's own."""
    monkeypatch.setattr(rates, "_buckets", {})
    yield rates.configure
    rates.configure(portal_settings.STACKPORT_RATE_SCALE)


@contextmanager
def worker() -> Iterator[None]:
    """Run what a worker with one thread for operations runs, beside the test."""
    stop = threading.Event()
    threads = bells.threads(stop, 1)
    for thread in threads:
        thread.start()
    try:
        with portal_run.listening():
            yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.05)


def unread(project: Project) -> int:
    """Return how many stacks the mirror knows by name only."""
    rows = mirror.snapshot(project).rows.values()
    return sum(1 for row in rows if not MirroredStack.of_row(row).fingerprint)


def read(project: Project) -> int:
    return len(mirror.snapshot(project).rows) - unread(project)


@pytest.mark.parametrize("same", [False, True])
def test_a_creation_settles_while_a_project_is_rebuilt(
    crowded: Project,
    acme: Project,
    ana: Person,
    label: str,
    slept: list[float],
    at_pace: Pace,
    settings: Any,
    same: bool,
) -> None:
    settings.STACKPORT_LOOK_AGAIN_SCALE = 1
    project = crowded if same else acme
    Membership.objects.get_or_create(project=crowded, person=ana, defaults={"role": Role.MANAGER})
    at_pace(1)
    rebuild.ask(crowded)
    with worker():
        until(lambda: mirror.snapshot(crowded).complete and read(crowded) > 0)
        operation = buckets.create(project, spec_for(project, ana, label), by=asker(ana))

        def settled() -> bool:
            operation.refresh_from_db()
            return not operation.is_open

        until(settled)
        left = unread(crowded)
        at_pace(1000)
        until(lambda: unread(crowded) == 0)

    assert operation.state == State.SUCCEEDED, operation.cause
    assert left > 0, "the rebuild was over before the creation"
    assert slept == [], "a thread that others need waited for its turn"


def spent(project: Project, *kinds: str) -> None:
    """Let calls of these kinds have taken every turn of a project's account."""
    with rates.without_waiting():
        for kind in kinds:
            with suppress(RateLimited):
                while True:
                    rates.acquire(f"{project.account_id}/{project.region}", kind)


@pytest.mark.parametrize("kind", ["DescribeStacks", "GetTemplate"])
def test_a_posture_that_cannot_be_read_yet_is_asked_for_again_and_no_alarm(
    acme: Project, at_pace: Pace, slept: list[float], kind: str
) -> None:
    posture.run(acme.pk)
    before = Posture.of(mirror.snapshot(acme))
    assert before
    assert before.failing == 0
    at_pace(0.01)
    spent(acme, kind)

    posture.run(acme.pk)

    assert Posture.of(mirror.snapshot(acme)) == before
    assert portal_run.take_readings() == [{"posture": acme.pk}]
    assert slept == []


def test_the_sweep_waits_for_no_project(
    acme: Project, ana: Person, label: str, at_pace: Pace, slept: list[float]
) -> None:
    at_work = mirrored.stack(acme, mirrored.spec(acme, label), StackStatus.UPDATE_IN_PROGRESS)
    mirrored.fill(acme, [replace(at_work, updated_at="2020-01-01T00:00:00.000Z")])
    at_pace(0.01)
    spent(acme, "DescribeStacks")

    sweep.once()

    assert {"rebuild": acme.pk} in portal_run.take_readings(), "the project's other matters were looked at all the same"
    assert slept == []


def test_a_stack_whose_event_cannot_be_read_is_read_when_its_project_has_its_turn(
    acme: Project, at_pace: Pace, slept: list[float]
) -> None:
    stack_id = f"arn:aws:cloudformation:{acme.region}:{acme.account_id}:stack/portal-bucket-odd-abc234/1"
    at_pace(0.01)
    spent(acme, "DescribeStacks")

    signals.malformed.send(Intake, topic_arn=acme.account.topic_arn, stack_id=stack_id)

    (asked,) = portal_run.take_readings()
    assert asked["read"]["stacks"] == [stack_id]
    assert slept == []


def test_one_thread_only_reads_and_the_others_only_take_steps() -> None:
    served = [thread._args[0].name for thread in bells.threads(threading.Event(), 3)]  # type: ignore[attr-defined]
    assert served == [portal_settings.STACKPORT_OPERATIONS_QUEUE] * 3 + [portal_settings.STACKPORT_READINGS_QUEUE]


def test_a_rebuild_has_one_message_under_way_however_many_stacks_there_are(crowded: Project, at_pace: Pace) -> None:
    at_pace(1)
    rebuild.ask(crowded)
    for _ in range(12):
        (message,) = portal_run.take_readings()
        bells.handle(SimpleNamespace(body=json.dumps(message), message_id=""))  # type: ignore[arg-type]
    assert unread(crowded) > 0


def test_a_list_that_goes_on_is_not_begun_again_beside_it(
    crowded: Project, at_pace: Pace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "PAGE", 9)
    at_pace(0.01)
    rebuild.run(crowded.pk)
    (message,) = portal_run.take_readings()
    assert len(message["rebuild"]["seen"]) == len(mirror.snapshot(crowded).rows)
    assert not mirror.snapshot(crowded).complete

    rebuild.ask(crowded)
    assert portal_run.take_readings() == []

    at_pace(1000)
    readings.send(message)
    while portal_run.handle_one(readings.queue()):
        pass
    assert mirror.snapshot(crowded).complete
    assert read(crowded) >= STACKS - 1


def test_a_comparison_that_fails_is_left_to_the_sweep(portal: None) -> None:
    """Asked for again twice a minute while the account is shut, messages that came back would pile up."""
    shut = ProjectFactory()
    rebuild.run(shut.pk)
    assert portal_run.take_readings() == []
    assert not mirror.snapshot(shut).complete
    sweep.compare_when_due(shut)
    assert portal_run.take_readings() == [{"rebuild": shut.pk}]


def lose() -> None:
    portal_run.take_readings()


def repeat() -> None:
    for message in portal_run.take_readings():
        readings.send(message)
        readings.send(message)


def work() -> None:
    portal_run.handle_one(readings.queue())


STEPS = st.sampled_from([work, work, work, lose, repeat, mirrored.wipe])
SCALES = st.sampled_from([0.01, 1, 50])


# The same examples each time, since they take seconds; more were run by hand when this was written.
@settings(
    max_examples=4,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(st.tuples(STEPS, SCALES), max_size=20))
def test_whatever_is_put_off_lost_or_doubled_a_rebuild_ends_complete(
    crowded: Project,
    at_pace: Pace,
    monkeypatch: pytest.MonkeyPatch,
    slept: list[float],
    steps: list[tuple[Callable[[], None], float]],
) -> None:
    monkeypatch.setattr(paging, "PAGE", 9)
    monkeypatch.setattr(readings, "CARRIED", 25)
    monkeypatch.setattr(rates, "_buckets", {})
    mirrored.wipe()
    portal_run.purge()
    rebuild.ask(crowded)
    for step, scale in steps:
        at_pace(scale)
        step()

    at_pace(1000)
    cache.delete(f"rebuild-asked:{crowded.pk}")
    if mirror.snapshot(crowded).complete:
        rebuild.ask(crowded)  # as every hour
    else:
        sweep.compare_when_due(crowded)
    while portal_run.handle_one(readings.queue()):
        pass

    stacks = accounts.reader(crowded)
    held = {row.key: MirroredStack.of_row(row) for row in mirror.snapshot(crowded).rows.values()}
    told = {one.stack_id: one for one in stacks.list() if kind_of(one.name)}
    assert set(held) == set(told)
    assert len(held) >= STACKS - 1
    assert mirror.snapshot(crowded).complete
    for stack_id, found in held.items():
        assert found.status == parse(told[stack_id].status)
        assert found.fingerprint
    assert {found.fingerprint for found in held.values() if found.kind == Kind.PROBE} == {
        fingerprint(body(baseline.probe_template()))
    }
    assert slept == []
