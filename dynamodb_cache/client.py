"""One botocore session and client a process and configuration: lazy, made under a lock, made anew after a fork.

Django makes a cache object for every ASGI request; a client in each would cost 100 to 220 ms a page. A fixed user agent
takes a fifth off a small call, and our own checks replace botocore's validation.
Source: boto3.amazonaws.com/v1/documentation/api/latest/guide/clients.html (clients are thread-safe, their making is not).
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, CredentialProvider, DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session, get_session
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from dynamodb_cache import __version__, answers
from dynamodb_cache.breaker import Breaker
from dynamodb_cache.errors import AccessDenied, DynamoDBCacheError, Refused, TableMissing, Throttled, Unavailable
from dynamodb_cache.options import Connection

USER_AGENT = f"dynamodb-cache-django/{__version__}"
_THROTTLES = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "Throttling",
        "RequestLimitExceeded",
        "TransactionConflictException",
    }
)
_DENIALS = frozenset(
    {
        "AccessDeniedException",
        "AccessDenied",
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "IncompleteSignatureException",
        "MissingAuthenticationTokenException",
        "InvalidClientTokenId",
        "ExpiredTokenException",
        "ExpiredToken",
    }
)


class Slot:
    """The place of one configuration's client. Holders ask it at every call, so a fork or a reset reaches them."""

    def __init__(self, connection: Connection) -> None:
        self.client: Any = None
        # Opened by silence, which is the endpoint's: what another table's call has waited for, no other waits for again.
        self.breaker = Breaker()
        self._connection = connection

    def make(self) -> Any:
        """Make the client, once."""
        with _process.lock:
            if self.client is None:
                self.client = _made(self._connection)
            return self.client


class _Process:
    """What this process holds."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.slots: dict[Connection, Slot] = {}
        self.sessions: dict[tuple[str | None, str | None], Session] = {}
        self.forget: list[Callable[[], None]] = []


_process = _Process()


def slot(connection: Connection) -> Slot:
    """Return the place of a configuration's client; makes no client."""
    found = _process.slots.get(connection)
    if found is None:
        with _process.lock:
            found = _process.slots.setdefault(connection, Slot(connection))
    return found


def client(region: str | None = None) -> Any:
    """Return the process's client; endpoint and credentials come from boto3's standard configuration."""
    place = slot(Connection(region=region))
    return place.client or place.make()


def reset() -> None:
    """Forget clients, breakers, counts and whatever else belongs to the process: between tests that move AWS."""
    for one in list(_process.slots.values()):
        one.client = None
        one.breaker.renew()
    _process.sessions.clear()
    for forget in _process.forget:
        forget()


def forgotten_after_fork(forget: Callable[[], None]) -> Callable[[], None]:
    """Have a function called after a fork, in the child, and by `reset`."""
    _process.forget.append(forget)
    return forget


def _after_fork() -> None:
    _process.lock = threading.RLock()  # another thread of the parent may have held it
    reset()


os.register_at_fork(after_in_child=_after_fork)


# -- making -----------------------------------------------------------------------------------------------------------


def _made(connection: Connection) -> Any:
    return answers.watch(_unwatched(connection))


def _unwatched(connection: Connection) -> Any:
    if connection.client_factory is not None:
        try:
            factory = import_string(connection.client_factory)
        except ImportError as error:
            raise ImproperlyConfigured(f"CACHES: CLIENT_FACTORY {connection.client_factory!r}: {error}") from error
        return factory(connection)
    # botocore's own session: boto3's adds only what resources need
    return _session(connection).create_client(
        "dynamodb", region_name=connection.region, endpoint_url=connection.endpoint_url, config=config(connection)
    )


def config(connection: Connection) -> Config:
    """Return botocore's configuration: timeouts and retries are set, not inherited. Of use to client factories."""
    return Config(
        user_agent=USER_AGENT,
        parameter_validation=False,
        connect_timeout=connection.connect_timeout_seconds,
        read_timeout=connection.read_timeout_seconds,
        retries={"mode": "standard", "total_max_attempts": connection.max_attempts},
        max_pool_connections=connection.max_pool_connections,
        tcp_keepalive=True,
    )


def _session(connection: Connection) -> Session:
    key = (connection.profile, connection.role_arn)
    if key not in _process.sessions:
        made = get_session()
        if connection.profile is not None:
            made.set_config_variable("profile", connection.profile)
        if connection.role_arn is not None:
            _assume(made, connection, connection.role_arn)
        _process.sessions[key] = made
    return _process.sessions[key]


def _assume(session: Session, connection: Connection, role_arn: str) -> None:
    """Have a session's credentials come from a role, renewed before they end."""
    source = _session(Connection(profile=connection.profile))
    creator = partial(source.create_client, region_name=connection.region)
    resolver = session.get_component("credential_provider")
    resolver.insert_before(resolver.providers[0].METHOD, _RoleProvider(source, creator, role_arn))


class _RoleProvider(CredentialProvider):
    """The first provider of a session with ROLE_ARN."""

    METHOD = "dynamodb-cache-role"

    def __init__(self, source: Session, creator: Callable[..., Any], role_arn: str) -> None:
        super().__init__(source)
        self._source = source
        self._creator = creator
        self._role_arn = role_arn

    def load(self) -> DeferredRefreshableCredentials:
        """Return credentials that ask STS at their first use."""
        fetcher = AssumeRoleCredentialFetcher(
            client_creator=self._creator,
            source_credentials=self._source.get_credentials(),
            role_arn=self._role_arn,
            extra_args={"RoleSessionName": "dynamodb-cache"},
        )
        return DeferredRefreshableCredentials(refresh_using=fetcher.fetch_credentials, method="assume-role")


# -- errors -----------------------------------------------------------------------------------------------------------


def translated(error: ClientError | BotoCoreError, table: str) -> DynamoDBCacheError:
    """Return our error for one of botocore's."""
    if isinstance(error, BotoCoreError):
        return Unavailable(f"{table}: {error}")
    code = error.response.get("Error", {}).get("Code", "")
    if code == "ResourceNotFoundException":
        return TableMissing(f"Table {table} does not exist. Run `manage.py dynamodb_cache create`.")
    if code in _THROTTLES:
        return Throttled(f"{table}: {error}")
    if code in _DENIALS:
        service = "sts" if error.operation_name == "AssumeRole" else "dynamodb"
        return AccessDenied(f"{table}: {service}:{error.operation_name} was refused: {error}")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    # Without a name in it, the refusal is not DynamoDB's: botocore gives the status for one.
    return (Refused if 400 <= status < 500 and not code.isdigit() else Unavailable)(f"{table}: {error}")


@contextmanager
def errors(table: str) -> Iterator[None]:
    """Turn botocore's exceptions into ours; failed conditions pass as they are."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] in {"ConditionalCheckFailedException", "TransactionCanceledException"}:
            raise
        raise translated(error, table) from error
    except BotoCoreError as error:
        raise translated(error, table) from error
