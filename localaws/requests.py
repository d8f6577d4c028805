"""Which service, action and resources is a request? Read from what boto3 sends, for the policies to judge.

Three protocols: Query (`Action` in a form), JSON (`X-Amz-Target`), and S3's REST. A resource that is not read here is
"*", which an Allow of a narrower resource does not match: the evaluator errs closed.
"""

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote

_CREDENTIAL = re.compile(
    r"Credential=(?P<key>[A-Z0-9]+)/(?P<date>\d{8})/(?P<region>[a-z0-9-]+)/(?P<service>[a-z0-9-]+)/aws4_request"
)
_SIGNED = re.compile(r"SignedHeaders=(?P<names>[a-z0-9;-]+)")
_SIGNATURE = re.compile(r"Signature=(?P<signature>[0-9a-f]{64})")


@dataclass
class Incoming:
    """One request, its body read once and left readable for those behind."""

    environ: dict[str, Any]
    body: bytes = b""
    access_key_id: str = ""
    region: str = "us-east-1"
    service: str = ""
    date: str = ""
    presigned: bool = False
    query: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, environ: dict[str, Any]) -> "Incoming":
        """Read a request's signature scope and body."""
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length) if length else b""
        environ["wsgi.input"] = io.BytesIO(body)
        query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
        found = cls(environ, body, query=query)
        scope = environ.get("HTTP_AUTHORIZATION", "")
        if "X-Amz-Credential" in query:
            scope, found.presigned = "Credential=" + query["X-Amz-Credential"][0], True
        match = _CREDENTIAL.search(scope)
        if match:
            found.access_key_id, found.region = match["key"], match["region"]
            found.service, found.date = match["service"], match["date"]
        return found

    @property
    def token(self) -> str | None:
        """The session token that came along."""
        return self.environ.get("HTTP_X_AMZ_SECURITY_TOKEN") or (self.query.get("X-Amz-Security-Token") or [None])[0]

    @property
    def signed_headers(self) -> list[str]:
        """The names of the headers that the signature covers."""
        if self.presigned:
            return self.query["X-Amz-SignedHeaders"][0].split(";")
        match = _SIGNED.search(self.environ.get("HTTP_AUTHORIZATION", ""))
        return match["names"].split(";") if match else []

    @property
    def signature(self) -> str:
        """The signature as sent."""
        if self.presigned:
            return self.query.get("X-Amz-Signature", [""])[0]
        match = _SIGNATURE.search(self.environ.get("HTTP_AUTHORIZATION", ""))
        return match["signature"] if match else ""

    @property
    def is_s3(self) -> bool:
        """Whether it speaks S3's REST; s3control has paths of its own."""
        return self.service == "s3" and not self.path.startswith("/v20180820/")

    @property
    def path(self) -> str:
        """The path, unquoted."""
        return str(self.environ.get("PATH_INFO", "/")).encode("latin-1").decode("utf-8", "replace")

    @cached_property
    def form(self) -> dict[str, str]:
        """The fields of a Query request."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    @cached_property
    def document(self) -> dict[str, Any]:
        """The body of a JSON request."""
        try:
            found = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def operation(self) -> str:
        """The call's name; empty for REST."""
        target = self.environ.get("HTTP_X_AMZ_TARGET", "")
        return target.rpartition(".")[2] if target else self.form.get("Action", "")

    @property
    def bucket(self) -> str:
        """The bucket of an S3 request, path style."""
        return self.path.lstrip("/").split("/", 1)[0] if self.is_s3 else ""

    @property
    def object_key(self) -> str:
        """The object of an S3 request."""
        return self.path.lstrip("/").partition("/")[2] if self.is_s3 else ""

    def action(self) -> str:
        """Return the action that policies name."""
        if self.is_s3:
            return s3_action(self.environ["REQUEST_METHOD"], self.object_key, self.query)
        if self.service == "s3":
            return ("s3:Put" if self.environ["REQUEST_METHOD"] == "PUT" else "s3:Get") + "AccountPublicAccessBlock"
        return f"{_PREFIXES.get(self.service, self.service)}:{self.operation}"

    def resources(self, account_id: str) -> tuple[str, ...]:
        """Return the ARNs that the call is about."""
        if self.is_s3:
            bucket = f"arn:aws:s3:::{self.bucket}" if self.bucket else "*"
            return (f"{bucket}/{self.object_key}",) if self.object_key else (bucket,)
        reader = _RESOURCES.get(self.service)
        found = reader(self, account_id) if reader else None
        return (found,) if found else ("*",)

    def context(self, account_id: str) -> dict[str, str | list[str]]:
        """Return the condition keys that policies may ask for. Loopback http counts as secure: nobody else is on it."""
        found: dict[str, str | list[str]] = {
            "aws:SecureTransport": "true",
            "s3:TlsVersion": "1.3",
            "aws:RequestedRegion": self.region,
            "aws:SourceIp": "127.0.0.1",
            "aws:ResourceAccount": account_id,
            "aws:ViaAWSService": "false",
        }
        if self.is_s3:
            found |= {
                f"s3:{name}": self.environ[header] for name, header in _S3_HEADERS.items() if header in self.environ
            }
            if "prefix" in self.query:
                found["s3:prefix"] = self.query["prefix"][0]
            return found
        if self.service == "cloudformation":
            if self.form.get("RoleARN"):
                found["cloudformation:RoleArn"] = self.form["RoleARN"]
            types = [value for name, value in self.form.items() if name.startswith("ResourceTypes.member.")]
            if types:
                found["cloudformation:ResourceTypes"] = types
        if self.service == "iam":
            for name, key in (("PermissionsBoundary", "iam:PermissionsBoundary"), ("PolicyArn", "iam:PolicyARN")):
                if self.form.get(name):
                    found[key] = self.form[name]
        return found

    def passed_role(self) -> str | None:
        """Return the role that the call hands to CloudFormation; iam:PassRole is asked for it too."""
        return self.form.get("RoleARN") if self.service == "cloudformation" else None


