"""moto behind a gate: writes of a table one after the other, long polls that hold nobody up, and a moment to save in.

moto's DynamoDB does not lock, so two conditional writes could both win; its ReceiveMessage sleeps in the request.
"""

import io
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from localaws.faults import Faults
from localaws.requests import Incoming

StartResponse = Callable[..., Any]
_READS = ("Get", "List", "Describe", "BatchGet", "Query", "Scan", "Head", "Receive", "Select")
_SENDS = {"SendMessage", "SendMessageBatch", "Publish", "ChangeMessageVisibility"}
_TABLE_WRITES = {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}
POLL_SECONDS = 0.2  # delayed messages become visible without anybody sending


class Gate:
    """Many requests, or one snapshot."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._inside = 0
        self._closed = False

    @contextmanager
    def request(self) -> Iterator[None]:
        """Hold a snapshot off while a request runs."""
        with self._condition:
            while self._closed:
                self._condition.wait()
            self._inside += 1
        try:
            yield
        finally:
            with self._condition:
                self._inside -= 1
                self._condition.notify_all()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Wait for the running requests and hold new ones off."""
        with self._condition:
            while self._closed:
                self._condition.wait()
            self._closed = True
            while self._inside:
                self._condition.wait()
        try:
            yield
        finally:
            with self._condition:
                self._closed = False
                self._condition.notify_all()


class DataPlane:
    """moto's WSGI application with what it lacks around it."""

    def __init__(self, moto: Callable[..., Iterable[bytes]], faults: Faults) -> None:
        self._moto = moto
        self._faults = faults
        self.gate = Gate()
        self.changed = threading.Event()
        self._sent = threading.Condition()
        self._tables: dict[str, threading.Lock] = {}
        self._tables_lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        request = Incoming.read(environ)
        delay = self._faults.delay(request.service)
        if delay:
            time.sleep(delay)
        if request.operation == "ReceiveMessage" and request.document.get("WaitTimeSeconds"):
            return self._long_poll(request, start_response)
        status, headers, body = self._run(request)
        start_response(status, headers)
        return [body]

    def _run(self, request: Incoming) -> tuple[str, list[tuple[str, str]], bytes]:
        """Run one request on moto to its end."""
        answer: dict[str, Any] = {}

        def start(status: str, headers: list[tuple[str, str]], _error: Any = None) -> Callable[[bytes], None]:
            answer.update(status=status, headers=headers)
            return lambda _data: None

        with ExitStack() as stack:
            for lock in self._locks(request):
                stack.enter_context(lock)
            stack.enter_context(self.gate.request())
            parts = self._moto(request.environ, start)
            try:
                body = b"".join(parts)
            finally:
                close = getattr(parts, "close", None)
                if close:
                    close()
        self._note(request)
        return answer["status"], answer["headers"], body

    def _note(self, request: Incoming) -> None:
        """Remember that something changed, and wake who waits for messages."""
        operation = request.operation
        reading = operation.startswith(_READS) if operation else request.environ["REQUEST_METHOD"] in {"GET", "HEAD"}
        if not reading:
            self.changed.set()
        if operation in _SENDS:
            with self._sent:
                self._sent.notify_all()

    def _locks(self, request: Incoming) -> list[threading.Lock]:
        """Return the locks of the tables that a DynamoDB write touches, in one order for everybody."""
        if request.service != "dynamodb" or request.operation not in _TABLE_WRITES:
            return []
        document = request.document
        names = {document["TableName"]} if "TableName" in document else set(document.get("RequestItems", {}))
        for item in document.get("TransactItems", []):
            names |= {part["TableName"] for part in item.values()}
        with self._tables_lock:
            return [self._tables.setdefault(name, threading.Lock()) for name in sorted(names)]

    def _long_poll(self, request: Incoming, start_response: StartResponse) -> Iterable[bytes]:
        """Ask again whenever somebody sent, outside the gate, until there is a message or the time is over."""
        deadline = time.monotonic() + float(request.document["WaitTimeSeconds"])
        short = json.dumps({**request.document, "WaitTimeSeconds": 0}).encode()
        request.environ["CONTENT_LENGTH"] = str(len(short))
        while True:
            request.environ["wsgi.input"] = io.BytesIO(short)
            status, headers, body = self._run(request)
            left = deadline - time.monotonic()
            if left <= 0 or not status.startswith("200") or b'"Messages"' in body:
                start_response(status, headers)
                return [body]
            with self._sent:
                self._sent.wait(min(POLL_SECONDS, left))
