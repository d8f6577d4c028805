"""The wire between the cache and DynamoDB, by botocore's public `before-send` event: counted, and cut where a test asks.

Nothing is patched: requests go to the local AWS, unless the next one is scripted.
"""

import io
import json
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

from dynamodb_cache.backend import DynamoDBCache
from dynamodb_cache.client import slot

Scripted = Callable[[AWSPreparedRequest], AWSResponse | None]


class Wire:
    """What went over the wire, each attempt of the SDK included."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.script: deque[Scripted] = deque()
        self.always: Scripted | None = None
        self.bytes_back = 0
        self._lock = threading.Lock()

    def __call__(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        operation = _text(request.headers["X-Amz-Target"]).rpartition(".")[2]
        with self._lock:
            self.requests.append((operation, json.loads(_text(request.body))))
            scripted = self.script.popleft() if self.script else self.always
        answer = scripted(request) if scripted else None
        return answer if answer is not None else None

    @property
    def operations(self) -> Counter[str]:
        """How many requests of each kind."""
        return Counter(operation for operation, _ in self.requests)

    def forget(self) -> None:
        """Count from here."""
        self.requests.clear()


@contextmanager
def on(cache: DynamoDBCache) -> Iterator[Wire]:
    """Listen to the wire of a cache's client."""
    place = slot(cache.options.connection())
    events = (place.client or place.make()).meta.events
    wire = Wire()
    events.register("before-send.dynamodb", wire)
    try:
        yield wire
    finally:
        events.unregister("before-send.dynamodb", wire)


def lost_answer(request: AWSPreparedRequest) -> AWSResponse:
    """DynamoDB does as it is told, and its answer never arrives."""
    URLLib3Session().send(request)
    raise ReadTimeoutError(endpoint_url=request.url)


def dead(request: AWSPreparedRequest) -> AWSResponse:
    """Nobody is there."""
    raise ConnectTimeoutError(endpoint_url=request.url)


def answer(status: int, body: dict[str, Any]) -> Callable[[AWSPreparedRequest], AWSResponse]:
    """Answer without DynamoDB."""
    return raw_answer(status, json.dumps(body).encode())


def raw_answer(
    status: int, body: bytes, more: Mapping[str, str] | None = None
) -> Callable[[AWSPreparedRequest], AWSResponse]:
    """Answer without DynamoDB, and with anything."""
    headers = HeadersDict(
        {"Content-Type": "application/x-amz-json-1.0", "Content-Length": str(len(body)), **(more or {})}
    )
    return lambda request: AWSResponse(request.url, status, headers, _Raw(body))


def without_old_item(request: AWSPreparedRequest) -> AWSResponse:
    """Ask DynamoDB as an emulator is that does not show what stands in a write's way."""
    asked = URLLib3Session().send(request)
    body = json.loads(asked.content)
    if "__type" in body:
        body.pop("Item", None)
    return answer(asked.status_code, body)(request)


def refusal(code: str, message: str = "scripted") -> Scripted:
    """Answer with an error of DynamoDB's."""
    return answer(400, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message})


class _Raw(io.BytesIO):
    def stream(self, amt: int = 65536, decode_content: bool | None = None) -> Iterator[bytes]:
        while chunk := self.read(amt):
            yield chunk


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
