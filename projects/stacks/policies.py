"""The policies of a project's account: what CloudFormation, the portal's roles and later partners' users may do (S2).

Pure functions of a `Place`. The baseline template calls them with CloudFormation's pseudo parameters, the self-test
and the tests with literals, so what is tested is what is deployed.
"""

from dataclasses import dataclass
from typing import Any

from aws.accounts import BASELINE_STACK, EVENTS_TOPIC, SERVICE_ROLE
from aws.accounts import ROLE_PATH as BASELINE_PATH
from projects.stacks.templates.rendering import RESOURCE_TYPES

Policy = dict[str, Any]
Statement = dict[str, Any]

PATH = "/stackport/"  # what the portal makes; it can change nothing under the baseline's own path
BOUNDARY = "stackport-boundary"
ROLE_BOUNDARY = "stackport-role-boundary"

PROBE_TYPES = ("AWS::SNS::Topic",)
STACK_TYPES = tuple(sorted({*PROBE_TYPES, *(name for names in RESOURCE_TYPES.values() for name in names)}))

CONFIGURE_BUCKET = (
    "CreateBucket DeleteBucket DeleteBucketPolicy GetBucketAcl GetBucketLocation GetBucketLogging "
    "GetBucketNotification GetBucketOwnershipControls GetBucketPolicy GetBucketPublicAccessBlock GetBucketTagging "
    "GetBucketVersioning GetEncryptionConfiguration GetLifecycleConfiguration ListBucket ListTagsForResource "
    "PutBucketLogging PutBucketNotification PutBucketOwnershipControls PutBucketPolicy PutBucketPublicAccessBlock "
    "PutBucketTagging PutBucketVersioning PutEncryptionConfiguration PutLifecycleConfiguration TagResource UntagResource"
)
READ_BUCKET = (
    "GetBucketAcl GetBucketLocation GetBucketLogging GetBucketNotification GetBucketOwnershipControls GetBucketPolicy "
    "GetBucketPolicyStatus GetBucketPublicAccessBlock GetBucketTagging GetBucketVersioning GetEncryptionConfiguration "
    "GetLifecycleConfiguration ListBucket ListBucketVersions ListTagsForResource"
)
DESCRIBE_STACK = (
    "DescribeChangeSet DescribeEvents DescribeStackEvents DescribeStackResource DescribeStackResources DescribeStacks "
    "GetTemplate GetTemplateSummary ListChangeSets ListStackResources"
)


@dataclass(frozen=True, slots=True)
class Place:
    """An account and Region, and the ARNs in it that policies name."""

    account_id: str
    region: str
    key_arn: str
    log_bucket: str
    partition: str = "aws"

    def arn(self, service: str, resource: str, *, region: str | None = None) -> str:
        """Return an ARN in this account."""
        return (
            f"arn:{self.partition}:{service}:{self.region if region is None else region}:{self.account_id}:{resource}"
        )

    def iam(self, resource: str) -> str:
        """Return the ARN of an IAM resource."""
        return self.arn("iam", resource, region="")

    def bucket(self, name: str) -> str:
        """Return the ARN of a bucket, or of objects in it."""
        return f"arn:{self.partition}:s3:::{name}"

    @property
    def boundary(self) -> str:
        """The users' permissions boundary."""
        return self.iam(f"policy{BASELINE_PATH}{BOUNDARY}")

    @property
    def role_boundary(self) -> str:
        """The roles' permissions boundary."""
        return self.iam(f"policy{BASELINE_PATH}{ROLE_BOUNDARY}")

    @property
    def service_role(self) -> str:
        """The role that CloudFormation works with."""
        return self.iam(f"role{BASELINE_PATH}{SERVICE_ROLE}")

    @property
    def events_topic(self) -> str:
        """The topic that stacks tell their events."""
        return self.arn("sns", EVENTS_TOPIC)

    @property
    def portal_stacks(self) -> str:
        """The stacks that the portal may touch."""
        return self.arn("cloudformation", "stack/portal-*/*")

    @property
    def baseline_stack(self) -> str:
        """The stack that the portal may not touch."""
        return self.arn("cloudformation", f"stack/{BASELINE_STACK}/*")

    @property
    def regional_buckets(self) -> str:
        """Every bucket name of this account's regional namespace; the log bucket is among them."""
        return self.bucket(f"*-{self.account_id}-{self.region}-an")


