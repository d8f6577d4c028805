"""From a thread to a consumer's channel: coalesced, batched, on the loop that consumers run on."""

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from channels.layers import get_channel_layer

from aws import sqs
from notifications import announcements, push
from notifications.topics import group, session_group
from tests.notifications.conftest import Post

QUIET_SECONDS = 0.25  # well above the window


@pytest.fixture
async def channel() -> AsyncIterator[str]:
    """A channel in the group of `project:1`, on the bound loop."""
    layer = get_channel_layer()
    await layer.flush()
    name = await layer.new_channel()
    await layer.group_add(group("project:1"), name)
    push.bind(asyncio.get_running_loop())
    yield name
    push.bind(None)
    await layer.flush()


async def take(channel: str) -> list[dict[str, Any]]:
    """Return every message that comes until it is quiet."""
    found = []
    while True:
        try:
            found.append(await asyncio.wait_for(get_channel_layer().receive(channel), QUIET_SECONDS))
        except TimeoutError:
            return found


async def in_thread(work: Any) -> None:
    """Run work in a plain thread, as the intake does, and wait for its end."""
    thread = threading.Thread(target=work)
    thread.start()
    await asyncio.to_thread(thread.join)


async def test_signals_of_an_item_coalesce_to_the_latest(channel: str) -> None:
    # On the loop itself, so that nothing is sent in between.
    for version in (1, 5, 3):
        push.publish("project:1", "bucket:a", version=version)
    push.publish("project:1", "bucket:b", version=2, born=7)

    (message,) = await take(channel)
    assert message["type"] == "live.signals"
    assert [(signal["item"], signal["version"], signal["born"]) for signal in message["signals"]] == [
        ("bucket:a", 5, 0),
        ("bucket:b", 2, 7),
    ]


async def test_thousands_of_items_do_not_overflow_the_layer(channel: str) -> None:
    await in_thread(lambda: [push.publish("project:1", f"bucket:{n}", version=n) for n in range(3000)])
    told = [signal["item"] for message in await take(channel) for signal in message["signals"]]
    assert len(set(told)) == 3000


async def test_a_signal_after_the_window_is_sent_too(channel: str) -> None:
    push.publish("project:1", "bucket:a", version=1)
    assert len(await take(channel)) == 1
    push.publish("project:1", "bucket:a", version=2)
    assert len(await take(channel)) == 1


async def test_another_topics_pages_hear_nothing(channel: str) -> None:
    push.publish("project:11", "bucket:a", version=1)
    push.withdraw("project:11", 7)
    assert await take(channel) == []


async def test_a_failure_is_logged_and_the_next_signal_is_sent(channel: str, caplog: pytest.LogCaptureFixture) -> None:
    push.publish("a topic with spaces", "bucket:a", version=1)
    with caplog.at_level(logging.ERROR):
        assert await take(channel) == []
    assert "not pushed" in caplog.text
    push.publish("project:1", "bucket:a", version=1)
    assert len(await take(channel)) == 1


def test_a_closed_loop_is_no_error_and_a_new_one_hears(unbound: None) -> None:
    loop = asyncio.new_event_loop()
    push.bind(loop)
    loop.close()
    push.publish("project:1", "bucket:a", version=1)
    push.withdraw("project:1", 7)
    assert not push._outbox._flushing


def test_a_process_without_pages_announces_through_the_queue(post: Post, unbound: None) -> None:
    push.publish("project:1", "bucket:a", version=4)
    push.withdraw("project:1", 7)
    push.session_ended("a-session-key")
    bodies = post.waiting() + post.waiting()
    told = [announcements.read(json.loads(body)["stackport"]) for body in dict.fromkeys(bodies)]
    assert sorted(told, key=lambda signal: signal["type"]) == [
        {"type": "changed", "topic": "project:1", "item": "bucket:a", "version": 4, "born": 0},
        {"type": "live.signed_out", "group": session_group("a-session-key")},
        {"type": "live.withdraw", "topic": "project:1", "person": 7},
    ]
    assert "a-session-key" not in "".join(bodies)


def test_a_queue_that_is_away_does_not_fail_the_caller(
    post: Post, unbound: None, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.STACKPORT_EVENTS_QUEUE = "no-such-queue"
    push.publish("project:1", "bucket:a", version=4)
    assert "not announced" in caplog.text
    assert sqs.queue("no-such-queue").name == "no-such-queue"


async def test_the_intake_passes_announcements_on(post: Post, channel: str) -> None:
    def work() -> None:
        announcements.send({"type": "changed", "topic": "project:1", "item": "bucket:a", "version": 4, "born": 0})
        (message,) = post.queue.receive(wait_seconds=2)
        assert post.intake.handle(message) == "announced"

    await asyncio.to_thread(work)
    (message,) = await take(channel)
    assert message["signals"][0]["version"] == 4
