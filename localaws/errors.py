"""What the engine refuses, with AWS's codes and words.

The words are copied from AWS's own answers, because clients match on them.
"""

from __future__ import annotations


class LocalAWSError(Exception):
    """Base of every refusal; `code` and `status` travel on the wire."""

    code = "InternalFailure"
    status = 500

    @property
    def message(self) -> str:
        return str(self)


class AccessDenied(LocalAWSError):
    """The caller, or the service on its behalf, may not do this."""

    code = "AccessDenied"
    status = 403


class InvalidAction(LocalAWSError):
    """CloudFormation has no such call, or localaws does not offer it."""

    code = "InvalidAction"
    status = 400


class Throttled(LocalAWSError):
    """A call above the rate that a fault has set."""

    code = "Throttling"
    status = 400

    def __init__(self) -> None:
        super().__init__("Rate exceeded")


class ValidationError(LocalAWSError):
    """A request that CloudFormation does not accept."""

    code = "ValidationError"
    status = 400


class StackNotFound(ValidationError):
    """No stack has this name or id."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Stack with id {name} does not exist")


class NoUpdates(ValidationError):
    """The request would change nothing."""

    def __init__(self) -> None:
        super().__init__("No updates are to be performed.")


class AlreadyExists(LocalAWSError):
    """A live stack, or a change set of this stack, has the name."""

    code = "AlreadyExistsException"
    status = 400


class InsufficientCapabilities(LocalAWSError):
    """The template makes IAM resources and the caller did not say so."""

    code = "InsufficientCapabilitiesException"
    status = 400

    def __init__(self, capability: str) -> None:
        super().__init__(f"Requires capabilities : [{capability}]")


class LimitExceeded(LocalAWSError):
    """The account has its full number of stacks."""

    code = "LimitExceededException"
    status = 400


class ChangeSetNotFound(LocalAWSError):
    """No change set has this name or id."""

    code = "ChangeSetNotFound"
    status = 404

    def __init__(self, name: str) -> None:
        super().__init__(f"ChangeSet [{name}] does not exist")


class InvalidChangeSetStatus(LocalAWSError):
    """The change set cannot be executed, for example because another update came first."""

    code = "InvalidChangeSetStatus"
    status = 400


class ResourceFailed(LocalAWSError):
    """A resource could not be made, changed or removed; the message becomes its event's reason."""

    code = "ResourceFailed"
    status = 400


class Stopped(LocalAWSError):
    """The engine is closing: an operation leaves its state as it is, to be continued later."""
