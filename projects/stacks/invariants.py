"""Hardening that no template of the portal may lack, checked before each submit.

cfn-lint and checkov miss most of these (`docs/security.md`). The table at the end holds one line per rule.
Source: AWS Foundational Security Best Practices, and CIS AWS Foundations, for S3 and IAM.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from projects.stacks.naming import name_ending
from projects.stacks.spec import VERSIONS_DAYS, resolves, unprintable
from projects.stacks.templates.bucket import (
    OWNER_ENFORCED,
    PUBLIC_ACCESS_BLOCKED,
    UPLOADS_ABORTED_AFTER_DAYS,
    bucket_policy,
)

Properties = Mapping[str, Any]

BOUNDARIES = {"AWS::IAM::User": "stackport-boundary", "AWS::IAM::Role": "stackport-role-boundary"}
RETAINED = frozenset({"AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::KMS::Key", "AWS::Logs::LogGroup"})
_FILTERS = frozenset({"Prefix", "TagFilters", "ObjectSizeGreaterThan", "ObjectSizeLessThan"})
_SECTIONS = frozenset({"AWSTemplateFormatVersion", "Description", "Resources", "Outputs"})


def check(template: Mapping[str, Any]) -> list[str]:
    """Return the hardening rules that a template of the portal breaks, in words; empty when it may be submitted."""
    return [words for words, holds in RULES if not _safely(holds, template)]


def _safely(holds: Callable[[Mapping[str, Any]], bool], template: Mapping[str, Any]) -> bool:
    """A rule whose subject is missing or of another shape is broken."""
    try:
        return holds(template)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return False


def _texts(value: Any) -> Iterator[str]:
    """Every string of a document, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


def _of_type(template: Mapping[str, Any], resource_type: str) -> dict[str, Mapping[str, Any]]:
    return {name: body for name, body in template["Resources"].items() if body["Type"] == resource_type}


def _each_bucket(holds: Callable[[Properties], bool]) -> Callable[[Mapping[str, Any]], bool]:
    """Make a rule about one bucket's properties a rule about a template."""

    def rule(template: Mapping[str, Any]) -> bool:
        return all(holds(bucket["Properties"]) for bucket in _of_type(template, "AWS::S3::Bucket").values())

    return rule


def _encryption(bucket: Properties) -> Mapping[str, Any]:
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    return dict(rule)


def _key_arn(bucket: Properties) -> str:
    key = _encryption(bucket)["ServerSideEncryptionByDefault"]["KMSMasterKeyID"]
    if not key.startswith("arn:") or ":kms:" not in key:
        raise ValueError(key)
    return str(key)


