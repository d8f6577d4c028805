"""AWS::S3::Bucket and AWS::S3::BucketPolicy."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from botocore.exceptions import ClientError

from localaws.errors import ResourceFailed
from localaws.providers.base import Call, Provider, absent_is_fine, repeated_is_fine

Section = Callable[[Any, str, Any], None]


class Bucket(Provider):
    """A bucket; each property has a section of its own and only changed sections are written."""

    types: ClassVar = ("AWS::S3::Bucket",)

    def create(self, call: Call) -> dict[str, Any]:
        s3 = call.client("s3")
        name = call.name(_given_name(call), longest=63, lower=True)
        if not call.repeated:
            # us-east-1 answers 200 to a second CreateBucket of one's own bucket, so look first
            _must_be_free(s3, name)
            call.plan(name)
        if not call.physical_id:
            with repeated_is_fine(call, "BucketAlreadyOwnedByYou"):
                self._make(s3, call, name)
            call.made(name)
        self._write(s3, call, name)
        return _attributes(call, name)

    def update(self, call: Call) -> dict[str, Any]:
        self._write(call.client("s3"), call, call.physical_id)
        return _attributes(call, call.physical_id)

    def delete(self, call: Call) -> None:
        try:
            with absent_is_fine():
                call.client("s3").delete_bucket(Bucket=call.physical_id)
        except ClientError as error:
            if error.response["Error"]["Code"] == "BucketNotEmpty":
                raise ResourceFailed(
                    "The bucket you tried to delete is not empty. You must delete all versions in the bucket. "
                    "(Service: S3, Status Code: 409, Error Code: BucketNotEmpty)"
                ) from error
            raise

    def _make(self, s3: Any, call: Call, name: str) -> None:
        request: dict[str, Any] = {"Bucket": name}
        if call.scope.region != "us-east-1":
            request["CreateBucketConfiguration"] = {"LocationConstraint": call.scope.region}
        if call.properties.get("ObjectLockEnabled"):
            request["ObjectLockEnabledForBucket"] = True
        if call.properties.get("BucketNamespace"):
            request["BucketNamespace"] = call.properties["BucketNamespace"]
        try:
            s3.create_bucket(**request)
        except ClientError as error:
            if error.response["Error"]["Code"] == "BucketAlreadyExists":
                raise ResourceFailed(f"{name} already exists") from error
            raise

    def _write(self, s3: Any, call: Call, name: str) -> None:
        for section, write in SECTIONS.items():
            if call.changed(section):
                write(s3, name, call.properties.get(section))
        if call.tag_map() != call.tag_map(old=True):
            if call.tag_map():
                s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": call.tag_list()})
            else:
                s3.delete_bucket_tagging(Bucket=name)


class BucketPolicy(Provider):
    """The policy of one bucket; its physical id is the bucket's name, so another bucket replaces it."""

    types: ClassVar = ("AWS::S3::BucketPolicy",)

    def create(self, call: Call) -> dict[str, Any]:
        bucket = call.properties["Bucket"]
        s3 = call.client("s3")
        if not call.repeated:
            _must_have_no_policy(s3, bucket)
            call.plan(bucket)
        s3.put_bucket_policy(Bucket=bucket, Policy=_document(call))
        call.made(bucket)
        return {}

    def update(self, call: Call) -> dict[str, Any]:
        call.client("s3").put_bucket_policy(Bucket=call.physical_id, Policy=_document(call))
        return {}

    def delete(self, call: Call) -> None:
        with absent_is_fine():
            call.client("s3").delete_bucket_policy(Bucket=call.physical_id)


def _document(call: Call) -> str:
    policy = call.properties["PolicyDocument"]
    return policy if isinstance(policy, str) else json.dumps(policy)


def _must_have_no_policy(s3: Any, bucket: str) -> None:
    try:
        s3.get_bucket_policy(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucketPolicy":
            return
        raise
    raise ResourceFailed(f"The bucket policy already exists on bucket {bucket}.")


def _given_name(call: Call) -> str | None:
    if call.properties.get("BucketName"):
        return str(call.properties["BucketName"])
    if call.properties.get("BucketNamePrefix"):
        return f"{call.properties['BucketNamePrefix']}-{call.scope.account}-{call.scope.region}-an"
    return None


def _must_be_free(s3: Any, name: str) -> None:
    try:
        s3.head_bucket(Bucket=name)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return
        # 403: it is another account's
    raise ResourceFailed(f"{name} already exists")


def _attributes(call: Call, name: str) -> dict[str, Any]:
    region = call.scope.region
    return {
        "Arn": f"arn:aws:s3:::{name}",
        "DomainName": f"{name}.s3.amazonaws.com",
        "RegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
        "DualStackDomainName": f"{name}.s3.dualstack.{region}.amazonaws.com",
        "WebsiteURL": f"http://{name}.s3-website-{region}.amazonaws.com",
    }


def _versioning(s3: Any, name: str, value: Any) -> None:
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": (value or {}).get("Status", "Suspended")})


def _public_access_block(s3: Any, name: str, value: Any) -> None:
    if value is None:
        s3.delete_public_access_block(Bucket=name)
    else:
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=value)


def _ownership(s3: Any, name: str, value: Any) -> None:
    if value is None:
        s3.delete_bucket_ownership_controls(Bucket=name)
    else:
        s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=value)


