"""Statements and policies as plain dicts, and what every role of the portal is refused."""

from typing import Any

from aws.accounts import ROLE_PATH
from projects.stacks.policies.place import Place

Policy = dict[str, Any]
Statement = dict[str, Any]


def document(*statements: Statement) -> Policy:
    """Return a policy of these statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def actions(service: str, names: str) -> list[str]:
    """Return the actions of a service that are named, separated by spaces."""
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


def never(place: Place) -> list[Statement]:
    """Return what no role of the portal may do, whatever else is attached to it one day."""
    return [
        deny(
            "NeverTouchObjects",
            actions("s3", "GetObject* PutObject* DeleteObject* RestoreObject BypassGovernanceRetention"),
            "*",
        ),
        deny("NeverReadSecrets", ["secretsmanager:*", "ssm:*"], "*"),
        deny(
            "NeverChangeTheBaseline",
            actions("iam", "Attach* Create* Delete* Detach* Put* Set* Tag* Untag* Update*"),
            place.iam(f"role{ROLE_PATH}*"),
            place.iam(f"policy{ROLE_PATH}*"),
        ),
        deny(
            "NeverChangeKeys",
            actions(
                "kms",
                "CancelKeyDeletion CreateGrant DisableKey DisableKeyRotation PutKeyPolicy ScheduleKeyDeletion UpdateAlias "
                "DeleteAlias",
            ),
            "*",
        ),
        deny(
            "NeverChangeTheLogs",
            actions("s3", "DeleteBucket* PutBucket* PutEncryptionConfiguration PutLifecycleConfiguration"),
            place.bucket(place.log_bucket),
        ),
        deny("NeverStopTheTrail", actions("cloudtrail", "Delete* Put* Stop* Update*"), "*"),
    ]


def never_mints() -> Statement:
    """Return the refusal to make anything that signs in; only the keys role mints (S3)."""
    return deny(
        "NeverMint",
        actions(
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
