"""Who asks: an identity that the front door has checked."""

from dataclasses import dataclass, field

CALLER = "localaws.caller"
"""WSGI environ key of the checked `Caller`."""
CREDENTIALS = "localaws.credentials"
"""WSGI environ key of the caller's `Credentials`, for work that a service goes on to do in the caller's name."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key; with a token, a session's."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `user_id` is what CloudFormation calls PrincipalId: AIDA…, or AROA…:session."""

    account_id: str
    arn: str
    user_id: str
    access_key_id: str
    region: str
