"""Each repair of moto. A test that fails after an upgrade of moto says which repair to mend, or to drop."""

import json
import time
import timeit
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import backends
from moto.core import utils as core_utils
from moto.sqs import models as sqs_models

from localaws import repairs
from localaws.callers import Credentials
from localaws.server import LocalAWS
from tests.localaws.conftest import HOME, connect
from tests.localaws.test_restart import letting_sns_send, policy

QUEUE = f"arn:aws:sqs:eu-west-1:{HOME}:events"


@pytest.fixture
def home(localaws: LocalAWS) -> Callable[[str], Any]:
    return lambda service: connect(localaws.port, localaws.home, service)


@pytest.fixture
def member(localaws: LocalAWS, home: Callable[[str], Any]) -> Callable[[str], Any]:
    organizations = home("organizations")
    organizations.create_organization(FeatureSet="ALL")
    account = organizations.create_account(AccountName="A", Email="a@example.com")["CreateAccountStatus"]["AccountId"]
    role = f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole"
    found = home("sts").assume_role(RoleArn=role, RoleSessionName="ana")["Credentials"]
    keys = Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
    return lambda service: connect(localaws.port, keys, service)


@pytest.fixture
def queue(home: Callable[[str], Any]) -> str:
    attributes = {"Policy": letting_sns_send(QUEUE)}
    return str(home("sqs").create_queue(QueueName="events", Attributes=attributes)["QueueUrl"])


def bodies(sqs: Any, url: str) -> list[str]:
    return [one["Body"] for one in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])]


def test_repairs_are_applied_once() -> None:
    repairs.apply()
    before = repairs.Subscription.publish
    repairs.apply()
    assert repairs.Subscription.publish is before


def test_sns_delivers_to_the_queues_own_account(home: Any, member: Any, queue: str) -> None:
    topic = member("sns").create_topic(Name="t")["TopicArn"]
    # Of the same name in the topic's account: moto would deliver to this one.
    decoy = member("sqs").create_queue(QueueName="events")["QueueUrl"]
    member("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=QUEUE)
    [asked] = bodies(home("sqs"), queue)
    home("sqs").purge_queue(QueueUrl=queue)
    member("sns").confirm_subscription(TopicArn=topic, Token=json.loads(asked)["Token"])
    member("sns").publish(TopicArn=topic, Message="news")
    [news] = bodies(home("sqs"), queue)
    assert json.loads(news)["Message"] == "news"
    assert json.loads(news)["TopicArn"] == topic
    assert bodies(member("sqs"), decoy) == []


def test_a_foreign_subscription_waits_for_its_confirmation(home: Any, member: Any, queue: str) -> None:
    topic = member("sns").create_topic(Name="t")["TopicArn"]
    member("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=QUEUE)
    member("sns").publish(TopicArn=topic, Message="too early")
    [only] = bodies(home("sqs"), queue)
    assert json.loads(only)["Type"] == "SubscriptionConfirmation"


def test_subscriptions_sign_with_one_key(home: Any, queue: str) -> None:
    sns = home("sns")
    topics = [sns.create_topic(Name=name)["TopicArn"] for name in ("a", "b")]
    for topic in topics:
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=QUEUE)
        sns.publish(TopicArn=topic, Message="signed")
    told = [json.loads(body) for body in bodies(home("sqs"), queue)]
    assert len(told) == 2
    assert len({body["SigningCertURL"] for body in told}) == 1


def test_receiving_does_not_sleep_in_moto(localaws: LocalAWS, home: Any, queue: str) -> None:
    from moto.sqs.models import sqs_backends

    began = time.perf_counter()
    assert sqs_backends[HOME]["eu-west-1"].receive_message("events", 1, 5, 30) == []
    assert time.perf_counter() - began < 1


def test_bucket_policies_are_judged_by_the_front_door_alone(home: Any, localaws: LocalAWS) -> None:
    s3 = home("s3")
    s3.create_bucket(Bucket="acme-p", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    unmet = policy(
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::acme-p/*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    )
    s3.put_bucket_policy(Bucket="acme-p", Policy=unmet)
    s3.put_object(Bucket="acme-p", Key="k", Body=b"x")
    assert s3.get_object(Bucket="acme-p", Key="k")["Body"].read() == b"x"


@pytest.mark.parametrize("ranged", [True, False])
def test_a_failed_transaction_leaves_every_item_as_it_was(home: Any, ranged: bool) -> None:
    dynamodb = home("dynamodb")
    names = ["p", "s"] if ranged else ["p"]
    dynamodb.create_table(
        TableName="t",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
        KeySchema=[
            {"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"), strict=False)
        ],
        BillingMode="PAY_PER_REQUEST",
    )

    def key(value: str) -> dict[str, Any]:
        return {name: {"S": value} for name in names}

    def everything() -> list[Any]:
        return sorted(dynamodb.scan(TableName="t")["Items"], key=str)

    for value in ("a", "b"):
        dynamodb.put_item(TableName="t", Item={**key(value), "nested": {"M": {"n": {"N": "1"}}}})
    before = everything()
    update = {
        "UpdateExpression": "SET nested.n = :two",
        "ExpressionAttributeValues": {":two": {"N": "2"}},
    }
    writes: list[Any] = [
        {"Update": {"TableName": "t", "Key": key("a"), **update}},
        {"Delete": {"TableName": "t", "Key": key("b")}},
        {"Put": {"TableName": "t", "Item": key("new")}},
    ]
    refused = {"TableName": "t", "Key": key("c"), "ConditionExpression": "attribute_exists(p)"}
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
        dynamodb.transact_write_items(TransactItems=[*writes, {"ConditionCheck": refused}])
    assert everything() == before
    with pytest.raises(ClientError, match="multiple operations on one item"):
        dynamodb.transact_write_items(TransactItems=[*writes, writes[0]])
    assert everything() == before

    dynamodb.transact_write_items(TransactItems=writes)
    assert [item["nested"]["M"]["n"]["N"] for item in everything() if "nested" in item] == ["2"]
    assert len(everything()) == 2


def test_modules_are_listed_once(localaws: LocalAWS) -> None:
    listed = backends.list_of_moto_modules()
    assert listed is backends.list_of_moto_modules()
    assert {"sqs", "dynamodb", "s3"} <= set(listed)


def test_the_clock_of_a_queue_is_the_machines(localaws: LocalAWS) -> None:
    before = time.time() * 1000
    assert before <= sqs_models.unix_time_millis() <= time.time() * 1000
    assert sqs_models.unix_time_millis(datetime(2026, 1, 1)) == datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000


def test_the_clock_of_a_queue_is_quick(localaws: LocalAWS) -> None:
    """A receive reads it a dozen times for each message in the queue."""
    ours, motos = (
        timeit.timeit(clock, number=2_000) for clock in (sqs_models.unix_time_millis, core_utils.unix_time_millis)
    )
    assert ours < motos / 3