def document(*statements: Statement) -> Policy:
    """Return a policy of these statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _actions(service: str, names: str) -> list[str]:
    return [f"{service}:{name}" for name in names.split()]


def _statement(
    effect: str, sid: str, actions: list[str], resources: list[str], condition: dict[str, Any] | None
) -> Statement:
    statement: Statement = {"Sid": sid, "Effect": effect, "Action": actions, "Resource": resources}
    return statement | ({"Condition": condition} if condition else {})


def allow(sid: str, actions: list[str], *resources: str, condition: dict[str, Any] | None = None) -> Statement:
    """Return a statement that allows."""
    return _statement("Allow", sid, actions, list(resources), condition)


def deny(sid: str, actions: list[str], *resources: str, condition: dict[str, Any] | None = None) -> Statement:
    """Return a statement that refuses."""
    return _statement("Deny", sid, actions, list(resources), condition)


def trusts_portal(portal_root: str, external_id: str) -> Policy:
    """Return the trust of a portal role: the portal's account, with this project's ExternalId (S6)."""
    portal = {"AWS": portal_root}
    return document(
        {
            "Sid": "PortalWithExternalId",
            "Effect": "Allow",
            "Principal": portal,
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
        },
        # The member's name for CloudTrail. It opens nothing without sts:AssumeRole.
        {"Sid": "NamesTheMember", "Effect": "Allow", "Principal": portal, "Action": "sts:SetSourceIdentity"},
    )


def trusts_cloudformation(place: Place) -> Policy:
    """Return the trust of the service role: CloudFormation, for stacks of this account only."""
    return document(
        {
            "Effect": "Allow",
            "Principal": {"Service": "cloudformation.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": place.account_id}},
        }
    )


def never(place: Place) -> list[Statement]:
    """Return what no role of the portal may do, whatever else is attached to it one day."""
    return [
        deny(
            "NeverTouchObjects",
            _actions("s3", "GetObject* PutObject* DeleteObject* RestoreObject BypassGovernanceRetention"),
            "*",
        ),
        deny("NeverReadSecrets", ["secretsmanager:*", "ssm:*"], "*"),
        deny(
            "NeverChangeTheBaseline",
            _actions("iam", "Attach* Create* Delete* Detach* Put* Set* Tag* Untag* Update*"),
            place.iam(f"role{BASELINE_PATH}*"),
            place.iam(f"policy{BASELINE_PATH}*"),
        ),
        deny(
            "NeverChangeKeys",
            _actions(
                "kms",
                "CancelKeyDeletion CreateGrant DisableKey DisableKeyRotation PutKeyPolicy ScheduleKeyDeletion UpdateAlias "
                "DeleteAlias",
            ),
            "*",
        ),
        deny(
            "NeverChangeTheLogs",
            _actions("s3", "DeleteBucket* PutBucket* PutEncryptionConfiguration PutLifecycleConfiguration"),
            place.bucket(place.log_bucket),
        ),
        deny("NeverStopTheTrail", _actions("cloudtrail", "Delete* Put* Stop* Update*"), "*"),
    ]


def never_mints() -> Statement:
    """Return the refusal to make anything that signs in; only the keys role mints (S3)."""
    return deny(
        "NeverMint",
        _actions(
            "iam",
            "CreateAccessKey UpdateAccessKey CreateLoginProfile UpdateLoginProfile CreateServiceSpecificCredential "
            "UploadSSHPublicKey UploadSigningCertificate",
        ),
        "*",
    )


def publishes_events(place: Place) -> list[Statement]:
    """Return the right to publish to the encrypted topic: AWS does not say as whom CloudFormation publishes."""
    return [
        allow("TellEvents", ["sns:Publish"], place.events_topic),
        allow(
            "EncryptEvents",
            ["kms:Decrypt", "kms:GenerateDataKey"],
            place.key_arn,
            condition={"StringEquals": {"kms:ViaService": f"sns.{place.region}.amazonaws.com"}},
        ),
    ]


def service_role(place: Place) -> Policy:
    """Return what CloudFormation may do on behalf of the portal's stacks."""
    return document(
        allow("ConfigureBuckets", _actions("s3", CONFIGURE_BUCKET), place.regional_buckets),
        allow(
            "Probe",
            _actions(
                "sns",
                "CreateTopic DeleteTopic GetTopicAttributes SetTopicAttributes ListSubscriptionsByTopic "
                "ListTagsForResource GetDataProtectionPolicy TagResource UntagResource",
            ),
            place.arn("sns", "portal-probe-*"),
        ),
        *_service_iam(place),
        *publishes_events(place),
        *never(place),
        never_mints(),
        deny(
            "NeverWidenIdentities",
            _actions(
                "iam",
                "UpdateUser UpdateAssumeRolePolicy DeleteUserPermissionsBoundary DeleteRolePermissionsBoundary "
                "AttachUserPolicy AttachGroupPolicy AttachRolePolicy PutUserPolicy CreatePolicyVersion "
                "SetDefaultPolicyVersion PassRole",
            ),
            "*",
        ),
        deny(
            "NeverUserWithoutBoundary",
            _actions("iam", "CreateUser PutUserPermissionsBoundary"),
            "*",
            condition={"StringNotEquals": {"iam:PermissionsBoundary": place.boundary}},
        ),
        deny(
            "NeverRoleWithoutBoundary",
            _actions("iam", "CreateRole PutRolePermissionsBoundary"),
            "*",
            condition={"StringNotEquals": {"iam:PermissionsBoundary": place.role_boundary}},
        ),
    )


