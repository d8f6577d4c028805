"""Synchronous pages behind an ASGI server: one thread a request, a pool that keeps its threads, whole requests."""

import asyncio
import hashlib
import http.client
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from portal.launcher import free_port
from portal.threads import ThreadedPages
from tests.portal.echo_server import BIG, THREADS

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 10


class Pages:
    """A WSGI application that notes what it was asked; `/wait` waits until it is let go, `/fail` breaks."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.asked: list[dict[str, Any]] = []
        self.threads: list[str] = []
        self.waiting = threading.Semaphore(0)
        self.closed = 0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.asked.append(environ | {"body": environ["wsgi.input"].read()})
        self.threads.append(threading.current_thread().name)
        if environ["PATH_INFO"] == "/fail":
            raise ValueError("the page broke")
        if environ["PATH_INFO"] == "/wait":
            self.waiting.release()
            assert self.let_go.wait(PATIENCE_SECONDS)
        headers = [("Content-Length", "4")] if environ["PATH_INFO"] == "/measured" else []
        start_response("200 OK", headers)
        return Answer(self)


class Answer:
    """An answer of two parts that must be closed."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"do", b"ne"])

    def close(self) -> None:
        self._pages.closed += 1


async def ask(pages: ThreadedPages, path: str = "/", *parts: bytes, headers: Any = ()) -> tuple[int, bytes]:
    """Send a request whose body comes in parts; return the answer's status and body."""
    bodies = list(parts) or [b""]
    coming = [
        {"type": "http.request", "body": part, "more_body": number < len(bodies)}
        for number, part in enumerate(bodies, start=1)
    ]
    told: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return coming.pop(0)

    async def send(message: dict[str, Any]) -> None:
        told.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": list(headers),
    }
    await pages(scope, receive, send)
    return told[0]["status"], b"".join(message.get("body", b"") for message in told[1:])


async def when_waiting(pages: Pages, count: int = 1) -> None:
    """Return when so many requests wait in their views."""
    for _ in range(count):
        assert await asyncio.to_thread(pages.waiting.acquire, timeout=PATIENCE_SECONDS)


@pytest.fixture
def pages() -> Iterator[Pages]:
    made = Pages()
    yield made
    made.let_go.set()


async def test_a_body_in_parts_reaches_the_view_whole(pages: Pages) -> None:
    assert await ask(ThreadedPages(pages, 1), "/", b"one ", b"two ", b"three") == (200, b"done")
    assert pages.asked[0]["body"] == b"one two three"


async def test_a_lone_visitor_keeps_one_thread_warm(pages: Pages) -> None:
    threaded = ThreadedPages(pages, 8)
    for _ in range(5):
        await ask(threaded)
    assert len(set(pages.threads)) == 1


async def test_with_every_thread_busy_a_request_waits_its_turn(pages: Pages) -> None:
    threaded = ThreadedPages(pages, 2)
    busy = [asyncio.create_task(ask(threaded, "/wait")) for _ in range(2)]
    await when_waiting(pages, 2)
    third = asyncio.create_task(ask(threaded))
    await asyncio.sleep(0.1)
    assert not third.done()
    assert len(pages.asked) == 2
    pages.let_go.set()
    assert await asyncio.gather(*busy, third) == [(200, b"done")] * 3
    assert len(set(pages.threads)) == 2


async def test_a_view_that_breaks_gives_its_thread_back(pages: Pages) -> None:
    threaded = ThreadedPages(pages, 1)
    for _ in range(3):
        with pytest.raises(ValueError, match="the page broke"):
            await ask(threaded, "/fail")
    assert await asyncio.wait_for(ask(threaded), PATIENCE_SECONDS) == (200, b"done")


