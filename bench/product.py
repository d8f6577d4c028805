"""The product under measure: its own processes on the local AWS, and the bench's process as one more of them."""

import json
import os
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django

from portal.launcher import Launcher, free_port, running

PASSWORD = "stackport-demo"


@contextmanager
def started() -> Iterator[Launcher]:
    """Run the product with its demo data, and make this process one of the product's own."""
    with tempfile.TemporaryDirectory() as folder:
        launcher = Launcher(state=Path(folder), port=free_port(), pace_seconds=0.0)
        with running(launcher):
            # Our own limit on calls to CloudFormation must not make the other side slow.
            os.environ.update(launcher.environment() | {"STACKPORT_RATE_SCALE": "100000"})
            django.setup()
            yield launcher


def control(launcher: Launcher, wish: dict[str, Any]) -> None:
    """Set a fault of the local AWS."""
    request = urllib.request.Request(
        f"{launcher.aws_url}/_localaws/control/faults",
        json.dumps(wish).encode(),
        {
            "X-Localaws-Token": (launcher.state / "aws" / "control-token").read_text(),
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        answer.read()


@contextmanager
def delays(launcher: Launcher, **seconds: float) -> Iterator[None]:
    """Let calls of services take longer meanwhile."""
    for service, delay in seconds.items():
        control(launcher, {"fault": "delay", "service": service, "seconds": delay})
    try:
        yield
    finally:
        control(launcher, {"fault": "clear"})


def resident_megabytes(launcher: Launcher, child: str) -> float:
    """Return how much memory a process of the product holds."""
    status = Path(f"/proc/{launcher.children[child].pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024
