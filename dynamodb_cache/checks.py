"""System checks of the aliases that use this backend: offline, tagged `caches`; each hint says how to mend.

Errors lose data or hang; warnings are what one may have meant. Follows "System check framework" of Django's reference.
"""

import os
from collections import defaultdict
from collections.abc import Iterator
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import botocore.session
from botocore.exceptions import BotoCoreError
from django.conf import settings
from django.contrib.sessions.backends import cache as cache_sessions
from django.contrib.sessions.backends import cached_db as cached_db_sessions
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 - Django's own name
from django.core.exceptions import ImproperlyConfigured

from dynamodb_cache import aliases

Found = Iterator[CheckMessage]
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@register(Tags.caches)
def check_caches(**_: Any) -> list[CheckMessage]:
    """Check every alias; one that the backend refuses is reported and otherwise left out.

    Django's own checks build each cache too, in no certain order, and such a refusal ends them: then its words are the
    last line of a traceback.
    """
    found: list[CheckMessage] = []
    sound = []
    for alias in aliases.names():
        try:
            aliases.place(alias)
        except ImproperlyConfigured as refusal:
            found.append(
                Error(
                    f"CACHES[{alias!r}] is refused: {refusal}",
                    hint="The options and their units stand in docs/cache.md.",
                    id="dynamodb_cache.E001",
                )
            )
        else:
            sound.append(alias)
    for check in (_region, _endpoint, _timeout):
        for alias in sound:
            found += check(alias)
    return [*found, *_shared_tables(sound), *_sessions(sound)]


def _region(alias: str) -> Found:
    if aliases.option(alias, "region") or aliases.option(alias, "client_factory"):
        return
    if _configured(alias, "region") is None:
        yield Warning(
            f"CACHES[{alias!r}] has no Region, and boto3's variables and config file name none.",
            hint="Set OPTIONS['REGION'], AWS_DEFAULT_REGION, or `region` in the profile; the first call fails without.",
            id="dynamodb_cache.W001",
        )


def _configured(alias: str, variable: str) -> Any:
    """Return what boto3's variables and files say, without a call; None for nothing, or for no such profile."""
    session = botocore.session.Session(profile=aliases.option(alias, "profile"))
    try:
        return session.get_config_variable(variable)
    except BotoCoreError:
        return None


def _endpoint(alias: str) -> Found:
    endpoint = (
        aliases.option(alias, "endpoint_url")
        or os.environ.get("AWS_ENDPOINT_URL_DYNAMODB")
        or os.environ.get("AWS_ENDPOINT_URL", "")
    )
    parts = urlsplit(endpoint)
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK and not settings.DEBUG:
        yield Warning(
            f"CACHES[{alias!r}] sends what it caches as plain text to {parts.hostname}.",
            hint="Use https, or leave the endpoint out to reach DynamoDB itself.",
            id="dynamodb_cache.W002",
        )


def _timeout(alias: str) -> Found:
    entry = aliases.entry(alias)
    timeout = entry.get("timeout", entry.get("TIMEOUT", 300))
    if timeout is None or (isinstance(timeout, int) and not isinstance(timeout, bool)):
        return
    made = aliases.cache_of(alias).default_timeout
    if str(timeout) != str(made):
        yield Warning(
            f"CACHES[{alias!r}] has TIMEOUT {timeout!r}, of which Django silently makes {made} seconds.",
            hint="Give whole seconds, or None for entries that never expire.",
            id="dynamodb_cache.W003",
        )


def _shared_tables(sound: list[str]) -> Found:
    by_place: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    for alias in sound:
        by_place[aliases.place(alias)].append(alias)
    for sharing in by_place.values():
        if len(sharing) > 1:
            for check in (_same_prefix, _namespaces, _serializers):
                yield from check(sharing)


def _same_prefix(sharing: list[str]) -> Found:
    by_prefix: dict[tuple[str, int], list[str]] = defaultdict(list)
    for alias in sharing:
        cache = aliases.cache_of(alias)
        by_prefix[cache.key_prefix, cache.version].append(alias)
    for (prefix, _), same in by_prefix.items():
        if len(same) > 1:
            yield Warning(
                f"The aliases {', '.join(same)} share table {aliases.cache_of(same[0]).table} and the "
                f"KEY_PREFIX {prefix!r}: each reads and overwrites the other's entries.",
                hint="Give each a KEY_PREFIX of its own.",
                id="dynamodb_cache.W004",
            )


def _namespaces(sharing: list[str]) -> Found:
    for alias in sharing:
        if aliases.option(alias, "namespace_clear") and not aliases.cache_of(alias).key_prefix:
            yield Warning(
                f"CACHES[{alias!r}] has NAMESPACE_CLEAR but no KEY_PREFIX, on a table that others use too.",
                hint="Give it a KEY_PREFIX: its namespace is named for it.",
                id="dynamodb_cache.W005",
            )


def _serializers(sharing: list[str]) -> Found:
    others = sorted(alias for alias in sharing if not aliases.pickles(alias))
    for alias in sharing:
        if others and aliases.pickles(alias):
            yield Warning(
                f"CACHES[{alias!r}] pickles on a table that it shares with {', '.join(others)}, which do not.",
                hint="Pickle is code for who has SECRET_KEY: use SERIALIZER 'json' here too, or another table.",
                id="dynamodb_cache.W006",
            )


def _sessions(sound: list[str]) -> Found:
    alias: str = settings.SESSION_CACHE_ALIAS
    engine = _session_engine()
    if alias not in sound or engine is None:
        return
    if issubclass(engine, cache_sessions.SessionStore):
        yield from _cache_engine(alias)
    elif issubclass(engine, cached_db_sessions.SessionStore):
        yield from _cached_db_engine(alias)
    else:
        return
    if aliases.pickles(alias):
        yield Warning(
            f"Sessions are pickled in CACHES[{alias!r}].",
            hint="Set OPTIONS['SERIALIZER'] to 'json': a session is small and plain, and whoever gets hold of "
            "SECRET_KEY and the table could run code through a pickle.",
            id="dynamodb_cache.W008",
        )


def _cache_engine(alias: str) -> Found:
    if aliases.option(alias, "fail_open"):
        yield Error(
            f"The session engine `cache` is on CACHES[{alias!r}], which fails open.",
            hint="In an outage changed sessions are lost and requests interrupted. Use the engine `cached_db`, or for "
            "sessions an alias without FAIL_OPEN and with a KEY_PREFIX of its own.",
            id="dynamodb_cache.E002",
        )
    if not aliases.option(alias, "consistent_read"):
        yield Warning(
            f"The session engine `cache` is on CACHES[{alias!r}], which reads eventually.",
            hint="A login just made may be missed: set OPTIONS['CONSISTENT_READ'] to True for sessions.",
            id="dynamodb_cache.W007",
        )


def _cached_db_engine(alias: str) -> Found:
    if not aliases.option(alias, "fail_open"):
        yield Warning(
            f"The session engine `cached_db` is on CACHES[{alias!r}], which does not fail open.",
            hint="Django does not guard its write-back and its logout: in an outage of the cache they raise, though the "
            "database has the session. Set OPTIONS['FAIL_OPEN'] to True for the sessions' alias.",
            id="dynamodb_cache.W009",
        )


def _session_engine() -> type | None:
    """Return the class of the sessions; None for an engine that cannot be imported, which Django reports."""
    try:
        found: type = import_module(settings.SESSION_ENGINE).SessionStore
    except ImportError:
        return None
    return found
