"""The intake on a real queue: what is believed, what is buried, what comes back."""

import json
import logging
import threading
import time
from typing import Any

import pytest
import time_machine
from django.core import signing

from aws import clients
from notifications import announcements, pulse, push
from notifications.errors import UntrustedMessage
from notifications.intake import BURST, EVENTS_PER_SECOND, LAST_TRY, Paces
from tests.notifications.bodies import ACCOUNT, SECRET, STACK_ID, TOPIC, body, envelope, message, text
from tests.notifications.conftest import Heard, Post

pytestmark = pytest.mark.django_db

FOREIGN = STACK_ID.replace(ACCOUNT, "999999999999")


@pytest.mark.parametrize(
    "name",
    [
        "sns_stack_event.json",
        "sns_resource_event.json",
        "sns_stack_event_sparse.json",
        "sns_eventbridge_entry.json",
    ],
)
def test_an_event_is_announced_and_then_deleted(post: Post, heard: Heard, name: str) -> None:
    assert post.intake.handle(post.arrive(body(name))) == "heard"
    ((event, topic_arn),) = heard.events
    assert (event.stack_id, topic_arn) == (STACK_ID, TOPIC)
    assert post.waiting() == []
    assert post.buried() == []
    assert post.intake.counts == {"heard": 1}


