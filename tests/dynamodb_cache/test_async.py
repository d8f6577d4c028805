"""The async half: complete, side by side, one request for many, and nothing in the loop's way."""

import asyncio
import inspect
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache.backends.base import BaseCache
from django.utils.functional import SimpleLazyObject

from dynamodb_cache.backend import DynamoDBCache
from people.models import Person
from tests.dynamodb_cache.conftest import TABLE, MakeCache
from tests.dynamodb_cache.wire import Wire

SLOW_SECONDS = 0.2


def _slow(_request: Any) -> None:
    time.sleep(SLOW_SECONDS)


def _async_names(kind: type) -> set[str]:
    return {name for name, member in inspect.getmembers(kind, inspect.iscoroutinefunction) if name[0] != "_"}


def test_every_async_method_is_our_own() -> None:
    for name in _async_names(BaseCache):
        assert getattr(DynamoDBCache, name) is not getattr(BaseCache, name), name


def test_every_call_has_its_async_form_with_the_same_arguments() -> None:
    sync = {name for name in vars(DynamoDBCache) if name[0] != "_"} - {"stats"} | {"decr", "decr_version"}
    assert {f"a{name}" for name in sync} == _async_names(DynamoDBCache)
    for name in sync:
        theirs = inspect.signature(getattr(DynamoDBCache, f"a{name}")).parameters
        ours = inspect.signature(getattr(DynamoDBCache, name)).parameters
        assert list(theirs) == list(ours), name


CALLS: dict[str, tuple[Callable[[DynamoDBCache], Any], str]] = {
    "aget": (lambda cache: cache.aget("there"), "GetItem"),
    "ahas_key": (lambda cache: cache.ahas_key("there"), "GetItem"),
    "aset": (lambda cache: cache.aset("new", "value"), "PutItem"),
    "aadd": (lambda cache: cache.aadd("new", "value"), "PutItem"),
    "atouch": (lambda cache: cache.atouch("there"), "UpdateItem"),
    "adelete": (lambda cache: cache.adelete("there"), "DeleteItem"),
    "aincr": (lambda cache: cache.aincr("number"), "UpdateItem"),
    "adecr": (lambda cache: cache.adecr("number"), "UpdateItem"),
    "aget_many": (lambda cache: cache.aget_many(["there", "number"]), "BatchGetItem"),
    "aset_many": (lambda cache: cache.aset_many({"a": 1, "b": 2}), "BatchWriteItem"),
    "adelete_many": (lambda cache: cache.adelete_many(["a", "b"]), "BatchWriteItem"),
    "attl": (lambda cache: cache.attl("there"), "GetItem"),
    "apersist": (lambda cache: cache.apersist("there"), "UpdateItem"),
    "aget_entry": (lambda cache: cache.aget_entry("there"), "GetItem"),
    "adelete_tags": (lambda cache: cache.adelete_tags(["a", "b"]), "BatchWriteItem"),
}


@pytest.mark.parametrize("name", CALLS)
async def test_an_async_call_is_one_request_off_the_loop(cache: DynamoDBCache, wire: Wire, name: str) -> None:
    await cache.aset("there", "value")
    await cache.aset("number", 1)
    wire.forget()
    threads: list[str] = []
    wire.always = lambda _request: threads.append(threading.current_thread().name)
    call, operation = CALLS[name]
    await call(cache)
    assert wire.operations == {operation: 1}
    assert threads[0].startswith("dynamodb-cache")


async def test_calls_run_side_by_side_and_the_loop_runs_on(cache: DynamoDBCache, wire: Wire) -> None:
    await cache.aset("key", "value")
    wire.always = _slow
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.ensure_future(tick())
    begun = time.monotonic()
    found = await asyncio.gather(
        *[cache.aget("key") for _ in range(6)], *[cache.aset(f"k{number}", [number]) for number in range(6)]
    )
    spent = time.monotonic() - begun
    ticking.cancel()
    assert found[:6] == ["value"] * 6
    assert spent < 4 * SLOW_SECONDS
    assert ticks > SLOW_SECONDS / 0.01 / 2


async def test_the_pool_is_as_large_as_the_option_says(make_cache: MakeCache) -> None:
    cache = make_cache(ASYNC_WORKERS=3)
    seen: set[str] = set()
    from tests.dynamodb_cache import wire as wires

    def note(_request: Any) -> None:
        seen.add(threading.current_thread().name)
        time.sleep(0.05)

    with wires.on(cache) as wire:
        wire.always = note
        await asyncio.gather(*[cache.aget("key") for _ in range(12)])
    assert len(seen) == 3


@pytest.mark.django_db(transaction=True)
async def test_a_lazy_queryset_is_asked_where_django_asks(cache: DynamoDBCache) -> None:
    await Person.objects.acreate(email="a@example.test", name="Ana")
    await cache.aset("people", Person.objects.all())
    assert [person.name for person in await cache.aget("people")] == ["Ana"]
    await cache.aset_many({"people": Person.objects.all()})
    assert [person.name for person in await cache.aget("people")] == ["Ana"]
    assert await cache.aadd("others", Person.objects.all())
    assert len(await cache.aget_many(Person.objects.values_list("name", flat=True))) == 0


async def test_values_are_serialised_and_own_keys_made_in_djangos_thread(dynamodb: Any) -> None:
    threads: dict[str, str] = {}

    def make_key(key: str, _prefix: str, _version: int) -> str:
        threads["key"] = threading.current_thread().name
        return f"threads-{key}"

    def compute() -> list[int]:
        threads["value"] = threading.current_thread().name
        return [1]

    cache = DynamoDBCache(TABLE, {"KEY_FUNCTION": make_key})
    await cache.aset("key", SimpleLazyObject(compute))
    assert await cache.aget("key") == [1]
    main = threading.main_thread().name
    assert not {name for name in threads.values() if name == main or name.startswith("dynamodb-cache")}


async def test_computing_may_be_a_coroutine(cache: DynamoDBCache) -> None:
    async def compute() -> str:
        await asyncio.sleep(0)
        return "value"

    assert await cache.aget_or_set("a", compute) == "value"
    assert await cache.aget_or_set("b", compute, lease=5) == "value"
    assert await cache.aget_many(["a", "b"]) == {"a": "value", "b": "value"}


async def test_clear_and_versions(make_cache: MakeCache) -> None:
    cache = make_cache(NAMESPACE_CLEAR=True, PREFIXES=["p:"])
    await cache.aset("key", [1], 50)
    assert await cache.aincr_version("key") == 2
    assert await cache.adecr_version("key", version=2) == 1
    assert 40 < (await cache.attl("key") or 0) <= 50
    with pytest.raises(ValueError, match="absent"):
        await cache.aincr_version("absent")
    await cache.aset("p:1", 1)
    await cache.adelete_prefix("p:")
    assert await cache.aget("p:1") is None
    await cache.aclear()
    assert await cache.aget("key") is None
    await cache.aclose()
