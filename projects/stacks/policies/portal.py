"""What the portal's own roles may do in a project's account: read, deploy, and make keys (DESIGN P10, S2, S3)."""

from aws.accounts import ROLE_PATH
from projects.stacks.policies.place import PATH, Place
from projects.stacks.policies.statements import (
    Policy,
    actions,
    allow,
    deny,
    document,
    never,
    never_mints,
    publishes_events,
)
from projects.stacks.templates.rendering import RESOURCE_TYPES

STACK_TYPES = tuple(sorted(name for names in RESOURCE_TYPES.values() for name in names))

READ_BUCKET = (
    "GetBucketLogging GetBucketOwnershipControls GetBucketPolicy GetBucketPublicAccessBlock GetBucketVersioning "
    "GetEncryptionConfiguration GetLifecycleConfiguration ListBucketVersions"
)
READ_STACK = "DescribeStackEvents DescribeStacks GetTemplate"


def read_role(place: Place) -> Policy:
    """Return what the portal reads: stacks, and how buckets and the baseline are configured; never objects."""
    return document(
        # DescribeStacks without a name is slow on AWS, and needs more than these stacks: it is refused.
        allow("DescribeStacks", actions("cloudformation", READ_STACK), place.portal_stacks, place.baseline_stack),
        allow("ListStacks", ["cloudformation:ListStacks"], "*"),
        allow("InspectBuckets", actions("s3", READ_BUCKET), place.regional_buckets),
        allow(
            "InspectAccount",
            ["s3:GetAccountPublicAccessBlock", "iam:GetAccountPasswordPolicy", "cloudtrail:DescribeTrails"],
            "*",
        ),
        # The organisation's trail belongs to another account.
        allow("InspectTrails", actions("cloudtrail", "GetEventSelectors GetTrailStatus"), place.any_trail),
        allow("InspectBoundaries", actions("iam", "GetPolicy GetPolicyVersion"), place.iam(f"policy{ROLE_PATH}*")),
        *never(place),
        never_mints(),
    )


def deploy_role(place: Place) -> Policy:
    """Return what a worker may do: operate the portal's stacks, with the service role and known resource types only.

    What becomes of them it reads through the read role.
    """
    stacks = place.portal_stacks
    submits = actions("cloudformation", "CreateChangeSet CreateStack")
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
            actions(
                "cloudformation",
                "DeleteChangeSet DescribeChangeSet ExecuteChangeSet TagResource UntagResource UpdateTerminationProtection",
            ),
            stacks,
        ),
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
    return document(
        allow(
            "KeysOfPortalUsers",
            actions(
                "iam",
                "CreateAccessKey DeleteAccessKey GetAccessKeyLastUsed ListAccessKeys UpdateAccessKey GetUser "
                "GetUserPolicy ListAttachedUserPolicies ListGroupsForUser ListUserPolicies",
            ),
            place.iam(f"user{PATH}*"),
        ),
        allow("ReadBoundary", actions("iam", "GetPolicy GetPolicyVersion"), place.boundary),
        *never(place),
        deny("NeverStacks", ["cloudformation:*"], "*"),
    )
