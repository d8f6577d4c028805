"""Repairs to moto, each with its reason. All moto-specific patching stands here."""

import copy
import threading
import time
from collections.abc import Callable
from datetime import datetime
from types import ModuleType
from typing import Any

from moto import backends
from moto.core import utils as core_utils
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket
from moto.sns.models import SNSBackend, Subscription
from moto.sqs import models as sqs_models
from moto.sqs.models import SQSBackend

from localaws import polls, subscriptions

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
        _sign_with_one_key()
        _receive_without_sleeping()
        _leave_bucket_policies_to_the_front_door()
        _undo_transactions_item_by_item()
        _list_modules_once()
        _read_the_clock_quickly()


def _replace(owner: type | ModuleType, name: str, function: Callable[..., Any]) -> None:
    setattr(owner, name, function)


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

    _replace(Subscription, "publish", publish)


def _hold_foreign_subscriptions() -> None:
    """A subscription of another account's queue is pending until that account confirms it."""
    original = SNSBackend.subscribe

    def subscribe(self: Any, *arguments: Any, **named: Any) -> Any:
        made = original(self, *arguments, **named)
        subscriptions.hold(made)
        return made

    _replace(SNSBackend, "subscribe", subscribe)


def _leave_bucket_policies_to_the_front_door() -> None:
    """moto judges bucket policies itself and counts an unmet condition as a denial; the front door judges instead."""

    def get_permission(self: Any, *arguments: Any, **named: Any) -> PermissionResult:
        return PermissionResult.NEUTRAL

    _replace(FakeBucket, "get_permission", get_permission)


def _sign_with_one_key() -> None:
    """moto makes a certificate a message and keeps each for ever; here one key signs, whose certificate is served."""

    def get_post_data(
        self: Any, message: str, message_id: str, subject: str | None, message_attributes: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        found: dict[str, Any] = subscriptions.notification(self.topic_arn, message, message_id, subject)
        return {**found, "MessageAttributes": message_attributes} if message_attributes else found

    _replace(Subscription, "get_post_data", get_post_data)


def _receive_without_sleeping() -> None:
    """moto sleeps inside ReceiveMessage, where it would hold up snapshots; `polls` waits instead."""
    original = SQSBackend.receive_message

    def receive_message(self: Any, queue_name: str, count: int, wait_seconds: int, *rest: Any, **named: Any) -> Any:
        found = original(self, queue_name, count, 0, *rest, **named)
        polls.note(polls.Asked(self.get_queue(queue_name), wait_seconds, bool(found)))
        return found

    _replace(SQSBackend, "receive_message", receive_message)


def _undo_transactions_item_by_item() -> None:
    """moto copies the whole table for each item of a transaction, to undo it: seconds in a table of 2,000 rows."""
    original = DynamoDBBackend.transact_write_items
    inside = threading.local()

    def copied(self: Any, memo: dict[int, Any]) -> Any:
        if getattr(inside, "transaction", False):
            return self
        made = memo[id(self)] = Table.__new__(Table)
        made.__dict__ = copy.deepcopy(self.__dict__, memo)
        return made

    def transact_write_items(self: Any, transact_items: list[dict[str, Any]]) -> None:
        before = [found for one in transact_items for found in _touched(self, *one.values())]
        inside.transaction = True
        try:
            original(self, transact_items)
        except Exception:
            for table, hash_key, range_key, item in before:
                table.delete_item(hash_key, range_key)
                if item is not None and range_key:
                    table.items[hash_key][range_key] = item
                elif item is not None:
                    table.items[hash_key] = item
            raise
        finally:
            inside.transaction = False

    _replace(Table, "__deepcopy__", copied)
    _replace(DynamoDBBackend, "transact_write_items", transact_write_items)


def _touched(backend: Any, write: dict[str, Any], *_more: Any) -> list[tuple[Any, DynamoType, DynamoType | None, Any]]:
    """Return the table, keys and present item of one write of a transaction; nothing for one that names none."""
    table = backend.tables.get(write.get("TableName"))
    key = write.get("Key") or write.get("Item") or {}
    if table is None or not {name for name in (table.hash_key_attr, table.range_key_attr) if name} <= key.keys():
        return []
    hash_key = DynamoType(key[table.hash_key_attr])
    range_key = DynamoType(key[table.range_key_attr]) if table.range_key_attr else None
    return [(table, hash_key, range_key, copy.deepcopy(table.get_item(hash_key, range_key)))]


def _list_modules_once() -> None:
    """moto lists its own folder twice a request, with a look at each of 90 entries: a fifth of a small call."""
    modules = tuple(backends.list_of_moto_modules())
    _replace(backends, "list_of_moto_modules", lambda: modules)


def _read_the_clock_quickly() -> None:
    """moto asks a queue's messages one by one for the time, through four dates each: 10 ms a call at 100 messages."""
    original = core_utils.unix_time_millis

    def unix_time_millis(moment: datetime | None = None) -> float:
        return time.time() * 1000 if moment is None else float(original(moment))

    _replace(sqs_models, "unix_time_millis", unix_time_millis)
