"""S3: what a bucket holds and how it is protected, read from S3 itself; never an object's content."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aws import clients
from aws.errors import AlreadyExists, AWSError, BucketNotFound, NotFound, aws_errors

COUNTED = 1000
PUBLIC_ACCESS_BLOCK = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}


@dataclass(frozen=True, slots=True)
class Contents:
    """What a bucket holds, counted up to a limit; `truncated` says that there is more."""

    objects: int
    versions: int  # old ones
    delete_markers: int
    truncated: bool


@dataclass(frozen=True, slots=True)
class PostureLine:
    """One protection: whether S3 shows it in force, and what it is in words."""

    name: str
    ok: bool
    words: str


@dataclass(frozen=True, slots=True)
class Posture:
    """How a bucket is protected, line by line."""

    lines: tuple[PostureLine, ...]

    @property
    def ok(self) -> bool:
        """Whether every protection is in force."""
        return all(line.ok for line in self.lines)


class Buckets:
    """The buckets of one account, as one role may read them. Every method raises AWSError."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def contents(self, name: str, *, limit: int = COUNTED) -> Contents:
        """Count objects, old versions and delete markers, up to `limit`. Raises BucketNotFound."""
        with aws_errors():
            page = self._client.list_object_versions(Bucket=name, MaxKeys=limit)
        versions = page.get("Versions", [])
        current = sum(1 for version in versions if version.get("IsLatest"))
        return Contents(
            current, len(versions) - current, len(page.get("DeleteMarkers", [])), bool(page.get("IsTruncated"))
        )

    def posture(self, name: str) -> Posture:
        """Read a bucket's protection back. Raises BucketNotFound."""
        return Posture(tuple(PostureLine(title, self._holds(check, name), words) for title, words, check in _POSTURE))

    def _holds(self, check: Callable[[Any, str], bool], name: str) -> bool:
        try:
            with aws_errors():
                return check(self._client, name)
        except BucketNotFound:
            raise
        except AWSError as error:
            # S3 answers "not configured" with an error of its own for each kind of configuration.
            if error.code.startswith("NoSuch") or error.code.endswith("NotFoundError"):
                return False
            raise


def _public_access(client: Any, name: str) -> bool:
    found = client.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    return all(found.get(key) is True for key in PUBLIC_ACCESS_BLOCK)


def _encryption(client: Any, name: str) -> bool:
    rules = client.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    return any(rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms" for rule in rules)


def _versioning(client: Any, name: str) -> bool:
    return bool(client.get_bucket_versioning(Bucket=name).get("Status") == "Enabled")


def _ownership(client: Any, name: str) -> bool:
    rules = client.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
    return bool(rules[0]["ObjectOwnership"] == "BucketOwnerEnforced")


def _lifecycle(client: Any, name: str) -> bool:
    rules = client.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    enabled = [rule for rule in rules if rule["Status"] == "Enabled"]
    return any("AbortIncompleteMultipartUpload" in rule for rule in enabled) and any(
        "NoncurrentVersionExpiration" in rule for rule in enabled
    )


def _logging(client: Any, name: str) -> bool:
    return bool(client.get_bucket_logging(Bucket=name).get("LoggingEnabled", {}).get("TargetBucket"))


def _secure_transport(client: Any, name: str) -> bool:
    return "aws:SecureTransport" in client.get_bucket_policy(Bucket=name)["Policy"]


_POSTURE: tuple[tuple[str, str, Callable[[Any, str], bool]], ...] = (
    ("Public access", "public access is blocked in all four ways", _public_access),
    ("Encryption", "objects are encrypted with the account's own key", _encryption),
    ("Versions", "overwritten and deleted objects can be brought back", _versioning),
    ("Ownership", "every object belongs to the account, access lists are off", _ownership),
    ("Life cycle", "unfinished uploads and old versions are cleared away", _lifecycle),
    ("Access log", "each access is logged to the account's log bucket", _logging),
    ("Transport", "unencrypted connections are refused", _secure_transport),
)


PROTECTION = tuple(words for _title, words, _check in _POSTURE)
"""What `Buckets.posture` looks for, in words."""


def block_public_access(client: Any, account_id: str) -> None:
    """Switch the account's public access block on; there is no CloudFormation type for it. Client: s3control."""
    with aws_errors():
        client.put_public_access_block(AccountId=account_id, PublicAccessBlockConfiguration=PUBLIC_ACCESS_BLOCK)


def public_access_is_blocked(client: Any, account_id: str) -> bool:
    """Tell whether the account's public access block is fully on. Client: s3control."""
    try:
        with aws_errors():
            found = client.get_public_access_block(AccountId=account_id)["PublicAccessBlockConfiguration"]
    except NotFound:
        return False
    return all(found.get(key) is True for key in PUBLIC_ACCESS_BLOCK)


def ensure_private_bucket(name: str, client: Any = None) -> None:
    """Make a private bucket in a client's account, by default the portal's own, or find it; public access is blocked."""
    client = client or clients.home("s3")
    region = client.meta.region_name
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        with aws_errors():
            client.create_bucket(Bucket=name, **where)
    except AlreadyExists as error:
        if error.code != "BucketAlreadyOwnedByYou":
            raise
    with aws_errors():
        client.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=PUBLIC_ACCESS_BLOCK)
