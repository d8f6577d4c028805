"""The fixture that runs a group of Django's tests against the local AWS of this test process."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

import pytest

from localaws.server import LocalAWS
from tests.django_suite.source import ROOT, SourceUnavailable, fetch, pinned

GROUP_SECONDS = 240


def answer_without_source(reason: str, environment: Mapping[str, str]) -> NoReturn:
    """Skip with the reason; on the build server, where nobody would see that, fail."""
    if environment.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def django_tests() -> Path:
    """The folder of the pinned Django's own tests."""
    try:
        return fetch(pinned())
    except SourceUnavailable as error:
        answer_without_source(str(error), os.environ)


@pytest.fixture
def run_group(django_tests: Path, local_aws: LocalAWS) -> Callable[[str], str]:
    """Run a group in a process of its own and return its last line; its whole report is the failure's text."""

    def run(name: str) -> str:
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.django_suite.settings",
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(django_tests)]),
            "STACKPORT_DJANGO_SUITE_GROUP": name,
        }
        try:
            done = subprocess.run(
                [sys.executable, "-W", "error", "-m", "tests.django_suite.run", name],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=GROUP_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            pytest.fail(
                f"not done after {GROUP_SECONDS} s:\n{(late.output or b'').decode(errors='replace')}", pytrace=False
            )
        report = done.stdout.decode(errors="replace")
        if done.returncode:
            pytest.fail(f"{report}\nexit code {done.returncode}", pytrace=False)
        return report.strip().splitlines()[-1]

    return run
