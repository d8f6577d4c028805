"""The aliases of CACHES that use this backend, as the commands and the checks see them."""

from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.utils.module_loading import import_string

from dynamodb_cache import client
from dynamodb_cache.backend import DynamoDBCache
from dynamodb_cache.serializers import serializer


def names() -> list[str]:
    """Return the aliases that use this backend or a class made of it; those that cannot be imported are Django's."""
    return [alias for alias in settings.CACHES if _is_ours(entry(alias).get("BACKEND", ""))]


def entry(alias: str) -> dict[str, Any]:
    """Return what CACHES says of an alias."""
    found: Any = settings.CACHES[alias]
    return dict(found)


def _is_ours(backend: str) -> bool:
    try:
        made = import_string(backend)
    except ImportError:
        return False
    return isinstance(made, type) and issubclass(made, DynamoDBCache)


def cache_of(alias: str) -> DynamoDBCache:
    """Return an alias's cache, offline. Raises ImproperlyConfigured."""
    cache = caches[alias]
    assert isinstance(cache, DynamoDBCache)  # noqa: S101 - `names` has looked at the class
    return cache


def option(alias: str, name: str) -> Any:
    """Return an option of an alias by its lower-case name."""
    return getattr(cache_of(alias).options, name)


def pickles(alias: str) -> bool:
    """Whether an alias's values could run code when they are read, were they not signed."""
    return serializer(option(alias, "serializer")).signed


def client_of(alias: str) -> Any:
    """Return the DynamoDB client that an alias uses. Raises botocore's exceptions for what it lacks."""
    place = client.slot(cache_of(alias).options.connection())
    return place.client or place.make()


def place(alias: str) -> tuple[Any, ...]:
    """Return what tells one table of the world from another: how it is reached, and its name."""
    reach = ("region", "endpoint_url", "profile", "role_arn", "client_factory")
    return (*(option(alias, name) for name in reach), cache_of(alias).table)
