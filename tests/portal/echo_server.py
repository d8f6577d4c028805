"""`python -m tests.portal.echo_server PORT`: daphne with two threads of pages around a small WSGI application."""

import hashlib
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from daphne.server import Server

from portal.threads import ThreadedPages

THREADS = 2
BIG = b"x" * 8_000_000


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Tell what arrived; `/slow` takes a moment, `/fail` breaks, `/big` answers more than a socket holds."""
    if environ["PATH_INFO"] == "/fail":
        raise ValueError("the page broke")
    if environ["PATH_INFO"] == "/slow":
        time.sleep(0.4)
    body = environ["wsgi.input"].read()
    told = BIG
    if environ["PATH_INFO"] != "/big":
        thread = threading.current_thread().name
        told = f"{len(body)} {hashlib.sha256(body).hexdigest()} {thread}".encode()
    start_response("200 OK", [("Content-Length", str(len(told)))])
    return [told]


if __name__ == "__main__":
    port = int(sys.argv[1])
    Server(
        application=ThreadedPages(application, threads=THREADS),
        endpoints=[f"tcp:port={port}:interface=127.0.0.1"],
        ready_callable=lambda: print("ready", flush=True),
    ).run()
