"""AWS's errors by what happened. One table leads from AWS's code to a class; the gateways raise nothing else."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own name
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
)


class AWSError(Exception):
    """A call that AWS refused or that did not reach it. `code` is AWS's own, `operation` the call's name."""

    def __init__(self, message: str, *, code: str = "", operation: str = "") -> None:
        super().__init__(f"{operation}: {message} ({code})" if operation else message)
        self.message = message
        self.code = code
        self.operation = operation

    @property
    def words(self) -> str:
        """What happened, as one sentence for staff."""
        if not self.operation:
            return f"AWS did not answer: {self.message}."
        return f"AWS refused {self.operation}: {self.message.rstrip('.')} ({self.code})."


class AccessDenied(AWSError):
    """The role may not do this."""


class AlreadyExists(AWSError):
    """Something of this name is there."""


class BucketNotFound(AWSError):
    """There is no such bucket."""


class ChangeSetNotFound(AWSError):
    """The change set is gone: executed, deleted, or made obsolete by another."""


class ChangeSetObsolete(AWSError):
    """The stack changed after the change set was made, so it may not be executed."""


class ExpiredCredentials(AWSError):
    """The session's hour is over; the next call gets a new one."""


class InsufficientCapabilities(AWSError):
    """The template holds IAM resources that the call did not acknowledge."""


class InvalidTemplate(AWSError):
    """CloudFormation refuses the template or the parameters."""


class LimitExceeded(AWSError):
    """A quota of the account is reached."""


class NotFound(AWSError):
    """What was asked for does not exist."""


class NoUpdates(AWSError):
    """The template says what stands already."""


class QueueNotFound(AWSError):
    """There is no such queue."""


class RateLimited(AWSError):
    """Our own limit for this account is reached; AWS was not called."""

    def __init__(self, operation: str, retry_after: float) -> None:
        super().__init__("waits for its turn", code="RateLimited", operation=operation)
        self.retry_after = retry_after


class StackBusy(AWSError):
    """Another operation runs on the stack."""


class StackNotFound(AWSError):
    """There is no such stack, or it is not visible yet."""


class Throttled(AWSError):
    """AWS asks to slow down."""


class TokenAlreadyUsed(AWSError):
    """The very same request was accepted before: our own repeat."""


class Unreachable(AWSError):
    """The call did not reach AWS, or its answer did not reach us."""


PASSING = (Throttled, RateLimited, Unreachable, ExpiredCredentials, StackBusy)
"""What passes by itself: the same call later may succeed."""

_CLASSES: dict[str, type[AWSError]] = {
    "AccessDenied": AccessDenied,
    "AccessDeniedException": AccessDenied,
    "403": AccessDenied,
    "UnauthorizedOperation": AccessDenied,
    "AuthorizationError": AccessDenied,
    "InvalidClientTokenId": AccessDenied,
    "InvalidAccessKeyId": AccessDenied,  # S3's word for it
    "UnrecognizedClientException": AccessDenied,  # DynamoDB's
    "SignatureDoesNotMatch": AccessDenied,
    "AlreadyExistsException": AlreadyExists,
    "BucketAlreadyOwnedByYou": AlreadyExists,
    "BucketAlreadyExists": AlreadyExists,
    "EntityAlreadyExists": AlreadyExists,
    "ChangeSetNotFound": ChangeSetNotFound,
    "ChangeSetNotFoundException": ChangeSetNotFound,
    "InvalidChangeSetStatus": ChangeSetObsolete,
    "InvalidChangeSetStatusException": ChangeSetObsolete,
    "ExpiredToken": ExpiredCredentials,
    "ExpiredTokenException": ExpiredCredentials,
    "RequestExpired": ExpiredCredentials,
    "InsufficientCapabilitiesException": InsufficientCapabilities,
    "InsufficientCapabilities": InsufficientCapabilities,
    "LimitExceededException": LimitExceeded,
    "LimitExceeded": LimitExceeded,
    "NoSuchBucket": BucketNotFound,
    "NoSuchEntity": NotFound,
    "TrailNotFoundException": NotFound,
    "NoSuchPublicAccessBlockConfiguration": NotFound,
    "AWSOrganizationsNotInUseException": NotFound,
    "404": NotFound,
    "QueueDoesNotExist": QueueNotFound,
    "AWS.SimpleQueueService.NonExistentQueue": QueueNotFound,
    "OperationInProgressException": StackBusy,
    "Throttling": Throttled,
    "ThrottlingException": Throttled,
    "RequestLimitExceeded": Throttled,
    "TooManyRequestsException": Throttled,
    "SlowDown": Throttled,
    "ServiceUnavailable": Unreachable,
    "InternalFailure": Unreachable,
    "InternalError": Unreachable,
    "500": Unreachable,
    "503": Unreachable,
    "TokenAlreadyExistsException": TokenAlreadyUsed,
    "ValidationError": InvalidTemplate,
}
# CloudFormation says several things by the one code ValidationError; its words tell them apart.
_VALIDATION_WORDS: tuple[tuple[re.Pattern[str], type[AWSError]], ...] = (
    # Not "S3 error: The specified key does not exist": a stack that is not found is asked for again.
    (re.compile(r"^Stack\b.* does not exist", re.I | re.S), StackNotFound),
    (re.compile(r"No updates are to be performed", re.I), NoUpdates),
    (re.compile(r"_IN_PROGRESS state|is in \S*_IN_PROGRESS|in status \S*_IN_PROGRESS", re.I), StackBusy),
)


def of_client_error(error: ClientError) -> AWSError:
    """Return our error for botocore's."""
    told = error.response.get("Error", {})
    code = str(told.get("Code", ""))
    message = str(told.get("Message", "")) or code
    found = _CLASSES.get(code, AWSError)
    if code == "ValidationError":
        found = next((cls for words, cls in _VALIDATION_WORDS if words.search(message)), found)
    return found(message, code=code, operation=error.operation_name)


@contextmanager
def aws_errors() -> Iterator[None]:
    """Turn botocore's exceptions into ours."""
    try:
        yield
    except ClientError as error:
        raise of_client_error(error) from error
    except (ConnectionError, EndpointConnectionError, HTTPClientError) as error:
        raise Unreachable(str(error), code=type(error).__name__) from error
    except NoCredentialsError as error:
        raise AccessDenied(str(error), code="NoCredentials") from error
    except BotoCoreError as error:
        raise AWSError(str(error), code=type(error).__name__) from error
