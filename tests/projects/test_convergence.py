"""Whatever becomes of AWS's messages, the mirror ends as CloudFormation says and never goes back (DESIGN P5).

Stacks are made, changed and deleted past the portal, so that nothing but events and the comparison tells of them, and
nobody waits for them: messages come while a stack moves. They are lost, doubled, held back, mixed and handled by two
intakes at once as hypothesis likes, under clocks that disagree. Each run tries other examples; a failing one is printed
with the line that repeats it.
"""

import json
import os
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Barrier
from typing import Any

import pytest
from django.conf import settings as portal_settings
from django.core.cache import cache
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aws import sqs
from aws.cloudformation import Stack, Stacks
from aws.errors import StackNotFound
from aws.sqs import Message
from localaws.server import LocalAWS
from notifications.events import StackEvent, parse_event
from notifications.intake import Intake
from projects import live, sweep
from projects.models import Project
from projects.stacks import accounts, mirror, reading, rebuild
from projects.stacks.naming import Kind, bucket_name, stack_name
from projects.stacks.spec import BucketSpec
from projects.stacks.status import parse
from projects.stacks.steps.common import tags_of
from projects.stacks.templates import RESOURCE_TYPES, body, fingerprint, render
from tests import portal_run
from tests.calls import interrupted

STACKS = 2
# A stack that is held stays in these until it is waited for: so the rest happens while it moves, on a busy machine too.
MOVING = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "DELETE_IN_PROGRESS")
CHOICES = st.integers(0, 1000)
# What may happen next: to a stack, to caught messages (chosen by a number), or in the portal.
ACTIONS = st.one_of(
    st.tuples(st.sampled_from(["change", "delete"]), st.integers(0, STACKS - 1)),
    st.tuples(st.sampled_from(["hold", "wait"]), st.just(0)),
    st.tuples(st.sampled_from(["deliver", "repeat", "lose"]), CHOICES),
    st.tuples(st.sampled_from(["deliver", "race"]), CHOICES),
    st.tuples(
        st.just("cut_in"), st.tuples(CHOICES, st.sampled_from(["message", "change", "reading"]), st.integers(0, 12))
    ),
    st.tuples(st.sampled_from(["sweep", "compare", "work"]), st.just(0)),
)


class NoQueue:
    """The queue of messages that were taken out of theirs: there is nothing left to delete."""

    def delete(self, message: Message) -> None:
        """Do nothing."""


def event_of(body: str) -> StackEvent:
    """Read a caught message."""
    return parse_event(json.loads(body)["Message"])


