"""Serve ministack's DynamoDB on a free loopback port until standard input closes; the port is the first line printed.

Run by the Python of `.venv-engines`, which knows none of our packages. ministack's own command listens on every
interface unless told otherwise, wants a port chosen beforehand, and stays when whoever started it is killed.
Source: `ministack/app.py`, `main`; hypercorn.readthedocs.io, Config.bind.
"""

import asyncio
import os
import socket
import sys
import threading

os.environ |= {
    "BIND_HOST": "127.0.0.1",  # read where ministack names its own addresses
    "IOT_MTLS_ENABLED": "0",  # its broker would listen on every interface
    "LOG_LEVEL": "ERROR",
    "PERSIST_STATE": "0",
    "SERVICES": "dynamodb",
}

from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack.app import app


def end_with_the_starter() -> None:
    """Wait until whoever started this closes standard input or dies; then leave at once."""
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    config = Config()
    config.bind = [f"fd://{listening.fileno()}"]
    config.keep_alive_timeout = 600
    config.loglevel = "ERROR"
    threading.Thread(target=end_with_the_starter, daemon=True).start()
    sys.stdout.write(f"{listening.getsockname()[1]}\n")
    sys.stdout.flush()
    os.dup2(2, 1)  # nobody reads more than the port
    asyncio.run(serve(app, config))


main()
