"""Organizations: make an account. Source: CreateAccount; it answers at once and works on for minutes."""

from dataclasses import dataclass
from typing import Any

from aws import clients
from aws.errors import NotFound, aws_errors

_WORDS = {
    "ACCOUNT_LIMIT_EXCEEDED": "the organisation has as many accounts as it may; ask AWS for more",
    "EMAIL_ALREADY_EXISTS": "another account has this e-mail address",
    "INVALID_EMAIL": "the e-mail address is not valid",
    "CONCURRENT_ACCOUNT_MODIFICATION": "another account is being made right now; try again in a minute",
    "INTERNAL_FAILURE": "AWS failed inside; try again later",
    "PENDING_BUSINESS_VALIDATION": "AWS is still validating the organisation's business",
}


@dataclass(frozen=True, slots=True)
class AccountRequest:
    """Where the making of an account stands."""

    request_id: str
    state: str
    account_id: str
    failure: str

    @property
    def running(self) -> bool:
        """Whether AWS is at work."""
        return self.state == "IN_PROGRESS"

    @property
    def failed(self) -> bool:
        """Whether AWS gave up."""
        return self.state == "FAILED"

    @property
    def failure_words(self) -> str:
        """Why, in words."""
        return _WORDS.get(self.failure, self.failure or "no reason given")


def create_account(*, name: str, email: str) -> AccountRequest:
    """Ask for an account; `email` must be of no other account."""
    with aws_errors():
        answer = clients.home("organizations").create_account(AccountName=name, Email=email)
    return _request(answer["CreateAccountStatus"])


def account_request(request_id: str) -> AccountRequest:
    """Return where a request stands."""
    with aws_errors():
        answer = clients.home("organizations").describe_create_account_status(CreateAccountRequestId=request_id)
    return _request(answer["CreateAccountStatus"])


def find_account(email: str) -> str:
    """Return the id of the organisation's account with this address; empty when there is none."""
    with aws_errors():
        for page in clients.home("organizations").get_paginator("list_accounts").paginate():
            for account in page["Accounts"]:
                if account["Email"].lower() == email.lower():
                    return str(account["Id"])
    return ""


def ensure_organization() -> None:
    """Make the portal's account the management account of an organisation, once."""
    client = clients.home("organizations")
    try:
        with aws_errors():
            client.describe_organization()
    except NotFound:
        with aws_errors():
            client.create_organization(FeatureSet="ALL")


def _request(row: dict[str, Any]) -> AccountRequest:
    return AccountRequest(row["Id"], row["State"], row.get("AccountId", ""), row.get("FailureReason", ""))
