"""Run the portal's background parts in the test's own thread: the intake, the bells, the sweep.

Tests of operations use it to take messages one by one, lose them, double them, or stop half way.
"""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from django.conf import settings

from aws import clients, sqs
from aws.sqs import Message, Queue
from notifications import push
from notifications.intake import Intake
from projects import bells, queues, sweep
from projects.actions.operations import operations_queue
from projects.models import Operation
from projects.stacks import readings

PATIENCE_SECONDS = 20
SHORTEST_PAUSE, LONGEST_PAUSE = 0.01, 0.1
__all__ = [
    "handle_one",
    "hear_all",
    "intake",
    "listening",
    "purge",
    "queues",
    "ring_one",
    "settle",
    "take",
    "take_readings",
    "until",
]


def purge() -> None:
    """Empty the portal's queues."""
    for name in (
        settings.STACKPORT_OPERATIONS_QUEUE,
        settings.STACKPORT_READINGS_QUEUE,
        settings.STACKPORT_EVENTS_QUEUE,
        settings.STACKPORT_DEAD_LETTER_QUEUE,
    ):
        queue = sqs.queue(name)
        # PurgeQueue itself is allowed once a minute.
        while take(queue):
            pass


def take(queue: Queue) -> list[Message]:
    """Return up to ten messages of a queue, deleted already."""
    messages = queue.receive(wait_seconds=0)
    if messages:
        gone = [{"Id": str(number), "ReceiptHandle": one.receipt} for number, one in enumerate(messages)]
        clients.home("sqs").delete_message_batch(QueueUrl=queue.url(), Entries=gone)
    return messages


def take_readings() -> list[Any]:
    """Return what waits in the readings queue now, up to ten, and take it out."""
    queue = readings.queue()
    messages = queue.receive(wait_seconds=0)
    for message in messages:
        queue.delete(message)
    return [json.loads(message.body) for message in messages]


def ring_one() -> bool:
    """Handle the next bell, else the next reading; False when none waits."""
    return any(handle_one(queue) for queue in (operations_queue(), readings.queue()))


def handle_one(queue: sqs.Queue) -> bool:
    """Handle the next message of a queue of the worker's; False when none waits."""
    messages = queue.receive(wait_seconds=0, max_messages=1)
    for message in messages:
        bells.handle(message)
        queue.delete(message)
    return bool(messages)


def intake() -> Intake:
    """Return an intake on the tests' queues."""
    return Intake(sqs.queue(settings.STACKPORT_EVENTS_QUEUE), sqs.queue(settings.STACKPORT_DEAD_LETTER_QUEUE))


@contextmanager
def listening() -> Iterator[None]:
    """Run an intake beside the test meanwhile, as the web process does."""
    stop = threading.Event()
    thread = threading.Thread(target=intake().run, args=(stop,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)


@cache
def pages_loop() -> asyncio.AbstractEventLoop:
    """Return a loop that runs beside the tests, as daphne's does beside the intake."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="pages", daemon=True).start()
    return loop


@contextmanager
def in_the_web_process() -> Iterator[None]:
    """Push onto a loop meanwhile; outside, as in a worker, signals are announced through the events queue."""
    push.bind(pages_loop())
    try:
        yield
    finally:
        push.bind(None)


def hear_all() -> int:
    """Handle every event that waits now; return how many."""
    queue = sqs.queue(settings.STACKPORT_EVENTS_QUEUE)
    listening = intake()
    count = 0
    with in_the_web_process():
        while messages := queue.receive(wait_seconds=0, max_messages=10):
            for message in messages:
                listening.handle(message)
                count += 1
    return count


def until(condition: Callable[[], bool], *, events: bool = True, sweeping: bool = False) -> None:
    """Let bells and events be handled until a condition holds; fail when it does not in time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    pause = SHORTEST_PAUSE
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        handled = (events and hear_all()) or ring_one()
        if sweeping:
            sweep.once()
        # The local AWS works in this process: whoever asks it all the time keeps it from its work.
        pause = SHORTEST_PAUSE if handled else min(2 * pause, LONGEST_PAUSE)
        if not handled:
            time.sleep(pause)


def settle(operation: Operation, *, events: bool = True, sweeping: bool = False) -> Operation:
    """Let an operation run to its end and return it as it is then."""

    def settled() -> bool:
        operation.refresh_from_db()
        return not operation.is_open

    until(settled, events=events, sweeping=sweeping)
    return operation