def _service_iam(place: Place) -> list[Statement]:
    """Return the service role's rights in IAM: under the portal's path only, only with the exact boundary."""
    users, roles, groups = (place.iam(f"{kind}{PATH}*") for kind in ("user", "role", "group"))
    return [
        allow(
            "MakeUsersInTheirBoundary",
            _actions("iam", "CreateUser PutUserPermissionsBoundary"),
            users,
            condition={"StringEquals": {"iam:PermissionsBoundary": place.boundary}},
        ),
        allow(
            "MakeRolesInTheirBoundary",
            _actions("iam", "CreateRole PutRolePermissionsBoundary PutRolePolicy"),
            roles,
            condition={"StringEquals": {"iam:PermissionsBoundary": place.role_boundary}},
        ),
        allow(
            "KeepUsers",
            _actions(
                "iam",
                "AddUserToGroup DeleteUser GetUser ListAccessKeys ListAttachedUserPolicies ListGroupsForUser "
                "ListUserPolicies ListUserTags RemoveUserFromGroup TagUser UntagUser",
            ),
            users,
            groups,
        ),
        allow(
            "KeepGroups",
            _actions(
                "iam",
                "CreateGroup DeleteGroup DeleteGroupPolicy GetGroup GetGroupPolicy ListAttachedGroupPolicies "
                "ListGroupPolicies PutGroupPolicy",
            ),
            groups,
        ),
        allow(
            "KeepRoles",
            _actions(
                "iam",
                "DeleteRole DeleteRolePolicy GetRole GetRolePolicy ListAttachedRolePolicies ListRolePolicies "
                "ListRoleTags TagRole UntagRole",
            ),
            roles,
        ),
    ]


def read_role(place: Place) -> Policy:
    """Return what the portal reads: stacks, and how buckets and the baseline are configured; never objects."""
    return document(
        # DescribeStacks without a name is slow on AWS, and needs more than these stacks: it is refused.
        allow("DescribeStacks", _actions("cloudformation", DESCRIBE_STACK), place.portal_stacks, place.baseline_stack),
        allow("ListStacks", _actions("cloudformation", "DescribeAccountLimits ListStacks"), "*"),
        allow("InspectBuckets", _actions("s3", READ_BUCKET), place.regional_buckets),
        allow(
            "InspectAccount",
            ["s3:GetAccountPublicAccessBlock", "iam:GetAccountPasswordPolicy", "cloudtrail:DescribeTrails"],
            "*",
        ),
        allow(
            "InspectBaseline",
            _actions(
                "iam",
                "GetPolicy GetPolicyVersion GetRole GetRolePolicy ListAttachedRolePolicies ListPolicyVersions ListRolePolicies",
            ),
            place.iam(f"role{BASELINE_PATH}*"),
            place.iam(f"policy{BASELINE_PATH}*"),
        ),
        allow("InspectEvents", _actions("sns", "GetTopicAttributes ListSubscriptionsByTopic"), place.events_topic),
        allow("InspectKey", _actions("kms", "DescribeKey GetKeyRotationStatus"), place.key_arn),
        *never(place),
        never_mints(),
    )


