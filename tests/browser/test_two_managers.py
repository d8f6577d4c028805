"""Two managers side by side: one changes something, both see every state without a reload."""

import json
import re
import secrets
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from playwright.sync_api import Page, expect

from portal.launcher import Launcher

BUCKETS = "/projects/acme-invoices/buckets/"
PATIENCE = 30_000


def wait_live(page: Page) -> None:
    expect(page.locator("[data-live-badge]")).to_have_attribute("data-state", "live", timeout=PATIENCE)


def create(page: Page, label: str) -> None:
    page.goto("/projects/acme-invoices/new-bucket/")
    page.fill("#id_label", label)
    expect(page.locator("#name-check")).to_contain_text("Free in this project")
    page.fill("#id_purpose", "Made in a browser")
    page.click("text=Create bucket")


def test_both_pages_show_every_state_of_a_creation(sign_in: Callable[..., Page], product: Launcher) -> None:
    ana, ben = sign_in("ana"), sign_in("ben")
    ben.goto(BUCKETS)
    wait_live(ben)
    ben.evaluate("window.__same = true")
    label = f"pair-{secrets.token_hex(3)}"

    create(ana, label)

    ana.wait_for_url(re.compile("/operations/"))
    expect(ana.locator("#operation")).to_have_attribute("data-state", "running")
    ben.get_by_role("button", name="1 new: show it").click(timeout=PATIENCE)
    row = ben.locator("tr", has=ben.get_by_role("link", name=label, exact=True))
    expect(row).to_have_attribute("data-state", "busy")
    expect(row).to_contain_text("Ana Almeida")
    expect(row).to_have_attribute("data-state", "ready", timeout=PATIENCE)
    expect(ana.locator("#operation")).to_have_attribute("data-state", "succeeded", timeout=PATIENCE)
    expect(ana.locator("#operation")).to_contain_text("with every protection read back from S3")
    assert ben.evaluate("window.__same") is True

    name = (row.get_attribute("data-live-item") or "").removeprefix("bucket:")
    assert_hardened(product, name)
    assert_closed_to_others(product, name)


def signed_client(product: Launcher, service: str, credentials: dict[str, str]) -> Any:
    return boto3.client(
        service,
        endpoint_url=product.aws_url,
        region_name="eu-west-1",
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials.get("SessionToken"),
    )


def administrators(product: Launcher) -> dict[str, Any]:
    """Return an S3 client for each member account of the organisation, by the account's id."""
    kept = json.loads((product.state / "aws" / "credentials.json").read_text())
    home = {"AccessKeyId": kept["access_key_id"], "SecretAccessKey": kept["secret_access_key"]}
    accounts = signed_client(product, "organizations", home).list_accounts()["Accounts"]
    sts = signed_client(product, "sts", home)
    own = sts.get_caller_identity()["Account"]
    return {
        account["Id"]: signed_client(
            product,
            "s3",
            sts.assume_role(
                RoleArn=f"arn:aws:iam::{account['Id']}:role/OrganizationAccountAccessRole", RoleSessionName="test"
            )["Credentials"],
        )
        for account in accounts
        if account["Id"] != own
    }


def assert_hardened(product: Launcher, name: str) -> None:
    """The bucket is in the account that its name tells, as reference/cloudformation.md 5.1 wants it."""
    account_id = name.removesuffix("-eu-west-1-an").rpartition("-")[2]
    s3 = administrators(product)[account_id]
    assert name in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    assert set(s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["BucketKeyEnabled"] is True
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert f":{account_id}:key/" in rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"]
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    kept = {found["ID"]: found for found in s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]}
    assert kept["abort-unfinished-uploads"]["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 7
    assert kept["expire-old-versions"]["NoncurrentVersionExpiration"]["NoncurrentDays"] == 90
    owned = s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
    assert owned == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    logged = s3.get_bucket_logging(Bucket=name)["LoggingEnabled"]
    assert logged["TargetPrefix"] == f"s3/{name}/"
    assert logged["TargetBucket"] in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]} - {name}
    statements = json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])["Statement"]
    assert {found["Effect"] for found in statements} == {"Deny"}
    assert any("aws:SecureTransport" in json.dumps(found) for found in statements)


