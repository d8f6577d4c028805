"""Tell open pages that something has a newer version.

In the web process `bind` names daphne's loop, and signals go onto it: a push from another loop reaches browsers up to
0.8 s late. After a quiet time a signal goes at once. Within a window after it, signals of one item coalesce to the
latest, and all of one topic travel as one message of the layer, since the in-memory layer drops the newest beyond
100. A process without a loop (worker, command) announces through the events queue instead.
"""

import asyncio
import logging
import threading
from collections import defaultdict
from concurrent.futures import Future
from typing import Any

from channels.layers import get_channel_layer

from aws.errors import AWSError
from notifications import announcements
from notifications.topics import group, session_group

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 0.03


class _Outbox:
    """Signals that wait for the window to close, the latest of each item."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self._waiting: dict[tuple[str, str], dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._flushing = False
        self._sent_at = -WINDOW_SECONDS  # by the loop's clock

    def put(self, signal: dict[str, Any]) -> None:
        """Keep a signal unless a newer one of the item waits; schedule the sending."""
        key = (signal["topic"], signal["item"])
        with self._lock:
            earlier = self._waiting.get(key)
            if earlier is None or earlier["version"] <= signal["version"]:
                self._waiting[key] = signal
            if self._flushing:
                return
            self._flushing = True
        self.run(self._flush())

    def run(self, sending: Any) -> None:
        """Run a coroutine on the bound loop; its failure is logged, since nobody waits for it."""
        if self.loop is None or self.loop.is_closed():
            sending.close()
            self.forget()
            return
        asyncio.run_coroutine_threadsafe(sending, self.loop).add_done_callback(_log_failure)

    def forget(self) -> None:
        """Drop what waits: it belongs to a loop that is gone."""
        with self._lock:
            self._waiting, self._flushing, self._sent_at = {}, False, -WINDOW_SECONDS

    async def _flush(self) -> None:
        clock = asyncio.get_running_loop().time
        if (quiet := clock() - self._sent_at) < WINDOW_SECONDS:
            await asyncio.sleep(WINDOW_SECONDS - quiet)
        self._sent_at = clock()
        with self._lock:
            signals, self._waiting, self._flushing = list(self._waiting.values()), {}, False
        by_topic: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for signal in signals:
            by_topic[signal["topic"]].append(signal)
        layer = get_channel_layer()
        for topic, found in by_topic.items():
            await layer.group_send(group(topic), {"type": "live.signals", "signals": found})


_outbox = _Outbox()


def bind(loop: asyncio.AbstractEventLoop | None) -> None:
    """Name the loop that the consumers run on; None unbinds."""
    _outbox.forget()
    _outbox.loop = loop


def publish(topic: str, item: str, *, version: int, born: int = 0) -> None:
    """Tell open pages of a topic that an item has this version. Never fails: a page that misses it resyncs.

    `born` is when the item came to be, in milliseconds: a list that is older shows that there is something new.
    """
    _pass_or_announce({"type": "changed", "topic": topic, "item": item, "version": version, "born": born})


def withdraw(topic: str, person_id: int) -> None:
    """End a person's subscription to a topic on every socket: the membership is gone."""
    _pass_or_announce({"type": "live.withdraw", "topic": topic, "person": person_id})


def session_ended(session_key: str) -> None:
    """Close every socket of a session: somebody signed out. The key itself travels nowhere."""
    _pass_or_announce({"type": "live.signed_out", "group": session_group(session_key)})


def pass_on(signal: dict[str, Any]) -> None:
    """Send an announced signal to the pages of this process; without a loop there are none."""
    if _outbox.loop is None:
        return
    match signal["type"]:
        case "changed":
            _outbox.put(signal)
        case "live.withdraw":
            _outbox.run(get_channel_layer().group_send(group(signal["topic"]), signal))
        case "live.signed_out":
            _outbox.run(get_channel_layer().group_send(signal["group"], {"type": "live.signed_out"}))


def _pass_or_announce(signal: dict[str, Any]) -> None:
    if _outbox.loop is not None:
        pass_on(signal)
        return
    try:
        announcements.send(signal)
    except AWSError as error:
        logger.warning("not announced, pages see it when they look again: type=%s error=%s", signal["type"], error)


def _log_failure(done: "Future[Any]") -> None:
    if not done.cancelled() and (error := done.exception()) is not None:
        logger.error("not pushed, pages see it when they look again", exc_info=error)
