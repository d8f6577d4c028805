"""Take messages from the queues of operations and of readings, and do the one thing that each names."""

import json
import logging
import threading
from collections.abc import Callable
from uuid import UUID

from django.conf import settings
from django.db import close_old_connections

from aws.errors import AWSError
from aws.sqs import Message, Queue
from projects import posture, worker
from projects.actions import operations
from projects.stacks import readings, rebuild

logger = logging.getLogger(__name__)

POLL_SECONDS = 5
BACKOFF_SECONDS = 2


def handle(message: Message) -> None:
    """Do what a message names: a step of an operation, a piece of a rebuild, a reading. Unknown ones are dropped, logged."""
    try:
        body = json.loads(message.body)
        kind, value = next(iter(body.items()))
        handler = _HANDLERS[kind]
    except (ValueError, AttributeError, StopIteration, KeyError):
        logger.warning("bells: a message that names nothing known was dropped, id=%s", message.message_id)
        return
    handler(value)


_HANDLERS: dict[str, Callable[..., None]] = {
    "operation": lambda value: worker.run_step(UUID(value)),
    "rebuild": rebuild.run,
    "read": readings.read_some,
    "posture": posture.run,
}


def serve(queue: Queue, stop: threading.Event) -> None:
    """Take one message after the other until asked to stop; a message whose work failed comes back by itself."""
    while not stop.is_set():
        close_old_connections()
        try:
            messages = queue.receive(wait_seconds=POLL_SECONDS, max_messages=1)
        except AWSError as error:
            logger.warning("queue %s cannot be read: %s", queue.name, error)
            stop.wait(BACKOFF_SECONDS)
            continue
        for message in messages:
            try:
                handle(message)
                queue.delete(message)
            except Exception:  # a worker outlives one broken message and an AWS that goes away; the message comes back
                logger.exception("bell failed, it comes back: message=%s", message.message_id)
            finally:
                close_old_connections()


def threads(stop: threading.Event, count: int = 0) -> list[threading.Thread]:
    """Return the threads that serve the queues, not started: some for operations, and one for what is only read.

    So no step of an operation ever waits for a reading to end.
    """
    steps = operations.operations_queue()
    return [
        *(
            threading.Thread(target=serve, args=(steps, stop), name=f"worker-{number}")
            for number in range(count or settings.STACKPORT_WORKER_THREADS)
        ),
        threading.Thread(target=serve, args=(readings.queue(), stop), name="readings"),
    ]
