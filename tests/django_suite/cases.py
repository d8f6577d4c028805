"""Django's test classes with our backend in their settings; imports Django's test modules, so only for `run.py`."""

from unittest import mock

from cache.tests import BaseCacheTests, caches_setting_for_tests
from cache.tests_async import AsyncDummyCacheTests
from django.conf import settings
from django.core.cache import cache
from django.test import TestCase, override_settings
from sessions_tests.tests import SessionMiddlewareTests

from dynamodb_cache import DynamoDBCache

TABLE = settings.CACHES["default"]["LOCATION"]


@override_settings(CACHES=caches_setting_for_tests(BACKEND="dynamodb_cache.DynamoDBCache", LOCATION=TABLE))
class SyncTests(BaseCacheTests, TestCase):
    """Django's common tests of every backend."""


@override_settings(CACHES=caches_setting_for_tests(BACKEND="tests.django_suite.backends.ThroughAsync", LOCATION=TABLE))
class ThroughAsyncTests(BaseCacheTests, TestCase):
    """The same tests, through `aget()` and its like."""

    def test_get_or_set_racing(self) -> None:
        """Django's own patches `add`, which this backend never reaches."""
        with mock.patch.object(DynamoDBCache, "aadd", return_value=False):
            assert cache.get_or_set("key", "default") == "default"


@override_settings(CACHES={"default": {"BACKEND": "dynamodb_cache.DynamoDBCache", "LOCATION": TABLE}})
class AsyncTests(AsyncDummyCacheTests):
    """Django's asynchronous tests, so far as they hold for a cache that remembers."""

    def setUp(self) -> None:
        super().setUp()
        cache.clear()


@override_settings(SESSION_ENGINE="django.contrib.sessions.backends.cache")
class CacheSessionMiddlewareTests(SessionMiddlewareTests):
    """Whole requests with the session in the cache."""


@override_settings(SESSION_ENGINE="django.contrib.sessions.backends.cached_db")
class CachedDBSessionMiddlewareTests(SessionMiddlewareTests):
    """Whole requests with the session in the database and the cache."""