_PREFIXES = {"tagging": "tag", "monitoring": "cloudwatch"}
_S3_HEADERS = {
    "x-amz-server-side-encryption": "HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION",
    "x-amz-server-side-encryption-aws-kms-key-id": "HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION_AWS_KMS_KEY_ID",
    "x-amz-acl": "HTTP_X_AMZ_ACL",
}
_S3_CONFIGURATIONS = {
    "accelerate": "AccelerateConfiguration",
    "acl": "BucketAcl",
    "encryption": "EncryptionConfiguration",
    "lifecycle": "LifecycleConfiguration",
    "location": "BucketLocation",
    "logging": "BucketLogging",
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


def s3_action(method: str, key: str, query: Mapping[str, Any]) -> str:
    """Return the action of an S3 request. Source: "Actions defined by Amazon S3" of the service reference."""
    if key:
        return _object_action(method, query)
    for name, configuration in _S3_CONFIGURATIONS.items():
        if name in query:
            if method == "DELETE":
                return "s3:DeleteBucketPolicy" if name == "policy" else f"s3:Put{configuration}"
            return f"s3:{'Get' if method in {'GET', 'HEAD'} else 'Put'}{configuration}"
    if "versions" in query:
        return "s3:ListBucketVersions"
    if "uploads" in query:
        return "s3:ListBucketMultipartUploads"
    if "delete" in query:
        return "s3:DeleteObject"
    return {"PUT": "s3:CreateBucket", "DELETE": "s3:DeleteBucket"}.get(method, "s3:ListBucket")


def _object_action(method: str, query: Mapping[str, Any]) -> str:
    version = "Version" if "versionId" in query else ""
    if "tagging" in query:
        return f"s3:{'Get' if method == 'GET' else 'Put'}Object{version}Tagging"
    if "acl" in query:
        return f"s3:{'Get' if method == 'GET' else 'Put'}Object{version}Acl"
    if method in {"GET", "HEAD"}:
        return f"s3:GetObject{version}"
    if method == "DELETE":
        return "s3:AbortMultipartUpload" if "uploadId" in query else f"s3:DeleteObject{version}"
    return "s3:PutObject"


def _stack(request: Incoming, account_id: str) -> str | None:
    name = request.form.get("StackName", "")
    if name.startswith("arn:"):
        return name
    # A call by name is about the living stack of that name, whatever its id.
    return f"arn:aws:cloudformation:{request.region}:{account_id}:stack/{name}/by-name" if name else None


def _iam(request: Incoming, account_id: str) -> str | None:
    form = request.form
    if form.get("PolicyArn") and "Role" not in request.operation and "User" not in request.operation:
        return form["PolicyArn"]
    path = form.get("Path", "/")
    for field_name, kind in (
        ("UserName", "user"),
        ("RoleName", "role"),
        ("GroupName", "group"),
        ("PolicyName", "policy"),
    ):
        if form.get(field_name):
            return f"arn:aws:iam::{account_id}:{kind}{_path_of(kind, form[field_name], account_id, path)}{form[field_name]}"
    return None


def _path_of(kind: str, name: str, account_id: str, otherwise: str) -> str:
    """Return the path that an IAM thing has, since calls name it without; for a new one, the path in the call."""
    from moto.iam.models import iam_backends  # late: moto's stores load with their services

    backend = iam_backends[account_id]["aws"]
    things = {"user": backend.users, "role": backend.roles, "group": backend.groups}.get(kind, {})
    for thing in things.values():
        if thing.name == name:
            return str(thing.path or "/")
    return otherwise


def _sqs(request: Incoming, account_id: str) -> str | None:
    url = request.document.get("QueueUrl") or request.form.get("QueueUrl", "")
    if url:
        owner, name = unquote(url).rstrip("/").split("/")[-2:]
        return f"arn:aws:sqs:{request.region}:{owner}:{name}"
    name = request.document.get("QueueName") or request.form.get("QueueName")
    return f"arn:aws:sqs:{request.region}:{account_id}:{name}" if name else None


def _kms(request: Incoming, account_id: str) -> str | None:
    key = request.document.get("KeyId", "")
    return key if not key or key.startswith("arn:") else f"arn:aws:kms:{request.region}:{account_id}:key/{key}"


def _table(request: Incoming, account_id: str) -> str | None:
    name = request.document.get("TableName")
    return f"arn:aws:dynamodb:{request.region}:{account_id}:table/{name}" if name else None


_RESOURCES: dict[str, Any] = {
    "cloudformation": _stack,
    "iam": _iam,
    "sts": lambda request, _account_id: request.form.get("RoleArn"),
    "sns": lambda request, account_id: (
        request.form.get("TopicArn")
        or (f"arn:aws:sns:{request.region}:{account_id}:{request.form['Name']}" if "Name" in request.form else None)
    ),
    "sqs": _sqs,
    "kms": _kms,
    "dynamodb": _table,
}
