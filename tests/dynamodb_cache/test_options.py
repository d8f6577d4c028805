"""OPTIONS: refused where they are wrong, with words that help, and read without a network."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from dynamodb_cache.backend import DynamoDBCache
from dynamodb_cache.options import Connection, options_of

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"REGOIN": "eu-west-1"}, "unknown option REGOIN; known: .*REGION"),
    ({"REGION": 5}, "REGION must be a text"),
    ({"ENDPOINT_URL": ""}, "ENDPOINT_URL must be a text"),
    ({"FAIL_OPEN": "yes"}, "FAIL_OPEN must be True or False"),
    ({"CONSISTENT_READ": 1}, "CONSISTENT_READ must be True or False"),
    ({"SERIALIZER": "yaml"}, "SERIALIZER must be"),
    ({"SERIALIZER": None}, "SERIALIZER must be"),
    ({"CONNECT_TIMEOUT_SECONDS": 0}, "CONNECT_TIMEOUT_SECONDS must be a number of seconds"),
    ({"READ_TIMEOUT_SECONDS": True}, "READ_TIMEOUT_SECONDS must be a number of seconds"),
    ({"BULK_SECONDS": float("inf")}, "BULK_SECONDS must be a number of seconds"),
    ({"BREAKER_SECONDS": -1}, "BREAKER_SECONDS must be a number of seconds, 0 or more"),
    ({"GENERATION_SECONDS": float("nan")}, "GENERATION_SECONDS must be a number of seconds"),
    ({"MAX_ATTEMPTS": 0}, "MAX_ATTEMPTS must be a whole number, 1 or more"),
    ({"ASYNC_WORKERS": 1.5}, "ASYNC_WORKERS must be a whole number"),
    ({"MAX_VALUE_BYTES": True}, "MAX_VALUE_BYTES must be a whole number"),
    ({"PREFIXES": "user:"}, "PREFIXES must be a list"),
    ({"PREFIXES": [""]}, "PREFIXES must be a list"),
    ({"ASYNC_WORKERS": 40}, r"ASYNC_WORKERS \(40\).*MAX_POOL_CONNECTIONS"),
]


@pytest.mark.parametrize(("options", "words"), WRONG, ids=[str(options) for options, _ in WRONG])
def test_a_wrong_option_says_what_is_wrong(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=words):
        DynamoDBCache("table", {"OPTIONS": options})


@pytest.mark.parametrize("location", ["", "ab", "a table", None, 5])
def test_a_location_that_is_no_table_is_refused(location: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match="LOCATION"):
        DynamoDBCache(location, {})


def test_the_table_may_be_an_arn() -> None:
    arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/cache"
    assert DynamoDBCache(arn, {}).table == arn


def test_the_defaults_are_the_documented_ones() -> None:
    options = options_of("table", {"MAX_ENTRIES": 5, "CULL_FREQUENCY": 3})
    assert options.connection() == Connection(None, None, None, None, None, 1.0, 3.0, 2, 32)
    assert (options.bulk_seconds, options.async_workers, options.consistent_read) == (10.0, 16, True)
    assert (options.serializer, options.max_value_bytes, options.compress_from_bytes) == ("pickle", 16 << 20, 1024)
    assert (options.fail_open, options.breaker_seconds) == (False, 5.0)
    assert (options.namespace_clear, options.generation_seconds, options.prefixes) == (False, 5.0, ())


def test_a_prefix_named_twice_counts_once() -> None:
    assert options_of("table", {"PREFIXES": ["a:", "b:", "a:"]}).prefixes == ("a:", "b:")


def test_a_cache_is_made_without_region_credentials_or_network(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    cache = DynamoDBCache(
        "table", {"OPTIONS": {"PROFILE": "nowhere", "ROLE_ARN": "arn:x", "CLIENT_FACTORY": "no.such"}}
    )
    assert cache.options.profile == "nowhere"
    assert cache.stats()["hits"] == 0
