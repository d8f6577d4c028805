"""S3: what a bucket holds, and what is made in an account without a template."""

from dataclasses import astuple
from typing import Any

import pytest

from aws import clients, s3
from aws.accounts import ProjectAccount, Role
from aws.errors import AlreadyExists, BucketNotFound
from aws.protection import PUBLIC_ACCESS_BLOCK
from localaws.server import LocalAWS


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


def test_a_bucket_that_is_not_there_is_told(client: Any) -> None:
    with pytest.raises(BucketNotFound):
        s3.Buckets(client).contents("t-not-there")


def test_the_accounts_own_switch_is_set_and_read(account: ProjectAccount) -> None:
    control = clients.member(account, Role.DEPLOY, "s3control", actor="tests")
    assert s3.public_access_blocked(control, account.account_id) == frozenset()
    s3.block_public_access(control, account.account_id)
    assert s3.public_access_blocked(control, account.account_id) == PUBLIC_ACCESS_BLOCK.keys()
    half = PUBLIC_ACCESS_BLOCK | {"IgnorePublicAcls": False}
    control.put_public_access_block(AccountId=account.account_id, PublicAccessBlockConfiguration=half)
    assert s3.public_access_blocked(control, account.account_id) == half.keys() - {"IgnorePublicAcls"}
    control.delete_public_access_block(AccountId=account.account_id)


@pytest.mark.parametrize("region", ["eu-west-1", "us-east-1"])
def test_a_private_bucket_is_made_once_in_its_region(account: ProjectAccount, fresh_name: str, region: str) -> None:
    client = clients.organisation_member(account.account_id, "s3", region)
    for _ in range(2):
        s3.ensure_private_bucket(fresh_name, client)
    assert client.get_bucket_location(Bucket=fresh_name).get("LocationConstraint") in {region, None}
    found = client.get_public_access_block(Bucket=fresh_name)["PublicAccessBlockConfiguration"]
    assert found == PUBLIC_ACCESS_BLOCK


def test_the_portals_own_account_is_the_usual_place(local_aws: LocalAWS, fresh_name: str) -> None:
    s3.ensure_private_bucket(fresh_name)
    clients.home("s3").head_bucket(Bucket=fresh_name)


def test_a_name_that_somebody_else_has_is_told(account: ProjectAccount, bucket: str) -> None:
    with pytest.raises(AlreadyExists):
        s3.ensure_private_bucket(bucket)
