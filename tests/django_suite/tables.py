"""Wherever Django's tests ask for a cache in memory, they get ours, on a table of its own that is made at once.

Many of Django's tests bring their own CACHES with them; `override_settings` tells when they take effect.
"""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.test.signals import clear_cache_handlers, setting_changed

INSTEAD_OF = {
    "django.core.cache.backends.locmem.LocMemCache": "dynamodb_cache.DynamoDBCache",
    "cache.closeable_cache.CacheClass": "tests.django_suite.backends.CloseableCache",
    "cache.failing_cache.CacheClass": "tests.django_suite.backends.FailingCache",
    "cache.liberal_backend.CacheClass": "tests.django_suite.backends.LiberalCache",
}
_made: set[str] = set()


def follow() -> None:
    """Make the tables of the settings as they are, and of all that tests put in their place."""
    make()
    setting_changed.connect(_changed)


def _changed(*, setting: str, **_rest: Any) -> None:
    if setting == "CACHES":
        for alias in settings.CACHES.values():
            redirect(alias)
        make()


def redirect(alias: dict[str, Any]) -> None:
    """Put our backend in the place of Django's, on a table for each LOCATION, for that is what LOCATION means there."""
    if alias["BACKEND"] in INSTEAD_OF:
        alias["BACKEND"] = INSTEAD_OF[alias["BACKEND"]]
        alias["LOCATION"] = f"django-{settings.GROUP}-{alias.get('LOCATION') or 'memory'}"
        alias["OPTIONS"] = {**settings.OPTIONS, **alias.get("OPTIONS", {})}


def make() -> None:
    """Make the tables that are not there, as an operator would."""
    wanted = {alias.get("LOCATION", "") for alias in settings.CACHES.values()}
    if wanted - _made:
        call_command("dynamodb_cache", "create", verbosity=0)
        _made.update(wanted)
        clear_cache_handlers(setting="CACHES")  # the command has opened the caches; the tests find them unopened
