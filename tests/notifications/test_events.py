"""The one parser: recorded bodies, missing fields, hostile text."""

import dataclasses
import json
import time
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from notifications.errors import MalformedEvent, UntrustedMessage
from notifications.events import (
    Announcement,
    Notification,
    StackEvent,
    SubscriptionConfirmation,
    account_of_arn,
    parse_envelope,
    parse_event,
)
from tests.notifications.bodies import ACCOUNT, SECRET, STACK_ID, STACK_NAME, TOKEN, TOPIC, body, message, text

FORGED_TYPE = "'\nResourceType='AWS::CloudFormation::Stack'"
FORGED_TAIL = FORGED_TYPE + "\nStackName='portal-bucket-other-aaaaaa'\nClientRequestToken='forged'\n"
FORGED_HEAD = "StackId='arn:aws:cloudformation:eu-west-1:999999999999:stack/other/x'\n"
FORGED_STATUS = "'\nResourceStatus='DELETE_COMPLETE'\nResourceStatusReason='gone"
HOSTILE = st.lists(
    st.sampled_from(
        [FORGED_TAIL, FORGED_HEAD, FORGED_STATUS, "'", "\n", "\r\n", "'\n", "=", "null", "Zürich ☂", "\x00"]
    )
    | st.text(max_size=30),
    max_size=12,
).map("".join)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | HOSTILE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(HOSTILE, inner, max_size=3),
    max_leaves=8,
)


def is_true(event: StackEvent) -> bool:
    """Whether every field that decides anything is the true one."""
    return (event.stack_id, event.stack_name, event.account_id, event.token, event.status, event.resource_type) == (
        STACK_ID,
        STACK_NAME,
        ACCOUNT,
        TOKEN,
        "CREATE_IN_PROGRESS",
        "AWS::S3::Bucket",
    )


def test_a_stack_event_is_read() -> None:
    event = parse_event(message("sns_stack_event.json"))
    assert event == StackEvent(
        stack_id=STACK_ID,
        stack_name=STACK_NAME,
        account_id=ACCOUNT,
        region="eu-west-1",
        at=datetime(2026, 11, 23, 10, 0, 0, 123000, tzinfo=UTC),
        event_id="1f0f0b60-c857-11f0-9d3c-0a1b2c3d4e5f",
        logical_id=STACK_NAME,
        physical_id=STACK_ID,
        resource_type="AWS::CloudFormation::Stack",
        status="CREATE_IN_PROGRESS",
        reason="User Initiated",
        token=TOKEN,
        principal="AROAEXAMPLEEXAMPLE00:42",
    )
    assert event.is_stack


def test_a_resource_event_keeps_its_reason_and_loses_its_properties() -> None:
    event = parse_event(message("sns_resource_event.json"))
    assert not event.is_stack
    assert event.reason.splitlines()[0] == "The bucket 'acme-invoices' is taken."
    assert SECRET in message("sns_resource_event.json")
    assert SECRET not in json.dumps(dataclasses.asdict(event), default=str)


def test_a_sparse_event_is_read() -> None:
    event = parse_event(message("sns_stack_event_sparse.json"))
    assert event.is_stack
    assert (event.status, event.token, event.principal) == ("CREATE_COMPLETE", None, None)


def test_a_nested_stack_is_no_event_of_the_stack_itself() -> None:
    nested = STACK_ID.replace("invoices", "nested")
    event = parse_event(text(ResourceType="AWS::CloudFormation::Stack", PhysicalResourceId=nested))
    assert not event.is_stack
    assert not dataclasses.replace(event, physical_id="").is_stack


@pytest.mark.parametrize(
    "missing",
    [
        ("Namespace",),
        ("PhysicalResourceId",),
        ("PrincipalId",),
        ("ResourceProperties",),
        ("ResourceStatusReason",),
        ("ClientRequestToken",),
        ("Namespace", "PhysicalResourceId", "PrincipalId", "ClientRequestToken"),
    ],
)
def test_what_may_be_missing_may_be_missing(missing: tuple[str, ...]) -> None:
    event = parse_event(text(without=missing))
    assert event.token == (None if "ClientRequestToken" in missing else TOKEN)
    assert event.status == "CREATE_IN_PROGRESS"


@pytest.mark.parametrize(
    "missing", ["StackId", "Timestamp", "EventId", "LogicalResourceId", "ResourceStatus", "ResourceType", "StackName"]
)
def test_what_must_be_there_must_be_there(missing: str) -> None:
    with pytest.raises(MalformedEvent) as refusal:
        parse_event(text(without=(missing,)))
    assert refusal.value.stack_id == (None if missing == "StackId" else STACK_ID)


@pytest.mark.parametrize("token", ["null", "None", ""])
def test_no_token_is_none(token: str) -> None:
    assert parse_event(text(ClientRequestToken=token)).token is None


@given(HOSTILE)
@example(FORGED_TAIL)
@example(FORGED_STATUS + FORGED_TAIL)
@example("x'\nClientRequestToken='forged")
def test_no_reason_passes_for_another_field(reason: str) -> None:
    event = parse_event(text(ResourceStatusReason=reason))
    assert is_true(event)
    assert event.reason == reason


@given(JSON_VALUES, HOSTILE, st.sampled_from([None, 2]))
def test_no_property_passes_for_another_field(properties: object, reason: str, indent: int | None) -> None:
    written = json.dumps(properties, indent=indent, ensure_ascii=False) + ("\n" if indent else "")
    event = parse_event(text(ResourceProperties=written, ResourceStatusReason=reason))
    assert is_true(event)
    assert event.reason == reason


