"""The live consumer: small signals to open pages. A page then fetches HTML through its normal view (DESIGN P7).

Frames from the page: `subscribe` (topic, have: versions that it shows), `unsubscribe`, `ping`. Frames to it:
`subscribed`, `snapshot` (what differs), `changed`, `refused`, `withdrawn`, `pong`, `error`.
"""

import json
import logging
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth import get_user

from notifications.topics import group, resolve
from people.models import Person

logger = logging.getLogger(__name__)

SIGNED_OUT = 4401
TOPICS_AT_MOST = 20
HAVE_AT_MOST = 5000
FRAME_AT_MOST = 512 * 1024


class LiveConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels' classes are untyped
    """One open page."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.topics: set[str] = set()

    async def connect(self) -> None:
        """Accept, then close with 4401 when nobody is signed in: a refused handshake would look like an outage."""
        await self.accept()
        if not isinstance(self.scope["user"], Person):
            await self.close(SIGNED_OUT)

    async def disconnect(self, code: int) -> None:
        """Leave every group."""
        for topic in self.topics:
            await self.channel_layer.group_discard(group(topic), self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Answer a frame of the page; a bad one gets an error frame, not a dead socket."""
        frame = _read(text_data)
        match frame:
            case {"type": "ping"}:
                await self.tell({"type": "pong"})
            case {"type": "subscribe", "topic": str(topic)}:
                await self.subscribe(topic, frame.get("have"))
            case {"type": "unsubscribe", "topic": str(topic)} if topic in self.topics:
                await self.leave(topic)
            case _:
                await self.tell({"type": "error", "message": "not a frame that is known here"})

    async def subscribe(self, topic: str, have: Any) -> None:
        """Join the group, then send what differs: in this order nothing falls between."""
        person = await self.person()
        if person is None:
            await self.close(SIGNED_OUT)
            return
        found = resolve(topic)
        allowed = (
            found is not None
            and len(self.topics | {topic}) <= TOPICS_AT_MOST
            and await database_sync_to_async(found[0].may_subscribe)(person, found[1])
        )
        if found is None or not allowed:
            await self.tell({"type": "refused", "topic": topic})
            return
        await self.channel_layer.group_add(group(topic), self.channel_name)
        self.topics.add(topic)
        items = await database_sync_to_async(found[0].snapshot)(person, found[1], _versions(have))
        await self.tell({"type": "subscribed", "topic": topic})
        await self.tell({"type": "snapshot", "topic": topic, "items": items})

    async def person(self) -> Person | None:
        """Return who is signed in now, read again: the session may have ended since the handshake."""
        session = self.scope.get("session")
        if session is None:
            return None
        return await database_sync_to_async(_still_signed_in)(session)

    async def leave(self, topic: str) -> None:
        """Leave a topic."""
        self.topics.discard(topic)
        await self.channel_layer.group_discard(group(topic), self.channel_name)

    async def tell(self, frame: dict[str, Any]) -> None:
        """Send a frame."""
        await self.send(text_data=json.dumps(frame, separators=(",", ":")))

    async def live_signal(self, message: dict[str, Any]) -> None:
        """Pass a signal on."""
        await self.tell(message["signal"])

    async def live_withdraw(self, message: dict[str, Any]) -> None:
        """End a subscription whose membership is gone."""
        topic = message["topic"]
        if self.scope["user"].pk == message["person"] and topic in self.topics:
            await self.leave(topic)
            await self.tell({"type": "withdrawn", "topic": topic})


def _still_signed_in(session: Any) -> Person | None:
    """Return the session's person; None when it was ended, has expired or the person may no longer sign in."""

    class Request:
        """What `get_user` reads of a request."""

        def __init__(self) -> None:
            # A fresh store, so that an ended session is not answered from this socket's memory.
            self.session = type(session._wrapped if hasattr(session, "_wrapped") else session)(session.session_key)  # noqa: SLF001

    person = get_user(Request())  # type: ignore[arg-type]
    return person if isinstance(person, Person) and person.is_active else None


def _read(text: str | None) -> dict[str, Any]:
    if text is None or len(text) > FRAME_AT_MOST:
        return {}
    try:
        frame = json.loads(text)
    except ValueError:
        return {}
    return frame if isinstance(frame, dict) else {}


def _versions(have: Any) -> dict[str, int]:
    """Return the versions that a page says it holds; what is no version is left out."""
    if not isinstance(have, dict):
        return {}
    held = {item: version for item, version in have.items() if type(version) is int and len(item) <= 200}
    return dict(list(held.items())[:HAVE_AT_MOST])
