"""What the roles of a project's account may do and, above all, may not (S2): tables against the shipped policies.

Two judges that share no code must agree: the plain reading beside this file, and the one that guards the local AWS.
"""

from collections.abc import Callable
from typing import Any

import pytest

from localaws import policies as local_judge
from projects.stacks import policies
from projects.stacks.naming import Kind
from projects.stacks.policies import Place, Policy
from projects.stacks.templates import RESOURCE_TYPES, body
from tests.projects.stacks import plain_iam
from tests.projects.stacks.plain_iam import Context

PLACE = Place(
    account_id="111122223333",
    region="eu-west-1",
    key_arn="arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    log_bucket="stackport-logs-111122223333-eu-west-1-an",
)
OTHER_KEY = PLACE.key_arn.replace("1234abcd", "ffffffff")
STACK = PLACE.arn("cloudformation", "stack/portal-bucket-in-abc123/6f2e")
PROBE = PLACE.arn("cloudformation", "stack/portal-probe-selftest-abc123/6f2e")
BASELINE = PLACE.arn("cloudformation", "stack/stackport-baseline/6f2e")
FOREIGN_STACK = PLACE.arn("cloudformation", "stack/payroll/6f2e")
ANY_STACK = PLACE.arn("cloudformation", "stack/*/*")
BUCKET = PLACE.bucket("acme-in-111122223333-eu-west-1-an")
FOREIGN_BUCKET = PLACE.bucket("payroll")
LOGS = PLACE.bucket(PLACE.log_bucket)
USER = PLACE.iam("user/stackport/acme-in")
FOREIGN_USER = PLACE.iam("user/root-helper")
GROUP = PLACE.iam("group/stackport/acme-in")
ROLE = PLACE.iam("role/stackport/acme-in")
ADMIN = PLACE.iam("role/OrganizationAccountAccessRole")
DEPLOY_ROLE = PLACE.iam("role/stackport-baseline/stackport-deploy")
SUBMIT: Context = {
    "cloudformation:RoleArn": PLACE.service_role,
    "cloudformation:ResourceTypes": ["AWS::S3::Bucket", "AWS::S3::BucketPolicy"],
}
USERS_BOUNDARY: Context = {"iam:PermissionsBoundary": PLACE.boundary}
ROLES_BOUNDARY: Context = {"iam:PermissionsBoundary": PLACE.role_boundary}
TO_CLOUDFORMATION: Context = {"iam:PassedToService": "cloudformation.amazonaws.com"}
THROUGH_SNS: Context = {"kms:ViaService": "sns.eu-west-1.amazonaws.com"}
THROUGH_S3: Context = {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}
OWN: Context = {"aws:ResourceAccount": "111122223333", "aws:ViaAWSService": "false"}
ONE_ROLE = {**SUBMIT, "cloudformation:RoleArn": ADMIN}

DEPLOY = policies.deploy_role(PLACE)
READ = policies.read_role(PLACE)
KEYS = policies.keys_role(PLACE)
SERVICE = policies.service_role(PLACE)
USER_MOST = policies.boundary(PLACE)
ROLE_MOST = policies.role_boundary(PLACE)

Ask = tuple[Policy, str, str, Context]

