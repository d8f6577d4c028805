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
from urllib.parse import parse_qs, parse_qsl

from localaws.iam import resources, s3
from localaws.inprocess import IN_PROCESS

_SCOPE = r"(?P<key>[A-Z0-9]+)/(?P<date>\d{8})/(?P<region>[a-z0-9-]+)/(?P<service>[a-z0-9-]+)/aws4_request"
_CREDENTIAL = re.compile(_SCOPE)
# The whole header, to the letter: moto takes the last thing in it that looks like a key for the caller's.
_AUTHORIZATION = re.compile(
    rf"AWS4-HMAC-SHA256 Credential={_SCOPE}, ?SignedHeaders=(?P<names>[a-z0-9;-]+), ?Signature=(?P<signature>[0-9a-f]{{64}})"
)
QUERY, JSON, REST = "query", "json", "rest"
PROTOCOLS: dict[str, frozenset[str]] = {
    "cloudformation": frozenset({QUERY}),
    "cloudtrail": frozenset({JSON}),
    "dynamodb": frozenset({JSON}),
    "events": frozenset({JSON}),
    "iam": frozenset({QUERY}),
    "kms": frozenset({JSON}),
    "logs": frozenset({JSON}),
    "organizations": frozenset({JSON}),
    "s3": frozenset({REST}),
    "sns": frozenset({QUERY}),
    "sqs": frozenset({QUERY, JSON}),
    "sts": frozenset({QUERY}),
}
"""The services that are served, by the names in signatures. moto answers any other name as it guesses, S3 among it."""
_CLOUDFORMATION = "cloudformation.amazonaws.com"


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
    signed_headers: list[str] = field(default_factory=list)
    signature: str = ""
    query: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, environ: dict[str, Any]) -> "Incoming":
        """Read a request's signature scope and body."""
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length) if length else b""
        environ["wsgi.input"] = io.BytesIO(body)
        query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
        found = cls(environ, body, query=query)
        found._read_signature()
        return found

    def _read_signature(self) -> None:
        header, given = self.environ.get("HTTP_AUTHORIZATION"), self.query.get("X-Amz-Credential")
        if given:
            self.presigned = True
            # Two ways to sign in one request name two callers: nobody's.
            match = _CREDENTIAL.fullmatch(given[0]) if header is None else None
            self.signed_headers = self._parameter("X-Amz-SignedHeaders").split(";")
            self.signature = self._parameter("X-Amz-Signature")
        else:
            match = _AUTHORIZATION.fullmatch(header or "")
            if match:
                self.signed_headers, self.signature = match["names"].split(";"), match["signature"]
        if match:
            self.access_key_id, self.region = match["key"], match["region"]
            self.service, self.date = match["service"], match["date"]

    def _parameter(self, name: str) -> str:
        return (self.query.get(name) or [""])[0]

    @property
    def token(self) -> str | None:
        """The session token that came along."""
        return self.environ.get("HTTP_X_AMZ_SECURITY_TOKEN") or self._parameter("X-Amz-Security-Token") or None

    @property
    def signed_at(self) -> str:
        """When it was signed, as the signature says: 20260131T235959Z."""
        name = "X-Amz-Date"
        return self._parameter(name) if self.presigned else str(self.environ.get("HTTP_X_AMZ_DATE", ""))

    @property
    def good_for_seconds(self) -> int:
        """How long a presigned request may be used; 0 when that cannot be read."""
        text = self._parameter("X-Amz-Expires")
        return int(text) if re.fullmatch(r"\d{1,6}", text) else 0

    def contradiction(self) -> str | None:
        """Return what would let moto understand the request in another way than the policies do; None when nothing."""
        if self.service not in PROTOCOLS:
            return f"Credential should be scoped to a correct service: {self.service} is none of this local AWS."
        spoken = PROTOCOLS[self.service]
        if REST in spoken:
            if self.path.startswith("//"):
                return "A path begins with one slash."
            if self.is_s3 and len(s3.parts(self.query)) > 1:
                return f"Conflicting query parameters: {', '.join(sorted(s3.parts(self.query)))}"
            return "S3 takes no X-Amz-Target." if "HTTP_X_AMZ_TARGET" in self.environ else None
        if self.query or self.environ["REQUEST_METHOD"] != "POST":
            return "This service takes its parameters in the body of a POST."
        if JSON not in spoken and "HTTP_X_AMZ_TARGET" in self.environ:
            return "This service takes no X-Amz-Target."
        if QUERY not in spoken and "HTTP_X_AMZ_TARGET" not in self.environ:
            return "This service needs an X-Amz-Target."
        if "HTTP_X_AMZ_TARGET" in self.environ:
            is_object = self.body.lstrip().startswith(b"{")
            return None if is_object else "A request with an X-Amz-Target has a JSON object for its body."
        names = [name for name, _ in parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True)]
        return None if len(names) == len(set(names)) else "A parameter is given twice."

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

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The parameters of a Query or a JSON call."""
        return self.document if "HTTP_X_AMZ_TARGET" in self.environ else self.form

    def action(self) -> str:
        """Return the action that policies name."""
        method = self.environ["REQUEST_METHOD"]
        if self.is_s3:
            return s3.action(method, self.bucket, self.object_key, self.query)
        if self.service == "s3":
            return s3.control_action(method, self.path)
        return f"{self.service}:{self.operation}"

    def asks(self, account_id: str) -> list[s3.Ask]:
        """Return every action that the caller must be allowed: first the call's own, then what it brings along."""
        if not self.is_s3:
            arns = resources.of_call(self.service, self.parameters, account_id, self.region)
            names = (
                [self.action()]
                if self.service == "s3"
                else resources.permissions(self.service, self.operation, self.parameters)
            )
            role = self.form.get("RoleARN") if self.service == "cloudformation" else None
            return [*((name, arns) for name in names), *([("iam:PassRole", (role,))] if role else [])]
        if not self.bucket:
            return [(self.action(), ("*",))]
        bucket = f"arn:aws:s3:::{self.bucket}"
        if not self.object_key and "delete" in self.query:
            return s3.deletions(bucket, self.body, self.environ)
        arn = f"{bucket}/{self.object_key}" if self.object_key else bucket
        return s3.asks(self.environ["REQUEST_METHOD"], arn, self.action(), self.environ)

    def context(self, account_id: str) -> dict[str, str | list[str]]:
        """Return the condition keys that policies may ask for.

        Loopback http counts as secure, since nobody else is on that way. A request in process is CloudFormation's.
        """
        in_process = bool(self.environ.get(IN_PROCESS))
        found: dict[str, str | list[str]] = {
            "aws:SecureTransport": "true",
            "s3:TlsVersion": "1.3",
            "aws:RequestedRegion": self.region,
            "aws:SourceIp": "127.0.0.1",
            "aws:ViaAWSService": str(in_process).lower(),
            "aws:CalledVia": ["cloudformation.amazonaws.com"] if in_process else [],
        }
        if self.service == "s3":
            return found | s3.context(self.environ, self.query)
        if self.service == "iam":
            return found | resources.iam_context(self.form, account_id)
        if self.service == "cloudformation":
            types = [value for name, value in self.form.items() if name.startswith("ResourceTypes.member.")]
            found["cloudformation:ResourceTypes"] = types
            if self.form.get("RoleARN"):
                found |= {"cloudformation:RoleArn": self.form["RoleARN"], "iam:PassedToService": _CLOUDFORMATION}
        return found
