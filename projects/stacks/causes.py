"""From a stack's events to the cause of a failure, in the manager's words, the root cause first."""

import re
from collections.abc import Iterable

from aws.cloudformation import StackEvent

_FOLLOWERS = re.compile(r"Resource (creation|update) cancelled|^The following resource\(s\) failed", re.IGNORECASE)

NAME_TAKEN = "The name is taken. Choose another name and try again."
_WORDS = (
    (re.compile(r"already (exists|owned)|BucketAlreadyExists", re.I), NAME_TAKEN),
    (
        re.compile(r"AccessDenied|not authorized|Access Denied", re.I),
        "The project's account refused it. Staff must look at the account's roles.",
    ),
    (
        re.compile(r"BucketNotEmpty|not empty", re.I),
        "The bucket still holds objects or old versions of objects. Nothing of it was lost.",
    ),
    (re.compile(r"Throttl|Rate exceeded|SlowDown", re.I), "AWS was too busy. Try again in a minute."),
    (re.compile(r"limit|quota", re.I), "A limit of the project's account is reached. Staff can ask AWS to raise it."),
)


def in_words(reason: str) -> str:
    """Return what a reason means for a manager, followed by AWS's own words."""
    for pattern, words in _WORDS:
        if pattern.search(reason):
            return f"{words} AWS says: {reason}"
    return f"AWS says: {reason}" if reason else "AWS gave no reason."


def root_cause(events: Iterable[StackEvent], token: str | None) -> str:
    """Return the cause of an operation's failure from its stack's events (newest first).

    The oldest failure that only follows from no other one is the root; events of other operations are passed over.
    """
    failures = [
        event
        for event in events
        if event.status.endswith("_FAILED") and (token is None or event.token in {None, "", token})
    ]
    roots = [event for event in failures if event.reason and not _FOLLOWERS.search(event.reason)]
    found = roots or failures
    if not found:
        return "CloudFormation took it back without naming a cause."
    first = found[-1]
    return f"{in_words(first.reason or '').rstrip('.')} ({first.logical_id}, {first.status})."
