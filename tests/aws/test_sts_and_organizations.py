"""Who a client is, whether a role lets us in, and the making of accounts."""

import secrets
from dataclasses import replace
from typing import Any

import pytest
from botocore.stub import Stubber

from aws import clients, organizations, sts
from aws.accounts import ProjectAccount, Role
from aws.errors import AccessDenied, AWSError, Unreachable
from localaws.server import HOME_ACCOUNT, LocalAWS
from portal.launcher import free_port


def test_without_a_client_it_is_the_portal_itself(local_aws: LocalAWS) -> None:
    who = sts.whoami()
    assert who.account_id == HOME_ACCOUNT
    assert who.arn.startswith(f"arn:aws:iam::{HOME_ACCOUNT}:")


def test_a_role_is_assumed_only_with_the_right_external_id(account: ProjectAccount) -> None:
    arn = account.role_arn(Role.READ)
    assert sts.can_assume(arn, external_id=account.external_id)
    for wrong in (None, "", "x" * 48, account.external_id[:-1]):
        assert not sts.can_assume(arn, external_id=wrong)


def test_a_role_that_is_not_there_lets_nobody_in(account: ProjectAccount) -> None:
    nowhere = replace(account, account_id="210987654321").role_arn(Role.READ)
    assert not sts.can_assume(nowhere, external_id=account.external_id)


def test_an_outage_is_no_refusal(account: ProjectAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{free_port()}")
    clients.reset()
    with pytest.raises(Unreachable):
        sts.can_assume(account.role_arn(Role.READ), external_id=account.external_id)


def test_an_account_is_made_and_its_request_found_again(local_aws: LocalAWS) -> None:
    organizations.ensure_organization()
    organizations.ensure_organization()
    made = organizations.create_account(name="Acme", email=f"{secrets.token_hex(4)}@example.com")
    assert not made.failed
    found = organizations.account_request(made.request_id)
    assert (found.account_id, found.running, found.failed) == (made.account_id, False, False)
    client = clients.organisation_member(found.account_id, "sts", "eu-west-1")
    assert sts.whoami(client).account_id == found.account_id


def answered(**status: str) -> organizations.AccountRequest:
    """Return a request as Organizations tells it; the local AWS makes every account at once."""
    client = clients.home("organizations")
    with Stubber(client) as stubber:
        told: Any = {"CreateAccountStatus": {"Id": "car-1", **status}}
        stubber.add_response("describe_create_account_status", told, {"CreateAccountRequestId": "car-1"})
        return organizations.account_request("car-1")


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("EMAIL_ALREADY_EXISTS", "another account has this e-mail address"),
        ("ACCOUNT_LIMIT_EXCEEDED", "the organisation has as many accounts as it may; ask AWS for more"),
        ("FAILED_BUSINESS_VALIDATION", "FAILED_BUSINESS_VALIDATION"),
    ],
)
def test_a_failed_request_says_why_in_words(local_aws: LocalAWS, reason: str, words: str) -> None:
    request = answered(State="FAILED", FailureReason=reason)
    assert (request.failed, request.running, request.failure_words) == (True, False, words)


def test_a_request_under_way_is_running(local_aws: LocalAWS) -> None:
    request = answered(State="IN_PROGRESS")
    assert (request.running, request.failed, request.account_id) == (True, False, "")
    assert request.failure_words == "no reason given"


def test_what_organizations_refuses_is_ours(local_aws: LocalAWS) -> None:
    with pytest.raises(AWSError) as caught:
        organizations.account_request("car-none")
    assert caught.value.operation == "DescribeCreateAccountStatus"


def test_an_organisation_that_may_not_be_read_is_ours_too(local_aws: LocalAWS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAUNKNOWNUNKNOWN00")
    clients.reset()
    with pytest.raises(AccessDenied):
        organizations.ensure_organization()
