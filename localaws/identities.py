"""Whose is a key? Reads moto's IAM and STS stores: with `journal` and `repairs` one of the modules that know moto's inside.

Source of the rules: "Policy evaluation logic" for roles, users, boundaries and session policies.
"""

import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from moto.core.utils import utcnow
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from localaws.callers import Caller, Credentials
from localaws.errors import AccessDenied
from localaws.policies import Request, allowed, explicitly_denied

PARTITION = "aws"
FIRST_ROLE = "OrganizationAccountAccessRole"


@dataclass(frozen=True, slots=True)
class Identity:
    """A known key: its owner, its secret, and the policies that bound what it may do."""

    account_id: str
    arn: str
    user_id: str
    credentials: Credentials
    unlimited: bool = False  # the home account's first user, and the service itself
    expires_at: datetime | None = None
    policies: tuple[str, ...] = ()
    boundary: str | None = None
    session_policy: str | None = None
    principals: frozenset[str] = frozenset()
    context: dict[str, str] = field(default_factory=dict)

    def caller(self, region: str) -> Caller:
        """Return who asks, for those behind the front door."""
        return Caller(self.account_id, self.arn, self.user_id, self.credentials.access_key_id, region)

    def may(self, request: Request) -> bool:
        """Tell whether the identity's own policies let it do something."""
        if self.unlimited:
            return True
        limits = [text for text in (self.boundary, self.session_policy) if text]
        if explicitly_denied([*self.policies, *limits], request):
            return False
        return allowed(self.policies, request) and all(allowed([text], request) for text in limits)


class Identities:
    """Finds identities by access key, and makes sessions for roles."""

    def __init__(self, home_account: str) -> None:
        self.home_account = home_account
        self._internal: dict[str, Identity] = {}
        self._lock = threading.Lock()

    def find(self, access_key_id: str, *, in_process: bool) -> Identity | None:
        """Return whose key it is; None when nobody's. The service's own keys count in process only."""
        internal = self._internal.get(access_key_id)
        if internal is not None:
            return internal if in_process else None
        return _session(access_key_id) if access_key_id.startswith("ASIA") else self._user(access_key_id)

    def internal(self, account_id: str) -> Credentials:
        """Return an all-powerful identity of an account, for the service itself; never valid over the socket."""
        with self._lock:
            for identity in self._internal.values():
                if identity.account_id == account_id:
                    return identity.credentials
            # In moto's store, since that is how moto finds the account of a key.
            key = iam_backends[account_id][PARTITION].create_temp_access_key()
            key_id = key.access_key_id
            made = Identity(
                account_id,
                f"arn:aws:iam::{account_id}:root",
                account_id,
                Credentials(key_id, key.secret_access_key, "internal"),
                unlimited=True,
                principals=frozenset({"sns.amazonaws.com", account_id, f"arn:aws:iam::{account_id}:root"}),
            )
            self._internal[key_id] = made
            return made.credentials

    def forget(self) -> None:
        """Drop the service's own identities: their keys went with a reset."""
        with self._lock:
            self._internal.clear()

    def _user(self, access_key_id: str) -> Identity | None:
        for account_id, backends in list(iam_backends.items()):
            backend = backends[PARTITION]
            key = backend.access_keys.get(access_key_id)
            if key is None or key.status != "Active":
                continue
            user = backend.get_user(str(key.user_name))
            groups = backend.get_groups_for_user(user.name)
            policies = [text for holder in (user, *groups) for text in _policies(holder)]
            return Identity(
                account_id,
                user.arn,
                user.id,
                Credentials(access_key_id, key.secret_access_key),
                # The portal's own key: what it may do is the deployment's business, not the bench's.
                unlimited=account_id == self.home_account,
                policies=tuple(policies),
                boundary=_boundary(user),
                principals=frozenset({user.arn, account_id, f"arn:aws:iam::{account_id}:root"}),
                context={"aws:username": user.name},
            )
        return None

    # -- sessions ---------------------------------------------------------------------------------------------------

    def assume(self, role_arn: str, who: Identity, parameters: dict[str, str], region: str) -> None:
        """Raise AccessDenied unless the role's trust lets this identity assume it in this way."""
        words = f"User: {who.arn} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
        role = _role(role_arn)
        if role is None:
            raise AccessDenied(words)
        context: dict[str, str] = {
            "aws:PrincipalArn": who.arn,
            "aws:PrincipalAccount": who.account_id,
            "sts:RoleSessionName": parameters.get("RoleSessionName", ""),
        }
        if "ExternalId" in parameters:
            context["sts:ExternalId"] = parameters["ExternalId"]
        actions = ["sts:AssumeRole"]
        if "SourceIdentity" in parameters:
            context["sts:SourceIdentity"] = parameters["SourceIdentity"]
            actions.append("sts:SetSourceIdentity")
        trust = [_text(role.assume_role_policy_document)]
        for action in actions:
            request = Request(action, (role_arn,), context, who.principals)
            if explicitly_denied(trust, request) or not allowed(trust, request) or not who.may(request):
                raise AccessDenied(words)

    def assume_for_service(self, role_arn: str, source_account: str, session_name: str) -> Credentials:
        """Return a session of a role that CloudFormation may use for this account. Raises AccessDenied."""
        role = _role(role_arn)
        request = Request(
            "sts:AssumeRole",
            (role_arn,),
            {"aws:SourceAccount": source_account, "aws:PrincipalServiceName": "cloudformation.amazonaws.com"},
            frozenset({"cloudformation.amazonaws.com"}),
        )
        trust = [_text(role.assume_role_policy_document)] if role else []
        if explicitly_denied(trust, request) or not allowed(trust, request):
            raise AccessDenied(f"Role {role_arn} is invalid or cannot be assumed")
        session = sts_backends[source_account][PARTITION].assume_role("us-east-1", session_name, role_arn, "", 3600, "")
        return Credentials(session.access_key_id, session.secret_access_key, session.session_token)


