"""How a bucket is protected, read back from S3 itself and compared with what was asked for, line by line.

Source: the Get* calls of S3's bucket configurations. A configuration that is not there is an error of its own.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws.errors import AWSError, BucketNotFound, aws_errors

PUBLIC_ACCESS_BLOCK = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}


@dataclass(frozen=True, slots=True)
class Protection:
    """What a bucket must show."""

    key_arn: str
    log_bucket: str
    log_prefix: str
    uploads_aborted_after_days: int
    versions_days: int  # old versions are kept so long
    expires_days: int | None  # files are deleted after so long; None: never
    denials: Sequence[Mapping[str, Any]]  # the statements of its policy


@dataclass(frozen=True, slots=True)
class PostureLine:
    """One protection: whether S3 shows it in force, and what it is in words."""

    name: str
    ok: bool
    words: str


def posture(client: Any, name: str, wanted: Protection) -> tuple[PostureLine, ...]:
    """Read a bucket's protection back, by an S3 client that may read its configuration. Raises AWSError."""
    return tuple(PostureLine(title, _holds(check, client, name, wanted), words) for title, words, check in _CHECKS)


Check = Callable[[Any, str, Protection], bool]


def _holds(check: Check, client: Any, name: str, wanted: Protection) -> bool:
    try:
        with aws_errors():
            return check(client, name, wanted)
    except BucketNotFound:
        raise
    except AWSError as error:
        # S3 answers "not configured" with an error of its own for each kind of configuration.
        if error.code.startswith("NoSuch") or error.code.endswith("NotFoundError"):
            return False
        raise


def _public_access(client: Any, name: str, _wanted: Protection) -> bool:
    found = client.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    return all(found.get(key) is True for key in PUBLIC_ACCESS_BLOCK)


def _encryption(client: Any, name: str, wanted: Protection) -> bool:
    rules = client.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    by_default = [rule["ApplyServerSideEncryptionByDefault"] for rule in rules]
    return [(rule["SSEAlgorithm"], rule.get("KMSMasterKeyID")) for rule in by_default] == [("aws:kms", wanted.key_arn)]


def _versioning(client: Any, name: str, _wanted: Protection) -> bool:
    return bool(client.get_bucket_versioning(Bucket=name).get("Status") == "Enabled")


def _ownership(client: Any, name: str, _wanted: Protection) -> bool:
    rules = client.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
    return bool(rules[0]["ObjectOwnership"] == "BucketOwnerEnforced")


def _lifecycle(client: Any, name: str, wanted: Protection) -> bool:
    rules = client.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    enabled = [rule for rule in rules if rule["Status"] == "Enabled"]
    aborted = [rule["AbortIncompleteMultipartUpload"] for rule in enabled if "AbortIncompleteMultipartUpload" in rule]
    old = [rule["NoncurrentVersionExpiration"] for rule in enabled if "NoncurrentVersionExpiration" in rule]
    expires = [rule["Expiration"]["Days"] for rule in enabled if "Days" in rule.get("Expiration", {})]
    return (
        [found["DaysAfterInitiation"] for found in aborted] == [wanted.uploads_aborted_after_days]
        and [found["NoncurrentDays"] for found in old] == [wanted.versions_days]
        and expires == ([] if wanted.expires_days is None else [wanted.expires_days])
    )


def _logging(client: Any, name: str, wanted: Protection) -> bool:
    found = client.get_bucket_logging(Bucket=name).get("LoggingEnabled", {})
    return (found.get("TargetBucket"), found.get("TargetPrefix")) == (wanted.log_bucket, wanted.log_prefix)


def _denials(client: Any, name: str, wanted: Protection) -> bool:
    """Every wanted statement stands word for word; S3 keeps a policy as it was put."""
    standing = json.loads(client.get_bucket_policy(Bucket=name)["Policy"])["Statement"]
    return all(statement in standing for statement in wanted.denials)


_CHECKS: tuple[tuple[str, str, Check], ...] = (
    ("Public access", "public access is blocked in all four ways", _public_access),
    ("Encryption", "objects are encrypted with the account's own key", _encryption),
    ("Versions", "overwritten and deleted objects can be brought back", _versioning),
    ("Ownership", "every object belongs to the account, access lists are off", _ownership),
    ("Life cycle", "unfinished uploads and old versions are cleared away when they are due", _lifecycle),
    ("Access log", "each access is logged to the account's log bucket", _logging),
    ("Policy", "unencrypted connections, old TLS and foreign keys are refused", _denials),
)

PROTECTION = tuple(words for _title, words, _check in _CHECKS)
"""What `posture` looks for, in words."""