async def test_a_request_that_was_given_up_does_not_hold_up_the_next(pages: Pages) -> None:
    threaded = ThreadedPages(pages, 2)
    given_up = asyncio.create_task(ask(threaded, "/wait"))
    await when_waiting(pages)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    assert await asyncio.wait_for(ask(threaded), 2) == (200, b"done")
    # Its view still runs in its thread; when it has ended, that thread serves again.
    other = asyncio.create_task(ask(threaded, "/wait"))
    await when_waiting(pages)
    third = asyncio.create_task(ask(threaded))
    await asyncio.sleep(0.1)
    assert not third.done()
    pages.let_go.set()
    assert await asyncio.wait_for(asyncio.gather(other, third), PATIENCE_SECONDS) == [(200, b"done")] * 2


@pytest.mark.parametrize("path", ["/", "/measured"])
async def test_every_answer_is_closed_once(pages: Pages, path: str) -> None:
    assert await ask(ThreadedPages(pages, 1), path) == (200, b"done")
    assert pages.closed == 1


async def test_a_header_with_an_underscore_is_dropped(pages: Pages) -> None:
    headers = [(b"x_forwarded_proto", b"https"), (b"x-forwarded-proto", b"http"), (b"accept", b"text/html")]
    await ask(ThreadedPages(pages, 1), headers=headers)
    assert pages.asked[0]["HTTP_X_FORWARDED_PROTO"] == "http"
    assert pages.asked[0]["HTTP_ACCEPT"] == "text/html"


# -- behind the real server --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """daphne with two threads."""
    found = free_port()
    command = [sys.executable, "-m", "tests.portal.echo_server", str(found)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            assert server.stdout.readline() == "ready\n", server.communicate(timeout=PATIENCE_SECONDS)
            yield found
        finally:
            server.kill()


def fetch(port: int, path: str, body: bytes = b"") -> tuple[int, list[str]]:
    """Post to the server; return the status and the words of its answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("POST", path, body)
        answer = connection.getresponse()
        return answer.status, answer.read().decode().split()
    finally:
        connection.close()


def told(body: bytes) -> list[str]:
    return [str(len(body)), hashlib.sha256(body).hexdigest()]


def test_a_file_upload_arrives_whole(port: int) -> None:
    body = bytes(range(256)) * 20_000  # 5 MB: more than a read of a socket and more than stays in memory
    status, words = fetch(port, "/", body)
    assert (status, words[:2]) == (200, told(body))


def test_more_requests_than_threads_are_all_answered(port: int) -> None:
    with ThreadPoolExecutor(6) as visitors:
        answers = list(visitors.map(lambda number: fetch(port, "/slow", b"%d" % number), range(6)))
    assert [(status, words[:2]) for status, words in answers] == [(200, told(b"%d" % n)) for n in range(6)]
    assert len({words[2] for _, words in answers}) == THREADS


def test_views_that_break_answer_500_and_the_next_page_comes(port: int) -> None:
    for _ in range(THREADS + 1):
        status, words = fetch(port, "/fail")
        assert status == 500
        assert "page broke" not in " ".join(words)
    assert fetch(port, "/")[0] == 200


def test_slow_senders_hold_no_thread(port: int) -> None:
    """A body that dribbles in waits in the server, not in a view."""
    senders = [socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) for _ in range(THREADS + 2)]
    try:
        for sender in senders:
            sender.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nhal")
        began = time.monotonic()
        assert fetch(port, "/")[0] == 200
        assert time.monotonic() - began < 2
        senders[0].sendall(b"ves")
        assert told(b"halves")[1].encode() in senders[0].recv(4096)
    finally:
        for sender in senders:
            sender.close()


def test_slow_readers_hold_no_thread(port: int) -> None:
    """An answer that nobody takes waits in the server, not in a view."""
    readers = [socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) for _ in range(THREADS + 2)]
    try:
        for reader in readers:
            reader.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        began = time.monotonic()
        assert fetch(port, "/")[0] == 200
        assert time.monotonic() - began < 5
        got = b""
        while part := readers[0].recv(1_000_000):
            got += part
        assert got.split(b"\r\n\r\n", 1)[1] == BIG
    finally:
        for reader in readers:
            reader.close()
