"""A process that forks after it used the cache shares no connection, thread or lock with its children.

django-dynamodb-cache, measured: after a fork the parent's `get` of its own key returned another process's answer.
"""

import asyncio
import json
import os
import select
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from asgiref.sync import async_to_sync

from tests.engines.fixtures import REGION, Engine

CHILDREN = 4
GETS = 24
PATIENCE_SECONDS = 15


class Child:
    """A forked process that does one thing and tells what came of it."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._reading, writing = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.write(writing, json.dumps(_outcome(work)).encode())
            os._exit(0)  # no more of the parent's test run
        os.close(writing)

    def answer(self) -> Any:
        """Return what the work returned; fail when it failed or did not end."""
        ended, _, _ = select.select([self._reading], [], [], PATIENCE_SECONDS)
        if not ended:
            os.kill(self._pid, signal.SIGKILL)
        with os.fdopen(self._reading) as pipe:
            said = pipe.read()
        os.waitpid(self._pid, 0)
        assert ended, "the child hangs"
        outcome = json.loads(said)
        assert "error" not in outcome, outcome["error"]
        return outcome["answer"]


def _outcome(work: Callable[[], Any]) -> dict[str, Any]:
    try:
        return {"answer": work()}
    except BaseException as error:  # noqa: BLE001 - told to the parent, whose test judges it
        return {"error": repr(error)}


def test_neither_parent_nor_child_gets_the_answer_of_another_process(engine: Engine) -> None:
    cache = engine.cache()
    names = ["parent", *(f"child-{number}" for number in range(CHILDREN))]
    assert cache.set_many({name: f"of {name}" for name in names}) == []
    assert cache.get("parent") == "of parent"  # its connection is open now

    children = [
        Child(lambda name=name: sorted({str(cache.get(name)) for _ in range(GETS)}))  # type: ignore[misc]
        for name in names[1:]
    ]
    seen = {str(cache.get("parent")) for _ in range(GETS)}
    assert [child.answer() for child in children] == [[f"of {name}"] for name in names[1:]]
    assert seen == {"of parent"}


def test_increments_of_parent_and_children_all_count(engine: Engine) -> None:
    cache = engine.cache()
    cache.set("counter", 0)
    children = [Child(lambda: [cache.incr("counter") for _ in range(GETS // 2)]) for _ in range(CHILDREN)]
    answers = [cache.incr("counter") for _ in range(GETS // 2)]
    for child in children:
        answers += child.answer()
    assert sorted(answers) == list(range(1, (CHILDREN + 1) * GETS // 2 + 1))


def test_a_child_can_await_although_the_threads_of_its_parent_are_gone(engine: Engine) -> None:
    cache = engine.cache()

    async def gathered(count: int) -> list[Any]:
        return list(await asyncio.gather(*(cache.aget("key") for _ in range(count))))

    cache.set("key", "value")
    # Under async_to_sync; on its own, asgiref's one thread for synchronous code is itself lost in a fork.
    assert async_to_sync(gathered)(8) == ["value"] * 8
    # One at first: a pool that believes its threads idle starts none for it.
    assert Child(lambda: async_to_sync(gathered)(1) + async_to_sync(gathered)(8)).answer() == ["value"] * 9


_building = threading.Event()
_where: dict[str, Any] = {}


def slow_client(*_arguments: Any, **_names: Any) -> Any:
    """Make a client, slowly: a CLIENT_FACTORY."""
    _building.set()
    time.sleep(1)
    return boto3.session.Session().client("dynamodb", region_name=REGION, **_where)


@pytest.mark.parametrize("engine", ["ministack"], indirect=True)
def test_a_child_is_not_stopped_by_a_lock_that_a_thread_of_its_parent_held(engine: Engine) -> None:
    """Only the forking thread lives on: who held the lock of the client just then never gives it back in the child."""
    _where.update(endpoint_url=engine.url)
    _building.clear()
    cache = engine.cache(CLIENT_FACTORY=f"{__name__}.slow_client")
    thread = threading.Thread(target=cache.get, args=["key"])
    thread.start()
    assert _building.wait(PATIENCE_SECONDS)
    child = Child(lambda: cache.get("key", "nothing"))
    try:
        assert child.answer() == "nothing"
    finally:
        thread.join()
