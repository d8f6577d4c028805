"""Tell open pages that something has a newer version.

In the web process `bind` names daphne's loop, and signals go onto it: a push from another loop reaches browsers up to
0.8 s late. Signals of one item coalesce to the latest before they reach the layer, since the in-memory layer drops the
newest beyond 100. A process without a loop (worker, command) announces through the events queue instead.
"""

import asyncio
import logging
import threading
from typing import Any

from channels.layers import get_channel_layer

from aws.errors import AWSError
from notifications import announcements
from notifications.topics import group

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 0.03


class _Outbox:
    """Signals that wait for the window to close, the latest of each item."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self._waiting: dict[tuple[str, str], dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._flushing = False

    def put(self, signal: dict[str, Any]) -> None:
        """Keep a signal unless a newer one of the item waits; schedule the sending."""
        loop = self.loop
        if loop is None:
            raise RuntimeError("no loop is bound")
        key = (signal["topic"], signal["item"])
        with self._lock:
            earlier = self._waiting.get(key)
            if earlier is None or earlier["version"] <= signal["version"]:
                self._waiting[key] = signal
            if self._flushing:
                return
            self._flushing = True
        asyncio.run_coroutine_threadsafe(self._flush(), loop)

    async def _flush(self) -> None:
        await asyncio.sleep(WINDOW_SECONDS)
        with self._lock:
            signals, self._waiting, self._flushing = list(self._waiting.values()), {}, False
        layer = get_channel_layer()
        for signal in signals:
            await layer.group_send(group(signal["topic"]), {"type": "live.signal", "signal": signal})


_outbox = _Outbox()


def bind(loop: asyncio.AbstractEventLoop | None) -> None:
    """Name the loop that the consumers run on; None unbinds."""
    _outbox.loop = loop


def publish(topic: str, item: str, *, version: int, born: int = 0) -> None:
    """Tell open pages of a topic that an item has this version. Never fails: a page that misses it resyncs.

    `born` is when the item came to be, in milliseconds: a list that is older shows that there is something new.
    """
    signal = {"type": "changed", "topic": topic, "item": item, "version": version, "born": born}
    if _outbox.loop is not None:
        _outbox.put(signal)
        return
    try:
        announcements.send(signal)
    except AWSError as error:
        logger.warning("not announced, pages will see it when they resync: item=%s error=%s", item, error)


def withdraw(topic: str, person_id: int) -> None:
    """End a person's subscription to a topic on every socket: the membership is gone."""
    message = {"type": "live.withdraw", "topic": topic, "person": person_id}
    if _outbox.loop is not None:
        pass_on(message)
        return
    try:
        announcements.send(message)
    except AWSError as error:
        logger.warning("withdrawal not announced: topic=%s error=%s", topic, error)


def pass_on(signal: dict[str, Any]) -> None:
    """Send an announced signal or withdrawal to the pages of this process; without a loop there are none."""
    loop = _outbox.loop
    if loop is None:
        return
    if signal["type"] == "live.withdraw":
        asyncio.run_coroutine_threadsafe(get_channel_layer().group_send(group(signal["topic"]), signal), loop)
    else:
        _outbox.put(signal)
