"""boto3 clients: one session a process, made lazily under a lock, kept by (account, Region, service, role, actor).

Making a client costs 50 to 200 ms, so none is made in a request. Credentials of a project's roles live in memory only,
one hour, renewed by botocore before they end. Where AWS is, boto3 itself reads from its environment (DESIGN P12).
"""

import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any
from weakref import WeakValueDictionary

import boto3
from botocore.config import Config
from botocore.credentials import DeferredRefreshableCredentials
from botocore.session import get_session

from aws.accounts import ORGANISATION_ROLE, ProjectAccount, Role
from aws.errors import aws_errors

KEPT = 256
SESSION_SECONDS = 3600
USER_AGENT = "stackport/0.1"  # a fixed text: building the default one costs a fifth of a small call

_BACKGROUND = Config(
    user_agent=USER_AGENT,
    connect_timeout=3,
    read_timeout=30,
    retries={"mode": "standard", "max_attempts": 4},
    max_pool_connections=16,
)

# For calls that somebody at a screen waits for, and that something else makes up for when they fail.
_QUICK = _BACKGROUND.merge(
    Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2})
)

_lock = threading.RLock()
_clients: OrderedDict[Hashable, Any] = OrderedDict()
# For as long as a client uses them.
_credentials: WeakValueDictionary[Hashable, DeferredRefreshableCredentials] = WeakValueDictionary()
_state: dict[str, Any] = {"pid": 0, "session": None}


def reset() -> None:
    """Forget every client and session: after a fork, and between tests."""
    with _lock:
        _clients.clear()
        _credentials.clear()
        _state.update(pid=os.getpid(), session=None)


def _home_session() -> Any:
    if _state["session"] is None:
        _state["session"] = boto3.session.Session()
    return _state["session"]


def _kept(key: Hashable, make: Callable[[], Any]) -> Any:
    """Return the client of a key, made once; the longest unused one goes when there are too many."""
    with _lock:
        if _state["pid"] != os.getpid():
            reset()
        if key in _clients:
            _clients.move_to_end(key)
            return _clients[key]
        with aws_errors():
            client = make()
        client.meta.events.register_first("request-created.s3-control", keep_ip_host)
        _clients[key] = client
        while len(_clients) > KEPT:
            _clients.popitem(last=False)
        return client


def keep_ip_host(request: Any, **_: Any) -> None:
    """Leave an IP address without the account's prefix, as botocore itself does for bucket names."""
    request.url = re.sub(r"//\d{12}\.(?=\d+\.\d+\.\d+\.\d+[:/])", "//", request.url)


def home(service: str, region: str | None = None, *, quick: bool = False) -> Any:
    """Return a client of the portal's own account; a quick one gives up within six seconds."""
    config = _QUICK if quick else _BACKGROUND
    return _kept(
        ("home", service, region, quick), lambda: _home_session().client(service, region_name=region, config=config)
    )


def member(account: ProjectAccount, role: Role, service: str, *, actor: str) -> Any:
    """Return a client of a project's account through one of the portal's roles, in the name of `actor`.

    The role is assumed at the first call. Raises AWSError there, not here.
    """
    name = session_name(actor)
    key = ("member", account.account_id, account.region, account.external_id, role, service, name)
    return _kept(
        key,
        lambda: _assumed(
            account.role_arn(role),
            service,
            account.region,
            {"ExternalId": account.external_id, "RoleSessionName": name, "SourceIdentity": name},
        ),
    )


def organisation_member(account_id: str, service: str, region: str) -> Any:
    """Return a client of a freshly vended account through its first role; used while onboarding only."""
    arn = f"arn:aws:iam::{account_id}:role/{ORGANISATION_ROLE}"
    return _kept(
        ("organisation", account_id, service, region),
        lambda: _assumed(arn, service, region, {"RoleSessionName": "stackport-onboarding"}),
    )


def session_name(actor: str) -> str:
    """Return an actor as STS takes it: 2 to 64 of letters, digits and _+=,.@-"""
    return re.sub(r"[^\w+=,.@-]", "-", actor, flags=re.ASCII)[:64].ljust(2, "-")


def _assumed(role_arn: str, service: str, region: str, how: dict[str, str]) -> Any:
    """Return a client whose credentials botocore renews by assuming the role again."""
    sts = home("sts")

    def assume() -> dict[str, str]:
        found = sts.assume_role(RoleArn=role_arn, DurationSeconds=SESSION_SECONDS, **how)["Credentials"]
        return {
            "access_key": found["AccessKeyId"],
            "secret_key": found["SecretAccessKey"],
            "token": found["SessionToken"],
            "expiry_time": found["Expiration"].isoformat(),
        }

    inner: Any = get_session()
    # Service models are read from disk once a process, not once a session.
    inner.register_component("data_loader", _home_session()._session.get_component("data_loader"))  # noqa: SLF001
    inner._credentials = _credentials_of((role_arn, tuple(sorted(how.items()))), assume)  # noqa: SLF001 - the only way in
    session: Any = boto3.session.Session(botocore_session=inner)
    return session.client(service, region_name=region, config=_BACKGROUND)


def _credentials_of(key: Hashable, assume: Callable[[], dict[str, str]]) -> DeferredRefreshableCredentials:
    """Return the credentials of a role and actor, shared by the clients of all services."""
    return _credentials.setdefault(key, DeferredRefreshableCredentials(refresh_using=assume, method="assume-role"))
