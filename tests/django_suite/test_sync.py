"""Django's common tests of every cache backend."""

from collections.abc import Callable


def test_djangos_common_tests_pass(run_group: Callable[[str], str]) -> None:
    print(run_group("sync"))
