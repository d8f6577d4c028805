"""A proxy between boto3 and a DynamoDB engine that injects faults: what no engine does by itself.

A fault is a function of an `Exchange`: it may pass the request on, answer, wait, or hang up. `next` gives faults to the
coming requests, one each; `always` to all that follow; `refuse` closes the door. Everything else is passed on.
Source: docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html.
"""

import json
import socket
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.engines.fixtures import REGION, Engine

JSON = "application/x-amz-json-1.0"


@dataclass(slots=True)
class Answer:
    """What goes back to boto3."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)  # beside DynamoDB's; an empty one is left out


class Exchange:
    """One request of boto3."""

    def __init__(self, handler: "_Handler", proxy: "FaultyProxy") -> None:
        self._handler = handler
        self._proxy = proxy
        self.operation = handler.headers["X-Amz-Target"].rpartition(".")[2]
        self.body = handler.rfile.read(int(handler.headers["Content-Length"]))

    def pass_on(self, document: Mapping[str, Any] | None = None) -> Answer:
        """Ask the engine, for another document if one is given; return its answer."""
        body = self.body if document is None else json.dumps(document).encode()
        engine = self._proxy.engine
        names = ("Content-Type", "X-Amz-Target")
        asked = AWSRequest("POST", f"{engine.url}/", {name: self._handler.headers[name] for name in names}, body)
        # Signed anew: a signature covers the host and the body, and both may be others now.
        SigV4Auth(
            Credentials(engine.keys["AWS_ACCESS_KEY_ID"], engine.keys["AWS_SECRET_ACCESS_KEY"]), "dynamodb", REGION
        ).add_auth(asked)
        connection = HTTPConnection(urlsplit(engine.url).netloc, timeout=30)
        try:
            connection.request("POST", "/", body, dict(asked.headers))
            got = connection.getresponse()
            return Answer(got.status, got.read())
        finally:
            connection.close()

    def answer(self, answer: Answer) -> None:
        """Answer boto3."""
        headers = {
            "Content-Type": JSON,
            "x-amzn-RequestId": "0" * 32,
            "x-amz-crc32": str(zlib.crc32(answer.body)),
            "Content-Length": str(len(answer.body)),
            **answer.headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value)
        self._handler.wfile.write(f"HTTP/1.1 {answer.status} Told\r\n{head}\r\n".encode() + answer.body)

    def hang_up(self) -> None:
        """Close the connection."""
        self._handler.close_connection = True

    def wait(self, seconds: float | None = None) -> None:
        """Wait; not longer than the fault lasts."""
        self._proxy.healing.wait(seconds)


Fault = Callable[[Exchange], None]


class FaultyProxy:
    """The proxy, on a loopback port of its own."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.seen: list[str] = []  # the operations that were asked for, repeats included
        self.healing = threading.Event()
        self._next: deque[Fault] = deque()
        self._always: Fault = through
        self._listen(0)

    @property
    def url(self) -> str:
        """The address to give to boto3."""
        return f"http://127.0.0.1:{self._port}"

    def next(self, *faults: Fault) -> None:
        """Let the coming requests meet these faults, one each."""
        self._next.extend(faults)

    def always(self, fault: Fault) -> None:
        """Let every request meet this fault, until `heal`."""
        self._always = fault

    def refuse(self) -> None:
        """Refuse connections, and close those that there are, until `heal`."""
        self._stop()

    def heal(self) -> None:
        """End every fault; who waits goes on and hears nothing."""
        self._wake()
        self._next.clear()
        self._always = through
        if self._server is None:
            self._listen(self._port)

    def close(self) -> None:
        """Stop; no request outlives this."""
        self._stop()

    def handle(self, handler: "_Handler") -> None:
        """Take one request."""
        exchange = Exchange(handler, self)
        self.seen.append(exchange.operation)
        try:
            fault = self._next.popleft()
        except IndexError:
            fault = self._always
        fault(exchange)

    def _listen(self, port: int) -> None:
        self._server: _Server | None = _Server(("127.0.0.1", port), self)
        self._port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=[0.01], daemon=True).start()

    def _wake(self) -> None:
        self.healing.set()
        self.healing = threading.Event()

    def _stop(self) -> None:
        if self._server is None:
            return
        self._server.shutdown()
        self._wake()
        self._server.end_connections()
        self._server.server_close()
        self._server = None


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = False  # so that they are waited for

    def __init__(self, address: tuple[str, int], proxy: FaultyProxy) -> None:
        self._open: set[socket.socket] = set()
        self.proxy = proxy
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: boto3 hangs up on the slow, and that is meant."""

    def end_connections(self) -> None:
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # gone already
                continue


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        self.server.proxy.handle(self)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is http.server's
        """Say nothing."""


def through(exchange: Exchange) -> None:
    """No fault."""
    exchange.answer(exchange.pass_on())


@contextmanager
def proxy(engine: Engine) -> Iterator[FaultyProxy]:
    """Run a proxy."""
    running = FaultyProxy(engine)
    try:
        yield running
    finally:
        running.close()
