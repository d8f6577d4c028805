"""DynamoDB as quick as the real one: an answer takes a set time, whatever the local AWS needs for it.

The local AWS stands on moto, whose GetItem takes 5 ms of the machine's own time: measured through it, a page is mostly
moto. This stands between the portal and the local AWS: a read that was asked before is answered from memory until
its table is written, after the set time, and what is asked twice at once is passed on once; everything else passes on.
Wire format, signatures and answers are the real ones of the local AWS; only how long a repeated read takes is set.
"""

import asyncio
import contextlib
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from portal.launcher import Launcher, free_port

SECONDS = 0.004
READS = (b"GetItem", b"BatchGetItem", b"Query")
TABLE = re.compile(rb'"TableName":\s*"([^"]+)"')


@dataclass(slots=True)
class QuickDynamoDB:
    """A loopback proxy; `seconds` is how long an answer takes from memory."""

    aws_port: int
    keys: Credentials
    region: str
    seconds: float = SECONDS
    held: dict[bytes, dict[bytes, asyncio.Future[bytes]]] = field(default_factory=dict)  # by table
    asked: int = 0
    passed_on: int = 0

    def _signed(self, head: bytes, body: bytes) -> bytes:
        """Return the request as the local AWS expects it: it knows its own address only, and the address is signed."""
        sent = {name: _header(head, name.lower().encode()).decode() for name in ("X-Amz-Target", "Content-Type")}
        request = AWSRequest("POST", f"http://127.0.0.1:{self.aws_port}/", sent, body)
        SigV4Auth(self.keys, "dynamodb", self.region).add_auth(request)
        lines = [f"{name}: {value}" for name, value in request.headers.items()]
        lines += [f"Host: 127.0.0.1:{self.aws_port}", f"Content-Length: {len(body)}"]
        return ("POST / HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode() + body

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's requests, in turn."""
        behind = await asyncio.open_connection("127.0.0.1", self.aws_port)
        with contextlib.suppress(asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            while True:
                head, body = await _message(reader)
                writer.write(await self._answer(head, body, *behind))
                await writer.drain()
        writer.close()
        behind[1].close()

    async def _answer(
        self, head: bytes, body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bytes:
        self.asked += 1
        operation = _header(head, b"x-amz-target").rpartition(b".")[2]
        tables = set(TABLE.findall(body))
        if operation not in READS:
            for table in tables or set(self.held):
                self.held.pop(table, None)
            return await self._pass_on(head, body, reader, writer)
        if len(tables) != 1:
            return await self._pass_on(head, body, reader, writer)
        held = self.held.setdefault(tables.pop(), {})
        known = held.get(operation + body)
        if known is not None:
            await self._wait()
            return await known
        asked = held[operation + body] = asyncio.get_running_loop().create_future()
        try:
            answer = await self._pass_on(head, body, reader, writer)
        except BaseException:
            held.pop(operation + body, None)
            asked.cancel()
            raise
        asked.set_result(answer)
        return answer

    async def _pass_on(
        self, head: bytes, body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bytes:
        self.passed_on += 1
        writer.write(self._signed(head, body))
        return b"".join(await _message(reader))

    async def _wait(self) -> None:
        """Wait so long; a loop's own sleep is late by one or two milliseconds, so the last ones pass awake."""
        until = time.perf_counter() + self.seconds
        await asyncio.sleep(max(0.0, self.seconds - 0.002))
        while time.perf_counter() < until:  # noqa: ASYNC110 - nothing to be told: it is the time that passes
            await asyncio.sleep(0)


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Read one HTTP message with a Content-Length."""
    head = await reader.readuntil(b"\r\n\r\n")
    return head, await reader.readexactly(int(_header(head, b"content-length") or 0))


def _header(head: bytes, name: bytes) -> bytes:
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip()
    return b""


def _stop(loop: asyncio.AbstractEventLoop) -> None:
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.call_soon(loop.stop)


@contextmanager
def quick_dynamodb(launcher: Launcher) -> Iterator[QuickDynamoDB]:
    """Serve one in a thread of its own and let a fresh web process use it meanwhile."""
    environment = launcher.environment()
    keys = Credentials(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"])
    proxy, port = QuickDynamoDB(launcher.aws_port, keys, environment["AWS_DEFAULT_REGION"]), free_port()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(asyncio.start_server(proxy.serve, "127.0.0.1", port))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    launcher.settings["AWS_ENDPOINT_URL_DYNAMODB"] = f"http://127.0.0.1:{port}"
    try:
        _restart_web(launcher)
        yield proxy
    finally:
        del launcher.settings["AWS_ENDPOINT_URL_DYNAMODB"]
        _restart_web(launcher)
        loop.call_soon_threadsafe(_stop, loop)
        thread.join(5)
        loop.close()


def _restart_web(launcher: Launcher) -> None:
    launcher.stop_child("web")
    launcher.start_web()
    launcher.wait_for_web()
