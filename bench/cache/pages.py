"""The same small page on daphne with each cache below it: requests a second over a few connections that stay open.

Django makes a cache object for every ASGI request (ticket 33625). A cache that builds its client with its object pays for
it in each page; that, and not the price of a call, is what separates them here.
"""

import http.client
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from bench.cache.nulldynamodb import NullDynamoDB
from bench.cache.peers import DJANGO_REDIS, LOCAL_MEMORY, OURS, PEER, REDIS
from bench.report import Report

SERVED = (OURS, PEER, REDIS, DJANGO_REDIS, LOCAL_MEMORY)
CONNECTIONS = 4
ROUNDS = 3
SECONDS = 3.0
SLOW_SECONDS = 6.0  # the peer answers a few pages a second: they need time to be counted
START_SECONDS = 20


@dataclass(slots=True)
class Page:
    """One server, and what was measured of it."""

    port: int
    a_second: list[float] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)


def run(_dynamodb: NullDynamoDB, report: Report) -> None:
    """Serve the page with each cache and load one after the other."""
    report.title(f"The same page of 50 rows on daphne, {CONNECTIONS} connections")
    with ExitStack() as stack:
        pages = {alias: Page(stack.enter_context(_served(alias))) for alias in SERVED}
        for _ in range(ROUNDS):
            for alias, page in pages.items():
                _load(page, SLOW_SECONDS if alias == PEER else SECONDS)
    for alias, page in pages.items():
        report.figure(f"{alias}, requests a second", statistics.median(page.a_second), "/s")
        report.figure("  p50", statistics.median(page.milliseconds), "ms")
    pairs = zip(pages[OURS].a_second, pages[PEER].a_second, strict=True)
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    report.figure("requests a second against the peer", ratio, "x", at_least=30, goal=80)


@contextmanager
def _served(alias: str) -> Iterator[int]:
    """Run daphne with the page on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [sys.executable, "-m", "daphne", "-v", "0", "-b", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(
        [*command, "bench.cache.site:application"], env={**os.environ, "BENCH_CACHE_ALIAS": alias}
    )
    try:
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            _get(http.client.HTTPConnection("127.0.0.1", port, timeout=30))
            return
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _get(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/")
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200 or b"bucket-0049" not in body:
        raise RuntimeError(f"the page answered {answer.status}")


def _load(page: Page, seconds: float) -> None:
    """Ask for the page over every connection for so long; note each connection's rate and every page's time."""
    started, taken = time.perf_counter(), []
    ends: list[float] = []

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=30)
        while (begun := time.perf_counter()) < started + seconds:
            _get(connection)
            taken.append((time.perf_counter() - begun) * 1000)
        ends.append(time.perf_counter())

    threads = [threading.Thread(target=ask) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(ends) < CONNECTIONS:
        raise RuntimeError("a connection to the page failed")
    page.a_second.append(len(taken) / (max(ends) - started))
    page.milliseconds.append(statistics.median(taken))
