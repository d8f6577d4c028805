"""Pages of a synchronous Django under an ASGI server: one thread a request, taken from those that wait.

Django's own ASGI handler makes a new thread, and new database connections, for each request, and hops between thread
and loop for each synchronous middleware; every view and middleware here is synchronous. Measured on the bucket list:
docs/performance.md.
"""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from asgiref.sync import ThreadSensitiveContext
from asgiref.wsgi import WsgiToAsgi

THREADS = 32


class ThreadedPages:
    """An ASGI application around a WSGI one. Its server must hand over whole requests, as daphne does."""

    def __init__(self, pages: Callable[..., Iterable[bytes]], threads: int = THREADS) -> None:
        self._pages: Any = WsgiToAsgi(pages)  # type: ignore[no-untyped-call]  # asgiref types its other half only
        # The last one used comes first, so that few threads and connections stay warm. An executor starts its thread
        # at its first request.
        self._free: asyncio.LifoQueue[ThreadPoolExecutor] = asyncio.LifoQueue()
        for number in range(threads):
            self._free.put_nowait(ThreadPoolExecutor(1, thread_name_prefix=f"page-{number}"))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request; with every thread busy it waits its turn."""
        executor = await self._free.get()
        try:
            async with ThreadSensitiveContext(executor=executor):
                await self._pages(scope, receive, send)
        finally:
            self._free.put_nowait(executor)
