"""The front door: who asks, and may they? moto judges almost nothing, so this does (DESIGN P13).

Unknown, inactive and expired keys are refused, signatures checked, role trust and ExternalId asked for, policies with
boundary and session policy evaluated, one account's things closed to another, and a subscription to another account's
queue waits for its confirmation. Only the home account's first user is not judged by policies: what the portal's own
key may do is its deployment's business.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from localaws import isolation, signatures, subscriptions
from localaws.callers import CALLER, CREDENTIALS, Credentials
from localaws.errors import AccessDenied
from localaws.identities import Identities, Identity
from localaws.inprocess import IN_PROCESS
from localaws.policies import Context, Request
from localaws.requests import JSON, PROTOCOLS, Incoming

StartResponse = Callable[..., Any]
WSGIApp = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

# What anybody with a valid key may ask: who they are, and what a token in their hand is proof enough for.
_FREE = {"sts:GetCallerIdentity", "sns:ConfirmSubscription"}
# SNS alone has a word of its own for it.
_DENIED = {"sns": "AuthorizationError"}
SKEW = timedelta(minutes=15)
LONGEST_PRESIGNED_SECONDS = 604_800
_SESSION = "_localaws_session"  # an attribute on moto's session, so that it is saved with it
_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_ADMINISTRATOR = '{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'


class Refused(Exception):
    """The request goes no further; `code` and `status` are AWS's."""

    def __init__(self, code: str, message: str, status: int = 403) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


def _now() -> datetime:
    return datetime.now(UTC)


