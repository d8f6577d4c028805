"""Stack events: recorded once, then published as the text message that AWS sends to NotificationARNs.

The message follows two independent public samples: `Key='value'` lines in a fixed order, each ended by a line feed.
"""

from __future__ import annotations

import heapq
import itertools
import json
import logging
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from localaws.stacks import STACK_TYPE, Event, Resource, Stack
from localaws.wire import timestamp

if TYPE_CHECKING:
    from localaws.faults import Faults

SUBJECT = "AWS CloudFormation Notification"
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Notice:
    """One message on its way to one topic."""

    account: str
    topic_arn: str
    text: str


def record(
    stack: Stack,
    now: float,
    *,
    status: str,
    reason: str = "",
    resource: Resource | None = None,
    skew_seconds: float = 0.0,
) -> Event:
    """Add an event to the stack; its time is later than every earlier one's, by a millisecond at least.

    Unless the clock that stamps it is wrong by `skew_seconds`: then it may seem to be older than what it follows.
    """
    stack.last_event_ms = max(int(now * 1000), stack.last_event_ms + 1)
    moment = (stack.last_event_ms + int(skew_seconds * 1000)) / 1000
    operation = stack.operation
    properties = None
    if resource is not None:
        shown = resource.attempted if resource.attempted is not None else resource.properties
        properties = json.dumps(shown, separators=(",", ":"))
    event = Event(
        event_id=f"{resource.logical_id}-{status}-{timestamp(moment)}" if resource else str(uuid.uuid4()),
        timestamp=moment,
        logical_id=resource.logical_id if resource else stack.name,
        physical_id=resource.physical_id if resource else stack.id,
        resource_type=resource.type if resource else STACK_TYPE,
        status=status,
        reason=reason,
        properties=properties,
        token=operation.token if operation else None,
        principal_id=operation.principal_id if operation else stack.last_principal,
    )
    stack.events.append(event)
    return event


def text(stack: Stack, event: Event) -> str:
    """Return the body of the SNS message. Values are not escaped: AWS does not either."""
    fields = (
        ("StackId", stack.id),
        ("Timestamp", timestamp(event.timestamp)),
        ("EventId", event.event_id),
        ("LogicalResourceId", event.logical_id),
        ("Namespace", stack.account),
        ("PhysicalResourceId", event.physical_id),
        ("PrincipalId", event.principal_id),
        ("ResourceProperties", event.properties or "null"),
        ("ResourceStatus", event.status),
        ("ResourceStatusReason", event.reason),
        ("ResourceType", event.resource_type),
        ("StackName", stack.name),
        ("ClientRequestToken", event.token or "null"),
    )
    return "".join(f"{name}='{value}'\n" for name, value in fields)


class Publisher:
    """Publishes notices one by one in one thread: order is kept and the engine never waits for SNS."""

    def __init__(self, sns: Callable[[Notice], Any], faults: Faults, clock: Callable[[], float]) -> None:
        self._sns = sns
        self._faults = faults
        self._clock = clock
        self._queue: list[tuple[float, int, Notice]] = []
        self._count = itertools.count()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._current: Notice | None = None
        self._closed = False

    def submit(self, notice: Notice) -> None:
        with self._changed:
            if self._closed:
                return
            for delay_seconds, message in self._faults.on_publish(notice.text):
                self._put(Notice(notice.account, notice.topic_arn, message), delay_seconds)

    def restore(self, notices: list[Notice]) -> None:
        """Take over what was not yet published when the state was saved."""
        with self._changed:
            for notice in notices:
                self._put(notice, 0.0)

    def pending(self) -> list[Notice]:
        """Return what is not yet published; the one on its way counts, so it may arrive twice after a crash."""
        with self._changed:
            waiting = [notice for _, _, notice in sorted(self._queue)]
            return [self._current, *waiting] if self._current else waiting

    def clear(self) -> None:
        """Drop what waits and let the one on its way arrive."""
        with self._changed:
            self._queue.clear()
            self._changed.wait_for(lambda: self._current is None, timeout=5)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread:
            self._thread.join(timeout=5)

    def _put(self, notice: Notice, delay_seconds: float) -> None:
        due = self._clock() + delay_seconds if delay_seconds > 0 else 0.0
        heapq.heappush(self._queue, (due, next(self._count), notice))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="localaws-events", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _run(self) -> None:
        while (notice := self._next()) is not None:
            try:
                self._sns(notice).publish(TopicArn=notice.topic_arn, Subject=SUBJECT, Message=notice.text)
            except (ClientError, BotoCoreError) as error:
                logger.warning("could not publish a stack event to %s: %s", notice.topic_arn, error)
            finally:
                with self._changed:
                    self._current = None
                    self._changed.notify_all()

    def _next(self) -> Notice | None:
        """Wait for the next due notice; None when closed."""
        with self._changed:
            while not self._closed:
                wait = self._queue[0][0] - self._clock() if self._queue else None
                if wait is not None and wait <= 0:
                    self._current = heapq.heappop(self._queue)[2]
                    return self._current
                self._changed.wait(wait)
            return None
