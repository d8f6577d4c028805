"""The front door: who asks, and may they? moto judges almost nothing, so this does (DESIGN P13).

Unknown, inactive and expired keys are refused, signatures checked, role trust and ExternalId asked for, policies with
boundary and session policy evaluated, one account's buckets closed to another, and a subscription to another account's
queue waits for its confirmation.
"""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from moto.s3.models import s3_backends

from localaws import signatures, subscriptions
from localaws.callers import CALLER, CREDENTIALS, Credentials
from localaws.errors import AccessDenied
from localaws.identities import Identities, Identity
from localaws.inprocess import IN_PROCESS
from localaws.policies import Request, allowed, explicitly_denied
from localaws.requests import Incoming

StartResponse = Callable[..., Any]
WSGIApp = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

# What anybody with a valid key may ask: it tells only who they are.
_FREE = {"sts:GetCallerIdentity"}
_JSON_SERVICES = {"dynamodb", "sqs", "kms", "organizations", "cloudtrail", "logs", "events"}


class Refused(Exception):
    """The request goes no further; `code` and `status` are AWS's."""

    def __init__(self, code: str, message: str, status: int = 403) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class FrontDoor:
    """WSGI application in front of the engine and moto."""

    def __init__(self, data_plane: WSGIApp, cloudformation: WSGIApp, *, home_account: str) -> None:
        self._data_plane = data_plane
        self._cloudformation = cloudformation
        self.identities = Identities(home_account)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        request = Incoming.read(environ)
        for name in ("HTTP_X_MOTO_ACCOUNT_ID", "HTTP_X_MOTO_REGION"):
            environ.pop(name, None)
        try:
            who = self.identify(request)
            self.authorise(who, request)
        except Refused as refusal:
            return _refuse(request, refusal, start_response)
        environ[CALLER] = who.caller(request.region)
        environ[CREDENTIALS] = who.credentials
        if request.service == "cloudformation":
            return self._cloudformation(environ, start_response)
        if request.service == "sns" and request.operation == "ConfirmSubscription":
            return _confirm(request, start_response)
        return self._data_plane(environ, start_response)

    def internal_credentials(self, account_id: str) -> Credentials:
        """Return the service's own identity in an account; good in process only."""
        return self.identities.internal(account_id)

    # -- who --------------------------------------------------------------------------------------------------------

    def identify(self, request: Incoming) -> Identity:
        """Return whose the request is. Raises Refused."""
        if not request.access_key_id:
            raise Refused("AccessDenied" if not request.service else "MissingAuthenticationToken", "Access Denied")
        in_process = bool(request.environ.get(IN_PROCESS))
        who = self.identities.find(request.access_key_id, in_process=in_process)
        if who is None or (who.credentials.session_token or None) != (request.token or None):
            code = "InvalidAccessKeyId" if request.is_s3 else "InvalidClientTokenId"
            raise Refused(code, "The security token included in the request is invalid.")
        if who.expires_at is not None and who.expires_at < datetime.now(UTC):
            code = "ExpiredTokenException" if request.service in _JSON_SERVICES else "ExpiredToken"
            raise Refused(code, "The security token included in the request is expired", 400 if request.is_s3 else 403)
        if not in_process and not signatures.is_right(request, who.credentials.secret_access_key):
            raise Refused(
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided.",
            )
        return who

    # -- may they ---------------------------------------------------------------------------------------------------

    def authorise(self, who: Identity, request: Incoming) -> None:
        """Raise Refused unless the caller may make this call."""
        action = request.action()
        if action in _FREE:
            return
        if action == "sts:AssumeRole":
            try:
                self.identities.assume(request.form.get("RoleArn", ""), who, request.form, request.region)
            except AccessDenied as refusal:
                raise Refused("AccessDenied", str(refusal)) from refusal
            return
        asked = Request(
            action,
            request.resources(who.account_id),
            {**request.context(who.account_id), **who.context, "aws:PrincipalArn": who.arn},
            who.principals,
        )
        words = f"User: {who.arn} is not authorized to perform: {action} on resource: {asked.resources[0]}"
        if not who.may(asked):
            raise Refused("AccessDeniedException" if request.service in _JSON_SERVICES else "AccessDenied", words)
        role = request.passed_role()
        if role and not who.may(
            Request("iam:PassRole", (role,), {"iam:PassedToService": "cloudformation.amazonaws.com"})
        ):
            raise Refused(
                "AccessDenied", f"User: {who.arn} is not authorized to perform: iam:PassRole on resource: {role}"
            )
        if request.bucket:
            _judge_bucket(who, request, asked)


def _judge_bucket(who: Identity, request: Incoming, asked: Request) -> None:
    """Hold a bucket's own policy, and keep it closed to other accounts unless that policy lets them in."""
    owner = s3_backends.bucket_accounts.get(request.bucket)
    if owner is None or asked.action == "s3:CreateBucket":
        return
    bucket = s3_backends[owner[1]][owner[0]].buckets.get(request.bucket)
    policy = bucket.policy if bucket is not None else None
    texts = [policy.decode() if isinstance(policy, bytes) else str(policy)] if policy else []
    foreign = owner[1] != who.account_id
    if foreign and not allowed(texts, asked):
        raise Refused("AccessDenied", "Access Denied")
    # The owner may always look at and mend the policy itself.
    if explicitly_denied(texts, asked) and not (who.unlimited and "BucketPolicy" in asked.action):
        raise Refused("AccessDenied", f"User: {who.arn} is not authorized: explicit deny in a resource-based policy")


def _confirm(request: Incoming, start_response: StartResponse) -> Iterable[bytes]:
    arn = subscriptions.confirm(request.form.get("TopicArn", ""), request.form.get("Token", ""))
    if arn is None:
        return _refuse(request, Refused("InvalidParameter", "Invalid token", 400), start_response)
    body = (
        '<ConfirmSubscriptionResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><ConfirmSubscriptionResult>'
        f"<SubscriptionArn>{escape(arn)}</SubscriptionArn></ConfirmSubscriptionResult>"
        "<ResponseMetadata><RequestId>localaws</RequestId></ResponseMetadata></ConfirmSubscriptionResponse>"
    ).encode()
    start_response("200 OK", [("Content-Type", "text/xml"), ("Content-Length", str(len(body)))])
    return [body]


def _refuse(request: Incoming, refusal: Refused, start_response: StartResponse) -> Iterable[bytes]:
    """Answer in the service's own form, so that boto3 raises the right error."""
    message = escape(str(refusal))
    kind = "text/xml"
    if request.service in _JSON_SERVICES:
        kind = "application/x-amz-json-1.0"
        body = json.dumps({"__type": refusal.code, "message": str(refusal)})
    elif request.service == "s3":
        body = f"<Error><Code>{refusal.code}</Code><Message>{message}</Message><RequestId>localaws</RequestId></Error>"
    else:
        body = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{refusal.code}</Code><Message>{message}</Message></Error>"
            "<RequestId>localaws</RequestId></ErrorResponse>"
        )
    data = b"" if request.environ["REQUEST_METHOD"] == "HEAD" else body.encode()
    status = {400: "400 Bad Request", 403: "403 Forbidden"}[refusal.status]
    start_response(status, [("Content-Type", kind), ("Content-Length", str(len(data)))])
    return [data]
