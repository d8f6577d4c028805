"""Let threads and processes do the same thing at the same moment."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from django.conf import settings

from tests.engines.fixtures import REGION, Engine
from tests.engines.servers import ROOT

T = TypeVar("T")
THREADS = 32
PROCESSES = 4
HEAD_START_SECONDS = 0.02  # until every process has heard when to begin


def threads(work: Callable[[int], T], count: int = THREADS) -> list[T]:
    """Run `work` in so many threads that start together; return their answers by number."""
    start = threading.Barrier(count, timeout=30)

    def one(number: int) -> T:
        start.wait()
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


class Racers:
    """Processes that were started once and take one job after the other."""

    def __init__(self, running: Sequence["subprocess.Popen[str]"]) -> None:
        self._running = running

    def race(self, engine: Engine, calls: Callable[[int], list[list[Any]]]) -> list[list[Any]]:
        """Let each process make its calls, all beginning at one moment; return their answers by number."""
        for number, process in enumerate(self._running):
            options = {"REGION": REGION, "ENDPOINT_URL": engine.url}
            _tell(
                process,
                {"keys": dict(engine.keys), "table": engine.table, "options": options, "calls": calls(number)},
            )
        assert [_heard(process) for process in self._running] == ["ready"] * len(self._running)
        at = time.time() + HEAD_START_SECONDS
        for process in self._running:
            _tell(process, at)
        return [_heard(process) for process in self._running]


def _tell(process: "subprocess.Popen[str]", message: Any) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(message) + "\n")
    process.stdin.flush()


def _heard(process: "subprocess.Popen[str]") -> Any:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "a racing process died"
    return json.loads(line)


@contextmanager
def racers(count: int = PROCESSES) -> Iterator[Racers]:
    """Start processes that race; they end with their input."""
    command = [sys.executable, "-m", "tests.dynamodb_cache.racer", settings.SECRET_KEY]
    with ExitStack() as stack:
        running = [
            stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
            )
            for _ in range(count)
        ]
        yield Racers(running)
        for process in running:
            assert process.stdin is not None
            process.stdin.close()
