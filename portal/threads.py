"""Pages of a synchronous Django under an ASGI server: one thread a request, taken from those that wait.

Django's own ASGI handler makes a new thread, and new database connections, for each request, and hops between thread
and loop for each synchronous middleware; every view and middleware here is synchronous. Measured on the bucket list:
docs/performance.md.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from asgiref.sync import ThreadSensitiveContext
from asgiref.wsgi import WsgiToAsgi

THREADS = 32


class ThreadedPages:
    """An ASGI application around a WSGI one. Its server must hand over whole requests, as daphne does."""

    def __init__(self, pages: Callable[..., Iterable[bytes]], threads: int = THREADS) -> None:
        inner: Any = WsgiToAsgi
        self._pages = inner(_closing(pages))  # its other half has types, this one has none
        # The last one used comes first, so that few threads and connections stay warm. An executor starts its thread
        # at its first request.
        self._free: asyncio.LifoQueue[ThreadPoolExecutor] = asyncio.LifoQueue()
        for number in range(threads):
            self._free.put_nowait(ThreadPoolExecutor(1, thread_name_prefix=f"page-{number}"))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request; with every thread busy it waits its turn."""
        # WSGI would take X_Forwarded_Proto for the proxy's X-Forwarded-Proto; Django's own handlers drop it too.
        scope = {**scope, "headers": [header for header in scope["headers"] if b"_" not in header[0]]}
        executor = await self._free.get()
        give_back = partial(self._free.put_nowait, executor)
        try:
            async with ThreadSensitiveContext(executor=executor):
                await self._pages(scope, receive, send)
        except asyncio.CancelledError:
            # The view runs on without its reader; the next request must not wait for it.
            executor.submit(asyncio.get_running_loop().call_soon_threadsafe, give_back)
            raise
        except BaseException:
            give_back()
            raise
        give_back()


def leave_within(seconds: float) -> None:
    """End this process within so many seconds, when its loop has ended.

    A page that is still in its thread hands its answer to that loop and waits for ever, and Python waits for its threads.
    """
    last = threading.Timer(seconds, os._exit, [0])
    last.daemon = True
    last.start()


def _closing(pages: Callable[..., Iterable[bytes]]) -> Callable[..., Iterator[bytes]]:
    """Close each answer at its end (PEP 3333), which asgiref leaves out: Django ends the request there."""

    def answer(environ: Any, start_response: Any) -> Iterator[bytes]:
        found = pages(environ, start_response)
        try:
            yield from found
        finally:
            close = getattr(found, "close", None)
            if close is not None:
                close()

    return answer
