"""Baseline and bucket in an account, with every call judged by the policies that the baseline itself laid there.

The tables of `test_policies` say what the policies mean; this says that they suffice, and that they are in force.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from aws.accounts import BASELINE_STACK, ProjectAccount, Role
from localaws import inprocess
from localaws.callers import Credentials
from localaws.server import HOME_ACCOUNT, LocalAWS
from projects.stacks import baseline
from projects.stacks.changes import expected_changes
from projects.stacks.naming import Kind, bucket_name
from projects.stacks.spec import BucketSpec, Retention
from projects.stacks.status import parse
from projects.stacks.templates import RESOURCE_TYPES, RenderContext, body, read, render
from tests.fixtures_localaws import empty, is_standing

ACCOUNT = ProjectAccount("210000000001", "eu-west-1", "ab" * 24)
SPEC = BucketSpec(
    bucket_name("acme", "in", ACCOUNT.account_id, ACCOUNT.region),
    "in",
    "Invoices",
    "ana@example.com",
    Retention.YEAR_1,
    tags=(("department", "finance"),),
)
REFUSALS = {"AccessDenied", "AccessDeniedException"}


@dataclass
class Laid:
    """An account in which the baseline stands, and clients by role."""

    client: Callable[[str, Role], Any]
    context: RenderContext
    administrator: Callable[[str], Any]
    home: Callable[[str], Any]

    @property
    def deploy(self) -> Any:
        return self.client("cloudformation", Role.DEPLOY)

    def create(self, name: str, template: dict[str, Any], kind: Kind, **other: Any) -> str:
        """Create a stack as a worker does."""
        asked = {
            "StackName": name,
            "TemplateBody": body(template),
            "RoleARN": ACCOUNT.service_role_arn,
            "NotificationARNs": [ACCOUNT.topic_arn],
            "ResourceTypes": list(RESOURCE_TYPES[kind]),
        } | other
        return str(self.deploy.create_stack(**asked)["StackId"])

    def settled(self, stack: str) -> str:
        """Wait for a stack and return its status."""
        return settled(self.client("cloudformation", Role.READ), stack)

    def change(self, stack_id: str, template: dict[str, Any], name: str) -> list[dict[str, Any]]:
        """Change a stack as a worker does; return what the change set listed."""
        which = {"StackName": stack_id, "ChangeSetName": name}
        self.deploy.create_change_set(
            **which,
            TemplateBody=body(template),
            RoleARN=ACCOUNT.service_role_arn,
            NotificationARNs=[ACCOUNT.topic_arn],
            ResourceTypes=list(RESOURCE_TYPES[Kind.BUCKET]),
        )
        while (found := self.deploy.describe_change_set(**which))["Status"].endswith("_IN_PROGRESS"):
            time.sleep(0.02)
        assert found["Status"] == "CREATE_COMPLETE", found.get("StatusReason")
        self.deploy.execute_change_set(**which)
        assert self.settled(stack_id) == "UPDATE_COMPLETE"
        return [change["ResourceChange"] for change in found["Changes"]]


def settled(cloudformation: Any, stack: str) -> str:
    """Wait for a stack and return its status."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        if parse(found["StackStatus"]).settled:
            return str(found["StackStatus"])
        time.sleep(0.02)
    raise AssertionError(f"{stack} does not settle")


def refused(call: Callable[..., Any], **arguments: Any) -> bool:
    """Tell whether a call is refused for want of a right; any other error ends the test."""
    try:
        call(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] in REFUSALS or error.response["ResponseMetadata"]["HTTPStatusCode"] == 403:
            return True
        raise
    return False


