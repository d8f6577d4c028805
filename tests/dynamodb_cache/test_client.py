"""The client: one a process and configuration, made late, set and not inherited, anew after a fork."""

import asyncio
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import ImproperlyConfigured

from dynamodb_cache import client as cache_client
from dynamodb_cache.backend import DynamoDBCache
from dynamodb_cache.client import client, config, slot
from dynamodb_cache.errors import AccessDenied, Unavailable
from dynamodb_cache.options import Connection
from localaws.server import HOME_ACCOUNT, LocalAWS
from tests.dynamodb_cache import wire as wires
from tests.dynamodb_cache.conftest import TABLE, MakeCache
from tests.dynamodb_cache.wire import Wire

made_with: list[Connection] = []


def factory(connection: Connection) -> Any:
    """A project's own client."""
    made_with.append(connection)
    return boto3.client("dynamodb", config=config(connection))


def _client_of(cache: DynamoDBCache) -> Any:
    return slot(cache.options.connection()).client


def test_threads_that_come_at_once_get_one_client(make_cache: MakeCache) -> None:
    cache_client.reset()
    with ThreadPoolExecutor(8) as pool:
        found = {id(one.result()) for one in [pool.submit(client) for _ in range(32)]}
    assert len(found) == 1
    caches = [make_cache() for _ in range(5)]
    for one in caches:
        one.get("key")
    assert {id(_client_of(one)) for one in caches} == found
    other = make_cache(READ_TIMEOUT_SECONDS=2)
    other.get("key")
    assert id(_client_of(other)) not in found


def test_a_client_is_made_at_the_first_call(make_cache: MakeCache) -> None:
    cache = make_cache(CONNECT_TIMEOUT_SECONDS=1.5)
    assert _client_of(cache) is None
    cache.get("key")
    assert _client_of(cache) is not None


def test_timeouts_retries_and_pool_are_what_the_options_say(make_cache: MakeCache) -> None:
    cache = make_cache(
        CONNECT_TIMEOUT_SECONDS=0.5,
        READ_TIMEOUT_SECONDS=1.5,
        MAX_ATTEMPTS=4,
        MAX_POOL_CONNECTIONS=20,
        REGION="eu-west-2",
    )
    made = slot(cache.options.connection()).make()
    held = made.meta.config
    assert (held.connect_timeout, held.read_timeout, held.max_pool_connections) == (0.5, 1.5, 20)
    assert held.retries["mode"] == "standard"
    assert held.retries["total_max_attempts"] == 4
    assert made.meta.region_name == "eu-west-2"
    with wires.on(cache) as wire:
        wire.always = wires.answer(200, {})
        assert made.get_item() is not None  # the SDK checks nothing: the cache does


def test_the_user_agent_is_a_fixed_text(cache: DynamoDBCache) -> None:
    agents: list[Any] = []
    with wires.on(cache) as wire:
        wire.always = lambda request: agents.append(request.headers["User-Agent"])
        cache.get("key")
    assert agents == [b"dynamodb-cache-django/1.0.0"]


def test_the_sdk_tries_as_often_as_the_option_says(make_cache: MakeCache) -> None:
    cache = make_cache(MAX_ATTEMPTS=2, BREAKER_SECONDS=0)
    with wires.on(cache) as wire:
        wire.always = wires.dead
        with pytest.raises(Unavailable):
            cache.get("key")
        assert len(wire.requests) == 2


def test_a_factory_makes_the_client_once(make_cache: MakeCache) -> None:
    made_with.clear()
    cache = make_cache(CLIENT_FACTORY=f"{__name__}.factory", MAX_ATTEMPTS=2)
    cache.set("key", 1)
    assert make_cache(CLIENT_FACTORY=f"{__name__}.factory", MAX_ATTEMPTS=2).get("key") is None
    assert cache.get("key") == 1
    assert made_with == [cache.options.connection()]
    assert made_with[0].max_attempts == 2


def test_a_factory_that_is_nowhere_is_a_configuration_error(make_cache: MakeCache) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"CLIENT_FACTORY.*no\.such"):
        make_cache(CLIENT_FACTORY="no.such").get("key")