class FrontDoor:
    """WSGI application in front of the engine and moto."""

    def __init__(
        self,
        data_plane: WSGIApp,
        cloudformation: WSGIApp,
        *,
        home_account: str,
        clock: Callable[[], datetime] = _now,
        stall: Callable[[str, str], None] = lambda _action, _words: None,
    ) -> None:
        self._data_plane = data_plane
        self._cloudformation = cloudformation
        self._clock = clock
        self._stall = stall
        self.identities = Identities(home_account)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        request = Incoming.read(environ)
        environ.pop("HTTP_X_MOTO_REGION", None)
        try:
            who = self.identify(request)
            asked = self.authorise(who, request)
        except Refused as refusal:
            return _refuse(request, refusal, start_response)
        if not environ.get(IN_PROCESS):
            # A call of the engine's own would wait inside the gate, and keep the journal out.
            self._stall(asked.action, f"{asked.resources[0]} by {who.arn}")
        environ[CALLER] = who.caller(request.region)
        environ[CREDENTIALS] = who.credentials
        # moto would guess the account from what looks like a key; a caller's own word for it does not pass.
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = _account_of_store(who.account_id, asked)
        if request.is_s3:
            # What was judged is what moto gets; left to itself it cuts a key at a question mark.
            environ["RAW_URI"] = f"{quote(request.path)}?{environ.get('QUERY_STRING', '')}"
        if request.service == "cloudformation":
            return self._cloudformation(environ, start_response)
        if asked.action == "sns:ConfirmSubscription":
            return _confirm(request, start_response)
        if asked.action == "sts:AssumeRole":
            return self._assume(who, request, start_response)
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
        if who is None or who.credentials.session_token != request.token:
            code = "InvalidAccessKeyId" if request.is_s3 else "InvalidClientTokenId"
            raise Refused(code, "The security token included in the request is invalid.")
        if who.expires_at is not None and who.expires_at <= self._clock():
            code = "ExpiredTokenException" if _speaks_json(request) else "ExpiredToken"
            raise Refused(code, "The security token included in the request is expired", 400 if request.is_s3 else 403)
        if not in_process:
            self._check_signature(request, who.credentials.secret_access_key)
        words = request.contradiction()
        if words:
            raise Refused("InvalidRequest", words, 400)
        return self._as_judged(who)

    def _check_signature(self, request: Incoming, secret: str) -> None:
        if not signatures.is_right(request, secret):
            raise Refused(
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided.",
            )
        try:
            signed_at = datetime.strptime(request.signed_at, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except ValueError:
            raise Refused("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header") from None
        age = self._clock() - signed_at
        if request.presigned:
            seconds = min(request.good_for_seconds, LONGEST_PRESIGNED_SECONDS)
            if not request.is_s3 or not -SKEW <= age <= timedelta(seconds=seconds):
                raise Refused("AccessDenied", "Request has expired")
        elif abs(age) > SKEW:
            code = "RequestTimeTooSkewed" if request.is_s3 else "SignatureDoesNotMatch"
            raise Refused(code, "The difference between the request time and the current time is too large.")

    def _as_judged(self, who: Identity) -> Identity:
        """Return the identity with AWS's condition keys, and without more freedom than is meant."""
        role = next((one for one in who.principals if ":role/" in one), None)
        context = {
            **who.context,
            # For a session AWS gives the role's ARN here, not the session's.
            "aws:PrincipalArn": role or who.arn,
            "aws:PrincipalAccount": who.account_id,
            "aws:userid": who.user_id,
        }
        context.pop("aws:TokenIssueTime", None)
        kept = _kept(who)
        if kept:
            context["aws:TokenIssueTime"] = kept["issued_at"]
            if kept.get("source_identity"):
                context["aws:SourceIdentity"] = kept["source_identity"]
        elif role:
            # The service's own session of a service role.
            context["aws:TokenIssueTime"] = self._clock().isoformat()
        free = who.unlimited and (who.arn.endswith(":root") or self._is_first_user(who))
        policies = who.policies
        if who.unlimited and role:
            # A vended account's first role: an administrator, whom a session policy still bounds.
            policies = (*policies, _ADMINISTRATOR)
        return replace(who, context=context, unlimited=free, policies=policies)

    def _is_first_user(self, who: Identity) -> bool:
        if who.account_id != self.identities.home_account:
            return False
        users = list(iam_backends[who.account_id]["aws"].users.values())
        return next((user.arn for user in users), None) == who.arn

    # -- may they ---------------------------------------------------------------------------------------------------

    def authorise(self, who: Identity, request: Incoming) -> Request:
        """Return what is asked, when the caller may do all of it. Raises Refused."""
        context: Context = {**request.context(who.account_id), **who.context}
        asks = [
            Request(action, arns, _for_resource(context, arns, who), who.principals)
            for action, arns in request.asks(who.account_id)
        ]
        if asks[0].action in _FREE:
            return asks[0]
        if asks[0].action == "sts:AssumeRole":
            self._judge_assume(who, request)
            return asks[0]
        for asked in asks:
            words = f"User: {who.arn} is not authorized to perform: {asked.action} on resource: {asked.resources[0]}"
            if not who.may(asked):
                raise Refused(_denied(request), words)
            objection = isolation.objection(who.account_id, asked, may_mend=who.unlimited)
            if objection:
                raise Refused(_denied(request), f"{words} {objection}")
        return asks[0]

    # -- roles ------------------------------------------------------------------------------------------------------

    def _judge_assume(self, who: Identity, request: Incoming) -> None:
        """Hold the rules of AssumeRole. moto takes any role, name, duration and ExternalId."""
        form = request.form
        _check_session(form)
        kept = _kept(who).get("source_identity")
        if kept and form.get("SourceIdentity", kept) != kept:
            raise Refused("AccessDenied", "A source identity stays what it is through a chain of roles.")
        try:
            self.identities.assume(form.get("RoleArn", ""), who, form, request.region)
        except AccessDenied as refusal:
            raise Refused("AccessDenied", str(refusal)) from refusal
        seconds = int(form.get("DurationSeconds", 3600))
        if who.credentials.session_token and seconds > 3600:
            raise _invalid(
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
            )
        if seconds > _longest_session(form["RoleArn"]):
            raise _invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")

    def _assume(self, who: Identity, request: Incoming, start_response: StartResponse) -> Iterable[bytes]:
        """Let moto make the session, and keep with it what moto does not."""
        body = b"".join(self._data_plane(request.environ, start_response))
        made = re.search(rb"<AccessKeyId>(\w+)</AccessKeyId>", body)
        account_id = request.form["RoleArn"].split(":")[4]
        session = made and sts_backends[account_id]["aws"].get_assumed_role_from_access_key(made[1].decode())
        if session:
            source_identity = request.form.get("SourceIdentity") or _kept(who).get("source_identity")
            setattr(session, _SESSION, {"issued_at": self._clock().isoformat(), "source_identity": source_identity})
        return [body]


def _kept(who: Identity) -> dict[str, Any]:
    """Return what was kept with a session when it was made; empty for a user."""
    if not who.credentials.session_token:
        return {}
    backend = sts_backends[who.account_id]["aws"]
    session = backend.get_assumed_role_from_access_key(who.credentials.access_key_id)
    return getattr(session, _SESSION, {})


def _check_session(form: dict[str, str]) -> None:
    """Refuse the parameters that AWS refuses before it looks at the role."""
    for name in ("RoleSessionName", "SourceIdentity"):
        if (name in form and not _NAME.fullmatch(form[name])) or (name == "RoleSessionName" and name not in form):
            raise _invalid(
                f"1 validation error detected: Value '{form.get(name, '')}' at '{name[0].lower() + name[1:]}' failed to "
                r"satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*"
            )
    seconds = form.get("DurationSeconds", "3600")
    if not re.fullmatch(r"\d{1,6}", seconds) or not 900 <= int(seconds) <= 43_200:
        raise _invalid("1 validation error detected: 'durationSeconds' must be between 900 and 43200")
    if any(name.startswith("PolicyArns.") for name in form):
        # moto drops them, and the session would have more rights than was asked.
        raise _invalid("Managed session policies are not offered by this local AWS; give Policy.")
    try:
        policy = json.loads(form.get("Policy") or "{}")
    except ValueError:
        policy = None
    if not isinstance(policy, dict) or len(form.get("Policy", "")) > 2048:
        raise Refused("MalformedPolicyDocument", "The policy is not a JSON object of at most 2048 characters.", 400)


def _longest_session(role_arn: str) -> int:
    # A copy: other threads make roles meanwhile.
    roles = list(iam_backends[role_arn.split(":")[4]]["aws"].roles.values())
    found = next((role.max_session_duration for role in roles if role.arn == role_arn), None)
    return int(found or 3600)


def _for_resource(context: Context, arns: tuple[str, ...], who: Identity) -> Context:
    return {
        **context,
        "aws:ResourceAccount": isolation.owner(arns[0]) or who.account_id,
        "aws:SourceOwner": who.account_id,
    }


def _account_of_store(account_id: str, asked: Request) -> str:
    """Return the account in whose store moto shall look: a queue or key of another account lies in that one's."""
    service = asked.action.partition(":")[0]
    return (isolation.owner(asked.resources[0]) or account_id) if service in {"sqs", "kms"} else account_id


def _speaks_json(request: Incoming) -> bool:
    return JSON in PROTOCOLS.get(request.service, ())


def _denied(request: Incoming) -> str:
    return _DENIED.get(request.service) or ("AccessDeniedException" if _speaks_json(request) else "AccessDenied")


def _invalid(words: str) -> Refused:
    return Refused("ValidationError", words, 400)


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
    if _speaks_json(request):
        kind = "application/x-amz-json-1.0"
        body = json.dumps({"__type": refusal.code, "message": str(refusal)})
    elif request.service in {"s3", ""}:
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
