"""The template of one hardened bucket and its policy.

Every hardening property is explicit, also where it is AWS's default: drift detection compares only what is written.
"""

from typing import Any

from projects.stacks.protection import Protection
from projects.stacks.spec import BucketSpec
from projects.stacks.templates.context import RenderContext
from projects.stacks.templates.document import Template

RESOURCES = {"Bucket": "AWS::S3::Bucket", "BucketPolicy": "AWS::S3::BucketPolicy"}
SCHEMA = 1
PUBLIC_ACCESS_BLOCKED = {
    "BlockPublicAcls": True,
    "BlockPublicPolicy": True,
    "IgnorePublicAcls": True,
    "RestrictPublicBuckets": True,
}
OWNER_ENFORCED = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
UPLOADS_ABORTED_AFTER_DAYS = 7

_ENCRYPTION_HEADER = "s3:x-amz-server-side-encryption"
_KEY_HEADER = "s3:x-amz-server-side-encryption-aws-kms-key-id"


def render(spec: BucketSpec, context: RenderContext, mark: dict[str, Any], *, deleting: bool) -> Template:
    """Return a bucket's template; `mark` is what the portal keeps in the bucket's Metadata."""
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Stackport: one hardened bucket. Change it in the portal.",
        "Resources": {
            "Bucket": {
                "Type": RESOURCES["Bucket"],
                "DeletionPolicy": "Delete" if deleting else "RetainExceptOnCreate",
                "UpdateReplacePolicy": "Retain",
                "Metadata": {"Stackport": mark},
                "Properties": bucket_properties(spec, context),
            },
            "BucketPolicy": {
                "Type": RESOURCES["BucketPolicy"],
                # A bucket that outlives its stack keeps its protection.
                "DeletionPolicy": "RetainExceptOnCreate",
                "UpdateReplacePolicy": "Retain",
                "Properties": {"Bucket": {"Ref": "Bucket"}, "PolicyDocument": bucket_policy(context.key_arn)},
            },
        },
        "Outputs": {
            "BucketArn": {"Value": {"Fn::GetAtt": ["Bucket", "Arn"]}},
            "BucketName": {"Value": {"Ref": "Bucket"}},
        },
    }


def bucket_properties(spec: BucketSpec, context: RenderContext) -> dict[str, Any]:
    """Return the bucket's properties."""
    return {
        "BucketName": spec.name,
        "BucketNamespace": "account-regional",
        "PublicAccessBlockConfiguration": dict(PUBLIC_ACCESS_BLOCKED),
        "OwnershipControls": OWNER_ENFORCED,
        "BucketEncryption": {"ServerSideEncryptionConfiguration": [encryption_rule(context.key_arn)]},
        "VersioningConfiguration": {"Status": "Enabled"},
        "LifecycleConfiguration": {"Rules": lifecycle_rules(spec)},
        "LoggingConfiguration": {"DestinationBucketName": context.log_bucket, "LogFilePrefix": log_prefix(spec)},
        "NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
        "Tags": [{"Key": key, "Value": value} for key, value in [*sorted(spec.tags), ("stackport:managed", "bucket")]],
    }


def encryption_rule(key_arn: str) -> dict[str, Any]:
    """Return the default encryption: the account's key, with bucket keys, and no key of the client's."""
    return {
        "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key_arn},
        "BucketKeyEnabled": True,
        "BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]},
    }


def lifecycle_rules(spec: BucketSpec) -> list[dict[str, Any]]:
    """Return the two fixed rules, and the retention when there is one."""
    rules: list[dict[str, Any]] = [
        {
            "Id": "abort-unfinished-uploads",
            "Status": "Enabled",
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": UPLOADS_ABORTED_AFTER_DAYS},
        },
        {
            "Id": "expire-old-versions",
            "Status": "Enabled",
            "NoncurrentVersionExpiration": {"NoncurrentDays": spec.versions_days},
            "ExpiredObjectDeleteMarker": True,
        },
    ]
    if spec.retention.days is not None:
        rules.append({"Id": "retention", "Status": "Enabled", "ExpirationInDays": spec.retention.days})
    return rules


def bucket_policy(key_arn: str) -> dict[str, Any]:
    """Return the bucket's policy: general hardening only; rights live on the users' side (DESIGN P1)."""
    bucket = {"Fn::GetAtt": ["Bucket", "Arn"]}
    # AWS's own rule CT.S3.PR.8 knows the objects' ARN only as Fn::Join, not as Fn::Sub.
    objects = {"Fn::Join": ["", [{"Fn::GetAtt": ["Bucket", "Arn"]}, "/*"]]}
    return {"Version": "2012-10-17", "Statement": denials(key_arn, bucket, objects)}


def denials(key_arn: str, bucket: Any, objects: Any) -> list[dict[str, Any]]:
    """Return the statements of the policy; `bucket` and `objects` name the ARNs, written out or as intrinsics."""
    return [
        deny("DenyInsecureTransport", "s3:*", [bucket, objects], {"Bool": {"aws:SecureTransport": "false"}}),
        deny("DenyOldTls", "s3:*", [bucket, objects], {"NumericLessThan": {"s3:TlsVersion": "1.2"}}),
        # Everything is encrypted by default. Without the Null guard, a request without the header,
        # which is what ordinary clients and SFTP send, would be denied too.
        deny("DenyWrongEncryption", "s3:PutObject", [objects], unless(_ENCRYPTION_HEADER, "aws:kms")),
        deny("DenyWrongKey", "s3:PutObject", [objects], unless(_KEY_HEADER, key_arn)),
    ]


def protection(spec: BucketSpec, context: RenderContext) -> Protection:
    """Return what S3 must show of a bucket whose template is in force."""
    arn = f"arn:{context.partition}:s3:::{spec.name}"
    return Protection(
        key_arn=context.key_arn,
        log_bucket=context.log_bucket,
        log_prefix=log_prefix(spec),
        uploads_aborted_after_days=UPLOADS_ABORTED_AFTER_DAYS,
        versions_days=spec.versions_days,
        expires_days=spec.retention.days,
        denials=denials(context.key_arn, arn, f"{arn}/*"),
    )


def log_prefix(spec: BucketSpec) -> str:
    """Return where in the account's log bucket the bucket's accesses are logged."""
    return f"s3/{spec.name}/"


def deny(sid: str, action: str, resources: list[Any], condition: dict[str, Any]) -> dict[str, Any]:
    """Return a statement that refuses everybody."""
    return {
        "Sid": sid,
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": resources,
        "Condition": condition,
    }


def unless(header: str, value: str) -> dict[str, Any]:
    """Return the condition "the header is there and says something else"."""
    return {"StringNotEquals": {header: value}, "Null": {header: "false"}}