REFUSED: dict[str, Ask] = {
    # deploy: stacks of the portal only, with the exact service role and known types only
    "deploy creates a stack of another name": (DEPLOY, "cloudformation:CreateStack", FOREIGN_STACK, SUBMIT),
    "deploy creates without the service role": (
        DEPLOY,
        "cloudformation:CreateStack",
        STACK,
        {"cloudformation:ResourceTypes": ["AWS::S3::Bucket"]},
    ),
    "deploy creates with an administrator's role": (DEPLOY, "cloudformation:CreateStack", STACK, ONE_ROLE),
    "deploy creates without naming types": (
        DEPLOY,
        "cloudformation:CreateStack",
        STACK,
        {"cloudformation:RoleArn": PLACE.service_role},
    ),
    "deploy creates a role": (
        DEPLOY,
        "cloudformation:CreateStack",
        STACK,
        {**SUBMIT, "cloudformation:ResourceTypes": ["AWS::S3::Bucket", "AWS::IAM::Role"]},
    ),
    "deploy creates any type": (
        DEPLOY,
        "cloudformation:CreateStack",
        STACK,
        {**SUBMIT, "cloudformation:ResourceTypes": ["*"]},
    ),
    "deploy changes with an administrator's role": (DEPLOY, "cloudformation:CreateChangeSet", STACK, ONE_ROLE),
    "deploy changes to a custom resource": (
        DEPLOY,
        "cloudformation:CreateChangeSet",
        STACK,
        {**SUBMIT, "cloudformation:ResourceTypes": ["AWS::CloudFormation::CustomResource"]},
    ),
    "deploy updates without a change set": (DEPLOY, "cloudformation:UpdateStack", STACK, SUBMIT),
    "deploy changes the baseline": (DEPLOY, "cloudformation:CreateChangeSet", BASELINE, SUBMIT),
    "deploy executes on the baseline": (DEPLOY, "cloudformation:ExecuteChangeSet", BASELINE, {}),
    "deploy deletes the baseline": (DEPLOY, "cloudformation:DeleteStack", BASELINE, {}),
    "deploy unprotects the baseline": (DEPLOY, "cloudformation:UpdateTerminationProtection", BASELINE, {}),
    "deploy deletes another stack": (DEPLOY, "cloudformation:DeleteStack", FOREIGN_STACK, {}),
    "deploy deletes with an administrator's role": (
        DEPLOY,
        "cloudformation:DeleteStack",
        STACK,
        {"cloudformation:RoleArn": ADMIN},
    ),
    "deploy describes every stack at once": (DEPLOY, "cloudformation:DescribeStacks", ANY_STACK, {}),
    "deploy makes a stack set": (DEPLOY, "cloudformation:CreateStackSet", "*", {}),
    "deploy passes an administrator's role": (DEPLOY, "iam:PassRole", ADMIN, TO_CLOUDFORMATION),
    "deploy passes the service role to another service": (
        DEPLOY,
        "iam:PassRole",
        PLACE.service_role,
        {"iam:PassedToService": "lambda.amazonaws.com"},
    ),
    "deploy passes the service role to nobody in particular": (DEPLOY, "iam:PassRole", PLACE.service_role, {}),
    "deploy mints a key": (DEPLOY, "iam:CreateAccessKey", USER, {}),
    "deploy creates a user": (DEPLOY, "iam:CreateUser", USER, USERS_BOUNDARY),
    "deploy widens itself": (DEPLOY, "iam:PutRolePolicy", DEPLOY_ROLE, {}),
    "deploy changes who it trusts": (DEPLOY, "iam:UpdateAssumeRolePolicy", DEPLOY_ROLE, {}),
    "deploy becomes another role": (DEPLOY, "sts:AssumeRole", ADMIN, {}),
    "deploy reads an object": (DEPLOY, "s3:GetObject", f"{BUCKET}/invoice.pdf", OWN),
    "deploy writes an object": (DEPLOY, "s3:PutObject", f"{BUCKET}/invoice.pdf", OWN),
    "deploy deletes a bucket itself": (DEPLOY, "s3:DeleteBucket", BUCKET, {}),
    "deploy decrypts outside SNS": (DEPLOY, "kms:Decrypt", PLACE.key_arn, THROUGH_S3),
    "deploy reads a secret": (DEPLOY, "secretsmanager:GetSecretValue", "*", {}),
    "deploy reads secrets at once": (DEPLOY, "secretsmanager:BatchGetSecretValue", "*", {}),
    "deploy subscribes to the topic": (DEPLOY, "sns:Subscribe", PLACE.events_topic, {}),
    "deploy reads a template": (DEPLOY, "cloudformation:GetTemplate", STACK, {}),
    "deploy lists stacks": (DEPLOY, "cloudformation:ListStacks", "*", {}),
    # read: never objects, never a change
    "read reads an object": (READ, "s3:GetObject", f"{BUCKET}/invoice.pdf", OWN),
    "read reads an old version": (READ, "s3:GetObjectVersion", f"{BUCKET}/invoice.pdf", OWN),
    "read reads a log": (READ, "s3:GetObject", f"{LOGS}/s3/log", OWN),
    "read lists another bucket": (READ, "s3:ListBucket", FOREIGN_BUCKET, {}),
    "read describes every stack at once": (READ, "cloudformation:DescribeStacks", ANY_STACK, {}),
    "read describes another stack": (READ, "cloudformation:DescribeStacks", FOREIGN_STACK, {}),
    "read creates a stack": (READ, "cloudformation:CreateStack", STACK, SUBMIT),
    "read opens a bucket": (READ, "s3:PutBucketPublicAccessBlock", BUCKET, {}),
    "read opens the account": (READ, "s3:PutAccountPublicAccessBlock", "*", {}),
    "read decrypts": (READ, "kms:Decrypt", PLACE.key_arn, THROUGH_S3),
    "read mints a key": (READ, "iam:CreateAccessKey", USER, {}),
    "read stops the trail": (READ, "cloudtrail:StopLogging", PLACE.trail, {}),
    "read narrows the trail": (READ, "cloudtrail:PutEventSelectors", PLACE.trail, {}),
    "read looks up what was recorded": (READ, "cloudtrail:LookupEvents", "*", {}),
    "read looks at a role": (READ, "iam:GetRolePolicy", DEPLOY_ROLE, {}),
    "read lists objects without their versions": (READ, "s3:ListBucket", BUCKET, {}),
    "read looks at the encryption key": (READ, "kms:DescribeKey", PLACE.key_arn, {}),
    "read lists keys": (READ, "iam:ListAccessKeys", USER, {}),
    # keys: keys of the portal's own users, nothing else
    "keys mints for another user": (KEYS, "iam:CreateAccessKey", FOREIGN_USER, {}),
    "keys mints for a user whose path only begins alike": (
        KEYS,
        "iam:CreateAccessKey",
        PLACE.iam("user/stackport-baseline/x"),
        {},
    ),
    "keys makes a password": (KEYS, "iam:CreateLoginProfile", USER, {}),
    "keys creates a user": (KEYS, "iam:CreateUser", USER, USERS_BOUNDARY),
    "keys takes a boundary off": (KEYS, "iam:DeleteUserPermissionsBoundary", USER, {}),
    "keys widens a user": (KEYS, "iam:PutUserPolicy", USER, {}),
    "keys attaches a policy": (KEYS, "iam:AttachUserPolicy", USER, {}),
    "keys creates a stack": (KEYS, "cloudformation:CreateStack", STACK, SUBMIT),
    "keys reads an object": (KEYS, "s3:GetObject", f"{BUCKET}/invoice.pdf", OWN),
    "keys passes a role": (KEYS, "iam:PassRole", PLACE.service_role, TO_CLOUDFORMATION),
    # service: what a template can make CloudFormation do
    "service creates a user without boundary": (SERVICE, "iam:CreateUser", USER, {}),
    "service creates a user with another boundary": (
        SERVICE,
        "iam:CreateUser",
        USER,
        {"iam:PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess"},
    ),
    "service creates a user in the roles' boundary": (SERVICE, "iam:CreateUser", USER, ROLES_BOUNDARY),
    "service creates a user outside its path": (SERVICE, "iam:CreateUser", FOREIGN_USER, USERS_BOUNDARY),
    "service creates a role without boundary": (SERVICE, "iam:CreateRole", ROLE, {}),
    "service creates a role outside its path": (SERVICE, "iam:CreateRole", PLACE.iam("role/x"), ROLES_BOUNDARY),
    "service takes a user's boundary off": (SERVICE, "iam:DeleteUserPermissionsBoundary", USER, {}),
    "service takes a role's boundary off": (SERVICE, "iam:DeleteRolePermissionsBoundary", ROLE, {}),
    "service mints a key": (SERVICE, "iam:CreateAccessKey", USER, {}),
    "service makes a password": (SERVICE, "iam:CreateLoginProfile", USER, {}),
    "service renames a user out of its path": (SERVICE, "iam:UpdateUser", USER, {}),
    "service changes who a role trusts": (SERVICE, "iam:UpdateAssumeRolePolicy", ROLE, {}),
    "service attaches a managed policy": (SERVICE, "iam:AttachUserPolicy", USER, USERS_BOUNDARY),
    "service writes a user's own policy": (SERVICE, "iam:PutUserPolicy", USER, USERS_BOUNDARY),
    "service rewrites the boundary": (SERVICE, "iam:CreatePolicyVersion", PLACE.boundary, {}),
    "service deletes the boundary": (SERVICE, "iam:DeletePolicy", PLACE.boundary, {}),
    "service widens the deploy role": (SERVICE, "iam:PutRolePolicy", DEPLOY_ROLE, ROLES_BOUNDARY),
    "service makes a group": (SERVICE, "iam:CreateGroup", GROUP, {}),
    "service gives a group its rights": (SERVICE, "iam:PutGroupPolicy", GROUP, {}),
    "service adds a user to a group": (SERVICE, "iam:AddUserToGroup", GROUP, {}),
    "service passes a role": (SERVICE, "iam:PassRole", ROLE, {"iam:PassedToService": "lambda.amazonaws.com"}),
    "service deletes the key": (SERVICE, "kms:ScheduleKeyDeletion", PLACE.key_arn, {}),
    "service rewrites the key's policy": (SERVICE, "kms:PutKeyPolicy", PLACE.key_arn, {}),
    "service decrypts objects": (SERVICE, "kms:Decrypt", PLACE.key_arn, THROUGH_S3),
    "service reads a secret": (SERVICE, "secretsmanager:GetSecretValue", "*", {}),
    "service reads a parameter": (SERVICE, "ssm:GetParameter", "*", {}),
    "service reads an object": (SERVICE, "s3:GetObject", f"{BUCKET}/invoice.pdf", OWN),
    "service deletes an object": (SERVICE, "s3:DeleteObject", f"{BUCKET}/invoice.pdf", OWN),
    "service deletes the log bucket": (SERVICE, "s3:DeleteBucket", LOGS, {}),
    "service opens the log bucket": (SERVICE, "s3:PutBucketPolicy", LOGS, {}),
    "service empties the log bucket": (SERVICE, "s3:PutLifecycleConfiguration", LOGS, {}),
    "service changes another bucket": (SERVICE, "s3:PutBucketPolicy", FOREIGN_BUCKET, {}),
    "service opens the account": (SERVICE, "s3:PutAccountPublicAccessBlock", "*", {}),
    "service stops the trail": (SERVICE, "cloudtrail:StopLogging", "*", {}),
    "service runs code": (SERVICE, "lambda:CreateFunction", "*", {}),
    "service subscribes to the topic": (SERVICE, "sns:Subscribe", PLACE.events_topic, {}),
    "service deletes the events topic": (SERVICE, "sns:DeleteTopic", PLACE.events_topic, {}),
    # boundaries: the most that what the portal makes may ever do
    "a user reads another account's bucket": (
        USER_MOST,
        "s3:GetObject",
        f"{FOREIGN_BUCKET}/x",
        {"aws:ResourceAccount": "999999999999", "aws:ViaAWSService": "false"},
    ),
    "a user reads the logs": (USER_MOST, "s3:GetObject", f"{LOGS}/s3/x", OWN),
    "a user deletes a version": (USER_MOST, "s3:DeleteObjectVersion", f"{BUCKET}/x", OWN),
    "a user bypasses a lock": (USER_MOST, "s3:BypassGovernanceRetention", f"{BUCKET}/x", OWN),
    "a user sets an access list": (USER_MOST, "s3:PutObjectAcl", f"{BUCKET}/x", OWN),
    "a user writes a bucket policy": (USER_MOST, "s3:PutBucketPolicy", BUCKET, OWN),
    "a user decrypts outside S3": (USER_MOST, "kms:Decrypt", PLACE.key_arn, OWN),
    "a user uses another key": (USER_MOST, "kms:Decrypt", OTHER_KEY, {**OWN, **THROUGH_S3}),
    "a user makes itself a key": (USER_MOST, "iam:CreateAccessKey", USER, OWN),
    "a user's session from GetSessionToken": (
        USER_MOST,
        "s3:GetObject",
        f"{BUCKET}/x",
        {**OWN, "aws:TokenIssueTime": "2026-11-23T10:00:00Z"},
    ),
    "a role writes a bucket policy": (ROLE_MOST, "s3:PutBucketPolicy", BUCKET, OWN),
    "a role becomes another": (ROLE_MOST, "sts:AssumeRole", ADMIN, OWN),
}

