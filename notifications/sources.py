"""Which SNS topics may tell us something. The apps that know accounts register a check."""

from collections.abc import Callable

_checks: list[Callable[[str], bool]] = []


def register(check: Callable[[str], bool]) -> None:
    """Add a check: does this topic belong to somebody we know?"""
    if check not in _checks:
        _checks.append(check)


def is_trusted(topic_arn: str) -> bool:
    """Tell whether any app knows the topic."""
    return any(check(topic_arn) for check in _checks)