def _encryption(s3: Any, name: str, value: Any) -> None:
    if value is None:
        s3.delete_bucket_encryption(Bucket=name)
        return
    # moto keeps no BlockedEncryptionTypes; it is sent all the same, so that a data plane that knows it stores it
    rules = [
        {
            **{key: item for key, item in rule.items() if key != "ServerSideEncryptionByDefault"},
            "ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"],
        }
        if "ServerSideEncryptionByDefault" in rule
        else rule
        for rule in value["ServerSideEncryptionConfiguration"]
    ]
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules})


def _logging(s3: Any, name: str, value: Any) -> None:
    status: dict[str, Any] = {}
    if value and "DestinationBucketName" in value:
        status["LoggingEnabled"] = {
            "TargetBucket": value["DestinationBucketName"],
            "TargetPrefix": value.get("LogFilePrefix", ""),
        }
        if "TargetObjectKeyFormat" in value:
            status["LoggingEnabled"]["TargetObjectKeyFormat"] = value["TargetObjectKeyFormat"]
    s3.put_bucket_logging(Bucket=name, BucketLoggingStatus=status)


def _notification(s3: Any, name: str, value: Any) -> None:
    configuration: dict[str, Any] = {}
    if value and (value.get("EventBridgeConfiguration") or {}).get(
        "EventBridgeEnabled", "EventBridgeConfiguration" in value
    ):
        configuration["EventBridgeConfiguration"] = {}
    for section, target, plural in (
        ("QueueConfigurations", "Queue", "QueueArn"),
        ("TopicConfigurations", "Topic", "TopicArn"),
    ):
        items = (value or {}).get(section) or []
        if items:
            configuration[section] = [{plural: item[target], "Events": [item["Event"]]} for item in items]
    s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration=configuration)


def _object_lock(s3: Any, name: str, value: Any) -> None:
    if value is not None:
        s3.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration=value)


def _lifecycle(s3: Any, name: str, value: Any) -> None:
    if value is None:
        s3.delete_bucket_lifecycle(Bucket=name)
        return
    s3.put_bucket_lifecycle_configuration(
        Bucket=name, LifecycleConfiguration={"Rules": [lifecycle_rule(rule) for rule in value["Rules"]]}
    )


def lifecycle_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return a template's rule as the S3 API names its parts."""
    made: dict[str, Any] = {"Status": rule["Status"], "Filter": _filter(rule)}
    if "Id" in rule:
        made["ID"] = rule["Id"]
    expiration = {
        api: rule[name]
        for name, api in (
            ("ExpirationInDays", "Days"),
            ("ExpirationDate", "Date"),
            ("ExpiredObjectDeleteMarker", "ExpiredObjectDeleteMarker"),
        )
        if name in rule
    }
    if expiration:
        made["Expiration"] = expiration
    noncurrent = rule.get("NoncurrentVersionExpiration")
    if noncurrent is None and "NoncurrentVersionExpirationInDays" in rule:
        noncurrent = {"NoncurrentDays": rule["NoncurrentVersionExpirationInDays"]}
    if noncurrent:
        made["NoncurrentVersionExpiration"] = noncurrent
    abort = rule.get("AbortIncompleteMultipartUpload")
    if abort:
        made["AbortIncompleteMultipartUpload"] = abort
    transitions = [*rule.get("Transitions", []), *([rule["Transition"]] if "Transition" in rule else [])]
    if transitions:
        made["Transitions"] = [_transition(item) for item in transitions]
    if "NoncurrentVersionTransitions" in rule:
        made["NoncurrentVersionTransitions"] = [
            {"NoncurrentDays": item["TransitionInDays"], "StorageClass": item["StorageClass"]}
            for item in rule["NoncurrentVersionTransitions"]
        ]
    return made


def _transition(item: Mapping[str, Any]) -> dict[str, Any]:
    when = {"Days": item["TransitionInDays"]} if "TransitionInDays" in item else {"Date": item["TransitionDate"]}
    return {**when, "StorageClass": item["StorageClass"]}


def _filter(rule: Mapping[str, Any]) -> dict[str, Any]:
    parts: list[tuple[str, Any]] = [("Tag", {"Key": t["Key"], "Value": t["Value"]}) for t in rule.get("TagFilters", [])]
    if "Prefix" in rule:
        parts.append(("Prefix", rule["Prefix"]))
    sizes = ("ObjectSizeGreaterThan", "ObjectSizeLessThan")
    parts += [(name, int(rule[name])) for name in sizes if name in rule]
    if len(parts) > 1:
        both: dict[str, Any] = {name: value for name, value in parts if name != "Tag"}
        tags = [value for name, value in parts if name == "Tag"]
        return {"And": {**both, **({"Tags": tags} if tags else {})}}
    return dict(parts) if parts else {"Prefix": ""}


SECTIONS: dict[str, Section] = {
    "OwnershipControls": _ownership,
    "PublicAccessBlockConfiguration": _public_access_block,
    "VersioningConfiguration": _versioning,
    "BucketEncryption": _encryption,
    "LifecycleConfiguration": _lifecycle,
    "LoggingConfiguration": _logging,
    "NotificationConfiguration": _notification,
    "ObjectLockConfiguration": _object_lock,
}
PROVIDERS = (Bucket, BucketPolicy)