NEEDED: dict[str, Ask] = {
    "deploy creates a bucket's stack": (DEPLOY, "cloudformation:CreateStack", STACK, SUBMIT),
    "deploy makes a change set": (DEPLOY, "cloudformation:CreateChangeSet", STACK, SUBMIT),
    "deploy tests an account": (
        DEPLOY,
        "cloudformation:CreateStack",
        PROBE,
        {**SUBMIT, "cloudformation:ResourceTypes": list(RESOURCE_TYPES[Kind.PROBE])},
    ),
    **{
        f"deploy calls {name}": (DEPLOY, f"cloudformation:{name}", STACK, {})
        for name in (
            "ExecuteChangeSet",
            "DeleteChangeSet",
            "DescribeChangeSet",
            "UpdateTerminationProtection",
            "DeleteStack",
            "TagResource",
        )
    },
    "deploy deletes with the service role": (
        DEPLOY,
        "cloudformation:DeleteStack",
        STACK,
        {"cloudformation:RoleArn": PLACE.service_role},
    ),
    "deploy passes the service role": (DEPLOY, "iam:PassRole", PLACE.service_role, TO_CLOUDFORMATION),
    "deploy publishes": (DEPLOY, "sns:Publish", PLACE.events_topic, {}),
    "deploy encrypts what it publishes": (DEPLOY, "kms:GenerateDataKey", PLACE.key_arn, THROUGH_SNS),
    "read describes a stack": (READ, "cloudformation:DescribeStacks", STACK, {}),
    "read describes the baseline": (READ, "cloudformation:DescribeStacks", BASELINE, {}),
    "read gets the baseline's template": (READ, "cloudformation:GetTemplate", BASELINE, {}),
    "read lists stacks": (READ, "cloudformation:ListStacks", "*", {}),
    "read counts versions": (READ, "s3:ListBucketVersions", BUCKET, {}),
    **{
        f"read calls {name}": (READ, f"s3:{name}", BUCKET, {})
        for name in (
            "GetBucketPublicAccessBlock",
            "GetEncryptionConfiguration",
            "GetBucketVersioning",
            "GetBucketOwnershipControls",
            "GetLifecycleConfiguration",
            "GetBucketLogging",
            "GetBucketPolicy",
        )
    },
    "read checks the account's block": (READ, "s3:GetAccountPublicAccessBlock", "*", {}),
    "read checks the password policy": (READ, "iam:GetAccountPasswordPolicy", "*", {}),
    "read finds the trails": (READ, "cloudtrail:DescribeTrails", "*", {}),
    "read sees whether the trail logs": (READ, "cloudtrail:GetTrailStatus", PLACE.trail, {}),
    "read sees what the organisation's trail records": (
        READ,
        "cloudtrail:GetEventSelectors",
        "arn:aws:cloudtrail:us-east-1:444455556666:trail/organisation",
        {},
    ),
    "read checks a boundary": (READ, "iam:GetPolicyVersion", PLACE.boundary, {}),
    "keys mints": (KEYS, "iam:CreateAccessKey", USER, {}),
    "keys stops": (KEYS, "iam:UpdateAccessKey", USER, {}),
    "keys reads what a user may": (KEYS, "iam:ListGroupsForUser", USER, {}),
    **{
        f"service calls {name}": (SERVICE, f"s3:{name}", BUCKET, {})
        for name in (
            "CreateBucket",
            "DeleteBucket",
            "PutBucketPolicy",
            "DeleteBucketPolicy",
            "PutBucketPublicAccessBlock",
            "PutBucketOwnershipControls",
            "PutEncryptionConfiguration",
            "PutBucketVersioning",
            "PutLifecycleConfiguration",
            "PutBucketLogging",
            "PutBucketNotification",
            "PutBucketTagging",
            "ListBucket",
        )
    },
    "service makes a probe": (SERVICE, "sns:CreateTopic", PLACE.arn("sns", "portal-probe-selftest-abc123-Probe-X"), {}),
    "service creates a user in its boundary": (SERVICE, "iam:CreateUser", USER, USERS_BOUNDARY),
    "service creates a role in its boundary": (SERVICE, "iam:CreateRole", ROLE, ROLES_BOUNDARY),
    "service gives a role its rights": (SERVICE, "iam:PutRolePolicy", ROLE, ROLES_BOUNDARY),
    "a user delivers": (USER_MOST, "s3:PutObject", f"{BUCKET}/in/x", OWN),
    "a user encrypts through S3": (USER_MOST, "kms:GenerateDataKey", PLACE.key_arn, {**OWN, **THROUGH_S3}),
    "S3 decrypts for a user's session": (
        USER_MOST,
        "kms:Decrypt",
        PLACE.key_arn,
        {**THROUGH_S3, "aws:ViaAWSService": "true", "aws:TokenIssueTime": "2026-11-23T10:00:00Z"},
    ),
    "a role collects": (ROLE_MOST, "s3:GetObject", f"{BUCKET}/out/x", {"aws:ResourceAccount": "111122223333"}),
}