def assert_closed_to_others(product: Launcher, name: str) -> None:
    """Neither another account's administrator nor an unknown key gets in."""
    others = {found: s3 for found, s3 in administrators(product).items() if f"-{found}-" not in name}
    assert others
    unknown = signed_client(product, "s3", {"AccessKeyId": "AKIAUNKNOWNUNKNOWN00", "SecretAccessKey": "x" * 40})
    for s3, code in [*((one, "AccessDenied") for one in others.values()), (unknown, "InvalidAccessKeyId")]:
        for call in (
            lambda s3=s3: s3.list_objects_v2(Bucket=name),
            lambda s3=s3: s3.put_object(Bucket=name, Key="planted", Body=b"x"),
            lambda s3=s3: s3.delete_bucket(Bucket=name),
        ):
            with pytest.raises(ClientError) as refusal:
                call()
            assert refusal.value.response["Error"]["Code"] == code


def test_a_change_says_what_it_will_do_and_shows_who_does_it(sign_in: Callable[..., Page]) -> None:
    ana, ben = sign_in("ana"), sign_in("ben")
    ana.goto(BUCKETS)
    ana.get_by_role("link", name="contracts", exact=True).click()
    wait_live(ana)
    ben.goto(BUCKETS)
    ben.get_by_role("link", name="contracts", exact=True).click()
    ben.get_by_role("link", name="Change", exact=True).click()
    ben.fill("#id_purpose", f"Contracts {secrets.token_hex(2)}")
    ben.click("text=See what will change")
    expect(ben.locator("main")).to_contain_text("Purpose:")
    ben.click("text=Change the bucket")

    expect(ana.locator("#bucket")).to_contain_text("Ben Brandt", timeout=PATIENCE)
    expect(ana.locator("#bucket")).to_have_attribute("data-state", "ready", timeout=PATIENCE)
    expect(ana.locator("#bucket")).to_contain_text("Contracts ")


def test_a_deletion_needs_the_name_and_removes_the_row(sign_in: Callable[..., Page]) -> None:
    ana, ben = sign_in("ana"), sign_in("ben")
    label = f"gone-{secrets.token_hex(3)}"
    create(ana, label)
    expect(ana.locator("#operation")).to_have_attribute("data-state", "succeeded", timeout=PATIENCE)
    ben.goto(BUCKETS)
    wait_live(ben)
    expect(ben.get_by_role("link", name=label, exact=True)).to_be_visible()

    ana.goto(BUCKETS)
    ana.get_by_role("link", name=label, exact=True).click()
    ana.get_by_role("link", name="Delete", exact=True).click()
    ana.fill("#id_confirmation", "something else")
    ana.click("text=Delete the bucket")
    expect(ana.locator("main")).to_contain_text("That is not its name")
    ana.fill("#id_confirmation", label)
    ana.click("text=Delete the bucket")

    expect(ana.locator("#operation")).to_have_attribute("data-state", "succeeded", timeout=PATIENCE)
    expect(ben.get_by_role("link", name=label, exact=True)).to_have_count(0, timeout=PATIENCE)


def test_a_refused_form_loses_nothing(sign_in: Callable[..., Page]) -> None:
    ana = sign_in("ana")
    ana.goto("/projects/acme-invoices/new-bucket/")
    ana.fill("#id_label", "Not A Name!")
    ana.fill("#id_purpose", "Kept as typed")
    ana.fill("#id_tags", "department = finance")
    ana.click("text=Create bucket")

    expect(ana.locator("main")).to_contain_text("Small letters, digits and single hyphens")
    assert ana.input_value("#id_label") == "Not A Name!"
    assert ana.input_value("#id_purpose") == "Kept as typed"
    assert ana.input_value("#id_tags") == "department = finance"

    ana.fill("#id_label", "a-better-name")
    expect(ana.locator("#name-check")).to_contain_text("Free in this project")
    expect(ana.locator("main")).not_to_contain_text("Small letters, digits and single hyphens")
    expect(ana.locator("#id_label")).to_have_attribute("aria-invalid", "false")
    ana.fill("#id_label", "Worse Name!")
    expect(ana.get_by_text("Small letters, digits and single hyphens")).to_have_count(1)
    expect(ana.locator("#id_label")).to_have_attribute("aria-invalid", "true")


def test_a_viewer_looks_but_finds_no_controls(sign_in: Callable[..., Page]) -> None:
    vera = sign_in("vera")
    vera.goto(BUCKETS)
    expect(vera.get_by_role("link", name="New bucket")).to_have_count(0)
    vera.get_by_role("link", name="contracts", exact=True).click()
    expect(vera.locator("main")).to_contain_text("You are a viewer")
    answer = vera.goto("/projects/acme-invoices/new-bucket/")
    assert answer is not None
    assert answer.status == 403
    expect(vera.locator("main")).to_contain_text("Staff can change your role")
