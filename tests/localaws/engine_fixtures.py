"""Fixtures of the engine's tests; a test module names this one in `pytest_plugins`."""

from collections.abc import Iterator

import pytest

from tests.localaws.engine_bench import Bench, forget_everything


@pytest.fixture
def bench() -> Iterator[Bench]:
    """An empty engine in front of an empty moto."""
    forget_everything()
    bench = Bench()
    yield bench
    bench.engine.close()
    forget_everything()
