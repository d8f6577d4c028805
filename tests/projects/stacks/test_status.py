from datetime import UTC, datetime, timedelta, timezone

import boto3
import pytest

from projects.stacks.status import StackStatus, observed_at, parse

KNOWN = [status for status in StackStatus if status is not StackStatus.UNKNOWN]
NOON = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)


def test_every_status_of_the_api_is_known() -> None:
    model = boto3.client("cloudformation", region_name="eu-west-1").meta.service_model
    assert {status.value for status in KNOWN} == set(model.shape_for("StackStatus").enum)
    assert len(KNOWN) == 23


def test_an_unknown_status_is_in_progress_and_offers_nothing() -> None:
    status = parse("TELEPORT_COMPLETE")
    assert status is StackStatus.UNKNOWN
    assert status.running
    assert status.tone == "busy"
    assert not any([status.settled, status.editable, status.deletable_only, status.gone])


@pytest.mark.parametrize("status", StackStatus)
def test_each_status_has_words_and_a_coherent_meaning(status: StackStatus) -> None:
    assert status.words
    assert status.settled != status.running
    assert not (status.editable and (status.running or status.failed or status.gone))
    assert not (status.deletable_only and (status.running or status.gone))
    assert not (status.deletable_only and status.editable)
    assert status.tone in {"ready", "busy", "failed", "gone"}
    assert parse(status.value) is status


EDITABLE = "CREATE_COMPLETE UPDATE_COMPLETE UPDATE_ROLLBACK_COMPLETE IMPORT_COMPLETE IMPORT_ROLLBACK_COMPLETE"


def test_only_whole_stacks_may_be_changed() -> None:
    assert {status.value for status in StackStatus if status.editable} == set(EDITABLE.split())


def test_a_rolled_back_creation_can_only_be_deleted_and_a_rolled_back_change_is_ready() -> None:
    assert StackStatus.ROLLBACK_COMPLETE.deletable_only
    assert StackStatus.ROLLBACK_COMPLETE.tone == "failed"
    assert StackStatus.UPDATE_ROLLBACK_COMPLETE.tone == "ready"


def test_cleaning_up_still_holds_the_lock() -> None:
    assert StackStatus.UPDATE_COMPLETE_CLEANUP_IN_PROGRESS.running


def test_a_review_waits_and_does_not_run() -> None:
    assert StackStatus.REVIEW_IN_PROGRESS.settled
    assert StackStatus.REVIEW_IN_PROGRESS.deletable_only


def test_news_of_one_millisecond_sort_by_rank() -> None:
    ranked = ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"]
    orders = [observed_at(NOON, status) for status in ranked]
    assert orders == sorted(orders)
    assert orders[1] == "2026-11-23T12:00:00.123Z#20"


def test_time_decides_before_rank_in_any_zone() -> None:
    later = (NOON + timedelta(milliseconds=1)).astimezone(timezone(timedelta(hours=9)))
    assert observed_at(later, "CREATE_IN_PROGRESS") > observed_at(NOON, "CREATE_COMPLETE")