@pytest.fixture(scope="module")
def laid(served_aws: LocalAWS) -> Laid:
    """An account with the baseline."""
    if not is_standing(served_aws):
        empty(served_aws)

    def client(service: str, credentials: Credentials) -> Any:
        return inprocess.client(served_aws.front, service, credentials, ACCOUNT.region)

    def home(service: str) -> Any:
        return client(service, served_aws.home)

    def as_role(service: str, role: Role) -> Any:
        made = home("sts").assume_role(
            RoleArn=ACCOUNT.role_arn(role), RoleSessionName="ana@example.com", ExternalId=ACCOUNT.external_id
        )["Credentials"]
        return client(service, Credentials(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"]))

    def administrator(service: str) -> Any:
        return client(service, served_aws.front.internal_credentials(ACCOUNT.account_id))

    url = home("sqs").create_queue(QueueName="events-of-test-account")["QueueUrl"]
    arn = home("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    parameters = {"ExternalId": ACCOUNT.external_id, "PortalAccountId": HOME_ACCOUNT, "EventsQueueArn": arn}
    administrator("cloudformation").create_stack(
        StackName=BASELINE_STACK,
        TemplateBody=body(baseline.template()),
        Capabilities=["CAPABILITY_NAMED_IAM"],
        EnableTerminationProtection=True,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    )
    assert settled(administrator("cloudformation"), BASELINE_STACK) == "CREATE_COMPLETE"
    (stack,) = as_role("cloudformation", Role.READ).describe_stacks(StackName=BASELINE_STACK)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    return Laid(as_role, baseline.BaselineOutputs.from_outputs(outputs), administrator, home)


def test_a_bucket_lives_from_creation_to_deletion_within_the_policies(laid: Laid) -> None:
    stack_id = laid.create("portal-bucket-in-abc123", render(Kind.BUCKET, SPEC, laid.context), Kind.BUCKET)
    assert laid.settled(stack_id) == "CREATE_COMPLETE"
    laid.deploy.update_termination_protection(StackName=stack_id, EnableTerminationProtection=True)

    after = replace(SPEC, purpose="Orders", versions_days=365, retention=Retention.KEEP, tags=())
    listed = laid.change(stack_id, render(Kind.BUCKET, after, laid.context), "change")
    assert {change["LogicalResourceId"] for change in listed} <= expected_changes(Kind.BUCKET)
    assert {change["Replacement"] for change in listed} == {"False"}
    text = laid.client("cloudformation", Role.READ).get_template(StackName=stack_id)["TemplateBody"]
    assert read(text).spec == after

    laid.change(stack_id, render(Kind.BUCKET, after, laid.context, deleting=True), "mark")
    laid.deploy.update_termination_protection(StackName=stack_id, EnableTerminationProtection=False)
    laid.deploy.delete_stack(StackName=stack_id, RoleARN=ACCOUNT.service_role_arn)
    assert laid.settled(stack_id) == "DELETE_COMPLETE"
    names = [bucket["Name"] for bucket in laid.administrator("s3").list_buckets()["Buckets"]]
    assert SPEC.name not in names


def test_the_read_role_sees_every_protection_and_no_object(laid: Laid) -> None:
    name = bucket_name("acme", "seen", ACCOUNT.account_id, ACCOUNT.region)
    spec = replace(SPEC, name=name, label="seen")
    stack_id = laid.create("portal-bucket-seen-abc123", render(Kind.BUCKET, spec, laid.context), Kind.BUCKET)
    assert laid.settled(stack_id) == "CREATE_COMPLETE"
    s3 = laid.client("s3", Role.READ)
    assert set(s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == laid.context.key_arn
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    assert s3.get_bucket_logging(Bucket=name)["LoggingEnabled"]["TargetBucket"] == laid.context.log_bucket
    assert len(s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]) == 3
    assert "DenyInsecureTransport" in s3.get_bucket_policy(Bucket=name)["Policy"]
    (ownership,) = s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
    assert ownership == {"ObjectOwnership": "BucketOwnerEnforced"}
    assert "Versions" not in s3.list_object_versions(Bucket=name)
    assert refused(s3.get_object, Bucket=name, Key="invoice.pdf")
    assert refused(s3.delete_object, Bucket=name, Key="invoice.pdf")
    assert refused(laid.client("s3", Role.DEPLOY).get_object, Bucket=name, Key="invoice.pdf")


def test_the_probe_of_the_self_test_fits_the_policies(laid: Laid) -> None:
    stack_id = laid.create("portal-probe-selftest-abc123", baseline.probe_template(), Kind.PROBE)
    assert laid.settled(stack_id) == "CREATE_COMPLETE"
    laid.deploy.delete_stack(StackName=stack_id, RoleARN=ACCOUNT.service_role_arn)
    assert laid.settled(stack_id) == "DELETE_COMPLETE"


def test_the_boundaries_in_the_account_are_those_of_the_self_test(laid: Laid) -> None:
    iam = laid.client("iam", Role.READ)
    assert isinstance(laid.context, baseline.BaselineOutputs)
    for name, arn in laid.context.boundaries().items():
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        found = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
        assert found == baseline.boundary_document(name, ACCOUNT, laid.context)


OWN = "arn:aws:iam::210000000001:role/OrganizationAccountAccessRole"


def test_deploy_cannot_leave_its_cage(laid: Laid) -> None:
    template = render(Kind.BUCKET, replace(SPEC, label="x"), laid.context)
    deploy, read_only = laid.deploy, laid.client("cloudformation", Role.READ)
    assert refused(laid.create, name="payroll", template=template, kind=Kind.BUCKET)
    assert refused(laid.create, name="portal-bucket-x-abc123", template=template, kind=Kind.BUCKET, RoleARN=OWN)
    types = ["AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::IAM::Role"]
    assert refused(laid.create, name="portal-bucket-x-abc123", template=template, kind=Kind.BUCKET, ResourceTypes=types)
    assert refused(deploy.create_stack, StackName="portal-bucket-x-abc123", TemplateBody=body(template))
    assert refused(deploy.delete_stack, StackName=BASELINE_STACK)
    assert refused(deploy.update_termination_protection, StackName=BASELINE_STACK, EnableTerminationProtection=False)
    assert refused(deploy.update_stack, StackName=BASELINE_STACK, TemplateBody=body(template))
    assert refused(deploy.describe_stacks)
    assert refused(read_only.describe_stacks)
    assert refused(read_only.create_stack, StackName="portal-bucket-x-abc123", TemplateBody=body(template))
    iam = laid.client("iam", Role.DEPLOY)
    assert refused(iam.create_access_key, UserName="somebody")
    assert refused(iam.put_role_policy, RoleName="stackport-deploy", PolicyName="more", PolicyDocument="{}")
    assert refused(
        laid.client("s3control", Role.DEPLOY).put_public_access_block,
        AccountId=ACCOUNT.account_id,
        PublicAccessBlockConfiguration={"BlockPublicAcls": False},
    )


def test_keys_mints_only_for_users_of_the_portal(laid: Laid) -> None:
    iam = laid.administrator("iam")
    iam.create_user(UserName="partner", Path="/stackport/")
    iam.create_user(UserName="root-helper")
    keys = laid.client("iam", Role.KEYS)
    assert keys.create_access_key(UserName="partner")["AccessKey"]["AccessKeyId"]
    assert refused(keys.create_access_key, UserName="root-helper")
    assert refused(keys.create_login_profile, UserName="partner", Password="a long passw0rd!")
    assert refused(keys.put_user_policy, UserName="partner", PolicyName="more", PolicyDocument="{}")
    assert refused(laid.client("cloudformation", Role.KEYS).list_stacks)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("external_id", [None, "cd" * 24])
def test_no_role_without_its_external_id(laid: Laid, role: Role, external_id: str | None) -> None:
    asked = {"RoleArn": ACCOUNT.role_arn(role), "RoleSessionName": "ana"}
    wrong = {"ExternalId": external_id} if external_id else {}
    assert refused(laid.home("sts").assume_role, **asked, **wrong)
    right = {"ExternalId": ACCOUNT.external_id}
    assert laid.home("sts").assume_role(**asked, **right, SourceIdentity="ana")["Credentials"]
    assert refused(laid.administrator("sts").assume_role, **asked, **right)
