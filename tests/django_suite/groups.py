"""What of Django's tests is run, how much of it there must be, and what is left out and why.

A group fails when fewer tests ran than `least_tests`, when fewer requests reached DynamoDB than `least_requests`, when
one was skipped, or when one that is left out does not exist (any more).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

CULLING = "DynamoDB drops what has expired and grows without a limit: MAX_ENTRIES and CULL_FREQUENCY mean nothing"
FORGETFUL = "asserts that the dummy cache forgets what it is given"
MEMORY = "looks into the private dictionary of the cache in memory"
ROW = "looks for the session's row in the database, which this session engine does not use"


@dataclass(frozen=True, slots=True)
class Group:
    """Some of Django's tests, run in one process. What is left out is named `Class.test`."""

    labels: tuple[str, ...]
    least_tests: int
    least_requests: int
    left_out: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)


_SESSIONS = (
    "sessions_tests.tests.CacheSessionTests",
    "sessions_tests.tests.CacheDBSessionTests",
    "sessions_tests.tests.CacheDBSessionWithTimeZoneTests",
    "tests.django_suite.cases.CacheSessionMiddlewareTests",
    "tests.django_suite.cases.CachedDBSessionMiddlewareTests",
)
_NO_ROW = {"CacheSessionMiddlewareTests.test_empty_session_saved": ROW}

GROUPS = {
    "sync": Group(
        labels=("tests.django_suite.cases.SyncTests",),
        least_tests=52,
        least_requests=400,
        left_out={"SyncTests.test_cull": CULLING, "SyncTests.test_zero_cull": CULLING},
    ),
    "async": Group(
        labels=("tests.django_suite.cases.ThroughAsyncTests",),
        least_tests=52,
        least_requests=400,
        left_out={"ThroughAsyncTests.test_cull": CULLING, "ThroughAsyncTests.test_zero_cull": CULLING},
    ),
    "async-own": Group(
        labels=("tests.django_suite.cases.AsyncTests",),
        least_tests=10,
        least_requests=20,
        left_out=dict.fromkeys(
            (
                "AsyncTests.test_simple",
                "AsyncTests.test_aadd",
                "AsyncTests.test_aget_many",
                "AsyncTests.test_adelete",
                "AsyncTests.test_ahas_key",
                "AsyncTests.test_aincr",
                "AsyncTests.test_adecr",
                "AsyncTests.test_data_types",
                "AsyncTests.test_expiration",
                "AsyncTests.test_unicode",
                "AsyncTests.test_aincr_version",
                "AsyncTests.test_adecr_version",
                "AsyncTests.test_aget_or_set",
            ),
            FORGETFUL,
        ),
    ),
    "pages": Group(
        labels=(
            "cache.tests.CacheUtils",
            "cache.tests.PrefixedCacheUtils",
            "cache.tests.CacheHEADTest",
            "cache.tests.CacheI18nTest",
            "cache.tests.PrefixedCacheI18nTest",
            "cache.tests.CacheMiddlewareTest",
            "cache.tests.TestWithTemplateResponse",
            "cache.tests.CacheHandlerTest",
            "cache.tests.CacheClosingTests",
            "cache.tests.CustomCacheKeyValidationTests",
            "cache.tests.DefaultNonExpiringCacheKeyTests",
        ),
        least_tests=60,
        least_requests=250,
        left_out={
            "DefaultNonExpiringCacheKeyTests.test_caches_with_unset_timeout_set_expiring_key": MEMORY,
            "DefaultNonExpiringCacheKeyTests.test_caches_set_with_timeout_as_none_set_non_expiring_key": MEMORY,
        },
    ),
    "fragments": Group(
        labels=("cache.tests.TestMakeTemplateFragmentKey", "template_tests.syntax_tests.test_cache"),
        least_tests=25,
        least_requests=100,
    ),
    "sessions": Group(labels=_SESSIONS, least_tests=233, least_requests=250, left_out=_NO_ROW),
    "sessions-json": Group(
        labels=_SESSIONS, least_tests=233, least_requests=250, left_out=_NO_ROW, options={"SERIALIZER": "json"}
    ),
}
