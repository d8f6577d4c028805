"""The actions of S3's REST requests. Source: "Actions defined by Amazon S3" of the service authorization reference.

A part of a bucket or object that is not known here becomes an action that nobody grants by name.
"""

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse
from xml.etree import ElementTree as ET

Ask = tuple[str, tuple[str, ...]]
"""An action and the ARNs that it is about."""

_CONFIGURATIONS = {
    "accelerate": "AccelerateConfiguration",
    "acl": "BucketAcl",
    "analytics": "AnalyticsConfiguration",
    "cors": "BucketCORS",
    "encryption": "EncryptionConfiguration",
    "intelligent-tiering": "IntelligentTieringConfiguration",
    "inventory": "InventoryConfiguration",
    "lifecycle": "LifecycleConfiguration",
    "location": "BucketLocation",
    "logging": "BucketLogging",
    "metrics": "MetricsConfiguration",
    "notification": "BucketNotification",
    "object-lock": "BucketObjectLockConfiguration",
    "ownershipControls": "BucketOwnershipControls",
    "policy": "BucketPolicy",
    "policyStatus": "BucketPolicyStatus",
    "publicAccessBlock": "BucketPublicAccessBlock",
    "replication": "ReplicationConfiguration",
    "requestPayment": "BucketRequestPayment",
    "tagging": "BucketTagging",
    "versioning": "BucketVersioning",
    "website": "BucketWebsite",
}
_BUCKET_PARTS = {"versions": "ListBucketVersions", "uploads": "ListBucketMultipartUploads", "delete": "DeleteObject"}
_OBJECT_PARTS = {
    "acl": "Acl",
    "attributes": "Attributes",
    "legal-hold": "LegalHold",
    "retention": "Retention",
    "tagging": "Tagging",
    "torrent": "Torrent",
}
_VERSIONED = {"", "Acl", "Attributes", "Tagging", "Torrent"}
# Parameters that choose among results and leave the action as it is.
_PLAIN = {"continuation-token", "delimiter", "encoding-type", "fetch-owner", "id", "key-marker", "list-type", "marker"}
_PLAIN |= {"max-buckets", "max-keys", "max-parts", "max-uploads", "part-number-marker", "partNumber", "prefix"}
_PLAIN |= {"select-type", "start-after", "upload-id-marker", "version-id-marker", "versionId", "x-id"}
_PLAIN_PREFIXES = ("X-Amz-", "x-amz-", "response-")
_BYPASS = "HTTP_X_AMZ_BYPASS_GOVERNANCE_RETENTION"
# Headers that do a second thing along with the first.
_ALSO = {
    _BYPASS: "s3:BypassGovernanceRetention",
    "HTTP_X_AMZ_OBJECT_LOCK_LEGAL_HOLD": "s3:PutObjectLegalHold",
    "HTTP_X_AMZ_OBJECT_LOCK_MODE": "s3:PutObjectRetention",
    "HTTP_X_AMZ_TAGGING": "s3:PutObjectTagging",
}
_HEADERS = {
    "s3:x-amz-server-side-encryption": "HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION",
    "s3:x-amz-server-side-encryption-aws-kms-key-id": "HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION_AWS_KMS_KEY_ID",
    "s3:x-amz-acl": "HTTP_X_AMZ_ACL",
}
_PARAMETERS = ("prefix", "delimiter", "max-keys")


def parts(query: Collection[str]) -> set[str]:
    """Return the parts of a bucket or object that a request names, `?acl` or `?policy`; they decide the action."""
    return {name for name in query if name not in _PLAIN and not name.startswith(_PLAIN_PREFIXES)}


