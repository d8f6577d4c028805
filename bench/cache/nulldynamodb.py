"""A stand-in for DynamoDB that costs next to nothing: what is left of a call's time is the client's.

Emulators are slower than the client that is to be measured (moto needs 1.4 ms for a GetItem, boto3 half of one). Wire
format, headers and `x-amz-crc32` are DynamoDB's; behind them is a dict (`tables.py`). Never for correctness: it refuses
nothing that DynamoDB would for its size, type or rate. `python -m bench.cache.nulldynamodb PORT` serves until it is ended.
Source: docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html
"""

import asyncio
import http.client
import json
import socket
import statistics
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench.cache.tables import Refused, Tables

SPIN_SECONDS = 0.0015  # a loop's timer is late by up to a millisecond, so the last ones pass awake
START_SECONDS = 10
HEAD = (
    b"HTTP/1.1 %b\r\nServer: Server\r\nDate: Mon, 23 Nov 2026 10:00:00 GMT\r\nContent-Type: application/x-amz-json-1.0\r\n"
    b"Content-Length: %d\r\nConnection: keep-alive\r\n"
    b"x-amzn-RequestId: 7QHPN0NKSS5SGPUG8NSHBOL5GRVV4KQNSO5AEMVJF66Q9ASUAAJG\r\nx-amz-crc32: %d\r\n\r\n%b"
)


class State:
    """What the connections share."""

    def __init__(self) -> None:
        self.tables = Tables()
        self.delay_seconds = 0.0
        self.requests = 0
        self.answered_bytes = 0
        self.busy_seconds = 0.0
        self.last = b"", b"{}"

    def answer(self, head: bytes, body: bytes) -> bytes:
        """Return the answer to one request."""
        target = head.lower().find(b"x-amz-target: dynamodb_20120810.")
        if target < 0:
            return _framed(b"200 OK", self._control(json.loads(body)))
        begun = time.perf_counter()
        operation = head[target + 32 : head.index(b"\r", target)]
        try:
            status, answer = b"200 OK", self.tables.operations[operation](json.loads(body))
        except Refused as refusal:
            status, answer = b"400 Bad Request", refusal.body
        self.requests += 1
        self.answered_bytes += len(answer)
        self.last = operation, body
        self.busy_seconds += time.perf_counter() - begun
        return _framed(status, answer)

    def _control(self, wish: Any) -> bytes:
        """Set the delay, if there is a wish; tell what was counted since the last time."""
        self.delay_seconds = wish.get("delay_seconds", self.delay_seconds)
        operation, body = self.last
        counted = {
            "requests": self.requests,
            "answered_bytes": self.answered_bytes,
            "busy_milliseconds": self.busy_seconds * 1000,
        }
        self.requests = self.answered_bytes = 0
        self.busy_seconds = 0.0
        return json.dumps({**counted, "operation": operation.decode(), "arguments": json.loads(body)}).encode()


def _framed(status: bytes, body: bytes) -> bytes:
    return HEAD % (status, len(body), zlib.crc32(body), body)


class Connection(asyncio.Protocol):
    """One connection that stays open; requests come one after the other."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._loop = asyncio.get_running_loop()
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where answers go."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each whole request."""
        self._received = data = self._received + data if self._received else data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return
        length = data[:end].lower().find(b"content-length: ")
        size = int(data[length + 16 : data.index(b"\r", length)])
        if len(data) < end + 4 + size:
            return
        self._received = b""
        answer = self._state.answer(data[:end], data[end + 4 :])
        if self._state.delay_seconds:
            due = self._loop.time() + self._state.delay_seconds
            self._loop.call_at(due - SPIN_SECONDS, self._write_at, due, answer)
        else:
            self._transport.write(answer)

    def _write_at(self, due: float, answer: bytes) -> None:
        if self._loop.time() < due:
            self._loop.call_soon(self._write_at, due, answer)
        else:
            self._transport.write(answer)


async def _serve(port: int) -> None:
    state = State()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(state), "127.0.0.1", port)
    await server.serve_forever()


@dataclass(frozen=True, slots=True)
class NullDynamoDB:
    """A stand-in that runs in a process of its own."""

    port: int

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def delay(self, milliseconds: float) -> None:
        """Let every answer take so long."""
        self._control({"delay_seconds": milliseconds / 1000})

    def counted(self) -> dict[str, Any]:
        """Return `requests`, `answered_bytes` and `busy_milliseconds` (the stand-in's own) since the last time.

        Also the last request's `operation` and `arguments`.
        """
        return self._control({})

    def arguments_of(self, call: Callable[[], object]) -> dict[str, Any]:
        """Return what the last request of a piece of work carried."""
        call()
        arguments: dict[str, Any] = self.counted()["arguments"]
        return arguments

    def _control(self, wish: dict[str, float]) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request("POST", "/control", json.dumps(wish))
        found: dict[str, Any] = json.loads(connection.getresponse().read())
        connection.close()
        return found

    def round_trip(self, table: str, key: dict[str, Any], calls: int = 2_000) -> float:
        """Return how many microseconds a GetItem takes through a bare socket (p50): the stand-in's own cost."""
        body = json.dumps({"TableName": table, "Key": key}).encode()
        head = f"POST / HTTP/1.1\r\nX-Amz-Target: DynamoDB_20120810.GetItem\r\nContent-Length: {len(body)}\r\n\r\n"
        request, taken = head.encode() + body, []
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(calls):
                started = time.perf_counter()
                connection.sendall(request)
                connection.recv(65536)
                taken.append(time.perf_counter() - started)
        return statistics.median(taken) * 1e6


@contextmanager
def started() -> Iterator[NullDynamoDB]:
    """Run one on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "bench.cache.nulldynamodb", str(port)])
    try:
        _wait_for(port)
        yield NullDynamoDB(port)
    finally:
        process.terminate()
        process.wait(5)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