def judged_locally(policy: Policy, action: str, resource: str, context: Context) -> bool:
    """The judgement of the local AWS's front door."""
    asked = local_judge.Request(action, (resource,), context)
    texts = [body(policy)]
    return local_judge.allowed(texts, asked) and not local_judge.explicitly_denied(texts, asked)


Judge = Callable[[Policy, str, str, Context], bool]
both_judges = pytest.mark.parametrize("allowed", [plain_iam.allowed, judged_locally], ids=["plain", "localaws"])


@both_judges
@pytest.mark.parametrize("ask", REFUSED.values(), ids=REFUSED.keys())
def test_refused(ask: Ask, allowed: Judge) -> None:
    assert not allowed(*ask)


@both_judges
@pytest.mark.parametrize("ask", NEEDED.values(), ids=NEEDED.keys())
def test_needed(ask: Ask, allowed: Judge) -> None:
    assert allowed(*ask)


ROLE_POLICIES = {"deploy": DEPLOY, "read": READ, "keys": KEYS, "service": SERVICE}


@both_judges
@pytest.mark.parametrize("name", ROLE_POLICIES)
@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("s3:GetObject", f"{BUCKET}/x"),
        ("s3:DeleteObjectVersion", f"{BUCKET}/x"),
        ("secretsmanager:GetSecretValue", "*"),
        ("ssm:GetParameter", "*"),
        ("kms:ScheduleKeyDeletion", PLACE.key_arn),
        ("kms:PutKeyPolicy", PLACE.key_arn),
        ("iam:CreatePolicyVersion", PLACE.boundary),
        ("iam:PutRolePolicy", DEPLOY_ROLE),
        ("s3:PutBucketPolicy", LOGS),
        ("cloudtrail:StopLogging", "*"),
    ],
)
def test_what_is_never_allowed_stays_so_whatever_is_attached_later(
    name: str, action: str, resource: str, allowed: Judge
) -> None:
    careless = {"Effect": "Allow", "Action": ["*"], "Resource": ["*"]}
    widened: dict[str, Any] = {"Statement": [*ROLE_POLICIES[name]["Statement"], careless]}
    assert not allowed(widened, action, resource, SUBMIT)
    assert allowed(widened, "s3:ListAllMyBuckets", "*", {})  # the careless statement does count


