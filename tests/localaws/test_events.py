"""Stack events: their times, their text, their way through SNS, and faults on it."""

import itertools
import json
import logging
import re
import threading
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localaws import events
from localaws.faults import Faults
from localaws.stacks import Operation, Resource, Settings, Stack
from tests.localaws.engine_bench import HOME, OPEN_TO_SNS, REGION, Bench, bucket

pytest_plugins = ["tests.localaws.engine_fixtures"]

NAMES = [
    "StackId", "Timestamp", "EventId", "LogicalResourceId", "Namespace", "PhysicalResourceId", "PrincipalId",
    "ResourceProperties", "ResourceStatus", "ResourceStatusReason", "ResourceType", "StackName", "ClientRequestToken",
]  # fmt: skip


def a_stack() -> Stack:
    settings = Settings("{}", {}, {}, (), (), None)
    stack = Stack("arn:aws:cloudformation:eu-west-1:1:stack/s/u", "s", "1", REGION, settings, 0.0)
    stack.operation = Operation("CREATE", "token", "AROA:ana", None, "deploy")
    return stack


@given(st.lists(st.floats(1_000_000_000, 2_000_000_000), min_size=1))
def test_times_grow_strictly_whatever_the_clock_does(clock: list[float]) -> None:
    stack = a_stack()
    made = [events.record(stack, now, status="CREATE_IN_PROGRESS") for now in clock]
    milliseconds = [round(event.timestamp * 1000) for event in made]
    assert all(later > earlier for earlier, later in itertools.pairwise(milliseconds))
    assert len({event.event_id for event in made}) == len(made)


def test_a_wrong_clock_stamps_one_event_alone() -> None:
    stack = a_stack()
    skews = (0.5, -0.5, 0.0)
    made = [events.record(stack, 100.0, status="CREATE_IN_PROGRESS", skew_seconds=skew) for skew in skews]
    assert [event.timestamp for event in made] == [100.5, 99.501, 100.002]
    assert stack.events == made


def test_the_text_of_a_resource_event_is_awss() -> None:
    stack = a_stack()
    resource = Resource("Bucket", "AWS::S3::Bucket", "b-1", properties={"BucketName": "b-1"})
    event = events.record(stack, 1_700_000_000.1239, status="CREATE_FAILED", reason="it's\ntaken", resource=resource)
    assert events.text(stack, event) == (
        "StackId='arn:aws:cloudformation:eu-west-1:1:stack/s/u'\n"
        "Timestamp='2023-11-14T22:13:20.123Z'\n"
        "EventId='Bucket-CREATE_FAILED-2023-11-14T22:13:20.123Z'\n"
        "LogicalResourceId='Bucket'\n"
        "Namespace='1'\n"
        "PhysicalResourceId='b-1'\n"
        "PrincipalId='AROA:ana'\n"
        'ResourceProperties=\'{"BucketName":"b-1"}\'\n'
        "ResourceStatus='CREATE_FAILED'\n"
        "ResourceStatusReason='it's\ntaken'\n"
        "ResourceType='AWS::S3::Bucket'\n"
        "StackName='s'\n"
        "ClientRequestToken='token'\n"
    )


def test_the_text_of_a_stack_event_without_token_is_awss() -> None:
    stack = a_stack()
    stack.operation = None
    lines = events.text(stack, events.record(stack, 1.0, status="CREATE_COMPLETE")).splitlines()
    assert [line.partition("=")[0] for line in lines] == NAMES
    assert "PhysicalResourceId='arn:aws:cloudformation:eu-west-1:1:stack/s/u'" in lines
    assert "ResourceProperties='null'" in lines
    assert "ResourceType='AWS::CloudFormation::Stack'" in lines
    assert "ClientRequestToken='null'" in lines
    assert re.fullmatch(r"EventId='[0-9a-f-]{36}'", lines[2])


