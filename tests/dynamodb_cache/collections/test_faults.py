"""Lost answers, throttling and other writers in the way: the right answer, or a clear error within the time budget.

localaws knows no ClientRequestToken, as DynamoDB does not after ten minutes; ministack does.
"""

import time

import pytest

from dynamodb_cache import client as cache_client
from dynamodb_cache.collections import PartitionFull, reading
from dynamodb_cache.errors import CircuitOpen, Contended, DynamoDBCacheError, Unavailable
from tests.dynamodb_cache.collections.collected import impatient, order, partition, told
from tests.dynamodb_cache.collections.conftest import MakeReader
from tests.dynamodb_cache.collections.wire import Wire

WRITE = "TransactWriteItems"
# Where the wire itself answers, one engine is enough.
one_engine = pytest.mark.parametrize("endpoint", ["localaws"], indirect=True)


@pytest.fixture
def sdk_tries(wire: Wire) -> int:
    """How often the SDK sends a request before it gives up."""
    return int(cache_client.client().meta.config.retries["total_max_attempts"])


# -- lost answers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gives_up", [False, True])
def test_a_write_whose_answer_is_lost_is_taken_once_and_known_as_taken(
    reader: MakeReader, wire: Wire, sdk_tries: int, gives_up: bool
) -> None:
    mine = partition(reader())
    times = sdk_tries if gives_up else 1
    wire.lose_answers(WRITE, times)
    assert mine.put("a", {"n": 1}, observed_at=order(1))
    wire.lose_answers(WRITE, times)
    assert mine.put_many([(key, {"n": 2}, order(2)) for key in ("a", "b")]) == 2
    wire.lose_answers(WRITE, times)
    assert mine.delete("b", observed_at=order(3))
    wire.lose_answers(WRITE, times)
    mine.set_head(complete=True)

    snapshot = mine.snapshot()
    assert {key: (row.document, row.version) for key, row in snapshot.rows.items()} == {"a": ({"n": 2}, 2)}
    assert snapshot.complete
    assert snapshot.revision == 4
    assert wire.names().count(WRITE) == 4 * (times + 1)


def test_a_repeated_request_carries_the_same_token_and_a_new_one_another(
    reader: MakeReader, wire: Wire, sdk_tries: int
) -> None:
    mine = partition(reader())
    wire.lose_answers(WRITE, sdk_tries)
    mine.put("a", {"n": 1}, observed_at=order(1))
    mine.put("a", {"n": 2}, observed_at=order(2))
    tokens = [document["ClientRequestToken"] for operation, document in wire.sent if operation == WRITE]
    assert len(tokens) == sdk_tries + 2
    assert len(set(tokens[:-1])) == 1
    assert tokens[-1] != tokens[0]


def test_a_lost_answer_is_known_although_others_have_written_since(reader: MakeReader, wire: Wire) -> None:
    mine, other = partition(reader()), partition(reader())
    wire.lose_answers(WRITE, then=lambda: other.put("b", {}, observed_at=order(1)))
    assert mine.put("a", {"n": 1}, observed_at=order(1))
    assert {key: row.version for key, row in mine.snapshot().rows.items()} == {"a": 1, "b": 1}
    assert mine.snapshot().revision == 2


def test_a_lost_answer_to_what_is_old_news_by_now_tells_what_stands(reader: MakeReader, wire: Wire) -> None:
    mine, other = partition(reader()), partition(reader())
    wire.lose_answers(WRITE, then=lambda: other.put("a", {"n": 2}, observed_at=order(2)))
    outcome = mine.offer("a", {"n": 1}, observed_at=order(1))
    assert outcome.accepted or outcome.standing == mine.standing("a")
    row = mine.get("a")
    assert row is not None
    assert (row.document, row.version) == ({"n": 2}, 2)


def test_entries_and_documents_whose_answer_is_lost_are_known_as_kept(reader: MakeReader, wire: Wire) -> None:
    mine = partition(reader())
    wire.lose_answers("PutItem")
    assert mine.append("a", "1", {"n": 1}, expires_at=None)
    assert not mine.append("a", "1", {"n": 1}, expires_at=None)
    wire.lose_answers(WRITE)
    assert mine.attach("a", {"body": 1}, observed_at=order(1))


def test_a_delete_that_died_after_its_tombstone_drops_the_document_when_it_is_repeated(
    reader: MakeReader, wire: Wire, sdk_tries: int
) -> None:
    mine = partition(reader())
    mine.put("a", {}, observed_at=order(1))
    mine.attach("a", {"body": 1}, observed_at=order(1))
    wire.cut("DeleteItem", sdk_tries)
    with pytest.raises(Unavailable):
        mine.delete("a", observed_at=order(2))
    assert mine.attached("a") == {"body": 1}

    assert not mine.delete("a", observed_at=order(2))
    assert mine.attached("a") is None


# -- throttling and contention --------------------------------------------------------------------------------------------

PASSING_REASONS = ["ThrottlingError", "ProvisionedThroughputExceeded", "TransactionConflict"]
PASSING_ERRORS = ["TransactionInProgressException", "InternalServerError"]