def _encrypted(bucket: Properties) -> bool:
    return bool(_key_arn(bucket)) and _encryption(bucket)["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"


def _bucket_key(bucket: Properties) -> bool:
    return _encryption(bucket)["BucketKeyEnabled"] is True


def _no_client_keys(bucket: Properties) -> bool:
    return bool(_encryption(bucket)["BlockedEncryptionTypes"]["EncryptionType"] == ["SSE-C"])


def _aborts_uploads(bucket: Properties) -> bool:
    wanted = {"DaysAfterInitiation": UPLOADS_ABORTED_AFTER_DAYS}
    return any(_for_all(rule) and rule.get("AbortIncompleteMultipartUpload") == wanted for rule in _rules(bucket))


def _expires_versions(bucket: Properties) -> bool:
    return any(
        _for_all(rule)
        and rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays") in VERSIONS_DAYS
        and rule.get("ExpiredObjectDeleteMarker") is True
        for rule in _rules(bucket)
    )


def _rules(bucket: Properties) -> list[dict[str, Any]]:
    return list(bucket["LifecycleConfiguration"]["Rules"])


def _for_all(rule: Mapping[str, Any]) -> bool:
    return rule["Status"] == "Enabled" and not _FILTERS & rule.keys()


def _regional_name(bucket: Properties) -> bool:
    _arn, _partition, _service, region, account_id, _key = _key_arn(bucket).split(":", 5)
    named = str(bucket["BucketName"]).endswith(name_ending(account_id, region))
    return named and bucket["BucketNamespace"] == "account-regional"


def _logs(bucket: Properties) -> bool:
    target = bucket["LoggingConfiguration"]["DestinationBucketName"]
    return isinstance(target, str) and bool(target) and target != bucket["BucketName"]


def _announces(bucket: Properties) -> bool:
    return bucket["NotificationConfiguration"]["EventBridgeConfiguration"]["EventBridgeEnabled"] is True


def _no_acl(bucket: Properties) -> bool:
    return "AccessControl" not in bucket and bucket["OwnershipControls"] == OWNER_ENFORCED


def _statement(sid: str) -> Callable[[Mapping[str, Any]], bool]:
    """Demand one deny statement of the bucket's policy, word for word as the portal writes it."""

    def rule(template: Mapping[str, Any]) -> bool:
        buckets = _of_type(template, "AWS::S3::Bucket")
        for name, bucket in buckets.items():
            (policy,) = [
                found["Properties"]["PolicyDocument"]
                for found in _of_type(template, "AWS::S3::BucketPolicy").values()
                if found["Properties"]["Bucket"] == {"Ref": name}
            ]
            wanted = bucket_policy(_key_arn(bucket["Properties"]))["Statement"]
            if next(statement for statement in wanted if statement["Sid"] == sid) not in policy["Statement"]:
                return False
        return True

    return rule


def _grants_nothing(template: Mapping[str, Any]) -> bool:
    policies = _of_type(template, "AWS::S3::BucketPolicy").values()
    return all(
        statement["Effect"] == "Deny"
        for policy in policies
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    )


def _retains(template: Mapping[str, Any]) -> bool:
    return all(_retained(body) for body in template["Resources"].values() if body["Type"] in RETAINED)


def _retained(resource: Mapping[str, Any]) -> bool:
    marked = resource.get("Metadata", {}).get("Stackport", {}).get("Deleting") is True
    deletion_policy = "Delete" if marked else "RetainExceptOnCreate"
    return resource.get("UpdateReplacePolicy") == "Retain" and resource.get("DeletionPolicy") == deletion_policy


def _bounded(template: Mapping[str, Any]) -> bool:
    return all(
        body["Properties"]["PermissionsBoundary"].endswith(f":policy/stackport-baseline/{boundary}")
        and body["Properties"]["Path"] == "/stackport/"
        for resource_type, boundary in BOUNDARIES.items()
        for body in _of_type(template, resource_type).values()
    )


def _literal(template: Mapping[str, Any]) -> bool:
    return not any(resolves(text) for text in _texts(template))


def _printable(template: Mapping[str, Any]) -> bool:
    return not any(unprintable(text) for text in _texts(template))


def _known_sections(template: Mapping[str, Any]) -> bool:
    return template.keys() <= _SECTIONS and bool(template["Resources"])


RULES: tuple[tuple[str, Callable[[Mapping[str, Any]], bool]], ...] = (
    ("No Parameters, Transform or other section beside Resources and Outputs.", _known_sections),
    ("No dynamic reference anywhere.", _literal),
    ("No control character anywhere.", _printable),
    ("The bucket's name is of the account-regional namespace.", _each_bucket(_regional_name)),
    (
        "All four public access blocks are on.",
        _each_bucket(lambda bucket: bucket["PublicAccessBlockConfiguration"] == PUBLIC_ACCESS_BLOCKED),
    ),
    ("The bucket owner owns all objects, and access lists are off.", _each_bucket(_no_acl)),
    ("Objects are encrypted with the account's own key by default.", _each_bucket(_encrypted)),
    ("The bucket key is on.", _each_bucket(_bucket_key)),
    ("Encryption with the client's keys is blocked.", _each_bucket(_no_client_keys)),
    ("Versioning is on.", _each_bucket(lambda bucket: bucket["VersioningConfiguration"] == {"Status": "Enabled"})),
    ("Unfinished uploads are removed.", _each_bucket(_aborts_uploads)),
    ("Old versions expire after one of the offered times.", _each_bucket(_expires_versions)),
    ("Access is logged to another bucket.", _each_bucket(_logs)),
    ("S3 tells EventBridge of new objects.", _each_bucket(_announces)),
    ("The policy denies unencrypted transport, to the bucket and its objects.", _statement("DenyInsecureTransport")),
    ("The policy denies TLS before 1.2.", _statement("DenyOldTls")),
    ("The policy denies a wrong encryption header, and only a wrong one.", _statement("DenyWrongEncryption")),
    ("The policy denies another encryption key, and only another one.", _statement("DenyWrongKey")),
    ("The bucket's policy grants nothing.", _grants_nothing),
    ("What holds data is retained.", _retains),
    ("Users and roles have their permissions boundary and path.", _bounded),
)