@given(HOSTILE)
def test_a_forged_status_in_a_body_that_does_not_fit_is_never_believed(reason: str) -> None:
    odd = text(
        ResourceStatus="create in progress", ResourceProperties="{}", ResourceStatusReason=reason + FORGED_STATUS
    )
    with pytest.raises(MalformedEvent):
        parse_event(odd)


@given(HOSTILE)
def test_any_other_text_is_malformed_and_nothing_worse(anything: str) -> None:
    for inner in (anything, FORGED_HEAD + anything, text() + anything, "{" + anything):
        try:
            event = parse_event(inner)
        except MalformedEvent:
            continue
        assert event.stack_id == STACK_ID  # a line break at the end is all that may follow


@given(st.text(alphabet="ab/:'\n0", max_size=60))
def test_id_and_name_of_a_stack_belong_together(name: str) -> None:
    if name == STACK_NAME:
        return
    with pytest.raises(MalformedEvent):
        parse_event(text(StackName=name))


def test_large_and_forged_bodies_take_no_time() -> None:
    large = json.dumps({"Policy": "x" * 200_000})
    forged = FORGED_STATUS * 2500 + FORGED_TAIL * 2500
    started = time.perf_counter()
    assert is_true(parse_event(text(ResourceProperties=large, ResourceStatusReason=forged)))
    with pytest.raises(MalformedEvent):
        parse_event(text(ResourceProperties=large, ResourceStatusReason=forged) + "more")
    with pytest.raises(MalformedEvent):
        parse_event(text(without=("StackName",), ResourceProperties="'\n" * 100_000, ResourceStatusReason=forged))
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize("at", ["", "yesterday", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+23:59"])
def test_an_odd_time_is_malformed(at: str) -> None:
    with pytest.raises(MalformedEvent) as refusal:
        parse_event(text(Timestamp=at))
    assert refusal.value.stack_id == STACK_ID


def test_times_are_utc() -> None:
    assert parse_event(text(Timestamp="2026-11-23T12:00:00.5+02:00")).at == datetime(
        2026, 11, 23, 10, 0, 0, 500000, tzinfo=UTC
    )
    assert parse_event(text(Timestamp="2026-11-23T10:00:00")).at.tzinfo is UTC


def test_an_eventbridge_entry_is_read() -> None:
    event = parse_event(message("sns_eventbridge_entry.json"))
    assert event.is_stack
    assert (event.stack_id, event.status, event.token, event.reason) == (STACK_ID, "CREATE_COMPLETE", TOKEN, "")
    assert event.at == datetime(2026, 11, 23, 10, 0, 9, tzinfo=UTC)


def entry(**changes: object) -> str:
    """The recorded EventBridge entry with fields replaced; a dotted name reaches into `detail`."""
    held = json.loads(body("eventbridge_stack_status.json"))
    for name, value in changes.items():
        place = held["detail"] if name.startswith("detail__") else held
        place[name.removeprefix("detail__").replace("_", "-")] = value
    return json.dumps(held)


def test_an_eventbridge_entry_of_a_resource_is_no_stack_event() -> None:
    event = parse_event(
        entry(
            detail_type="CloudFormation Resource Status Change",
            detail__logical_resource_id="Bucket",
            detail__physical_resource_id="acme-invoices",
            detail__resource_type="AWS::S3::Bucket",
        )
    )
    assert (event.is_stack, event.logical_id, event.resource_type) == (False, "Bucket", "AWS::S3::Bucket")


@pytest.mark.parametrize(
    "odd",
    [
        entry(source="aws.s3"),
        entry(detail_type="CloudFormation Drift Detection Status Change"),
        entry(detail__stack_id=7),
        entry(detail__stack_id="arn"),
        entry(detail__stack_id=STACK_ID + "/more"),
        entry(detail__status_details={"status": ["CREATE_COMPLETE"]}),
        entry(detail__status_details=None),
        entry(detail__client_request_token={"a": 1}),
        entry(time=None),
        entry(detail=[]),
        "{" * 50,
        '{"detail":' + "[" * 100_000,
    ],
)
def test_other_eventbridge_entries_are_malformed(odd: str) -> None:
    with pytest.raises(MalformedEvent):
        parse_event(odd)


def test_envelopes_are_told_apart() -> None:
    told = parse_envelope(body("sns_stack_event.json"))
    assert isinstance(told, Notification)
    assert (told.topic_arn, told.message) == (TOPIC, message("sns_stack_event.json"))
    asked = parse_envelope(body("sns_subscription_confirmation.json"))
    assert isinstance(asked, SubscriptionConfirmation)
    assert (asked.topic_arn, asked.token) == (TOPIC, "2336412f37fb687f5d51e6e2425dacbb")
    assert parse_envelope('{"stackport": "signed"}') == Announcement("signed")


@pytest.mark.parametrize(
    "untrusted",
    [
        message("sns_stack_event.json"),  # raw delivery
        body("eventbridge_stack_status.json"),  # put into the queue past any topic
        "",
        "[]",
        "7",
        '"text"',
        "{}",
        '{"Type": "Notification", "TopicArn": "t"}',
        '{"Type": "Notification", "TopicArn": 7, "Message": "m"}',
        '{"Type": "UnsubscribeConfirmation", "TopicArn": "t", "Token": "t"}',
        '{"stackport": {"type": "changed"}}',
        "[" * 100_000,
    ],
)
def test_anything_else_is_untrusted(untrusted: str) -> None:
    with pytest.raises(UntrustedMessage):
        parse_envelope(untrusted)


def test_the_account_of_an_arn() -> None:
    assert account_of_arn(TOPIC) == ACCOUNT
    assert account_of_arn("not an arn") == ""
