"""A run of Django's tests is good only when it was whole."""

import unittest

import pytest

from tests.django_suite.groups import Group
from tests.django_suite.run import problems

GROUP = Group(labels=(), least_tests=2, least_requests=10, left_out={"Some.test_old": "a reason"})


class Example(unittest.TestCase):
    """Tests to be run by hand; pytest leaves them alone for their names."""

    def passes(self) -> None:
        pass

    def fails(self) -> None:
        self.fail("on purpose")

    def skips(self) -> None:
        self.skipTest("no reason")

    @unittest.expectedFailure
    def is_expected_to_fail(self) -> None:
        self.fail("on purpose")

    @unittest.expectedFailure
    def passes_unexpectedly(self) -> None:
        pass


def result_of(*names: str) -> unittest.TestResult:
    """Run some of the examples."""
    result = unittest.TestResult()
    unittest.TestSuite(Example(name) for name in names).run(result)
    return result


def test_a_whole_run_is_good() -> None:
    assert problems(GROUP, result_of("passes", "passes"), {"Some.test_old"}, 10) == []


@pytest.mark.parametrize("odd", ["fails", "skips", "is_expected_to_fail", "passes_unexpectedly"])
def test_a_test_that_did_not_plainly_pass_is_a_problem(odd: str) -> None:
    assert len(problems(GROUP, result_of("passes", odd), {"Some.test_old"}, 10)) == 1


def test_too_few_tests_are_a_problem() -> None:
    assert problems(GROUP, result_of("passes"), {"Some.test_old"}, 10) == ["1 tests ran; there must be 2"]


def test_a_run_that_hardly_reached_dynamodb_is_a_problem() -> None:
    found = problems(GROUP, result_of("passes", "passes"), {"Some.test_old"}, 9)
    assert found == ["9 requests reached DynamoDB; there must be 10"]


def test_leaving_out_what_does_not_exist_is_a_problem() -> None:
    found = problems(GROUP, result_of("passes", "passes"), set(), 10)
    assert found == ["Some.test_old is left out but does not exist"]
