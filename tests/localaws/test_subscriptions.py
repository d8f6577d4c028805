"""A topic of one account and a queue of another: pending, asked, confirmed, and only then delivered."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from localaws import subscriptions
from localaws.server import LocalAWS
from tests.localaws.test_frontdoor import HOME, REGION, World, code, policy

QUEUE = f"arn:aws:sqs:{REGION}:{HOME}:events"


class Line:
    """A member's topic and the home account's queue."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.member = world.account("a")
        self.sns = world.client("sns", world.admin(self.member))
        self.sqs = world.client("sqs")
        self.topic: str = self.sns.create_topic(Name="stacks")["TopicArn"]
        self.url: str = self.sqs.create_queue(QueueName="events")["QueueUrl"]

    def let(self, topic: str, **more: dict[str, Any]) -> None:
        statement = {
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": QUEUE,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}, **more},
        }
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": policy(statement)})

    def subscribe(self, **attributes: str) -> str:
        found = self.sns.subscribe(
            TopicArn=self.topic, Protocol="sqs", Endpoint=QUEUE, Attributes=attributes, ReturnSubscriptionArn=True
        )
        return str(found["SubscriptionArn"])

    def received(self) -> list[str]:
        found = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages", [])
        for one in found:
            self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=one["ReceiptHandle"])
        return [one["Body"] for one in found]

    def news(self, text: str) -> list[str]:
        self.sns.publish(TopicArn=self.topic, Message=text)
        return self.received()

    def asked(self) -> dict[str, str]:
        [body] = self.received()
        found: dict[str, str] = json.loads(body)
        return found

    def pending(self, subscription: str) -> str:
        found = self.sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]["PendingConfirmation"]
        return str(found).lower()


@pytest.fixture
def line(localaws: LocalAWS) -> Line:
    return Line(World(localaws))


def test_a_subscription_across_accounts_waits_for_its_confirmation(line: Line) -> None:
    line.let(line.topic)
    subscription = line.subscribe()
    asked = line.asked()
    assert asked["Type"] == "SubscriptionConfirmation"
    assert asked["TopicArn"] == line.topic
    assert set(asked) >= {"MessageId", "Token", "Message", "SubscribeURL", "Timestamp"}
    assert asked["Token"] in asked["SubscribeURL"]
    assert line.pending(subscription) == "true"
    assert line.news("too early") == []
    confirmed = line.world.client("sns").confirm_subscription(TopicArn=line.topic, Token=asked["Token"])
    assert confirmed["SubscriptionArn"] == subscription
    assert line.pending(subscription) == "false"
    [body] = line.news("now")
    envelope = json.loads(body)
    assert (envelope["Type"], envelope["Message"], envelope["TopicArn"]) == ("Notification", "now", line.topic)


def test_any_caller_who_has_the_token_confirms(line: Line) -> None:
    line.let(line.topic)
    line.subscribe()
    nobody_special = line.world.client("sns", line.world.user("without-rights"))
    assert code(nobody_special.confirm_subscription, TopicArn=line.topic, Token=line.asked()["Token"]) == ""


@pytest.mark.parametrize(
    "change",
    [
        lambda asked: {**asked, "Token": "0" * 128},
        lambda asked: {**asked, "Token": "ä"},
        lambda asked: {**asked, "TopicArn": asked["TopicArn"] + "2"},
        lambda asked: {**asked, "TopicArn": asked["TopicArn"].replace(REGION, "no-region-1")},
        lambda asked: {**asked, "TopicArn": "nonsense"},
        lambda asked: {**asked, "Token": ""},
    ],
)
def test_only_the_right_token_confirms(line: Line, change: Callable[[dict[str, str]], dict[str, str]]) -> None:
    line.let(line.topic)
    subscription = line.subscribe()
    asked = change(line.asked())
    found = code(line.sns.confirm_subscription, TopicArn=asked["TopicArn"], Token=asked["Token"])
    assert found == "InvalidParameter"
    assert line.pending(subscription) == "true"


def test_nobody_is_asked_while_the_queue_does_not_let_the_topic_send(line: Line) -> None:
    line.subscribe()
    assert line.received() == []
    line.let(line.topic + "-other")
    line.subscribe()
    assert line.received() == []
    line.let(line.topic)
    line.subscribe()
    assert line.asked()["TopicArn"] == line.topic


def test_subscribing_again_asks_again_until_confirmed(line: Line) -> None:
    line.let(line.topic)
    first = line.subscribe()
    line.asked()
    assert line.subscribe() == first
    line.sns.confirm_subscription(TopicArn=line.topic, Token=line.asked()["Token"])
    assert line.subscribe() == first
    assert line.received() == []
    assert len(line.news("once")) == 1


def test_a_queue_policy_that_is_withdrawn_ends_the_delivery(line: Line) -> None:
    line.let(line.topic)
    line.subscribe()
    line.sns.confirm_subscription(TopicArn=line.topic, Token=line.asked()["Token"])
    assert len(line.news("one")) == 1
    line.let(line.topic, StringEquals={"aws:SourceAccount": "999999999999"})
    assert line.news("two") == []
    line.let(line.topic, StringEquals={"aws:SourceAccount": line.member})
    assert len(line.news("three")) == 1


def test_raw_delivery_is_kept_through_the_confirmation(line: Line) -> None:
    line.let(line.topic)
    line.subscribe(RawMessageDelivery="true")
    line.sns.confirm_subscription(TopicArn=line.topic, Token=line.asked()["Token"])
    assert line.news("bare") == ["bare"]


def test_within_an_account_nobody_is_asked_but_the_policy_is(localaws: LocalAWS) -> None:
    world = World(localaws)
    sns, sqs = world.client("sns"), world.client("sqs")
    topic = sns.create_topic(Name="own")["TopicArn"]
    url = sqs.create_queue(QueueName="events")["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=QUEUE)
    sns.publish(TopicArn=topic, Message="unheard")
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    statement = {"Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": QUEUE}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy(statement)})
    sns.publish(TopicArn=topic, Message="heard")
    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"])["Message"] == "heard"


@pytest.mark.parametrize(
    "endpoint", ["", "nonsense", f"arn:aws:sqs:no-region-1:{HOME}:q", f"arn:aws:sqs:{REGION}:{HOME}:none"]
)
def test_no_queue_lets_nobody_send(endpoint: str) -> None:
    assert subscriptions.queue_of(endpoint) is None
    assert not subscriptions.may_send(f"arn:aws:sns:{REGION}:{HOME}:t", endpoint)