@one_engine
@pytest.mark.parametrize("reason", PASSING_REASONS)
def test_a_transaction_that_is_cancelled_for_a_moment_is_made_again(
    reader: MakeReader, wire: Wire, reason: str
) -> None:
    mine = partition(reader())
    wire.refuse(WRITE, "TransactionCanceledException", 5, reasons=["None", reason])
    assert mine.put("a", {"n": 1}, observed_at=order(1))
    wire.refuse(WRITE, "TransactionCanceledException", 5, reasons=[reason, "None"])
    assert mine.attach("a", {"body": 1}, observed_at=order(1))
    assert told(mine) == {"a": {"n": 1}}


@one_engine
@pytest.mark.parametrize("code", PASSING_ERRORS)
def test_a_throttled_request_is_sent_again_when_the_sdk_gives_up(
    reader: MakeReader, wire: Wire, sdk_tries: int, code: str
) -> None:
    mine = partition(reader())
    wire.refuse(WRITE, code, sdk_tries + 1)
    assert mine.put("a", {"n": 1}, observed_at=order(1))


@one_engine
@pytest.mark.parametrize(
    ("reasons", "error", "words"),
    [
        (["TransactionConflict", "None"], Contended, "other writers were in the way for 0.3 s; nothing was written"),
        (["ConditionalCheckFailed", "None"], Contended, "the head moved at each try; nothing was written"),
        (["ThrottlingError", "None"], Unavailable, "throttled: ThrottlingError"),
        (["ProvisionedThroughputExceeded", "None"], Unavailable, "throttled: ProvisionedThroughputExceeded"),
    ],
)
def test_what_does_not_pass_in_time_ends_in_a_clear_error(
    table: str, wire: Wire, reasons: list[str], error: type[DynamoDBCacheError], words: str
) -> None:
    mine = impatient(table)
    wire.refuse(WRITE, "TransactionCanceledException", 1_000, reasons=reasons)
    began = time.monotonic()
    with pytest.raises(error, match=words):
        mine.put("a", {}, observed_at=order(1))
    assert time.monotonic() - began < 2
    assert 2 <= wire.names().count(WRITE) < 100


@one_engine
def test_throttling_without_end_is_unavailable(table: str, wire: Wire) -> None:
    mine = impatient(table)
    wire.refuse(WRITE, "RequestLimitExceeded", 1_000)
    with pytest.raises(Unavailable, match="RequestLimitExceeded"):
        mine.put("a", {}, observed_at=order(1))
    wire.forget()
    wire.refuse("Query", "ThrottlingException", 1_000)
    mine.put("a", {}, observed_at=order(1))
    with pytest.raises(Unavailable, match="ThrottlingException"):
        mine.snapshot()


@one_engine
def test_what_never_passes_is_said_at_once(reader: MakeReader, wire: Wire, sdk_tries: int) -> None:
    mine = partition(reader())
    wire.refuse(WRITE, "AccessDeniedException")
    with pytest.raises(Unavailable, match="AccessDeniedException"):
        mine.put("a", {}, observed_at=order(1))
    wire.cut(WRITE, sdk_tries)
    with pytest.raises(Unavailable, match="Could not connect"):
        mine.put("a", {}, observed_at=order(1))
    wire.refuse(WRITE, "TransactionCanceledException", reasons=["None", "AccessDenied"])
    with pytest.raises(Unavailable, match="AccessDenied"):
        mine.put("a", {}, observed_at=order(1))
    assert wire.names().count(WRITE) == 1 + sdk_tries + 1


@one_engine
def test_a_full_partition_says_so(reader: MakeReader, wire: Wire) -> None:
    mine = partition(reader())
    wire.refuse(WRITE, "TransactionCanceledException", reasons=["None", "ItemCollectionSizeLimitExceeded"])
    with pytest.raises(PartitionFull, match="10 GB"):
        mine.put("a", {}, observed_at=order(1))
    wire.refuse("PutItem", "ItemCollectionSizeLimitExceededException")
    with pytest.raises(PartitionFull, match="10 GB"):
        mine.append("a", "1", {}, expires_at=None)


# -- outages ------------------------------------------------------------------------------------------------------------


@one_engine
def test_an_outage_costs_one_reader_its_patience_and_the_others_nothing(
    reader: MakeReader, wire: Wire, sdk_tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BREAKER_SECONDS", 0.2)
    mine = partition(reader())
    mine.put("a", {"n": 1}, observed_at=order(1))
    wire.cut("GetItem", sdk_tries)
    with pytest.raises(Unavailable):
        mine.snapshot()
    wire.forget()

    with pytest.raises(CircuitOpen):
        mine.snapshot()
    assert wire.sent == []

    time.sleep(0.25)
    assert mine.snapshot().rows["a"].document == {"n": 1}
    assert mine.snapshot().current


@one_engine
def test_a_refusal_is_an_answer_and_opens_no_breaker(reader: MakeReader, wire: Wire, sdk_tries: int) -> None:
    mine = partition(reader())
    mine.put("a", {"n": 1}, observed_at=order(1))
    for _ in range(2):
        wire.refuse("GetItem", "ProvisionedThroughputExceededException", sdk_tries)
        with pytest.raises(Unavailable):
            mine.snapshot()

    assert mine.snapshot().rows["a"].document == {"n": 1}
