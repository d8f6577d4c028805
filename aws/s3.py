"""S3: what a bucket holds and how it is protected, read from S3 itself; never an object's content."""

from dataclasses import dataclass
from typing import Any

from aws import clients
from aws.errors import AlreadyExists, NotFound, aws_errors
from aws.protection import PUBLIC_ACCESS_BLOCK, Configuration, read, switches_on

COUNTED = 1000


@dataclass(frozen=True, slots=True)
class Contents:
    """What a bucket holds, counted up to a limit; `truncated` says that there is more."""

    objects: int
    versions: int  # old ones
    delete_markers: int
    truncated: bool


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

    def configuration(self, name: str) -> Configuration:
        """Read a bucket's protection back. Raises BucketNotFound."""
        return read(self._client, name)


def block_public_access(client: Any, account_id: str) -> None:
    """Switch the account's public access block on; there is no CloudFormation type for it. Client: s3control."""
    with aws_errors():
        client.put_public_access_block(AccountId=account_id, PublicAccessBlockConfiguration=PUBLIC_ACCESS_BLOCK)


def public_access_blocked(client: Any, account_id: str) -> frozenset[str]:
    """Return which switches of the account's public access block are on. Client: s3control."""
    try:
        with aws_errors():
            return switches_on(client.get_public_access_block(AccountId=account_id)["PublicAccessBlockConfiguration"])
    except NotFound:
        return frozenset()


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
