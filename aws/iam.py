"""IAM: what the account baseline needs beyond CloudFormation, and what the self-test reads back."""

from typing import Any

from aws.errors import AccessDenied, NotFound, aws_errors

# The Security Hub controls IAM.7 and IAM.10, CIS 1.7 and 1.8; CloudFormation has no type for it.
PASSWORD_POLICY: dict[str, Any] = {
    "MinimumPasswordLength": 14,
    "RequireSymbols": True,
    "RequireNumbers": True,
    "RequireUppercaseCharacters": True,
    "RequireLowercaseCharacters": True,
    "MaxPasswordAge": 90,
    "PasswordReusePrevention": 24,
}


def set_password_policy(client: Any) -> None:
    """Set the account's password policy."""
    with aws_errors():
        client.update_account_password_policy(**PASSWORD_POLICY)


def password_policy_problem(client: Any) -> str:
    """Return what is weaker than it should be; empty when nothing is."""
    try:
        with aws_errors():
            found = client.get_account_password_policy()["PasswordPolicy"]
    except NotFound:
        return "there is none; set one of at least 14 characters of all kinds."
    weaker = [
        name
        for name, wanted in PASSWORD_POLICY.items()
        if (found.get(name, 0) < wanted if name != "MaxPasswordAge" else not 0 < found.get(name, 0) <= wanted)
    ]
    return f"set {', '.join(weaker)} as strictly as the portal's baseline says." if weaker else ""


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
