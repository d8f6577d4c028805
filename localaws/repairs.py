"""Repairs to moto, each with its reason. All moto-specific patching stands here."""

import threading
from typing import Any

from moto.sns.models import SNSBackend, Subscription

from localaws import subscriptions

_lock = threading.RLock()
_applied = threading.Event()


def apply() -> None:
    """Apply every repair, once a process."""
    with _lock:
        if _applied.is_set():
            return
        _applied.set()
        _deliver_across_accounts()
        _hold_foreign_subscriptions()


def _deliver_across_accounts() -> None:
    """SNS delivers to the queue's own account, not the topic's, and only when confirmed and allowed."""
    original = Subscription.publish

    def publish(self: Any, *arguments: Any, **named: Any) -> None:
        if self.protocol != "sqs":
            original(self, *arguments, **named)
            return
        if self.attributes.get("PendingConfirmation") is True:
            return
        if not subscriptions.may_send(self.topic_arn, self.endpoint):
            return
        with _lock:
            own, self.account_id = self.account_id, self.endpoint.split(":")[4]
            try:
                original(self, *arguments, **named)
            finally:
                self.account_id = own

    Subscription.publish = publish


def _hold_foreign_subscriptions() -> None:
    """A subscription of another account's queue is pending until that account confirms it."""
    original = SNSBackend.subscribe

    def subscribe(self: Any, *arguments: Any, **named: Any) -> Any:
        made = original(self, *arguments, **named)
        subscriptions.hold(made)
        return made

    SNSBackend.subscribe = subscribe
