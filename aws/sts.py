"""STS: who a client is, and whether a role can be assumed. Source: the API reference."""

from dataclasses import dataclass
from typing import Any

from aws import clients
from aws.errors import AccessDenied, aws_errors


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a client's calls come from."""

    account_id: str
    arn: str


def whoami(client: Any = None) -> Identity:
    """Return the identity of an STS client; without one, the portal's own."""
    with aws_errors():
        answer = (client or clients.home("sts")).get_caller_identity()
    return Identity(answer["Account"], answer["Arn"])


def can_assume(role_arn: str, *, external_id: str | None) -> bool:
    """Tell whether the portal could assume a role with this ExternalId, or with none. The session is thrown away."""
    how = {"ExternalId": external_id} if external_id else {}
    try:
        with aws_errors():
            clients.home("sts").assume_role(
                RoleArn=role_arn, RoleSessionName="stackport-selftest", DurationSeconds=900, **how
            )
    except AccessDenied:
        return False
    return True
