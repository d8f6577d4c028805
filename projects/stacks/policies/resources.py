"""The policies of what the baseline shares: key, log bucket, topic."""

from typing import Any

from projects.stacks.policies.place import Place
from projects.stacks.policies.statements import Policy, Statement, deny, document

_EVERYBODY = {"AWS": "*"}
_INSECURE = {"Bool": {"aws:SecureTransport": "false"}}


def data_key(place: Place) -> Policy:
    """Return the key's policy: IAM decides, and the trail and stack events may be encrypted with it."""
    trail = {"Service": "cloudtrail.amazonaws.com"}
    from_trail = {"aws:SourceArn": place.trail}
    trails = {"kms:EncryptionContext:aws:cloudtrail:arn": place.arn("cloudtrail", "trail/*", region="*")}
    account = {"AWS": place.iam("root")}
    return document(
        {"Sid": "AccountDecidesByIam", "Effect": "Allow", "Principal": account, "Action": "kms:*", "Resource": "*"},
        _granted(
            "TrailEncrypts", trail, "kms:GenerateDataKey*", "*", {"StringEquals": from_trail, "StringLike": trails}
        ),
        _granted("TrailLooks", trail, "kms:DescribeKey", "*", {"StringEquals": from_trail}),
        _granted(
            "StacksEncryptEvents",
            {"Service": "cloudformation.amazonaws.com"},
            ["kms:Decrypt", "kms:GenerateDataKey*"],
            "*",
            {"StringEquals": {"aws:SourceAccount": place.account_id}},
        ),
    )


def log_bucket(place: Place) -> Policy:
    """Return the log bucket's policy: S3's access logs and the trail may arrive, over TLS 1.2."""
    bucket = place.bucket(place.log_bucket)
    trail = {"Service": "cloudtrail.amazonaws.com"}
    from_trail = {"StringEquals": {"aws:SourceArn": place.trail}}
    return document(
        _granted(
            "AccessLogs",
            {"Service": "logging.s3.amazonaws.com"},
            "s3:PutObject",
            f"{bucket}/*",
            {"StringEquals": {"aws:SourceAccount": place.account_id}},
        ),
        _granted("TrailLooks", trail, "s3:GetBucketAcl", bucket, from_trail),
        _granted("TrailWrites", trail, "s3:PutObject", f"{bucket}/AWSLogs/{place.account_id}/*", from_trail),
        _refused(deny("DenyInsecureTransport", ["s3:*"], bucket, f"{bucket}/*", condition=_INSECURE)),
        _refused(
            deny("DenyOldTls", ["s3:*"], bucket, f"{bucket}/*", condition={"NumericLessThan": {"s3:TlsVersion": "1.2"}})
        ),
    )


def events_topic(place: Place) -> Policy:
    """Return the policy of the events topic: CloudFormation of this account publishes, encrypted on the way."""
    return document(
        _granted(
            "StacksTellEvents",
            {"Service": "cloudformation.amazonaws.com"},
            "sns:Publish",
            place.events_topic,
            {"StringEquals": {"aws:SourceAccount": place.account_id}},
        ),
        _refused(
            deny("DenyInsecureTransport", ["sns:Publish"], place.events_topic, condition=_INSECURE),
        ),
    )


def _granted(
    sid: str, principal: dict[str, str], action: str | list[str], resource: str, condition: dict[str, Any]
) -> Statement:
    """Return a statement that lets a service in."""
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": principal,
        "Action": action,
        "Resource": resource,
        "Condition": condition,
    }


def _refused(statement: Statement) -> Statement:
    """Make a refusal one for everybody."""
    return statement | {"Principal": _EVERYBODY}
