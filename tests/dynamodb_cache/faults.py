"""Faults for `faulty.FaultyProxy`: what no engine does by itself.

Source: docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html and Programming.LowLevelAPI.html.
"""

import json
import zlib
from collections.abc import Callable
from typing import Any

from tests.dynamodb_cache.faulty import JSON, Answer, Exchange, Fault, through


def at_first(fault: Fault) -> Fault:
    """Each request meets this fault, its repeat does not."""
    met: set[bytes] = set()

    def chosen(exchange: Exchange) -> None:
        again = exchange.body in met
        met.add(exchange.body)
        (through if again else fault)(exchange)

    return chosen


def refused(code: str, status: int = 400) -> Fault:
    """DynamoDB's error of this code; nothing is done."""
    told = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "injected"}

    def fault(exchange: Exchange) -> None:
        exchange.answer(Answer(status, json.dumps(told).encode()))

    return fault


def lost(exchange: Exchange) -> None:
    """The request is done, its answer is lost."""
    exchange.pass_on()
    exchange.hang_up()


def lost_then(act: Callable[[], Any]) -> Fault:
    """The request is done, its answer is lost, and somebody acts before it is repeated."""

    def fault(exchange: Exchange) -> None:
        exchange.pass_on()
        act()
        exchange.hang_up()

    return fault


def late(seconds: float) -> Fault:
    """The request is done, its answer comes after so long."""

    def fault(exchange: Exchange) -> None:
        answer = exchange.pass_on()
        exchange.wait(seconds)
        exchange.answer(answer)

    return fault


def blackhole(exchange: Exchange) -> None:
    """Nothing is done and nothing answered."""
    exchange.wait()
    exchange.hang_up()


def told(body: bytes, status: int = 200, kind: str = JSON) -> Fault:
    """An answer that is not DynamoDB's, and has no checksum; nothing is done."""

    def fault(exchange: Exchange) -> None:
        exchange.answer(Answer(status, body, {"Content-Type": kind, "x-amz-crc32": ""}))

    return fault


def cut(exchange: Exchange) -> None:
    """The request is done, its answer ends in the middle."""
    answer = exchange.pass_on()
    whole = {"Content-Length": str(len(answer.body)), "x-amz-crc32": str(zlib.crc32(answer.body))}
    exchange.answer(Answer(answer.status, answer.body[:-1], whole))
    exchange.hang_up()


def damaged(old: bytes, new: bytes) -> Fault:
    """The request is done, its answer damaged on the way: DynamoDB's checksum no longer fits."""
    assert len(old) == len(new)

    def fault(exchange: Exchange) -> None:
        answer = exchange.pass_on()
        checksum = str(zlib.crc32(answer.body))
        exchange.answer(Answer(answer.status, answer.body.replace(old, new), {"x-amz-crc32": checksum}))

    return fault


def partial(done: int) -> Fault:
    """Of a batch, only the first `done` are done; the rest comes back unprocessed."""

    def fault(exchange: Exchange) -> None:
        asked = json.loads(exchange.body)
        [(table, wanted)] = asked["RequestItems"].items()
        reads = exchange.operation == "BatchGetItem"
        if reads:
            now, left = {**wanted, "Keys": wanted["Keys"][:done]}, {**wanted, "Keys": wanted["Keys"][done:]}
        else:
            now, left = wanted[:done], wanted[done:]
        answer: dict[str, Any] = {"Responses": {table: []}} if reads else {}
        if done:
            answer = json.loads(exchange.pass_on({**asked, "RequestItems": {table: now}}).body)
        if left["Keys"] if reads else left:
            answer["UnprocessedKeys" if reads else "UnprocessedItems"] = {table: left}
        exchange.answer(Answer(200, json.dumps(answer).encode()))

    return fault
