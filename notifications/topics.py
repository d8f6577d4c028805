"""Live topics: what an open page may listen to. `project:7` is answered by whoever registered "project"."""

import re
from collections.abc import Mapping
from typing import Any, Protocol

from django.utils.crypto import salted_hmac

from people.models import Person

TOPICS_AT_MOST = 20  # of one open page
_NAME = re.compile(r"(?P<kind>[a-z]+):(?P<key>[A-Za-z0-9-]{1,64})")


class Topic(Protocol):
    """Answers for every topic of one kind."""

    def may_subscribe(self, person: Person, key: str) -> bool:
        """Tell whether the person may listen."""

    def snapshot(self, person: Person, key: str, have: Mapping[str, int]) -> list[dict[str, Any]]:
        """Return what differs from the versions that a page holds."""


_kinds: dict[str, Topic] = {}


def register(kind: str, topic: Topic) -> None:
    """Let `topic` answer for every topic of a kind."""
    _kinds[kind] = topic


def resolve(name: str) -> tuple[Topic, str] | None:
    """Return who answers for a topic, and its key; None for a name of nobody."""
    match = _NAME.fullmatch(name)
    topic = _kinds.get(match["kind"]) if match else None
    return (topic, match["key"]) if topic and match else None


def group(name: str) -> str:
    """Return the channel-layer group of a topic: its names know no colon."""
    return "topic." + name.replace(":", ".")


def session_group(session_key: str) -> str:
    """Return the group of a session's sockets, from which the session's key cannot be read."""
    return "session." + salted_hmac("notifications.session", session_key, algorithm="sha256").hexdigest()