@dataclass
class World:
    """The stacks as AWS has them, the messages on their way, and the newest that pages were told of each stack."""

    project: Project
    local_aws: LocalAWS
    specs: dict[int, BucketSpec] = field(default_factory=dict)
    ids: dict[int, str] = field(default_factory=dict)
    ever: set[str] = field(default_factory=set)
    caught: list[str] = field(default_factory=list)
    orders: dict[str, str] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    purposes: dict[str, int] = field(default_factory=dict)
    aws: Stacks = field(init=False)
    reader: Stacks = field(init=False)
    intakes: tuple[Intake, Intake] = field(init=False)

    def __post_init__(self) -> None:
        self.aws = accounts.deployer(self.project, actor="a test")
        self.reader = accounts.reader(self.project)
        dead_letters = sqs.queue(portal_settings.STACKPORT_DEAD_LETTER_QUEUE)
        self.intakes = (Intake(NoQueue(), dead_letters), Intake(NoQueue(), dead_letters))

    # -- past the portal --------------------------------------------------------------------------------------------

    def change(self, number: int) -> None:
        """Begin to create the stack, or to change its purpose, which counts up; only what rests can be changed."""
        if number not in self.ids:
            label = f"c{secrets.token_hex(4)}"
            name = bucket_name(self.project.bucket_prefix, label, self.project.account_id, self.project.region)
            self.specs[number] = BucketSpec(name, label, "1", "olga@example.com")
            self.ids[number] = self.aws.create(
                stack_name(Kind.BUCKET, label, "abc234"),
                self._body(number),
                token=secrets.token_hex(8),
                resource_types=RESOURCE_TYPES[Kind.BUCKET],
                tags=tags_of(self.specs[number]),
            )
            self.ever.add(self.ids[number])
            return
        stack_id = self.ids[number]
        if parse(self.reader.describe(stack_id).status).running:
            return
        self.specs[number] = replace(self.specs[number], purpose=str(int(self.specs[number].purpose) + 1))
        change_set = f"t{secrets.token_hex(4)}"
        self.aws.create_change_set(
            stack_id, change_set, self._body(number), token=change_set, resource_types=RESOURCE_TYPES[Kind.BUCKET]
        )
        while self.aws.describe_change_set(stack_id, change_set).running:
            time.sleep(0.002)
        self.aws.execute_change_set(stack_id, change_set, token=change_set)

    def delete(self, number: int) -> None:
        """Begin to delete the stack, when it rests. Its policy keeps the bucket: the stack goes."""
        if number in self.ids and not parse(self.reader.describe(self.ids[number]).status).running:
            self.aws.delete(self.ids.pop(number), token=secrets.token_hex(8))

    def _body(self, number: int) -> str:
        return body(render(Kind.BUCKET, self.specs[number], accounts.baseline(self.project)))

    def hold(self, _: int) -> None:
        """Keep what moves, and what will, from going on."""
        for status in MOVING:
            self.local_aws.faults.set_hold(status)

    def wait(self, _: int) -> None:
        """Let every stack come to rest, whether held or not."""
        for status in MOVING:
            self.local_aws.faults.set_hold(status, on=False)
        while not self.local_aws.engine.idle():
            time.sleep(0.002)

    # -- messages ---------------------------------------------------------------------------------------------------

    def catch(self) -> None:
        """Take what AWS has sent so far out of the queue. What tells of resources is lost: it changes no row."""
        queue = sqs.queue(portal_settings.STACKPORT_EVENTS_QUEUE)
        while found := portal_run.take(queue):
            for message in found:
                if "ResourceType='AWS::CloudFormation::Stack'" in json.loads(message.body).get("Message", ""):
                    self.caught.append(message.body)

    def deliver(self, choice: int) -> None:
        """Let a caught message arrive."""
        self.repeat(choice)
        self._drop(choice)

    def repeat(self, choice: int) -> None:
        """Let a caught message arrive, and keep it to arrive once more."""
        self.catch()
        if self.caught:
            self._hear(self.intakes[0], self.caught[choice % len(self.caught)])

    def race(self, choice: int) -> None:
        """Let two messages, or one of them twice, arrive at two web processes at the same moment."""
        self.catch()
        if not self.caught:
            return
        first, second = choice % len(self.caught), choice // 7 % len(self.caught)
        start = Barrier(2)

        def hear(intake: Intake, body: str, late_seconds: float) -> None:
            start.wait()
            time.sleep(late_seconds)
            try:
                self._hear(intake, body)
            finally:
                connection.close()

        with ThreadPoolExecutor(2) as pool:
            late_seconds = choice % 5 * 0.01
            done = [
                pool.submit(hear, self.intakes[0], self.caught[first], 0),
                pool.submit(hear, self.intakes[1], self.caught[second], late_seconds),
            ]
        for one in done:
            one.result()
        self._drop(first)

    def cut_in(self, how: tuple[int, str, int]) -> None:
        """Let a message arrive, and something else happen before one of the calls that its intake then makes."""
        choice, what, call = how
        self.catch()
        if not self.caught:
            return
        message, another = self.caught[choice % len(self.caught)], self.caught[choice // 7 % len(self.caught)]

        def happen() -> None:
            match what:
                case "message":
                    self._hear(self.intakes[1], another)
                case "change":
                    for number, stack_id in self.ids.items():
                        if stack_id == event_of(message).stack_id:
                            self.change(number)
                    self.wait(0)
                    self.catch()
                    self._hear(self.intakes[1], self.caught[-1])
                case "reading":
                    reading.refresh(self.project, event_of(message).stack_id)

        with interrupted(happen, call=call):
            self._hear(self.intakes[0], message)

    def lose(self, choice: int) -> None:
        """Drop a caught message."""
        self.catch()
        self._drop(choice)

    def _drop(self, choice: int) -> None:
        if self.caught:
            self.caught.pop(choice % len(self.caught))

    def _hear(self, intake: Intake, body: str) -> None:
        assert intake.handle(Message(secrets.token_hex(4), body, "", 1)) == "heard"

    # -- the portal -------------------------------------------------------------------------------------------------

    def sweep(self, _: int) -> None:
        """Let the sweep pass."""
        sweep.once()

    def compare(self, _: int) -> None:
        """Let the mirror be compared with CloudFormation, as every hour."""
        cache.delete(f"rebuild-asked:{self.project.pk}")
        rebuild.ask(self.project)
        self.work(0)

    def work(self, _: int) -> None:
        """Let the worker do all that it was asked."""
        while portal_run.ring_one():
            pass

    # -- what must hold ---------------------------------------------------------------------------------------------

    def never_back(self) -> None:
        """Hold every stack's order, page version and purpose, as a page reads them, against the last ones."""
        for stack_id, row in mirror.snapshot(self.project).rows.items():
            if stack_id not in self.ever:
                continue  # of another example
            held = mirror.MirroredStack.of_row(row)
            assert held.observed_at >= self.orders.get(stack_id, "")
            self.orders[stack_id] = held.observed_at
            version = live.row_version(held.observed_at)
            assert version >= self.versions.get(stack_id, 0)
            self.versions[stack_id] = version
            if held.spec:
                assert int(held.spec.purpose) >= self.purposes.get(stack_id, 0)
                self.purposes[stack_id] = int(held.spec.purpose)

    def as_told(self, stack_id: str) -> Stack | None:
        """Return what DescribeStacks says; None when the stack is gone."""
        try:
            stack = self.reader.describe(stack_id)
        except StackNotFound:
            return None
        return None if parse(stack.status).gone else stack

    def converged(self) -> None:
        """Hold the mirror against DescribeStacks and GetTemplate."""
        for stack_id in self.ever:
            told, held = self.as_told(stack_id), mirror.stack(self.project, stack_id)
            assert (told is None) == (held is None)
            if told is None or held is None:
                continue
            assert held.status == parse(told.status)
            assert held.fingerprint == fingerprint(self.reader.template(stack_id))
            assert held.outputs == told.outputs
        by_id = {stack_id: self.specs[number] for number, stack_id in self.ids.items()}
        assert {held: found.spec for held in by_id if (found := mirror.stack(self.project, held))} == by_id


@pytest.fixture
def clean(acme: Project, local_aws: LocalAWS) -> Iterator[None]:
    with portal_run.in_the_web_process():
        yield
    local_aws.faults.clear()


@settings(
    max_examples=int(os.environ.get("EXAMPLES", "25")),
    deadline=None,
    print_blob=True,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(actions=st.lists(ACTIONS, min_size=6, max_size=16), skew=st.sampled_from([0.0, 0.02, 2.0]))
def test_the_mirror_converges_and_never_goes_back(
    acme: Project, local_aws: LocalAWS, clean: None, actions: list[tuple[str, Any]], skew: float
) -> None:
    portal_run.purge()
    local_aws.faults.clear()
    local_aws.faults.set_skew(skew, seed=len(actions))
    world = World(acme, local_aws)
    try:
        follow(world, actions)
    finally:
        world.wait(0)


def follow(world: World, actions: list[tuple[str, Any]]) -> None:
    """Let it happen, and hold the mirror against what must hold."""
    world.change(0)
    for action, choice in actions:
        getattr(world, action)(choice)
        world.never_back()

    world.wait(0)
    world.compare(0)
    world.never_back()
    world.converged()

    # What was held back for hours changes nothing any more.
    world.catch()
    while world.caught:
        world.deliver(0)
        world.never_back()
    world.work(0)
    world.converged()


# -- found by it, the shortest way ------------------------------------------------------------------------------------


@pytest.fixture
def world(acme: Project, local_aws: LocalAWS, clean: None) -> World:
    """A stack that stands, of which all is known."""
    world = World(acme, local_aws)
    world.change(0)
    world.wait(0)
    hear_all(world)
    return world


def hear_all(world: World) -> None:
    """Let everything that was sent arrive."""
    world.catch()
    while world.caught:
        world.deliver(0)


def begin(world: World, action: str) -> str:
    """Change or delete the stack until it rests; return the message that this began, and drop the others."""
    getattr(world, action)(0)
    world.wait(0)
    world.catch()
    return next(body for body in world.caught if "_IN_PROGRESS'" in body)


@pytest.mark.parametrize("known", ["known", "never heard of"])
def test_a_late_event_does_not_bring_back_a_stack_that_is_gone(world: World, known: str) -> None:
    if known == "never heard of":
        world.change(1)
        world.wait(0)
        world.ids[0], world.ids[1] = world.ids[1], world.ids[0]
        world.specs[0], world.specs[1] = world.specs[1], world.specs[0]
        world.catch()
        world.caught.clear()
    begun = begin(world, "delete")
    world.compare(0)  # the mirror learns that the stack is gone without a time of AWS's for it
    world.caught[:] = [begun]

    hear_all(world)

    world.converged()


def test_an_event_does_not_undo_what_was_read_meanwhile(world: World, acme: Project) -> None:
    begin(world, "change")
    known = mirror.standing(acme, world.ids[0])
    reader = accounts.reader(acme)
    stack, newest_at = reading.dated(reader, reader.describe(world.ids[0]))
    template = reader.template(world.ids[0])
    world.caught.clear()
    world.hold(0)
    world.change(0)
    world.catch()

    def meanwhile() -> None:
        mirror.apply_reading(acme, stack, template, newest_at, known)

    with interrupted(meanwhile, named="TransactWriteItems"):
        world.deliver(0)

    held = mirror.stack(acme, world.ids[0])
    assert (held.status, held.spec.purpose) == ("UPDATE_IN_PROGRESS", "2")


def test_a_reading_that_was_overtaken_is_not_kept(world: World, acme: Project) -> None:
    stack_id = world.ids[0]
    known = mirror.standing(acme, stack_id)
    reader = accounts.reader(acme)
    begin(world, "change")
    stack, newest_at = reading.dated(reader, reader.describe(stack_id))
    template = reader.template(stack_id)
    begin(world, "change")
    hear_all(world)
    before = mirror.stack(acme, stack_id)

    assert mirror.apply_reading(acme, stack, template, newest_at, known) is None

    assert mirror.stack(acme, stack_id) == before
    assert before.spec.purpose == "3"


def test_a_stack_rests_although_its_last_event_seems_older_than_the_one_before(world: World) -> None:
    world.local_aws.faults.set_skew(2.0)
    while True:
        begun = begin(world, "change")
        ended = next(body for body in world.caught if "'UPDATE_COMPLETE'" in body)
        world.caught.clear()
        if event_of(ended).at < event_of(begun).at:
            break
    world.caught[:] = [ended, begun]

    hear_all(world)

    world.converged()


def test_an_update_of_which_no_event_came_is_found_by_the_comparison(
    acme: Project, local_aws: LocalAWS, clean: None
) -> None:
    world = World(acme, local_aws)
    world.change(0)
    world.wait(0)
    world.change(0)
    world.wait(0)
    world.catch()
    while world.caught:
        world.deliver(0)
    world.change(0)
    world.wait(0)
    world.catch()
    world.caught.clear()

    world.compare(0)

    world.converged()
