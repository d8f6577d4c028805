"""What a reader meets when others write between its calls: nothing goes back, and nothing is missed later."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dynamodb_cache import client as cache_client
from dynamodb_cache.collections import Collection, Memory, Partition, memory
from dynamodb_cache.errors import Unavailable
from tests.dynamodb_cache.collections.collected import item, order, partition, place, remove, told
from tests.dynamodb_cache.collections.conftest import MakeReader
from tests.dynamodb_cache.collections.wire import Wire


def test_what_is_written_between_head_and_query_is_shown_and_read_again(reader: MakeReader, wire: Wire) -> None:
    mine, other = partition(reader()), partition(reader())
    mine.put_many([("a", {"n": 1}, order(1)), ("b", {"n": 1}, order(1))])
    told(other)
    mine.put("a", {"n": 2}, observed_at=order(2))

    def meanwhile() -> None:
        mine.put("b", {"n": 3}, observed_at=order(3))
        mine.delete("a", observed_at=order(4))

    wire.before("Query", meanwhile)
    assert told(other) == {"b": {"n": 3}}
    assert other.snapshot().revision == 4
    assert told(other) == {"b": {"n": 3}}


def test_what_is_written_after_the_query_is_not_claimed(reader: MakeReader, wire: Wire) -> None:
    mine, other = partition(reader()), partition(reader())
    mine.put("a", {"n": 1}, observed_at=order(1))
    wire.after("Query", lambda: mine.put("a", {"n": 2}, observed_at=order(2)))
    assert told(other) == {"a": {"n": 1}}
    assert told(other) == {"a": {"n": 2}}


def test_a_row_that_moves_while_pages_are_read_is_not_missed(reader: MakeReader, wire: Wire) -> None:
    mine, other = partition(reader()), partition(reader())
    for number in range(5):
        mine.put(f"k{number}", {"text": os.urandom(200_000).hex()}, observed_at=order(1))
    wire.forget()
    wire.after("Query", lambda: mine.put("k0", {"n": "moved"}, observed_at=order(2)))
    wire.after("Query", lambda: mine.put("k4", {"n": "moved"}, observed_at=order(2)))

    shown = told(other)

    assert wire.names().count("Query") >= 2  # a page is 1 MB
    assert set(shown) == {f"k{number}" for number in range(5)}
    assert shown["k0"] == {"n": "moved"}
    again = told(other)
    assert again["k0"] == again["k4"] == {"n": "moved"}


def together(other: Partition, count: int = 8) -> list[dict[str, dict[str, Any]]]:
    """Return what so many threads of one process show that ask at once."""
    with ThreadPoolExecutor(count) as threads:
        return [asked.result(timeout=20) for asked in [threads.submit(told, other) for _ in range(count)]]


def test_a_change_is_read_once_for_all_threads_that_ask(reader: MakeReader, wire: Wire) -> None:
    mine, other = partition(reader()), partition(reader())
    mine.put("a", {"n": 1}, observed_at=order(1))
    told(other)
    mine.put("a", {"n": 2}, observed_at=order(2))
    wire.forget()
    wire.before("Query", lambda: time.sleep(0.4))  # all others have read the head by then

    assert together(other) == [{"a": {"n": 2}}] * 8
    assert wire.names().count("Query") == 1


def test_who_waits_behind_a_silent_reader_reads_on_after_a_second(reader: MakeReader, wire: Wire) -> None:
    mine, other = partition(reader()), partition(reader())
    mine.put("a", {"n": 1}, observed_at=order(1))
    asleep, wake = threading.Event(), threading.Event()
    wire.before("Query", lambda: asleep.set() or wake.wait(20))
    with ThreadPoolExecutor(1) as threads:
        silent = threads.submit(told, other)
        assert asleep.wait(10)
        begun = time.monotonic()
        assert told(other) == {"a": {"n": 1}}
        assert memory.TURN_SECONDS <= time.monotonic() - begun < 10
        wake.set()
        assert silent.result(timeout=20) == {"a": {"n": 1}}


def test_a_reader_that_fails_lets_the_next_one_try(reader: MakeReader, wire: Wire) -> None:
    mine, other = partition(reader()), partition(reader())
    mine.put("a", {"n": 1}, observed_at=order(1))
    wire.refuse("Query", "AccessDeniedException")
    with pytest.raises(Unavailable):
        told(other)
    assert together(other, 2) == [{"a": {"n": 1}}] * 2


def seen_late(table: str, mine: Partition, key: str, number: int) -> dict[str, Any]:
    """Write a row, put its old state back in its place, and return the new one: the head is seen, the row not yet.

    So much AWS allows while a transaction is under way, and no engine here does by itself.
    """
    before = item(table, f"row#{key}")
    mine.put(key, {"n": number}, observed_at=order(number))
    after = item(table, f"row#{key}")
    assert before is not None
    assert after is not None
    cache_client.client().put_item(TableName=table, Item=before)
    return after


def test_a_new_head_with_the_old_row_is_not_claimed(reader: MakeReader, table: str) -> None:
    mine, other = partition(reader()), partition(reader())
    mine.put_many([("a", {"n": 1}, order(1)), ("b", {"n": 1}, order(1))])
    told(other)
    new_row = seen_late(table, mine, "a", 2)

    cold = partition(reader())
    for one in (other, cold):
        assert told(one)["a"] == {"n": 1}
    cache_client.client().put_item(TableName=table, Item=new_row)

    for one in (other, cold):
        assert told(one) == {"a": {"n": 2}, "b": {"n": 1}}
        assert one.snapshot().revision == 2


def test_a_half_seen_transaction_is_met_also_after_later_ones(reader: MakeReader, table: str) -> None:
    mine, other = partition(reader()), partition(reader())
    mine.put("a", {"n": 1}, observed_at=order(1))
    told(other)
    new_row = seen_late(table, mine, "a", 2)
    for number in range(5):
        mine.put(f"b{number}", {}, observed_at=order(1))
    assert told(other)["a"] == {"n": 1}
    cache_client.client().put_item(TableName=table, Item=new_row)
    assert told(other)["a"] == {"n": 2}


def test_a_row_that_never_comes_is_looked_for_only_a_while(reader: MakeReader, table: str, wire: Wire) -> None:
    mine = partition(reader())
    other = partition(Collection(table, memory=Memory(unmet_seconds=0.2)))
    mine.put("a", {"n": 1}, observed_at=order(1))
    mine.delete("b", observed_at=order(1))
    remove(table, "row#b")  # as time to live does, long after
    made: list[int] = []

    def read() -> int:
        return other.snapshot().derive("count", lambda held: made.append(len(held.rows)) or len(held.rows))

    assert read() == 1
    assert other.snapshot().revision == 1
    time.sleep(0.3)
    assert read() == 1
    wire.forget()
    assert read() == 1
    assert other.snapshot().revision == 2
    assert wire.names() == ["GetItem"] * 2
    assert made == [1]  # what was made of the rows is kept, since none of them changed


def test_a_head_without_names_is_read_as_before(reader: MakeReader, table: str) -> None:
    mine = partition(reader())
    mine.put("a", {"n": 1}, observed_at=order(1))
    cache_client.client().update_item(TableName=table, Key=place("#head"), UpdateExpression="REMOVE n, w")
    assert told(partition(reader())) == {"a": {"n": 1}}
    assert mine.put("a", {"n": 2}, observed_at=order(2))
    assert told(mine) == {"a": {"n": 2}}