def _text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document)


def _role(role_arn: str) -> Any:
    account_id = role_arn.split(":")[4] if role_arn.count(":") == 5 else ""
    if not account_id:
        return None
    # A copy: other threads make roles meanwhile.
    roles = list(iam_backends[account_id][PARTITION].roles.values())
    return next((role for role in roles if role.arn == role_arn), None)


def _policies(holder: Any) -> list[str]:
    """Return the inline and the attached policies of a user, group or role; copied, for other threads write them."""
    inline, attached = list(holder.policies.values()), list(holder.managed_policies.values())
    return [*map(_text, inline), *map(_document, attached)]


def _document(policy: Any) -> str:
    """Return the version of a managed policy that is in force."""
    return next((str(version.document) for version in policy.versions if version.is_default), '{"Statement": []}')


def _boundary(holder: Any) -> str | None:
    arn = getattr(holder, "permissions_boundary_arn", None)
    if not arn:
        return None
    policy = iam_backends[arn.split(":")[4]][PARTITION].managed_policies.get(arn)
    # A boundary that does not exist allows nothing.
    return _document(policy) if policy else '{"Statement": []}'


def _session(access_key_id: str) -> Identity | None:
    for account_id, backends in list(sts_backends.items()):
        found = backends[PARTITION].get_assumed_role_from_access_key(access_key_id)
        if found is None:
            continue
        role = _role(found.role_arn)
        if role is None:
            return None
        expires_at = found.expiration
        return Identity(
            account_id,
            found.arn,
            f"{role.id}:{found.session_name}",
            Credentials(access_key_id, found.secret_access_key, found.session_token),
            # AWS gives a vended account's first role AdministratorAccess; moto attaches nothing.
            unlimited=role.name == FIRST_ROLE,
            expires_at=expires_at.replace(tzinfo=UTC) if expires_at.tzinfo is None else expires_at,
            policies=tuple(_policies(role)),
            boundary=_boundary(role),
            session_policy=found.policy or None,
            principals=frozenset({found.arn, role.arn, account_id, f"arn:aws:iam::{account_id}:root"}),
            context={"aws:TokenIssueTime": utcnow().isoformat()},
        )
    return None
