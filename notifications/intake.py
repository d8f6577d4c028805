"""Take AWS's messages in: validate, parse, announce, and only then delete (DESIGN P5).

Runs as a thread of the web process. Needs the events queue and the dead-letter queue (`manage.py prepare`).
"""

import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable

from django.db import close_old_connections

from aws import sns
from aws.errors import AWSError, NotFound
from aws.sqs import Message, Queue
from notifications import announcements, pulse, push, signals, sources
from notifications.errors import MalformedEvent, UntrustedMessage
from notifications.events import (
    Announcement,
    Notification,
    SubscriptionConfirmation,
    account_of_arn,
    parse_envelope,
    parse_event,
)

logger = logging.getLogger(__name__)

POLL_SECONDS = 1  # short, so that stopping is quick; a message wakes the poll at once
BACKOFF_SECONDS = 2
EVENTS_PER_SECOND = 50.0  # of one account: one that floods only slows itself
BURST = 500.0
STRANGERS = ""  # whose messages nobody signed
LATER_SECONDS = 5
# The queue hands a message out this often (`projects.queues.TRIES`). We bury before SQS does: it would move the whole
# body, resource properties included, to the dead letters.
LAST_TRY = 5


class Paces:
    """A token bucket for each account, so that no account can keep the intake from the others."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tokens: dict[str, tuple[float, float]] = {}

    def allows(self, account_id: str) -> bool:
        """Take one event's turn; False when the account is over its pace."""
        now = self._clock()
        tokens, filled_at = self._tokens.get(account_id, (BURST, now))
        tokens = min(BURST, tokens + (now - filled_at) * EVENTS_PER_SECOND)
        allowed = tokens >= 1
        # A refusal costs nothing: else an account that asks often would never be heard again.
        self._tokens[account_id] = (tokens - allowed, now)
        return allowed


class Intake:
    """Reads the events queue. `counts` says what was done with how many messages."""

    def __init__(self, queue: Queue, dead_letters: Queue) -> None:
        self._queue = queue
        self._dead_letters = dead_letters
        self._paces = Paces()
        self.counts: Counter[str] = Counter()

    def run(self, stop: threading.Event) -> None:
        """Take messages in until asked to stop."""
        while not stop.is_set():
            try:
                messages = self._queue.receive(wait_seconds=POLL_SECONDS)
            except AWSError as error:
                logger.warning("events queue cannot be read: %s", error)
                stop.wait(BACKOFF_SECONDS)
                continue
            taken = [self.take(message) for message in messages]
            if any(taken) or not taken:  # some may fail for reasons of their own; that tells nothing of the others
                pulse.beat()

    def take(self, message: Message) -> bool:
        """Handle a message whatever happens: its failure is logged with its id, it comes back, and False is returned."""
        close_old_connections()
        try:
            self.handle(message)
        except Exception as failure:  # one message must not end the intake
            self.counts["failed"] += 1
            logger.exception("message not handled: id=%s tries=%d", message.message_id, message.receive_count)
            if message.receive_count >= LAST_TRY:
                self._give_up(message, failure)
            return False
        else:
            return True
        finally:
            close_old_connections()

    def _give_up(self, message: Message, failure: Exception) -> None:
        try:
            self._bury(message, f"failed {message.receive_count} times, last with {type(failure).__name__}")
            self._queue.delete(message)
            self.counts["given up"] += 1
        except AWSError as error:
            logger.warning("message not buried, SQS will do it: id=%s error=%s", message.message_id, error)

    def handle(self, message: Message) -> str:
        """Act on one message and delete it; return what was done. A receiver's failure leaves it in the queue."""
        try:
            outcome = self._act(message)
        except UntrustedMessage as refusal:
            outcome = "untrusted"
            logger.warning("message refused: id=%s reason=%s", message.message_id, refusal)
            # Nobody knows whose it is, so all of them share one pace; above it they leave no note.
            if self._paces.allows(STRANGERS):
                self._bury(message, str(refusal))
        if outcome != "later":
            self._queue.delete(message)
        self.counts[outcome] += 1
        return outcome

    def _act(self, message: Message) -> str:
        envelope = parse_envelope(message.body)
        if isinstance(envelope, Announcement):
            push.pass_on(announcements.read(envelope.signed))
            return "announced"
        _expect_genuine(envelope)
        if not self._paces.allows(account_of_arn(envelope.topic_arn)):
            return self._postpone(message)
        if isinstance(envelope, SubscriptionConfirmation):
            sns.confirm_subscription(envelope.topic_arn, envelope.token)
            return "confirmed"
        return self._hear(envelope, message)

    def _hear(self, notification: Notification, message: Message) -> str:
        topic = notification.topic_arn
        try:
            event = parse_event(notification.message)
        except MalformedEvent as error:
            same_account = error.stack_id and account_of_arn(error.stack_id) == account_of_arn(topic)
            signals.malformed.send(Intake, topic_arn=topic, stack_id=error.stack_id if same_account else None)
            self._bury(message, f"malformed: {error}", topic=topic)
            return "malformed"
        if event.account_id != account_of_arn(topic):
            raise UntrustedMessage("a topic of one account tells of another account's stack")
        signals.stack_event.send(Intake, event=event, topic_arn=topic)
        return "heard"

    def _postpone(self, message: Message) -> str:
        """Leave a message in the queue, each time longer; on its last try it becomes a note, a sweep finds the news."""
        if message.receive_count >= LAST_TRY:
            self._bury(message, "its account was over its pace for too long")
            return "over pace"
        self._queue.release(message, after_seconds=LATER_SECONDS * 2 ** (message.receive_count - 1))
        return "later"

    def _bury(self, message: Message, reason: str, *, topic: str = "") -> None:
        """Keep a note of a message that is not acted upon, without its text: that may hold secrets."""
        note = {"message_id": message.message_id, "reason": reason, "bytes": len(message.body), "topic": topic}
        self._dead_letters.send(json.dumps(note))


def _expect_genuine(envelope: Notification | SubscriptionConfirmation) -> None:
    if not sources.is_trusted(envelope.topic_arn):
        raise UntrustedMessage("the topic of no known project")
    try:
        envelope.proof.expect_genuine(sns.signing_key)
    except NotFound as error:
        raise UntrustedMessage("signed with a certificate that SNS does not have") from error
