"""A member account with the portal's roles as the baseline makes them, but with a role policy that allows all."""

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from aws import clients, organizations, rates
from aws.accounts import EVENTS_TOPIC, ROLE_PATH, SERVICE_ROLE, ProjectAccount, Role
from localaws.server import HOME_ACCOUNT, REGION, LocalAWS

ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
_standing: dict[str, tuple[int, ProjectAccount]] = {}


def trust(principal: dict[str, str], *actions: str, **condition: dict[str, str]) -> str:
    """Return a role's trust policy."""
    statement = {"Effect": "Allow", "Principal": principal, "Action": list(actions), "Condition": condition}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def make_account(name: str) -> ProjectAccount:
    """Vend an account and make the portal's roles and topic in it."""
    organizations.ensure_organization()
    made = organizations.create_account(name=name, email=f"{name}-{secrets.token_hex(4)}@example.com")
    account = ProjectAccount(made.account_id, REGION, secrets.token_hex(24))
    iam = clients.organisation_member(account.account_id, "iam", REGION)
    portal = trust(
        {"AWS": f"arn:aws:iam::{HOME_ACCOUNT}:root"},
        "sts:AssumeRole",
        "sts:SetSourceIdentity",
        StringEquals={"sts:ExternalId": account.external_id},
    )
    for role, who in (
        (Role.READ.value, portal),
        (Role.DEPLOY.value, portal),
        (SERVICE_ROLE, trust({"Service": "cloudformation.amazonaws.com"}, "sts:AssumeRole")),
    ):
        iam.create_role(RoleName=role, Path=ROLE_PATH, AssumeRolePolicyDocument=who)
        iam.put_role_policy(RoleName=role, PolicyName="all", PolicyDocument=json.dumps(ALL))
    clients.organisation_member(account.account_id, "sns", REGION).create_topic(Name=EVENTS_TOPIC)
    return account


def standing(aws: LocalAWS, name: str) -> ProjectAccount:
    """Return an account, made once for each emptying of the local AWS."""
    generation, account = _standing.get(name, (-1, None))
    if account is None or generation != aws.generation:
        account = make_account(name)
        _standing[name] = (aws.generation, account)
    return account


@pytest.fixture(autouse=True)
def fresh_clients() -> Iterator[None]:
    """No client of another test, and the tests' own pace afterwards."""
    clients.reset()
    yield
    clients.reset()
    rates.configure(1000)


@pytest.fixture
def account(local_aws: LocalAWS) -> ProjectAccount:
    """A member account."""
    return standing(local_aws, "first")


@pytest.fixture
def other_account(local_aws: LocalAWS) -> ProjectAccount:
    """Another member account."""
    return standing(local_aws, "second")


@pytest.fixture
def fresh_name() -> str:
    """A name that no other test uses."""
    return f"t{secrets.token_hex(6)}"


@pytest.fixture
def client(account: ProjectAccount) -> Any:
    """An S3 client that may do everything in the account."""
    return clients.member(account, Role.DEPLOY, "s3", actor="tests")


@pytest.fixture
def bucket(client: Any, fresh_name: str) -> str:
    """A bucket with nothing set."""
    place = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    client.create_bucket(Bucket=fresh_name, ObjectOwnership="ObjectWriter", **place)
    return fresh_name
