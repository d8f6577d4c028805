"""Making and verifying tables: safe to repeat, safe in parallel, clear where a table is another one."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest

from dynamodb_cache import tables, verifying
from dynamodb_cache.client import client
from dynamodb_cache.errors import DynamoDBCacheError, TableUnfit, Unavailable
from dynamodb_cache.verifying import Level
from tests.dynamodb_cache.operating import description, stubbed, time_to_live

NAME = "ops-cache"
PROCESSES = 4


@pytest.fixture
def cache_table(aws) -> str:
    """An empty cache table on the local AWS."""
    tables.create(NAME, None, tables.CACHE_TABLE)
    return NAME


def _ttl(table: str) -> dict[str, Any]:
    return client().describe_time_to_live(TableName=table)["TimeToLiveDescription"]


def test_a_table_is_made_once_with_time_to_live(aws) -> None:
    assert tables.create(NAME, None, tables.CACHE_TABLE) is True
    assert tables.create(NAME, None, tables.CACHE_TABLE) is False
    assert _ttl(NAME) == {"TimeToLiveStatus": "ENABLED", "AttributeName": "t"}
    assert client().describe_table(TableName=NAME)["Table"]["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"


def test_time_to_live_is_switched_on_where_a_table_stands_without(aws) -> None:
    client().create_table(TableName=NAME, BillingMode="PAY_PER_REQUEST", **tables.CACHE_TABLE)
    assert tables.create(NAME, None, tables.CACHE_TABLE) is False
    assert _ttl(NAME)["TimeToLiveStatus"] == "ENABLED"


def test_protection_is_added_to_a_table_that_stands(cache_table) -> None:
    tables.lay(client(), NAME, tables.CACHE_TABLE, deletion_protection=True)
    assert client().describe_table(TableName=NAME)["Table"]["DeletionProtectionEnabled"] is True


def _lay(name: str, barrier: Any) -> tuple[int, bool, str]:
    """In a process of its own: lay the table at the same moment as the others."""
    dynamodb = client()
    barrier.wait(30)
    laid = tables.lay(dynamodb, name, tables.COLLECTION_TABLE)
    return os.getpid(), laid.made, laid.warning


def test_processes_that_create_at_once_all_succeed(aws) -> None:
    aws.faults.set_delay("dynamodb", 0.3)  # all have looked before the first one makes it
    spawn = multiprocessing.get_context("spawn")
    with spawn.Manager() as manager, ProcessPoolExecutor(PROCESSES, mp_context=spawn) as pool:
        barrier = manager.Barrier(PROCESSES)
        done = [future.result(60) for future in [pool.submit(_lay, NAME, barrier) for _ in range(PROCESSES)]]
    assert len({pid for pid, _, _ in done}) == PROCESSES
    assert [made for _, made, _ in done].count(True) == 1
    assert {warning for _, _, warning in done} == {""}
    assert _ttl(NAME)["TimeToLiveStatus"] == "ENABLED"


def test_a_table_with_other_keys_is_refused(aws) -> None:
    tables.create(NAME, None, tables.COLLECTION_TABLE)
    with pytest.raises(TableUnfit, match=r"its key is p \(S, HASH\), s \(S, RANGE\), not k \(S, HASH\)"):
        tables.create(NAME, None, tables.CACHE_TABLE)


def test_a_collection_without_its_index_is_refused(aws) -> None:
    bare = {**tables.COLLECTION_TABLE, "AttributeDefinitions": tables.COLLECTION_TABLE["AttributeDefinitions"][:2]}
    del bare["LocalSecondaryIndexes"]
    client().create_table(TableName=NAME, BillingMode="PAY_PER_REQUEST", **bare)
    with pytest.raises(TableUnfit, match="no local index changes"):
        tables.create(NAME, None, tables.COLLECTION_TABLE)


def test_time_to_live_on_another_attribute_is_refused_with_the_way_out(cache_table) -> None:
    client().update_time_to_live(TableName=NAME, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"})
    with pytest.raises(TableUnfit, match="Enabled=false,AttributeName=expires"):
        tables.create(NAME, None, tables.CACHE_TABLE)
    assert _ttl(NAME)["AttributeName"] == "expires"


def test_time_to_live_being_switched_off_is_refused(aws) -> None:
    with stubbed() as (dynamodb, stub):
        stub.add_response("describe_table", description())
        stub.add_response("describe_time_to_live", time_to_live("DISABLING"))
        with pytest.raises(TableUnfit, match="up to an hour"):
            tables.lay(dynamodb, NAME, tables.CACHE_TABLE)


@pytest.mark.parametrize("asked", ["describe_time_to_live", "update_time_to_live"])
def test_an_engine_without_time_to_live_is_a_warning(asked: str) -> None:
    with stubbed() as (dynamodb, stub):
        stub.add_response("describe_table", description())
        if asked == "update_time_to_live":
            stub.add_response("describe_time_to_live", {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}})
        stub.add_client_error(asked, "UnknownOperationException", "")
        assert "no time to live" in tables.lay(dynamodb, NAME, tables.CACHE_TABLE).warning


def test_somebody_faster_with_time_to_live_is_no_error() -> None:
    with stubbed() as (dynamodb, stub):
        stub.add_response("describe_table", description())
        stub.add_response("describe_time_to_live", {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}})
        stub.add_client_error("update_time_to_live", "ValidationException", "TimeToLive is already enabled")
        stub.add_response("describe_time_to_live", time_to_live("ENABLING"))
        assert tables.lay(dynamodb, NAME, tables.CACHE_TABLE) == tables.Laid(made=False)


def test_a_change_of_time_to_live_refused_for_another_reason_is_an_error() -> None:
    with stubbed() as (dynamodb, stub):
        stub.add_response("describe_table", description())
        stub.add_response("describe_time_to_live", {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}})
        stub.add_client_error(
            "update_time_to_live", "ValidationException", "Time to live has been modified multiple times"
        )
        stub.add_response("describe_time_to_live", {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}})
        with pytest.raises(Unavailable, match="modified multiple times"):
            tables.lay(dynamodb, NAME, tables.CACHE_TABLE)


def test_a_table_being_deleted_is_waited_for_and_made_anew() -> None:
    with stubbed() as (dynamodb, stub):
        stub.add_response("describe_table", description("DELETING"))
        stub.add_client_error("describe_table", "ResourceNotFoundException")
        stub.add_client_error("create_table", "ResourceInUseException")  # the name is not free yet
        stub.add_client_error("describe_table", "ResourceNotFoundException")
        stub.add_response("create_table", {})
        stub.add_client_error("describe_table", "ResourceNotFoundException")  # has not heard of it yet
        stub.add_response("describe_table", description("CREATING"))
        stub.add_response("describe_table", description())
        stub.add_response("describe_time_to_live", time_to_live("ENABLED"))
        assert tables.lay(dynamodb, NAME, tables.CACHE_TABLE) == tables.Laid(made=True)


def test_a_table_that_never_gets_ready_ends_in_words() -> None:
    with stubbed() as (dynamodb, stub):
        stub.add_response("describe_table", description("CREATING"))
        with pytest.raises(DynamoDBCacheError, match="run this again later"):
            tables.lay(dynamodb, NAME, tables.CACHE_TABLE, wait_seconds=0.1)


# -- verify ---------------------------------------------------------------------------------------------------------


def _levels(found: list[verifying.Finding]) -> dict[str, Level]:
    return {finding.subject: finding.level for finding in found}


@pytest.mark.parametrize("definition", [tables.CACHE_TABLE, tables.COLLECTION_TABLE])
def test_a_table_that_create_made_is_fit(aws, definition: dict[str, Any]) -> None:
    tables.lay(client(), NAME, definition, deletion_protection=True)
    assert set(_levels(verifying.verify(client(), NAME, definition)).values()) == {Level.PASS, Level.INFO}


def test_a_missing_table_fails(aws) -> None:
    (finding,) = verifying.verify(client(), NAME, tables.CACHE_TABLE)
    assert (finding.level, finding.mend) == (Level.FAIL, "Run `manage.py dynamodb_cache create`.")


def test_each_shortcoming_has_its_line(aws) -> None:
    client().create_table(
        TableName=NAME,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
    )
    found = verifying.verify(client(), NAME, tables.CACHE_TABLE)
    assert _levels(found) == {
        "table": Level.PASS,
        "keys": Level.FAIL,
        "time to live": Level.FAIL,
        "billing": Level.WARN,
        "encryption": Level.PASS,
        "deletion protection": Level.WARN,
        "point-in-time recovery": Level.INFO,
    }
    assert all(finding.mend for finding in found if finding.level in {Level.FAIL, Level.WARN})


def test_time_to_live_on_another_attribute_fails(cache_table) -> None:
    client().update_time_to_live(TableName=NAME, TimeToLiveSpecification={"Enabled": True, "AttributeName": "x"})
    found = verifying.verify(client(), NAME, tables.CACHE_TABLE)
    assert _levels(found)["time to live"] is Level.FAIL
    assert any("AttributeName=x" in finding.mend for finding in found)


def test_a_key_that_cannot_be_used_fails() -> None:
    with stubbed() as (dynamodb, stub):
        stub.add_response("describe_table", description(SSEDescription={"InaccessibleEncryptionDateTime": 1}))
        stub.add_response("describe_time_to_live", time_to_live("ENABLED"))
        stub.add_client_error("describe_continuous_backups", "AccessDeniedException")
        levels = _levels(verifying.verify(dynamodb, NAME, tables.CACHE_TABLE))
    assert levels["encryption"] is Level.FAIL
    assert levels["point-in-time recovery"] is Level.INFO


def test_a_key_of_the_account_passes_and_is_named() -> None:
    arn = "arn:aws:kms:eu-west-1:111122223333:key/k"
    with stubbed() as (dynamodb, stub):
        stub.add_response("describe_table", description(SSEDescription={"Status": "ENABLED", "KMSMasterKeyArn": arn}))
        stub.add_client_error("describe_time_to_live", "UnknownOperationException")
        stub.add_client_error("describe_continuous_backups", "UnknownOperationException")
        found = verifying.verify(dynamodb, NAME, tables.CACHE_TABLE)
    assert any(arn in finding.words for finding in found)
    assert _levels(found)["time to live"] is Level.WARN


@pytest.mark.parametrize("status", ["ARCHIVED", "INACCESSIBLE_ENCRYPTION_CREDENTIALS", "CREATING"])
def test_a_table_that_cannot_be_used_fails(status: str) -> None:
    with stubbed() as (dynamodb, stub):
        stub.add_response("describe_table", description(status))
        stub.add_response("describe_time_to_live", time_to_live("ENABLED"))
        stub.add_client_error("describe_continuous_backups", "UnknownOperationException")
        assert _levels(verifying.verify(dynamodb, NAME, tables.CACHE_TABLE))["table"] is Level.FAIL


def test_what_cannot_be_read_for_no_known_reason_is_an_error() -> None:
    with stubbed() as (dynamodb, stub):
        stub.add_response("describe_table", description())
        stub.add_client_error("describe_time_to_live", "InternalServerError", "no luck")
        with pytest.raises(Unavailable, match="no luck"):
            verifying.verify(dynamodb, NAME, tables.CACHE_TABLE)