def test_a_receivers_failure_leaves_the_message_and_tells_nothing_of_it(
    post: Post, heard: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    heard.failure = RuntimeError("the database is away")
    arrived = post.arrive(body("sns_resource_event.json"))
    with caplog.at_level(logging.DEBUG, logger="notifications"):
        post.intake.take(arrived)
    assert arrived.message_id in caplog.text
    assert SECRET not in caplog.text
    assert heard.events == []
    heard.failure = None
    (again,) = post.queue.receive(wait_seconds=1)
    assert post.intake.handle(again) == "heard"
    assert len(heard.events) == 1


def test_a_message_that_always_fails_is_buried_before_sqs_moves_its_secrets(post: Post, heard: Heard) -> None:
    heard.failure = RuntimeError("always")
    post.send(body("sns_resource_event.json"))
    for _ in range(LAST_TRY):
        (arrived,) = post.queue.receive(wait_seconds=1)
        post.intake.take(arrived)
    assert post.waiting() == []
    (note,) = post.buried()
    assert "failed 5 times, last with RuntimeError" in note
    assert SECRET not in note
    assert post.intake.counts == {"failed": LAST_TRY, "given up": 1}


@pytest.mark.parametrize(
    "untrusted",
    [
        envelope(message("sns_stack_event.json"), topic="arn:aws:sns:eu-west-1:999999999999:stackport-events"),
        envelope(message("sns_stack_event.json"), topic=f"arn:aws:sns:eu-west-1:{ACCOUNT}:another"),
        envelope(text(StackId=FOREIGN)),
        envelope(body("eventbridge_stack_status.json").replace(ACCOUNT, "999999999999")),
        text(ResourceProperties=SECRET),
        body("eventbridge_stack_status.json"),
        "not JSON",
    ],
    ids=["foreign topic", "other topic", "foreign stack", "foreign entry", "raw", "raw entry", "no JSON"],
)
def test_what_is_not_trusted_changes_nothing(post: Post, heard: Heard, untrusted: str) -> None:
    arrived = post.arrive(untrusted)
    assert post.intake.handle(arrived) == "untrusted"
    assert heard.events == []
    assert heard.malformed == []
    assert post.waiting() == []
    (note,) = post.buried()
    assert json.loads(note)["bytes"] == len(arrived.body)
    assert SECRET not in note
    assert STACK_ID not in note


def test_a_malformed_event_makes_its_stack_be_read_again(post: Post, heard: Heard) -> None:
    odd = text(without=("StackName",), ResourceProperties=SECRET)
    assert post.intake.handle(post.arrive(envelope(odd))) == "malformed"
    assert heard.malformed == [STACK_ID]
    (note,) = post.buried()
    assert SECRET not in note


def test_a_malformed_event_of_another_accounts_stack_names_no_stack(post: Post, heard: Heard) -> None:
    post.intake.handle(post.arrive(envelope(text(without=("StackName",), StackId=FOREIGN))))
    assert heard.malformed == [None]


def test_a_subscription_to_an_unknown_topic_is_not_confirmed(post: Post, heard: Heard) -> None:
    asked = body("sns_subscription_confirmation.json").replace(":stackport-events", ":another")
    assert post.intake.handle(post.arrive(asked)) == "untrusted"
    assert len(post.buried()) == 1


def test_an_announcement_needs_the_portals_signature(post: Post, unbound: None) -> None:
    signal = {"type": "changed", "topic": "project:1", "item": "bucket:a", "version": 1}
    for forged in (
        signing.dumps(signal, salt="another"),
        signing.dumps(signal, salt=announcements.SALT, key="another key"),
        json.dumps(signal),
    ):
        assert post.intake.handle(post.arrive(json.dumps({"stackport": forged}))) == "untrusted"
    push.publish("project:1", "bucket:a", version=1)
    (sent,) = post.queue.receive(wait_seconds=1)
    assert post.intake.handle(sent) == "announced"


def test_an_old_announcement_is_refused() -> None:
    with time_machine.travel("2026-11-23T10:00:00Z", tick=False) as clock:
        signed = signing.dumps({"type": "changed"}, salt=announcements.SALT)
        clock.shift(announcements.MAX_AGE_SECONDS)
        assert announcements.read(signed) == {"type": "changed"}
        clock.shift(1)
        with pytest.raises(UntrustedMessage):
            announcements.read(signed)


def test_an_account_over_its_pace_waits_in_the_queue(post: Post, heard: Heard) -> None:
    post.intake._paces = Paces(clock=lambda: 0.0)
    while post.intake._paces.allows(ACCOUNT):
        pass
    arrived = post.arrive(body("sns_stack_event.json"))
    assert post.intake.handle(arrived) == "later"
    assert (heard.events, post.waiting(), post.buried()) == ([], [], [])
    post.queue.release(arrived)
    (again,) = post.queue.receive(wait_seconds=1)
    assert again.message_id == arrived.message_id


def test_a_message_over_pace_to_the_end_becomes_a_note(post: Post, heard: Heard) -> None:
    post.intake._paces = Paces(clock=lambda: 0.0)
    while post.intake._paces.allows(ACCOUNT):
        pass
    post.send(body("sns_resource_event.json"))
    for _ in range(LAST_TRY):
        (arrived,) = post.queue.receive(wait_seconds=1)
        outcome = post.intake.handle(arrived)
        if outcome == "later":
            post.queue.release(arrived)
    assert outcome == "over pace"
    assert post.waiting() == []
    (note,) = post.buried()
    assert SECRET not in note


def test_a_pace_is_per_account_and_asking_too_often_does_not_starve() -> None:
    now = 0.0
    paces = Paces(clock=lambda: now)
    assert sum(paces.allows("1") for _ in range(int(BURST) + 50)) == BURST
    assert paces.allows("2")
    heard = 0
    for _ in range(1000):  # four times the pace, for five seconds
        now += 1 / EVENTS_PER_SECOND / 4
        heard += paces.allows("1")
    assert heard == pytest.approx(250, abs=2)


@pytest.mark.django_db(transaction=True)
def test_a_running_intake_hears_at_once_and_stops_soon(post: Post, heard: Heard) -> None:
    stop = threading.Event()
    listening = threading.Thread(target=post.intake.run, args=(stop,))
    listening.start()
    try:
        post.queue.send("not JSON")
        post.send(body("sns_stack_event.json"))
        deadline = time.monotonic() + 10
        while not heard.events and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        stopped_at = time.monotonic()
        stop.set()
        listening.join(10)
    assert len(heard.events) == 1
    assert not listening.is_alive()
    assert time.monotonic() - stopped_at < 2


def rounds(post: Post, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let an intake run for a moment; return when its good rounds ended."""
    beats: list[float] = []
    monkeypatch.setattr(pulse, "beat", lambda: beats.append(time.monotonic()))
    stop = threading.Event()
    thread = threading.Thread(target=post.intake.run, args=(stop,), daemon=True)
    thread.start()
    time.sleep(0.5)
    stop.set()
    thread.join(10)
    return beats


def test_a_round_that_ends_well_says_that_news_arrives(post: Post, heard: Heard, monkeypatch: Any) -> None:
    post.send(body("sns_stack_event.json"))
    assert rounds(post, monkeypatch)
    assert heard.events


def test_news_that_cannot_be_handled_does_not_arrive(post: Post, heard: Heard, monkeypatch: Any) -> None:
    heard.failure = RuntimeError("always")
    post.send(body("sns_stack_event.json"))
    time.sleep(0.1)
    begun = time.monotonic()
    assert not [at for at in rounds(post, monkeypatch) if at - begun < 0.4]


def test_a_queue_that_is_gone_brings_no_news(post: Post, monkeypatch: Any) -> None:
    clients.home("sqs").delete_queue(QueueUrl=post.queue.url())
    assert rounds(post, monkeypatch) == []
