"""Between the SDK and DynamoDB: interruptions, lost answers and refusals, below the SDK's own retries.

By botocore's events: a handler of `before-send` may answer in the server's place, or fail as a connection does.
"""

import io
import json
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

BEFORE, AFTER = "before-send.dynamodb", "after-call.dynamodb"
Happening = Callable[[AWSPreparedRequest], AWSResponse | None]


class _Body(io.BytesIO):
    def stream(self, **_: Any) -> Any:
        """Yield the body, as urllib3 does."""
        while part := self.read():
            yield part


class Wire:
    """What happens to the next requests of each operation, in order."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._waiting: dict[str, deque[Happening]] = defaultdict(deque)
        self._answered: dict[str, deque[Callable[[], object]]] = defaultdict(deque)
        self.sent: list[tuple[str, dict[str, Any]]] = []
        client.meta.events.register_first(BEFORE, self._before_send)
        client.meta.events.register_last(AFTER, self._after_call)

    def close(self) -> None:
        """Let the client alone again."""
        self._client.meta.events.unregister(BEFORE, self._before_send)
        self._client.meta.events.unregister(AFTER, self._after_call)

    def before(self, operation: str, act: Callable[[], object]) -> None:
        """Do something just before the next request of an operation is sent."""

        def interrupt(_request: AWSPreparedRequest) -> None:
            act()

        self._waiting[operation].append(interrupt)

    def after(self, operation: str, act: Callable[[], object]) -> None:
        """Do something once an answer of an operation is here, before the caller goes on with it."""
        self._answered[operation].append(act)

    def lose_answers(self, operation: str, times: int = 1, then: Callable[[], object] = lambda: None) -> None:
        """Let the next requests be done, and their answers be lost; `then` happens before the client hears of it."""

        def lose(request: AWSPreparedRequest) -> None:
            URLLib3Session().send(request)
            then()
            raise ReadTimeoutError(endpoint_url=request.url)

        self._waiting[operation].extend([lose] * times)

    def cut(self, operation: str, times: int) -> None:
        """Let the next requests find nobody."""

        def fail(request: AWSPreparedRequest) -> None:
            raise EndpointConnectionError(endpoint_url=request.url)

        self._waiting[operation].extend([fail] * times)

    def refuse(self, operation: str, code: str, times: int = 1, *, reasons: list[str] | None = None) -> None:
        """Answer the next requests with an error, as DynamoDB words it."""
        document: dict[str, Any] = {
            "__type": f"com.amazonaws.dynamodb.v20120810#{code}",
            "message": f"{code} on request",
        }
        if reasons is not None:
            document["CancellationReasons"] = [{"Code": reason, "Message": f"{reason} here"} for reason in reasons]
        body = json.dumps(document).encode()

        def answer(request: AWSPreparedRequest) -> AWSResponse:
            headers = {"content-type": "application/x-amz-json-1.0", "x-amzn-requestid": "ONREQUEST"}
            return AWSResponse(request.url, 400, headers, _Body(body))

        self._waiting[operation].extend([answer] * times)

    def forget(self) -> None:
        """Let nothing more happen; begin to count anew."""
        self._waiting.clear()
        self._answered.clear()
        self.sent.clear()

    def names(self) -> list[str]:
        """Return the operations that were sent, repetitions included."""
        return [operation for operation, _document in self.sent]

    def _before_send(self, request: AWSPreparedRequest, event_name: str, **_: Any) -> AWSResponse | None:
        operation = event_name.rpartition(".")[2]
        self.sent.append((operation, json.loads(request.body or b"{}")))
        waiting = self._waiting[operation]
        return waiting.popleft()(request) if waiting else None

    def _after_call(self, event_name: str, **_: Any) -> None:
        waiting = self._answered[event_name.rpartition(".")[2]]
        if waiting:
            waiting.popleft()()
