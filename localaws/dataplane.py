"""moto behind a gate: calls on items of one table one after the other, long polls that hold nobody up, and a moment to save in.

moto's DynamoDB does not lock, so two conditional writes could both win; its ReceiveMessage sleeps in the request.
"""

import io
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from localaws import polls
from localaws.faults import Faults
from localaws.requests import Incoming

StartResponse = Callable[..., Any]
_READS = ("Get", "List", "Describe", "BatchGet", "Query", "Scan", "Head", "Receive", "Select")
# Reads among them: moto fills an item in steps, and a reader would see it half written.
_ITEM_CALLS = {
    *("GetItem", "BatchGetItem", "TransactGetItems", "Query", "Scan"),
    *("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"),
}
Answer = tuple[str, list[tuple[str, str]], bytes]
LOOK_UP_SECONDS = 1.0  # a waiting poll sees within this time that its queue is gone, or that all shall end
LONG_POLLS = 32  # half of the server's threads: the others stay free for short calls


class Gate:
    """Many requests, or one snapshot. A thread that is inside may enter again."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._inside = 0
        self._closed = False
        self._thread = threading.local()

    @contextmanager
    def request(self) -> Iterator[None]:
        """Hold a snapshot off while a request runs."""
        depth = getattr(self._thread, "depth", 0)
        if not depth:
            with self._condition:
                self._condition.wait_for(lambda: not self._closed)
                self._inside += 1
        self._thread.depth = depth + 1
        try:
            yield
        finally:
            self._thread.depth = depth
            if not depth:
                with self._condition:
                    self._inside -= 1
                    self._condition.notify_all()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Wait for the running requests and hold new ones off."""
        self.close()
        try:
            yield
        finally:
            with self._condition:
                self._closed = False
                self._condition.notify_all()

    def close(self) -> None:
        """Wait for the running requests and let no other in: what comes after the last snapshot would be lost."""
        with self._condition:
            self._condition.wait_for(lambda: not self._closed)
            self._closed = True
            self._condition.wait_for(lambda: not self._inside)


class DataPlane:
    """moto's WSGI application with what it lacks around it."""

    def __init__(self, moto: Callable[..., Iterable[bytes]], faults: Faults) -> None:
        self._moto = moto
        self._faults = faults
        self.gate = Gate()
        self.changed = threading.Event()
        self._stopping = threading.Event()
        self._polls = threading.Semaphore(LONG_POLLS)
        self._tables: dict[str, threading.Lock] = {}
        self._tables_lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        request = Incoming.read(environ)
        self.delay(request.service)
        status, headers, body = self._receive(request) if request.operation == "ReceiveMessage" else self._run(request)
        start_response(status, headers)
        return [body]

    def delay(self, service: str) -> None:
        """Take as long as the faults want a service to take."""
        seconds = self._faults.delay(service)
        if seconds:
            time.sleep(seconds)

    def stop_polling(self) -> None:
        """Let the long polls that wait end with nothing, and new ones too."""
        self._stopping.set()

    def _run(self, request: Incoming) -> Answer:
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
            if _may_change(request):
                self.changed.set()
        return answer["status"], answer["headers"], body

    def _receive(self, request: Incoming) -> Answer:
        """Receive at once; when nothing is there, wait outside the gate until something is or the time is over.

        Beyond `LONG_POLLS` waiting calls the empty answer goes out at once, and the client simply polls again.
        """
        answer, asked = self._receive_once(request)
        if asked is None or asked.found or not asked.wait_seconds or not self._polls.acquire(blocking=False):
            return answer
        try:
            deadline = time.monotonic() + asked.wait_seconds
            while asked is not None and not asked.found:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                asked.wait(min(left, LOOK_UP_SECONDS), self._stopping)
                if self._stopping.is_set():
                    break
                answer, asked = self._receive_once(request)
        finally:
            self._polls.release()
        return answer

    def _receive_once(self, request: Incoming) -> tuple[Answer, polls.Asked | None]:
        polls.note(None)
        request.environ["wsgi.input"] = io.BytesIO(request.body)
        answer = self._run(request)
        asked = polls.asked()
        if asked is not None and asked.found:
            self.changed.set()  # its receipt handle must be known after a restart
        return answer, asked

    def _locks(self, request: Incoming) -> list[threading.Lock]:
        """Return the locks of the tables whose items a DynamoDB call touches, in one order for everybody."""
        if request.service != "dynamodb" or request.operation not in _ITEM_CALLS:
            return []
        document = request.document
        names = {document["TableName"]} if "TableName" in document else set(document.get("RequestItems", {}))
        for item in document.get("TransactItems", []):
            names |= {part.get("TableName", "") for part in item.values()}
        with self._tables_lock:
            return [self._tables.setdefault(name, threading.Lock()) for name in sorted(names)]


def _may_change(request: Incoming) -> bool:
    operation = request.operation
    return not operation.startswith(_READS) if operation else request.environ["REQUEST_METHOD"] not in {"GET", "HEAD"}
