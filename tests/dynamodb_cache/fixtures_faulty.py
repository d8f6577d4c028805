"""A faulty way to an engine, and a clock for time budgets."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.dynamodb_cache.faulty import FaultyProxy, proxy
from tests.engines.fixtures import Engine


@pytest.fixture
def faulty(engine: Engine) -> Iterator[FaultyProxy]:
    """A proxy in front of the engine."""
    with proxy(engine) as running:
        yield running


@pytest.fixture
def within() -> Callable[[float], AbstractContextManager[None]]:
    """Fail what takes longer than so many seconds."""

    @contextmanager
    def measured(seconds: float) -> Iterator[None]:
        began = time.monotonic()
        yield
        took = time.monotonic() - began
        assert took <= seconds, f"took {took:.2f} s of {seconds} s"

    return measured
