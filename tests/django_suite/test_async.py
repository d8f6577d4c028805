"""Django's common tests through the asynchronous API, and Django's own asynchronous tests."""

from collections.abc import Callable

import pytest


@pytest.mark.parametrize("group", ["async", "async-own"])
def test_djangos_tests_pass_through_the_asynchronous_calls(run_group: Callable[[str], str], group: str) -> None:
    print(run_group(group))
