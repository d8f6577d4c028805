"""Queues of a real local AWS, and who may tell what; nothing here knows a project."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from aws import sqs
from aws.sqs import Message, Queue
from localaws.server import LocalAWS
from notifications import push, signals, sources, topics
from notifications.intake import Intake
from tests.notifications.bodies import TOPIC, signed


@dataclass(slots=True)
class Heard:
    """What a receiver was told; `failure` is raised by the next calls."""

    events: list[Any] = field(default_factory=list)
    malformed: list[str | None] = field(default_factory=list)
    failure: Exception | None = None


@dataclass(slots=True)
class Post:
    """An intake and its two queues."""

    queue: Queue
    dead: Queue
    intake: Intake

    def send(self, body: str) -> None:
        """Put a body into the queue; envelopes as SNS signs them."""
        self.queue.send(signed(body))

    def arrive(self, body: str) -> Message:
        """Send a body and take it out of the queue as the intake would."""
        self.send(body)
        (message,) = self.queue.receive(wait_seconds=2, max_messages=1)
        return message

    def waiting(self) -> list[str]:
        """Return what can be received now."""
        return [message.body for message in self.queue.receive(wait_seconds=0)]

    def buried(self) -> list[str]:
        """Return the notes among the dead letters."""
        return [message.body for message in self.dead.receive(wait_seconds=0)]


@pytest.fixture
def post(local_aws: LocalAWS, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Post:
    """Fresh queues; the intake trusts one topic and no other."""
    name = secrets.token_hex(4)
    dead = sqs.create_queue(f"dead-{name}")
    # Seen again at once: a message that was left in the queue shows without waiting.
    queue = sqs.create_queue(f"events-{name}", dead_letters=dead, visibility_seconds=0)
    settings.STACKPORT_EVENTS_QUEUE = queue.name
    monkeypatch.setattr(sources, "_checks", [lambda topic_arn: topic_arn == TOPIC])
    return Post(queue, dead, Intake(queue, dead))


@pytest.fixture
def heard() -> Iterator[Heard]:
    """The only receiver of the signals: those of `projects` have tests of their own."""
    noted = Heard()

    def on_event(sender: object, *, event: Any, topic_arn: str, **_: Any) -> None:
        if noted.failure:
            raise noted.failure
        noted.events.append((event, topic_arn))

    def on_malformed(sender: object, *, stack_id: str | None, **_: Any) -> None:
        noted.malformed.append(stack_id)

    held = {signal: signal.receivers for signal in (signals.stack_event, signals.malformed)}
    for signal in held:
        signal.receivers = []
        signal.sender_receivers_cache.clear()
    signals.stack_event.connect(on_event)
    signals.malformed.connect(on_malformed)
    yield noted
    for signal, receivers in held.items():
        signal.receivers = receivers
        signal.sender_receivers_cache.clear()


@pytest.fixture
def unbound() -> Iterator[None]:
    """A process without pages."""
    push.bind(None)
    yield
    push.bind(None)


@pytest.fixture
def kinds(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The registry of live topics, empty."""
    registry: dict[str, Any] = {}
    monkeypatch.setattr(topics, "_kinds", registry)
    return registry
