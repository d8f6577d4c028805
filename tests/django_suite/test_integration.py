"""Django's tests of what stands on a cache: whole pages, fragments, sessions."""

from collections.abc import Callable

import pytest


@pytest.mark.parametrize("group", ["pages", "fragments", "sessions", "sessions-json"])
def test_djangos_tests_of_what_uses_a_cache_pass(run_group: Callable[[str], str], group: str) -> None:
    print(run_group(group))
