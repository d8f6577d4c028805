"""The live consumer: small signals to open pages. A page then fetches HTML through its normal view (DESIGN P7).

Frames from the page: `subscribe` (topic, have: versions that it shows), `unsubscribe`, `ping`. Frames to it:
`subscribed`, `snapshot` (what differs), `changed`, `refused`, `withdrawn`, `pong`, `error`. `snapshot` and `pong` carry
`news`: how many seconds ago news from AWS could last arrive, null when that is not known here.
"""

import contextlib
import json
import logging
import time
from collections import Counter
from importlib import import_module
from typing import Any

from autobahn.exception import Disconnected  # daphne's WebSockets are autobahn's
from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from notifications import pulse
from notifications.topics import TOPICS_AT_MOST, group, resolve, session_group
from people.models import Person

logger = logging.getLogger(__name__)

SIGNED_OUT = 4401
TOO_MANY = 4429
FAILED = 4500  # an application may send 1000 and 3000 to 4999 only, else daphne fails in closing
SOCKETS_AT_MOST = 100  # of one person in this process; a page above that polls
HAVE_AT_MOST = 2000
NAME_AT_MOST = 200
FRAME_AT_MOST = 256 * 1024
CHECK_AGAIN_SECONDS = 60  # a lost word of a sign-out or a withdrawal is noticed at the next ping or signal after it

_sockets: Counter[int] = Counter()  # of each person; only the loop of the sockets touches it


class LiveConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels' classes are untyped
    """One open page."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.topics: set[str] = set()
        self.session_key = ""
        self.checked_at = time.monotonic()

    async def connect(self) -> None:
        """Accept, then close with 4401 when nobody is signed in: a refused handshake would look like an outage."""
        await self.accept()
        if not isinstance(self.scope["user"], Person):
            await self.close(SIGNED_OUT)
            return
        if _sockets[self.scope["user"].pk] >= SOCKETS_AT_MOST:
            await self.close(TOO_MANY)
            return
        _sockets[self.scope["user"].pk] += 1
        self.session_key = self.scope["session"].session_key or ""
        await self.channel_layer.group_add(session_group(self.session_key), self.channel_name)

    async def disconnect(self, code: int) -> None:
        """Leave every group."""
        for topic in list(self.topics):
            await self.leave(topic)
        if self.session_key:
            _sockets[self.scope["user"].pk] -= 1
            await self.channel_layer.group_discard(session_group(self.session_key), self.channel_name)

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Handle a message; a failure closes the socket in order, so that no group keeps it, and the page comes back."""
        try:
            await super().dispatch(message)
        except StopConsumer:
            raise
        except Exception:
            logger.exception("a live message could not be handled: %s", message["type"])
            await self.close(FAILED)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Answer a frame."""
        await self.answer(_read(text_data))

    async def answer(self, frame: dict[str, Any]) -> None:
        """Do what a frame asks; a bad one gets an error frame, not a dead socket."""
        match frame:
            case {"type": "ping"}:
                if await self.may_stay():
                    await self.tell({"type": "pong", "news": pulse.age_seconds()})
            case {"type": "subscribe", "topic": str(topic)}:
                have = _versions(frame.get("have"))
                if have is None:
                    await self.tell({"type": "error", "message": f"`have` is no table of {HAVE_AT_MOST} versions"})
                else:
                    await self.subscribe(topic, have)
            case {"type": "unsubscribe", "topic": str(topic)} if topic in self.topics:
                await self.leave(topic)
            case _:
                await self.tell({"type": "error", "message": "not a frame that is known here"})

    async def subscribe(self, topic: str, have: dict[str, int]) -> None:
        """Join the group, then send what differs: in this order nothing falls between."""
        person = await self.person()
        if person is None:
            await self.close(SIGNED_OUT)
            return
        found = resolve(topic)
        if found is None or len(self.topics | {topic}) > TOPICS_AT_MOST or not await self.may(person, topic):
            await self.tell({"type": "refused", "topic": topic[:NAME_AT_MOST]})
            return
        await self.channel_layer.group_add(group(topic), self.channel_name)
        self.topics.add(topic)
        items = await database_sync_to_async(found[0].snapshot)(person, found[1], have)
        await self.tell({"type": "subscribed", "topic": topic})
        await self.tell({"type": "snapshot", "topic": topic, "items": items, "news": pulse.age_seconds()})

    async def may_stay(self) -> bool:
        """Check once a minute that the person is still signed in and still allowed to hear; end what is not."""
        if time.monotonic() - self.checked_at < CHECK_AGAIN_SECONDS:
            return True
        person = await self.person()
        if person is None:
            await self.close(SIGNED_OUT)
            return False
        self.checked_at = time.monotonic()
        for topic in list(self.topics):
            if not await self.may(person, topic):
                await self.withdraw(topic)
        return True

    async def may(self, person: Person, topic: str) -> bool:
        """Tell whether a person may hear a topic now."""
        found = resolve(topic)
        return found is not None and bool(await database_sync_to_async(found[0].may_subscribe)(person, found[1]))

    async def person(self) -> Person | None:
        """Return who is signed in now, by a fresh store: an ended session is not answered from the socket's memory."""
        store = import_module(settings.SESSION_ENGINE).SessionStore
        person = await get_user({"session": store(self.session_key or None)})
        return person if isinstance(person, Person) and person.is_active else None

    async def leave(self, topic: str) -> None:
        """Leave a topic."""
        self.topics.discard(topic)
        await self.channel_layer.group_discard(group(topic), self.channel_name)

    async def withdraw(self, topic: str) -> None:
        """Leave a topic and say so."""
        await self.leave(topic)
        await self.tell({"type": "withdrawn", "topic": topic})

    async def tell(self, frame: dict[str, Any]) -> None:
        """Send a frame; a page that is going hears no more, and the word of its end, which leaves the groups, follows."""
        with contextlib.suppress(Disconnected):
            await self.send(text_data=json.dumps(frame, separators=(",", ":")))

    async def live_signals(self, message: dict[str, Any]) -> None:
        """Pass signals on, to a page that never pings too only while its person may hear them."""
        if not await self.may_stay():
            return
        for signal in message["signals"]:
            if signal["topic"] in self.topics:
                await self.tell(signal)

    async def live_withdraw(self, message: dict[str, Any]) -> None:
        """End a subscription whose membership is gone."""
        if self.scope["user"].pk == message["person"] and message["topic"] in self.topics:
            await self.withdraw(message["topic"])

    async def live_signed_out(self, message: dict[str, Any]) -> None:
        """Close: the session has ended."""
        await self.close(SIGNED_OUT)


def _read(text: str | None) -> dict[str, Any]:
    """Return a frame; an empty one for what is none."""
    if text is None or len(text) > FRAME_AT_MOST:
        return {}
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return frame if isinstance(frame, dict) else {}


def _versions(have: Any) -> dict[str, int] | None:
    """Return the versions that a page says it holds, odd entries left out; None for what is no table of them.

    A table cut short would hide changes, so one that is too large is refused.
    """
    if have is None:
        return {}
    if not isinstance(have, dict) or len(have) > HAVE_AT_MOST:
        return None
    return {item: version for item, version in have.items() if type(version) is int and len(item) <= NAME_AT_MOST}