@both_judges
@pytest.mark.parametrize("name", ["deploy", "read", "service"])
def test_only_the_keys_role_could_ever_mint(name: str, allowed: Judge) -> None:
    careless = {"Effect": "Allow", "Action": ["*"], "Resource": ["*"]}
    widened = {"Statement": [*ROLE_POLICIES[name]["Statement"], careless]}
    assert not allowed(widened, "iam:CreateAccessKey", USER, {})


def test_trusts_are_exact() -> None:
    portal, source = policies.trusts_portal("arn:aws:iam::100000000000:root", "abc")["Statement"]
    assert portal["Principal"] == source["Principal"] == {"AWS": "arn:aws:iam::100000000000:root"}
    assert (portal["Action"], portal["Condition"]) == ("sts:AssumeRole", {"StringEquals": {"sts:ExternalId": "abc"}})
    assert source["Action"] == "sts:SetSourceIdentity"
    (service,) = policies.trusts_cloudformation(PLACE)["Statement"]
    assert service["Principal"] == {"Service": "cloudformation.amazonaws.com"}
    assert service["Condition"] == {"StringEquals": {"aws:SourceAccount": "111122223333"}}


@pytest.mark.parametrize(
    ("policy", "limit"),
    [(SERVICE, 10_240), (DEPLOY, 10_240), (READ, 10_240), (KEYS, 10_240), (USER_MOST, 6_144), (ROLE_MOST, 6_144)],
)
def test_policies_keep_within_iams_limits_in_the_longest_region(policy: Policy, limit: int) -> None:
    longest = body(policy).replace("eu-west-1", "ap-southeast-1").replace("arn:aws:", "arn:aws-us-gov:")
    assert len(longest) <= limit
