"""Permissions boundaries: the most that users and roles made by the portal may ever do (S1, S8)."""

from projects.stacks.policies.place import Place
from projects.stacks.policies.statements import Policy, Statement, actions, allow, deny, document


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
            actions(
                "s3",
                "AbortMultipartUpload DeleteObject GetBucketLocation GetObject GetObjectVersion ListBucket "
                "ListBucketMultipartUploads ListMultipartUploadParts PutObject",
            ),
            place.bucket("*"),
            condition=own,
        ),
        allow("KeyThroughS3", actions("kms", "Decrypt GenerateDataKey"), place.key_arn, condition=through_s3),
        deny("NeverLogs", ["s3:*"], logs, f"{logs}/*"),
    ]
