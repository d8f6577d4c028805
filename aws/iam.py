"""IAM: what the account baseline needs beyond CloudFormation, and what the self-test reads back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from aws.errors import AccessDenied, NotFound, aws_errors


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """What an account asks of passwords; 0 and False where it asks nothing."""

    minimum_length: int = 0
    symbols: bool = False
    numbers: bool = False
    uppercase: bool = False
    lowercase: bool = False
    expire_after_days: int = 0
    reuse_prevention: int = 0

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """Read AWS's."""
        return cls(**{field: row[name] for field, name in _FIELDS.items() if name in row})


_FIELDS = {
    "minimum_length": "MinimumPasswordLength",
    "symbols": "RequireSymbols",
    "numbers": "RequireNumbers",
    "uppercase": "RequireUppercaseCharacters",
    "lowercase": "RequireLowercaseCharacters",
    "expire_after_days": "MaxPasswordAge",
    "reuse_prevention": "PasswordReusePrevention",
}


def set_password_policy(client: Any, policy: PasswordPolicy) -> None:
    """Set the account's password policy. CloudFormation has no type for it."""
    with aws_errors():
        client.update_account_password_policy(**{name: getattr(policy, field) for field, name in _FIELDS.items()})


def password_policy(client: Any) -> PasswordPolicy | None:
    """Return the account's password policy; None when it has none."""
    try:
        with aws_errors():
            return PasswordPolicy.of(client.get_account_password_policy()["PasswordPolicy"])
    except NotFound:
        return None


def policy_document(client: Any, arn: str) -> dict[str, Any]:
    """Return the document in force of a managed policy. Raises NotFound."""
    with aws_errors():
        version = client.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        document = client.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    return dict(document)


def may_create_key(client: Any, user_name: str) -> bool:
    """Tell whether a client may create access keys, by asking for one of a user that does not exist."""
    try:
        with aws_errors():
            client.create_access_key(UserName=user_name)
    except AccessDenied:
        return False
    except NotFound:
        return True
    return True
