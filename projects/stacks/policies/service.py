"""What CloudFormation may do on behalf of the portal's stacks (S2)."""

from projects.stacks.policies.place import PATH, Place
from projects.stacks.policies.statements import (
    Policy,
    Statement,
    actions,
    allow,
    deny,
    document,
    never,
    never_mints,
    publishes_events,
)

CONFIGURE_BUCKET = (
    "CreateBucket DeleteBucket DeleteBucketPolicy GetBucketAcl GetBucketLocation GetBucketLogging "
    "GetBucketNotification GetBucketOwnershipControls GetBucketPolicy GetBucketPublicAccessBlock GetBucketTagging "
    "GetBucketVersioning GetEncryptionConfiguration GetLifecycleConfiguration ListBucket ListTagsForResource "
    "PutBucketLogging PutBucketNotification PutBucketOwnershipControls PutBucketPolicy PutBucketPublicAccessBlock "
    "PutBucketTagging PutBucketVersioning PutEncryptionConfiguration PutLifecycleConfiguration TagResource UntagResource"
)


def service_role(place: Place) -> Policy:
    """Return what CloudFormation may do on behalf of the portal's stacks."""
    return document(
        allow("ConfigureBuckets", actions("s3", CONFIGURE_BUCKET), place.regional_buckets),
        allow(
            "Probe",
            actions(
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
            actions(
                "iam",
                "UpdateUser UpdateAssumeRolePolicy DeleteUserPermissionsBoundary DeleteRolePermissionsBoundary "
                "AttachUserPolicy AttachGroupPolicy AttachRolePolicy PutUserPolicy CreatePolicyVersion "
                "SetDefaultPolicyVersion PassRole "
                # No condition tells whom a group takes in: it could be a user without boundary.
                "AddUserToGroup CreateGroup PutGroupPolicy",
            ),
            "*",
        ),
        deny(
            "NeverUserWithoutBoundary",
            actions("iam", "CreateUser PutUserPermissionsBoundary"),
            "*",
            condition={"StringNotEquals": {"iam:PermissionsBoundary": place.boundary}},
        ),
        deny(
            "NeverRoleWithoutBoundary",
            actions("iam", "CreateRole PutRolePermissionsBoundary"),
            "*",
            condition={"StringNotEquals": {"iam:PermissionsBoundary": place.role_boundary}},
        ),
    )


def _service_iam(place: Place) -> list[Statement]:
    """Return the service role's rights in IAM: under the portal's path only, only with the exact boundary (S2).

    No stack needs them before there are users.
    """
    users, roles = (place.iam(f"{kind}{PATH}*") for kind in ("user", "role"))
    return [
        allow(
            "MakeUsersInTheirBoundary",
            actions("iam", "CreateUser PutUserPermissionsBoundary"),
            users,
            condition={"StringEquals": {"iam:PermissionsBoundary": place.boundary}},
        ),
        allow(
            "MakeRolesInTheirBoundary",
            actions("iam", "CreateRole PutRolePermissionsBoundary PutRolePolicy"),
            roles,
            condition={"StringEquals": {"iam:PermissionsBoundary": place.role_boundary}},
        ),
        allow(
            "KeepUsers",
            actions(
                "iam",
                "DeleteUser GetUser ListAccessKeys ListAttachedUserPolicies ListGroupsForUser ListUserPolicies "
                "ListUserTags TagUser UntagUser",
            ),
            users,
        ),
        allow(
            "KeepRoles",
            actions(
                "iam",
                "DeleteRole DeleteRolePolicy GetRole GetRolePolicy ListAttachedRolePolicies ListRolePolicies "
                "ListRoleTags TagRole UntagRole",
            ),
            roles,
        ),
    ]