def subscribed(bench: Bench) -> tuple[str, str]:
    topic = bench.client("sns").create_topic(Name="news")["TopicArn"]
    url = bench.client("sqs").create_queue(QueueName="news", Attributes={"Policy": OPEN_TO_SNS})["QueueUrl"]
    bench.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{HOME}:news")
    return topic, url


def received(bench: Bench, url: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while messages := bench.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += [json.loads(message["Body"]) for message in messages]
        for message in messages:
            bench.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def field(envelope: dict[str, Any], name: str) -> str:
    return envelope["Message"].split(f"{name}='")[1].split("'\n")[0]


def test_every_event_is_published_once_and_in_order(bench: Bench) -> None:
    topic, url = subscribed(bench)
    bench.made("s", {"B": bucket("b-one"), "T": {"Type": "AWS::SNS::Topic"}}, NotificationARNs=[topic])
    bench.cloudformation.delete_stack(StackName="s")
    stack_id = bench.cloudformation.list_stacks()["StackSummaries"][0]["StackId"]
    bench.settled(stack_id)
    rows = bench.cloudformation.describe_stack_events(StackName=stack_id)["StackEvents"][::-1]
    envelopes = received(bench, url)
    assert [field(e, "EventId") for e in envelopes] == [row["EventId"] for row in rows]
    assert {e["Subject"] for e in envelopes} == {"AWS CloudFormation Notification"}
    assert {e["TopicArn"] for e in envelopes} == {topic}
    assert {field(e, "PrincipalId") for e in envelopes} == {"AROAEXAMPLE:ana"}


def test_a_topic_that_does_not_exist_only_leaves_a_warning(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "localaws.events"):
        stack = bench.made("s", {"B": bucket()}, NotificationARNs=[f"arn:aws:sns:{REGION}:{HOME}:nowhere"])
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert "could not publish a stack event" in caplog.text


class Recorder:
    """Takes what is published; can hold the first one back."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.asked = threading.Event()
        self.go = threading.Event()
        self.go.set()

    def publish(self, Message: str, **_: Any) -> None:  # noqa: N803 - SNS's name
        self.asked.set()
        self.go.wait(5)
        self.texts.append(Message)


class Unruly(Faults):
    """Drops, doubles and delays by the message's first word."""

    def on_publish(self, message: str) -> list[tuple[float, str]]:
        return {"drop": [], "double": [(0.0, message)] * 2, "late": [(0.05, message)]}.get(
            message.split()[0], [(0.0, message)]
        )


def published(publisher: events.Publisher) -> None:
    deadline = time.monotonic() + 5
    while publisher.pending():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_messages_can_be_dropped_doubled_and_delayed() -> None:
    recorder = Recorder()
    publisher = events.Publisher(lambda _: recorder, Unruly(), time.time)
    for text in ("drop 1", "late 2", "double 3", "plain 4"):
        publisher.submit(events.Notice("1", "arn", text))
    published(publisher)
    publisher.close()
    assert recorder.texts == ["double 3", "double 3", "plain 4", "late 2"]


def test_what_is_not_published_is_told_and_taken_over() -> None:
    slow, quick = Recorder(), Recorder()
    slow.go.clear()
    publisher = events.Publisher(lambda _: slow, Faults(), time.time)
    for text in ("1", "2", "3"):
        publisher.submit(events.Notice("1", "arn", text))
    assert slow.asked.wait(5)
    waiting = publisher.pending()
    assert [notice.text for notice in waiting] == ["1", "2", "3"]
    following = events.Publisher(lambda _: quick, Unruly(), time.time)
    following.restore(waiting)
    published(following)
    assert quick.texts == ["1", "2", "3"]
    slow.go.set()
    publisher.clear()
    assert slow.texts[:1] == ["1"]
    for each in (publisher, following):
        each.close()
    publisher.submit(events.Notice("1", "arn", "after the end"))
    assert publisher.pending() == []
