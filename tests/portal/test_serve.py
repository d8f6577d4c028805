"""The web process as a process: it ends when it is asked to, whatever its pages are doing."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.launcher import free_port

ROOT = Path(__file__).parents[2]
START_SECONDS = 60
END_SECONDS = 15
KEPT = {name: value for name, value in os.environ.items() if not name.startswith(("STACKPORT_", "AWS_"))}


@pytest.fixture
def silent_aws() -> Iterator[str]:
    """An address that takes every call and answers none."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def web(silent_aws: str, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The web process, and where it answers."""
    environment = KEPT | {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "STACKPORT_STATE": str(tmp_path),
        "STACKPORT_DEMO": "yes",
        "AWS_ENDPOINT_URL": silent_aws,
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity=0"], cwd=ROOT, env=environment, check=True)
    port = free_port()
    with (tmp_path / "web.log").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "manage.py", "serve", f"--port={port}"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + START_SECONDS
    while not answers(f"{address}/healthz"):
        assert child.poll() is None, (tmp_path / "web.log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    yield child, address
    child.kill()
    child.wait()


def answers(url: str) -> bool:
    """Tell whether a page answers at all."""
    try:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=30).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def test_it_ends_in_time_under_a_page_that_waits_for_aws(web: tuple[subprocess.Popen[bytes], str]) -> None:
    """Such a page hands its answer to a loop that has ended, and would wait for it for ever."""
    child, address = web
    asked = threading.Thread(target=answers, args=(f"{address}/readyz",), daemon=True)
    asked.start()
    time.sleep(0.5)
    assert asked.is_alive(), "the page waits"
    child.terminate()
    assert child.wait(END_SECONDS) == 0


def frame(opcode: int, payload: bytes) -> bytes:
    """Return a client's whole WebSocket frame of up to 125 bytes, masked with zeros (RFC 6455, section 5.2)."""
    return bytes([0x80 | opcode, 0x80 | len(payload)]) + bytes(4) + payload


def test_a_page_that_goes_while_it_is_answered_leaves_no_error(
    web: tuple[subprocess.Popen[bytes], str], tmp_path: Path
) -> None:
    _child, address = web
    host = address.removeprefix("http://")
    with socket.create_connection(("127.0.0.1", int(host.rpartition(":")[2])), END_SECONDS) as page:
        page.sendall(
            f"GET /ws/ HTTP/1.1\r\nHost: {host}\r\nOrigin: http://127.0.0.1:8000\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n".encode()
        )
        told = b""
        while not told.endswith(b"\x88\x02\x11\x31"):  # closed with 4401, since nobody is signed in
            got = page.recv(4096)
            assert got, told
            told += got
        page.sendall(frame(1, b'{"type": "ping"}'))
        with contextlib.suppress(ConnectionResetError):
            while page.recv(4096):  # until the server hangs up on who does not answer its close
                continue
    assert answers(f"{address}/healthz")
    assert "[error" not in (tmp_path / "web.log").read_text()
