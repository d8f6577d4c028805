"""How a bucket is protected, read back from S3 itself and compared with what was asked for."""

import json
from dataclasses import replace
from typing import Any

import pytest

from aws import clients, s3
from aws.accounts import ProjectAccount, Role
from aws.errors import AccessDenied, BucketNotFound
from aws.protection import PUBLIC_ACCESS_BLOCK
from projects.stacks.protection import PROTECTION, PostureLine, Protection, posture

KEY = "arn:aws:kms:eu-west-1:111122223333:key/1"
PROTECTIONS = ["Public access", "Encryption", "Versions", "Ownership", "Life cycle", "Access log", "Policy"]


def denial(bucket: str) -> dict[str, Any]:
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def wanted(bucket: str) -> Protection:
    return Protection(KEY, f"{bucket}-log", "a/", 7, 90, None, [denial(bucket)])


def lines_of(client: Any, bucket: str, wanted: Protection) -> tuple[PostureLine, ...]:
    return posture(s3.Buckets(client).configuration(bucket), wanted)


def failing(client: Any, bucket: str) -> set[str]:
    return {line.name for line in lines_of(client, bucket, wanted(bucket)) if not line.ok}


def test_a_bucket_with_nothing_set_fails_every_line(client: Any, bucket: str) -> None:
    client.delete_public_access_block(Bucket=bucket)
    lines = lines_of(client, bucket, wanted(bucket))
    assert [line.name for line in lines] == PROTECTIONS
    # S3 encrypts every bucket by itself since 2023, but not with the account's key.
    assert failing(client, bucket) == set(PROTECTIONS)
    assert tuple(line.words for line in lines) == PROTECTION


SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "Public access": ("put_public_access_block", {"PublicAccessBlockConfiguration": PUBLIC_ACCESS_BLOCK}),
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
    statement = denial(bucket)
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
    for prefix, missing in (("b/", {"Access log"}), ("a/", set())):
        target = {"LoggingEnabled": {"TargetBucket": log, "TargetPrefix": prefix}}
        client.put_bucket_logging(Bucket=bucket, BucketLoggingStatus=target)
        assert failing(client, bucket) == missing


@pytest.mark.parametrize("switch", PUBLIC_ACCESS_BLOCK)
def test_one_open_switch_is_public_access(client: Any, bucket: str, switch: str) -> None:
    block = PUBLIC_ACCESS_BLOCK | {switch: False}
    client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
    assert "Public access" in failing(client, bucket)


@pytest.mark.parametrize(
    "other",
    [{"key_arn": "arn:aws:kms:eu-west-1:111122223333:key/2"}, {"versions_days": 30}, {"expires_days": 365}],
    ids=lambda found: next(iter(found)),
)
def test_what_stands_is_compared_with_what_was_asked_for(client: Any, bucket: str, other: dict[str, Any]) -> None:
    protect(client, bucket, *SETTINGS)
    assert failing(client, bucket) == {"Access log", "Policy"}
    changed = replace(wanted(bucket), **other)
    missing = {line.name for line in lines_of(client, bucket, changed) if not line.ok}
    assert missing - {"Access log", "Policy"} == {"Encryption" if "key_arn" in other else "Life cycle"}


def test_a_rule_that_is_switched_off_clears_nothing(client: Any, bucket: str) -> None:
    rule = SETTINGS["Life cycle"][1]["LifecycleConfiguration"]["Rules"][0] | {"Status": "Disabled"}
    client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    assert "Life cycle" in failing(client, bucket)


def test_a_bucket_that_is_not_there_is_told(client: Any) -> None:
    with pytest.raises(BucketNotFound):
        s3.Buckets(client).configuration("t-not-there")


def test_what_may_not_be_read_is_no_missing_protection(other_account: ProjectAccount, bucket: str) -> None:
    """A refusal must not look like a bucket without protection."""
    stranger = s3.Buckets(clients.member(other_account, Role.READ, "s3", actor="tests"))
    with pytest.raises(AccessDenied):
        stranger.configuration(bucket)