def test_a_role_is_assumed_at_the_first_call_and_kept(make_cache: MakeCache, local_aws: LocalAWS) -> None:
    iam, name = boto3.client("iam"), f"cache-{time.time_ns()}"
    role = iam.create_role(
        RoleName=name,
        AssumeRolePolicyDocument=(
            '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",'
            f'"Principal":{{"AWS":"arn:aws:iam::{HOME_ACCOUNT}:root"}}}}]}}'
        ),
    )["Role"]["Arn"]
    iam.put_role_policy(
        RoleName=name,
        PolicyName="cache",
        PolicyDocument=(
            '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["dynamodb:PutItem","dynamodb:GetItem"],'
            f'"Resource":"arn:aws:dynamodb:*:{HOME_ACCOUNT}:table/{TABLE}"}}]}}'
        ),
    )
    cache = make_cache(ROLE_ARN=role)
    keys: list[str] = []
    with wires.on(cache) as wire:
        wire.always = lambda request: keys.append(str(request.headers["Authorization"]))
        cache.set("key", 1)
        assert cache.get("key") == 1
        with pytest.raises(AccessDenied, match="dynamodb:DeleteItem"):
            cache.delete("key")
    assert len(keys) == 3
    assert all("Credential=ASIA" in one for one in keys)


def test_a_role_that_is_refused_is_an_error_of_ours(make_cache: MakeCache) -> None:
    cache = make_cache(ROLE_ARN=f"arn:aws:iam::{HOME_ACCOUNT}:role/no-such-role")
    with pytest.raises(AccessDenied, match="sts:AssumeRole"):
        cache.get("key")


def test_a_profile_that_is_nowhere_and_a_region_that_is_missing_are_errors_of_ours(
    make_cache: MakeCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Unavailable, match="nowhere"):
        make_cache(PROFILE="nowhere").get("key")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(Unavailable, match="region"):
        make_cache(CONNECT_TIMEOUT_SECONDS=1.25).get("key")


def test_close_does_not_drop_the_client(cache: DynamoDBCache, wire: Wire) -> None:
    before = _client_of(cache)
    cache.close()
    async_to_sync(cache.aclose)()
    assert _client_of(cache) is before


# -- fork -------------------------------------------------------------------------------------------------------------


def _in_child(work: Any) -> str:
    """Return what `work` returns in a forked child; "" when it does not come back."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, str(work()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_after_a_fork_nothing_is_shared_and_every_process_reads_its_own(cache: DynamoDBCache) -> None:
    cache.set_many({f"k{number}": number for number in range(4)})
    for number in range(4):
        assert cache.get(f"k{number}") == number
    mine = id(_client_of(cache))

    def child() -> str:
        fresh = _client_of(cache) is None
        right = all(cache.get(f"k{number}") == number for _ in range(10) for number in range(4))
        counts = cache.stats()["hits"]
        async_right = async_to_sync(cache.aget)("k1") == 1
        return f"{fresh} {right} {async_right} {counts}"

    async_to_sync(cache.aget)("k1")  # the parent's pool has a thread now
    pids: list[Any] = []
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            pids.append(cache.get("k2"))

    parent = threading.Thread(target=busy)
    parent.start()
    try:
        said = [_in_child(child) for _ in range(3)]
    finally:
        stop.set()
        parent.join()
    assert said == ["True True True 40"] * 3
    assert set(pids) == {2}
    assert id(_client_of(cache)) == mine


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_lock_that_was_held_at_the_fork_hangs_no_child(cache: DynamoDBCache) -> None:
    cache.get("key")
    shared = cache._calls.entries.table.shared
    with cache._calls.counts._lock, shared.lock, shared.breaker._lock:

        def child() -> str:
            cache.set("key", 1, tags=["tag"])
            return f"{cache.get('key')} {cache.stats()['hits']}"

        assert _in_child(child) == "1 1"


def test_an_event_loop_each_is_no_trouble(cache: DynamoDBCache) -> None:
    for number in range(3):
        assert asyncio.run(cache.aget_or_set(f"k{number}", number)) == number
