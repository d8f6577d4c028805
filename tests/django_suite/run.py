"""Run one group of Django's tests: `python -m tests.django_suite.run GROUP`, in a process that `conftest.py` prepares.

Prints unittest's report and a last line of figures; the exit code is 1 when anything is not as `groups.py` has it.
"""

import sys
import time
import unittest
from typing import Any

import django
from django.test.runner import DiscoverRunner, iter_test_cases

from tests.calls import counted
from tests.django_suite.groups import GROUPS, Group


class Runner(DiscoverRunner):
    """Django's runner without the tests that a group leaves out; keeps the result."""

    def __init__(self, group: Group) -> None:
        super().__init__(verbosity=1, interactive=False)
        self.group = group
        self.left_out: set[str] = set()
        self.result = unittest.TestResult()

    def build_suite(self, *arguments: Any, **named: Any) -> unittest.TestSuite:
        kept = []
        for test in iter_test_cases(super().build_suite(*arguments, **named)):
            name = ".".join(test.id().split(".")[-2:])
            if name in self.group.left_out:
                self.left_out.add(name)
            else:
                kept.append(test)
        return self.test_suite(kept)

    def suite_result(self, suite: unittest.TestSuite, result: unittest.TestResult, **_: Any) -> int:
        self.result = result
        return len(result.failures) + len(result.errors)


def problems(group: Group, result: unittest.TestResult, left_out: set[str], requests: int) -> list[str]:
    """Return what is not as the group has it."""
    found = [f"{test.id()} was skipped: {reason}" for test, reason in result.skipped]
    found += [f"{name} is left out but does not exist" for name in sorted(set(group.left_out) - left_out)]
    if not result.wasSuccessful() or result.expectedFailures:
        found.append(
            f"{len(result.failures)} failures, {len(result.errors)} errors, {len(result.expectedFailures)} expected "
            f"failures, {len(result.unexpectedSuccesses)} unexpected successes"
        )
    if result.testsRun < group.least_tests:
        found.append(f"{result.testsRun} tests ran; there must be {group.least_tests}")
    if requests < group.least_requests:
        found.append(f"{requests} requests reached DynamoDB; there must be {group.least_requests}")
    return found


def main(name: str) -> int:
    """Run the group and say how it went."""
    django.setup()
    from tests.django_suite import tables

    group = GROUPS[name]
    tables.follow()
    runner = Runner(group)
    started = time.monotonic()
    with counted() as calls:
        runner.run_tests(list(group.labels))
    took = time.monotonic() - started
    result = runner.result
    wrong = problems(group, result, runner.left_out, calls.made["dynamodb"])
    print(*wrong, sep="\n")
    print(
        f"{name}: {result.testsRun} run, {len(result.failures) + len(result.errors)} failed, {len(result.skipped)} "
        f"skipped, {len(runner.left_out)} left out, {calls.made['dynamodb']} requests, {took:.1f} s"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
