"""Counts what boto3 asks of AWS, below every module of ours, or interrupts the asking thread at one of its calls."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import pytest
from botocore.endpoint import Endpoint


@dataclass(slots=True)
class Calls:
    """The calls made so far, retries included."""

    made: Counter[str] = field(default_factory=Counter)
    answered_bytes: Counter[str] = field(default_factory=Counter)
    names: list[str] = field(default_factory=list)
    sessions: set[str] = field(default_factory=set)  # role session names that were asked for


@contextmanager
def counted() -> Iterator[Calls]:
    """Count every request that any boto3 client of this process sends meanwhile."""
    calls = Calls()
    send = Endpoint._send

    def counting(self: Endpoint, request: Any) -> Any:
        answer = send(self, request)
        service = self._endpoint_prefix
        calls.made[service] += 1
        calls.answered_bytes[service] += len(answer.content)
        if service == "sts":
            calls.sessions.update(parse_qs(_text(request.body)).get("RoleSessionName", []))
        calls.names.append(f"{service} {request.headers.get('X-Amz-Target', request.url)}")
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Endpoint, "_send", counting)
        yield calls


def _text(body: bytes | str | None) -> str:
    return body.decode() if isinstance(body, bytes) else body or ""


class Killed(BaseException):
    """What stands for SIGKILL: no handler of ours catches it, nothing after it runs."""


@contextmanager
def killed(*, call: int, answered: bool) -> Iterator[None]:
    """Let this thread die at its call of that number, counted from 0: before it is sent, or with its answer lost.

    Raises nothing of its own: Killed comes out of the block, unless fewer calls are made in it.
    """
    me = threading.get_ident()
    made = 0
    send = Endpoint._send

    def dying(self: Endpoint, request: Any) -> Any:
        nonlocal made
        if threading.get_ident() != me:  # the local AWS, which lives in this process
            return send(self, request)
        made += 1
        if made - 1 != call:
            return send(self, request)
        if answered:
            send(self, request)
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Endpoint, "_send", dying)
        yield


@contextmanager
def interrupted(by: Callable[[], None], *, call: int = 0, named: str = "") -> Iterator[None]:
    """Let something else happen just before this thread's call of that number, counted from 0; at most once.

    With `named` only calls count of which the operation has this in its name.
    """
    me = threading.get_ident()
    left = call
    send = Endpoint._send

    def waiting(self: Endpoint, request: Any) -> Any:
        nonlocal left
        if threading.get_ident() == me and named in _operation(request):
            left -= 1
            if left == -1:
                by()
        return send(self, request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Endpoint, "_send", waiting)
        yield


def _operation(request: Any) -> str:
    """Return what a request asks for, as services with JSON name it in a header and those with forms in a field."""
    target = request.headers.get("X-Amz-Target", "")
    return _text(target) or parse_qs(_text(request.body)).get("Action", [""])[0]