def action(method: str, bucket: str, key: str, query: Collection[str]) -> str:
    """Return the action of a request that names at most one part."""
    part = next(iter(parts(query)), "")
    if not bucket:
        return "s3:ListAllMyBuckets"
    if key:
        return _object_action(method, part, "Version" if "versionId" in query else "")
    if part in _CONFIGURATIONS:
        verb = "Get" if method in {"GET", "HEAD"} else "Put"
        return f"s3:{'Delete' if (method, part) == ('DELETE', 'policy') else verb}{_CONFIGURATIONS[part]}"
    if part:
        return f"s3:{_BUCKET_PARTS.get(part, f'Unknown-{part}')}"
    return {"PUT": "s3:CreateBucket", "DELETE": "s3:DeleteBucket", "POST": "s3:PutObject"}.get(method, "s3:ListBucket")


def _object_action(method: str, part: str, version: str) -> str:
    verb = {"GET": "Get", "HEAD": "Get", "DELETE": "Delete"}.get(method, "Put")
    if part == "uploadId" and verb != "Put":
        return "s3:ListMultipartUploadParts" if verb == "Get" else "s3:AbortMultipartUpload"
    if part in {"restore", "select"}:
        return "s3:RestoreObject" if part == "restore" else "s3:GetObject"
    if part and part not in {"uploads", "uploadId"} and part not in _OBJECT_PARTS:
        return f"s3:Unknown-{part}"
    about = _OBJECT_PARTS.get(part, "")
    # A version cannot be written, only its tags and its ACL can.
    counted = version if about in _VERSIONED and (about or verb != "Put") else ""
    return f"s3:{verb}Object{counted}{about}"


def control_action(method: str, path: str) -> str:
    """Return the action of a request to S3 Control."""
    if path.endswith("/configuration/publicAccessBlock"):
        return f"s3:{'Get' if method == 'GET' else 'Put'}AccountPublicAccessBlock"
    if path.startswith("/v20180820/tags/"):
        return "s3:" + {"GET": "ListTagsForResource", "DELETE": "UntagResource"}.get(method, "TagResource")
    return "s3:Unknown-control"


def asks(method: str, arn: str, own_action: str, environ: Mapping[str, Any]) -> list[Ask]:
    """Return what must be allowed: the request's own action, and what its headers bring along."""
    found: list[Ask] = [(own_action, (arn,))]
    if method in {"PUT", "POST", "DELETE"}:
        found += [(also, (arn,)) for header, also in _ALSO.items() if header in environ]
    if "HTTP_X_AMZ_COPY_SOURCE" in environ:
        # Read as moto reads it, so that what is judged is what is copied.
        source = urlparse(environ["HTTP_X_AMZ_COPY_SOURCE"])
        version = "Version" if "versionId" in parse_qs(source.query) else ""
        found.append((f"s3:GetObject{version}", (f"arn:aws:s3:::{unquote(source.path).lstrip('/')}",)))
    return found


def deletions(bucket_arn: str, body: bytes, environ: Mapping[str, Any]) -> list[Ask]:
    """Return what a DeleteObjects asks. AWS refuses key by key; here one refused key refuses the whole call."""
    try:
        objects = ET.fromstring(body).findall("{*}Object")  # noqa: S314 - expat limits what entities expand to
    except ET.ParseError:
        objects = []
    keys: dict[str, list[str]] = {}
    for found in objects:
        kind = "s3:DeleteObjectVersion" if found.findtext("{*}VersionId") else "s3:DeleteObject"
        keys.setdefault(kind, []).append(f"{bucket_arn}/{found.findtext('{*}Key')}")
    asked = [(kind, tuple(names)) for kind, names in keys.items()] or [("s3:DeleteObject", (bucket_arn,))]
    if _BYPASS in environ:
        asked.append((_ALSO[_BYPASS], tuple(name for _, names in asked for name in names)))
    return asked


def context(environ: Mapping[str, Any], query: Mapping[str, list[str]]) -> dict[str, str | list[str]]:
    """Return the condition keys of a request."""
    found: dict[str, str | list[str]] = {name: environ[key] for name, key in _HEADERS.items() if key in environ}
    return found | {f"s3:{name}": query[name][0] for name in _PARAMETERS if name in query}