def deploy_role(place: Place) -> Policy:
    """Return what a worker may do: operate the portal's stacks, with the service role and known resource types only."""
    stacks = place.portal_stacks
    submits = _actions("cloudformation", "CreateChangeSet CreateStack")
    types = {"cloudformation:ResourceTypes": list(STACK_TYPES)}
    exact_role = {"cloudformation:RoleArn": place.service_role}
    return document(
        allow(
            "Submit",
            submits,
            stacks,
            condition={
                "StringEquals": exact_role,
                "ForAllValues:StringEquals": types,
                # "For all values" holds of no value at all too.
                "Null": {"cloudformation:ResourceTypes": "false"},
            },
        ),
        # A stack keeps the role that it was made with when a call names none.
        allow("Delete", ["cloudformation:DeleteStack"], stacks, condition={"StringEqualsIfExists": exact_role}),
        allow(
            "Operate",
            _actions(
                "cloudformation",
                f"{DESCRIBE_STACK} DeleteChangeSet ExecuteChangeSet TagResource UntagResource UpdateTerminationProtection",
            ),
            stacks,
        ),
        allow("ListStacks", _actions("cloudformation", "DescribeAccountLimits ListStacks ValidateTemplate"), "*"),
        allow(
            "GiveCloudFormationItsRole",
            ["iam:PassRole"],
            place.service_role,
            condition={"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}},
        ),
        *publishes_events(place),
        *never(place),
        never_mints(),
        deny("NeverTheBaselineStack", ["cloudformation:*"], place.baseline_stack),
        deny("NeverAnotherRole", submits, "*", condition={"StringNotEquals": exact_role}),
        deny(
            "NeverAnotherType",
            submits,
            "*",
            condition={"ForAnyValue:StringNotEquals": types},
        ),
    )


def keys_role(place: Place) -> Policy:
    """Return what minting and stopping need: the keys of the portal's own users, and how those users are bounded."""
    users, groups = place.iam(f"user{PATH}*"), place.iam(f"group{PATH}*")
    return document(
        allow(
            "KeysOfPortalUsers",
            _actions(
                "iam",
                "CreateAccessKey DeleteAccessKey GetAccessKeyLastUsed ListAccessKeys UpdateAccessKey GetUser "
                "GetUserPolicy ListAttachedUserPolicies ListGroupsForUser ListUserPolicies",
            ),
            users,
        ),
        allow(
            "RightsOfPortalUsers",
            _actions("iam", "GetGroup GetGroupPolicy ListAttachedGroupPolicies ListGroupPolicies"),
            groups,
        ),
        allow("ReadBoundary", _actions("iam", "GetPolicy GetPolicyVersion"), place.boundary),
        *never(place),
        deny("NeverStacks", ["cloudformation:*"], "*"),
    )


def boundary(place: Place) -> Policy:
    """Return the most that a partner's user may ever do: objects of this account through S3, with long-lived keys."""
    return document(
        *_data_rights(place),
        # A session made with GetSessionToken would outlive a stopped key (S1).
        deny(
            "NoTemporaryCredentials",
            ["*"],
            "*",
            condition={"Null": {"aws:TokenIssueTime": "false"}, "Bool": {"aws:ViaAWSService": "false"}},
        ),
    )


def role_boundary(place: Place) -> Policy:
    """Return the most that a role made by the portal may ever do: objects of this account through S3."""
    return document(*_data_rights(place))


def _data_rights(place: Place) -> list[Statement]:
    own = {"StringEquals": {"aws:ResourceAccount": place.account_id}}
    through_s3 = {"StringEquals": {"kms:ViaService": f"s3.{place.region}.amazonaws.com"}}
    logs = place.bucket(place.log_bucket)
    return [
        allow(
            "Objects",
            _actions(
                "s3",
                "AbortMultipartUpload DeleteObject GetBucketLocation GetObject GetObjectVersion ListBucket "
                "ListBucketMultipartUploads ListMultipartUploadParts PutObject",
            ),
            place.bucket("*"),
            condition=own,
        ),
        allow("KeyThroughS3", _actions("kms", "Decrypt GenerateDataKey"), place.key_arn, condition=through_s3),
        deny("NeverLogs", ["s3:*"], logs, f"{logs}/*"),
    ]
