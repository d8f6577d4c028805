"""Counts what boto3 asks of AWS, below every module of ours: service, operation and the size of the answer."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.endpoint import Endpoint


@dataclass(slots=True)
class Calls:
    """The calls made so far, retries included."""

    made: Counter[str] = field(default_factory=Counter)
    answered_bytes: Counter[str] = field(default_factory=Counter)
    names: list[str] = field(default_factory=list)


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
        calls.names.append(f"{service} {request.headers.get('X-Amz-Target', request.url)}")
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Endpoint, "_send", counting)
        yield calls
