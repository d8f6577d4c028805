"""All of localaws at once, through the real port: an account, its role, a stack, and its events at home."""

import json
from typing import Any

from localaws.callers import Credentials
from localaws.server import LocalAWS
from tests.localaws.conftest import HOME, connect, until
from tests.localaws.test_restart import letting_sns_send

QUEUE = f"arn:aws:sqs:eu-west-1:{HOME}:events"
TEMPLATE = json.dumps(
    {"Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "acme-smoke"}}}}
)


def fields(text: str) -> dict[str, str]:
    """Return the fields of AWS's notification text."""
    lines = (line.partition("=") for line in text.splitlines() if line)
    return {name: value.strip("'") for name, _, value in lines}


def test_from_a_new_account_to_its_events(localaws: LocalAWS) -> None:
    def home(service: str) -> Any:
        return connect(localaws.port, localaws.home, service)

    organizations, sqs = home("organizations"), home("sqs")
    organizations.create_organization(FeatureSet="ALL")
    account = organizations.create_account(AccountName="A", Email="a@example.com")["CreateAccountStatus"]["AccountId"]
    role = f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole"
    found = home("sts").assume_role(RoleArn=role, RoleSessionName="ana@example.com")["Credentials"]
    keys = Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])

    def member(service: str) -> Any:
        return connect(localaws.port, keys, service)

    queue = sqs.create_queue(QueueName="events", Attributes={"Policy": letting_sns_send(QUEUE)})["QueueUrl"]
    topic = member("sns").create_topic(Name="stacks")["TopicArn"]
    member("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=QUEUE)

    def receive() -> list[dict[str, Any]]:
        got = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=5).get("Messages", [])
        for one in got:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
        return [json.loads(one["Body"]) for one in got]

    [asked] = receive()
    home("sns").confirm_subscription(TopicArn=topic, Token=asked["Token"])

    stack = member("cloudformation").create_stack(
        StackName="acme", TemplateBody=TEMPLATE, NotificationARNs=[topic], ClientRequestToken="once"
    )["StackId"]
    events: list[dict[str, str]] = []

    def is_over() -> bool:
        events.extend(fields(one["Message"]) for one in receive())
        return any(
            one["ResourceStatus"] == "CREATE_COMPLETE" and one["StackId"] == one["PhysicalResourceId"] for one in events
        )

    until(is_over)
    assert [(one["LogicalResourceId"], one["ResourceStatus"]) for one in events] == [
        ("acme", "CREATE_IN_PROGRESS"),
        ("Bucket", "CREATE_IN_PROGRESS"),
        ("Bucket", "CREATE_IN_PROGRESS"),
        ("Bucket", "CREATE_COMPLETE"),
        ("acme", "CREATE_COMPLETE"),
    ]
    assert {one["StackId"] for one in events} == {stack}
    assert {one["Namespace"] for one in events} == {account}
    assert {one["ClientRequestToken"] for one in events} == {"once"}
    told = member("cloudformation").describe_stack_events(StackName="acme")["StackEvents"]
    assert [one["EventId"] for one in events] == [one["EventId"] for one in reversed(told)]
    assert member("s3").head_bucket(Bucket="acme-smoke")
    assert home("s3").list_buckets()["Buckets"] == []
