"""How a bucket is protected, as S3 itself says. Source: the Get* calls of S3's bucket configurations.

A configuration that is not there is an error of its own in S3's API, and empty here.
"""

import json
from collections.abc import Callable, Mapping
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
class LifeCycle:
    """The rules in force together: after how many days each of them clears what."""

    uploads_aborted_after_days: tuple[int, ...] = ()
    versions_days: tuple[int, ...] = ()
    expires_days: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Configuration:
    """A bucket's configuration; what is not set is empty."""

    public_access_blocked: frozenset[str]  # the switches of PUBLIC_ACCESS_BLOCK that are on
    encryption: tuple[tuple[str, str], ...]  # algorithm and key of each default
    versioning: str
    ownership: tuple[str, ...]
    life_cycle: LifeCycle
    log_target: tuple[str, str]  # bucket and prefix
    statements: tuple[Mapping[str, Any], ...]  # of its policy, as it was put


def switches_on(block: Mapping[str, Any]) -> frozenset[str]:
    """Return which switches of a public access block, a bucket's or an account's, are on."""
    return frozenset(key for key, on in block.items() if on is True)


def read(client: Any, name: str) -> Configuration:
    """Read a bucket's protection, by an S3 client that may read its configuration. Raises AWSError, BucketNotFound."""

    def asked(operation: str) -> Mapping[str, Any]:
        return _configured(lambda: getattr(client, operation)(Bucket=name))

    block = asked("get_public_access_block").get("PublicAccessBlockConfiguration", {})
    encryption = asked("get_bucket_encryption").get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
    ownership = asked("get_bucket_ownership_controls").get("OwnershipControls", {}).get("Rules", [])
    target = asked("get_bucket_logging").get("LoggingEnabled", {})
    return Configuration(
        public_access_blocked=switches_on(block),
        encryption=tuple(_default(rule["ApplyServerSideEncryptionByDefault"]) for rule in encryption),
        versioning=asked("get_bucket_versioning").get("Status", ""),
        ownership=tuple(rule["ObjectOwnership"] for rule in ownership),
        life_cycle=_life_cycle(asked("get_bucket_lifecycle_configuration").get("Rules", [])),
        log_target=(target.get("TargetBucket", ""), target.get("TargetPrefix", "")),
        statements=tuple(json.loads(asked("get_bucket_policy").get("Policy", "{}")).get("Statement", ())),
    )


def _configured(call: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    try:
        with aws_errors():
            return call()
    except BucketNotFound:
        raise
    except AWSError as error:
        # S3 answers "not configured" with an error of its own for each kind of configuration.
        if error.code.startswith("NoSuch") or error.code.endswith("NotFoundError"):
            return {}
        raise


def _default(rule: Mapping[str, Any]) -> tuple[str, str]:
    return rule["SSEAlgorithm"], rule.get("KMSMasterKeyID", "")


def _life_cycle(rules: list[Mapping[str, Any]]) -> LifeCycle:
    enabled = [rule for rule in rules if rule["Status"] == "Enabled"]

    def days(part: str, name: str) -> tuple[int, ...]:
        return tuple(rule[part][name] for rule in enabled if name in rule.get(part, {}))

    return LifeCycle(
        uploads_aborted_after_days=days("AbortIncompleteMultipartUpload", "DaysAfterInitiation"),
        versions_days=days("NoncurrentVersionExpiration", "NoncurrentDays"),
        expires_days=days("Expiration", "Days"),
    )
