"""S3: what a bucket holds and how it is protected, read back from S3 itself."""

import json
from dataclasses import astuple
from typing import Any

import pytest

from aws import clients, s3
from aws.accounts import ProjectAccount, Role
from aws.errors import AccessDenied, AlreadyExists, BucketNotFound
from localaws.server import LocalAWS

KEY = "arn:aws:kms:eu-west-1:111122223333:key/1"
PROTECTIONS = ["Public access", "Encryption", "Versions", "Ownership", "Life cycle", "Access log", "Transport"]


@pytest.fixture
def client(account: ProjectAccount) -> Any:
    return clients.member(account, Role.DEPLOY, "s3", actor="tests")


@pytest.fixture
def bucket(client: Any, fresh_name: str) -> str:
    """A bucket with nothing set."""
    place = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    client.create_bucket(Bucket=fresh_name, ObjectOwnership="ObjectWriter", **place)
    return fresh_name


def failing(client: Any, bucket: str) -> set[str]:
    return {line.name for line in s3.Buckets(client).posture(bucket).lines if not line.ok}


def test_objects_old_versions_and_delete_markers_are_counted(client: Any, bucket: str) -> None:
    buckets = s3.Buckets(client)
    assert astuple(buckets.contents(bucket)) == (0, 0, 0, False)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for key, times in (("a", 3), ("b", 1), ("c", 1)):
        for _ in range(times):
            client.put_object(Bucket=bucket, Key=key, Body=b"x")
    client.delete_object(Bucket=bucket, Key="c")
    assert astuple(buckets.contents(bucket)) == (2, 3, 1, False)
    assert buckets.contents(bucket, limit=2).truncated


def test_a_bucket_with_nothing_set_fails_every_line(client: Any, bucket: str) -> None:
    client.delete_public_access_block(Bucket=bucket)
    posture = s3.Buckets(client).posture(bucket)
    assert [line.name for line in posture.lines] == PROTECTIONS
    # S3 encrypts every bucket by itself since 2023, but not with the account's key.
    assert failing(client, bucket) == set(PROTECTIONS)
    assert not posture.ok
    assert tuple(line.words for line in posture.lines) == s3.PROTECTION


SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "Public access": ("put_public_access_block", {"PublicAccessBlockConfiguration": s3.PUBLIC_ACCESS_BLOCK}),
    "Encryption": (
        "put_bucket_encryption",
        {
            "ServerSideEncryptionConfiguration": {
                "Rules": [
                    {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}},
                ]
            }
        },
    ),
    "Versions": ("put_bucket_versioning", {"VersioningConfiguration": {"Status": "Enabled"}}),
    "Ownership": (
        "put_bucket_ownership_controls",
        {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}},
    ),
    "Life cycle": (
        "put_bucket_lifecycle_configuration",
        {
            "LifecycleConfiguration": {
                "Rules": [
                    {
                        "ID": "clear",
                        "Status": "Enabled",
                        "Filter": {"Prefix": ""},
                        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                        "NoncurrentVersionExpiration": {"NoncurrentDays": 90},
                    }
                ]
            }
        },
    ),
}


def protect(client: Any, bucket: str, *names: str) -> None:
    for name in names:
        operation, given = SETTINGS[name]
        getattr(client, operation)(Bucket=bucket, **given)


@pytest.mark.parametrize("name", SETTINGS)
def test_each_protection_is_seen_for_itself(client: Any, bucket: str, name: str) -> None:
    client.delete_public_access_block(Bucket=bucket)
    protect(client, bucket, name)
    assert failing(client, bucket) == set(PROTECTIONS) - {name}


def test_a_log_and_a_policy_complete_it(client: Any, bucket: str) -> None:
    protect(client, bucket, *SETTINGS)
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    client.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    assert failing(client, bucket) == {"Access log"}
    log = f"{bucket}-log"
    client.create_bucket(Bucket=log, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    may_write = statement | {
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{log}/*",
        "Condition": {},
    }
    client.put_bucket_policy(Bucket=log, Policy=json.dumps({"Version": "2012-10-17", "Statement": [may_write]}))
    target = {"LoggingEnabled": {"TargetBucket": log, "TargetPrefix": "a/"}}
    client.put_bucket_logging(Bucket=bucket, BucketLoggingStatus=target)
    assert s3.Buckets(client).posture(bucket).ok


@pytest.mark.parametrize("switch", s3.PUBLIC_ACCESS_BLOCK)
def test_one_open_switch_is_public_access(client: Any, bucket: str, switch: str) -> None:
    block = s3.PUBLIC_ACCESS_BLOCK | {switch: False}
    client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
    assert "Public access" in failing(client, bucket)


def test_a_rule_that_is_switched_off_clears_nothing(client: Any, bucket: str) -> None:
    rule = SETTINGS["Life cycle"][1]["LifecycleConfiguration"]["Rules"][0] | {"Status": "Disabled"}
    client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    assert "Life cycle" in failing(client, bucket)


def test_a_bucket_that_is_not_there_is_told(client: Any) -> None:
    buckets = s3.Buckets(client)
    for ask in (buckets.contents, buckets.posture):
        with pytest.raises(BucketNotFound):
            ask("t-not-there")


def test_what_may_not_be_read_is_no_missing_protection(other_account: ProjectAccount, bucket: str) -> None:
    """A refusal must not look like a bucket without protection."""
    stranger = s3.Buckets(clients.member(other_account, Role.READ, "s3", actor="tests"))
    with pytest.raises(AccessDenied):
        stranger.posture(bucket)


def test_the_accounts_own_switch_is_set_and_read(account: ProjectAccount) -> None:
    control = clients.member(account, Role.DEPLOY, "s3control", actor="tests")
    assert not s3.public_access_is_blocked(control, account.account_id)
    s3.block_public_access(control, account.account_id)
    assert s3.public_access_is_blocked(control, account.account_id)
    half = s3.PUBLIC_ACCESS_BLOCK | {"IgnorePublicAcls": False}
    control.put_public_access_block(AccountId=account.account_id, PublicAccessBlockConfiguration=half)
    assert not s3.public_access_is_blocked(control, account.account_id)
    control.delete_public_access_block(AccountId=account.account_id)


@pytest.mark.parametrize("region", ["eu-west-1", "us-east-1"])
def test_a_private_bucket_is_made_once_in_its_region(account: ProjectAccount, fresh_name: str, region: str) -> None:
    client = clients.organisation_member(account.account_id, "s3", region)
    for _ in range(2):
        s3.ensure_private_bucket(fresh_name, client)
    assert client.get_bucket_location(Bucket=fresh_name).get("LocationConstraint") in {region, None}
    assert "Public access" not in failing(client, fresh_name)


def test_the_portals_own_account_is_the_usual_place(local_aws: LocalAWS, fresh_name: str) -> None:
    s3.ensure_private_bucket(fresh_name)
    clients.home("s3").head_bucket(Bucket=fresh_name)


def test_a_name_that_somebody_else_has_is_told(account: ProjectAccount, bucket: str) -> None:
    with pytest.raises(AlreadyExists):
        s3.ensure_private_bucket(bucket)
