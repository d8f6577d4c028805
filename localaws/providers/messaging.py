"""AWS::SNS::Topic, TopicPolicy and Subscription; AWS::SQS::Queue and QueuePolicy."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from localaws.providers.base import Call, Provider, absent_is_fine

TOPIC_ATTRIBUTES = ("DisplayName", "KmsMasterKeyId", "SignatureVersion", "TracingConfig")
QUEUE_ATTRIBUTES = (
    "ContentBasedDeduplication", "DeduplicationScope", "DelaySeconds", "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds", "KmsMasterKeyId", "MaximumMessageSize", "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds", "RedriveAllowPolicy", "RedrivePolicy", "SqsManagedSseEnabled", "VisibilityTimeout",
)  # fmt: skip
QUEUE_DEFAULTS = {
    "DelaySeconds": "0", "MaximumMessageSize": "262144", "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0", "VisibilityTimeout": "30",
}  # fmt: skip


class Topic(Provider):
    """A topic; creating one of the same name again answers the same ARN, so it repeats by itself."""

    types: ClassVar = ("AWS::SNS::Topic",)

    def create(self, call: Call) -> dict[str, Any]:
        sns = call.client("sns")
        name = call.name(call.properties.get("TopicName"), longest=256)
        call.plan(name)
        fifo = {"FifoTopic": "true"} if call.properties.get("FifoTopic") else {}
        arn = sns.create_topic(Name=name, Attributes=fifo, Tags=call.tag_list())["TopicArn"]
        call.made(arn)
        _write_topic(sns, call, arn)
        return {"TopicArn": arn, "TopicName": name}

    def update(self, call: Call) -> dict[str, Any]:
        sns = call.client("sns")
        _write_topic(sns, call, call.physical_id)
        new, gone = call.tag_changes()
        if new:
            tags = [{"Key": key, "Value": value} for key, value in new.items()]
            sns.tag_resource(ResourceArn=call.physical_id, Tags=tags)
        if gone:
            sns.untag_resource(ResourceArn=call.physical_id, TagKeys=gone)
        return {"TopicArn": call.physical_id, "TopicName": call.physical_id.rpartition(":")[2]}

    def delete(self, call: Call) -> None:
        with absent_is_fine():
            call.client("sns").delete_topic(TopicArn=call.physical_id)


def _write_topic(sns: Any, call: Call, arn: str) -> None:
    for name in TOPIC_ATTRIBUTES:
        if call.changed(name):
            value = str(call.properties.get(name, ""))
            sns.set_topic_attributes(TopicArn=arn, AttributeName=name, AttributeValue=value)
    if call.changed("Subscription"):
        had = [(s["Protocol"], s["Endpoint"]) for s in call.old.get("Subscription") or []]
        for wanted in call.properties.get("Subscription") or []:
            if (wanted["Protocol"], wanted["Endpoint"]) not in had:
                sns.subscribe(TopicArn=arn, Protocol=wanted["Protocol"], Endpoint=wanted["Endpoint"])


class TopicPolicy(Provider):
    """One policy for the topics that it names."""

    types: ClassVar = ("AWS::SNS::TopicPolicy",)

    def create(self, call: Call) -> dict[str, Any]:
        self._write(call)
        call.made(call.name(None))
        return {"Id": call.physical_id}

    def update(self, call: Call) -> dict[str, Any]:
        self._write(call)
        return {"Id": call.physical_id}

    def delete(self, call: Call) -> None:
        for arn in call.properties["Topics"]:
            # SNS has no call that removes a policy: AWS puts the default one back
            _put_topic_policy(call, arn, default_topic_policy(arn))

    def _write(self, call: Call) -> None:
        for arn in call.properties["Topics"]:
            _put_topic_policy(call, arn, call.properties["PolicyDocument"])
        for arn in set(call.old.get("Topics") or []) - set(call.properties["Topics"]):
            _put_topic_policy(call, arn, default_topic_policy(arn))


def _put_topic_policy(call: Call, arn: str, document: Any) -> None:
    text = document if isinstance(document, str) else json.dumps(document)
    with absent_is_fine():
        call.client("sns").set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=text)


def default_topic_policy(arn: str) -> dict[str, Any]:
    """Return the policy that SNS gives to a new topic: its own account may do everything."""
    actions = (
        "AddPermission", "DeleteTopic", "GetTopicAttributes", "ListSubscriptionsByTopic", "Publish", "RemovePermission",
        "SetTopicAttributes", "Subscribe",
    )  # fmt: skip
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{action}" for action in actions],
        "Resource": arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": arn.split(":")[4]}},
    }
    return {"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}


class Subscription(Provider):
    """A subscription; SNS answers the same one for the same endpoint."""

    types: ClassVar = ("AWS::SNS::Subscription",)

    def create(self, call: Call) -> dict[str, Any]:
        sns = call.client("sns")
        arn = sns.subscribe(
            TopicArn=call.properties["TopicArn"],
            Protocol=call.properties["Protocol"],
            Endpoint=call.properties.get("Endpoint", ""),
            Attributes=_subscription_attributes(call.properties),
            ReturnSubscriptionArn=True,
        )["SubscriptionArn"]
        call.made(arn)
        return {"Arn": arn}

    def update(self, call: Call) -> dict[str, Any]:
        sns = call.client("sns")
        new, old = _subscription_attributes(call.properties), _subscription_attributes(call.old)
        for name in sorted(new.keys() | old.keys()):
            if new.get(name) != old.get(name):
                value = new.get(name, "false" if name == "RawMessageDelivery" else "{}")
                sns.set_subscription_attributes(
                    SubscriptionArn=call.physical_id, AttributeName=name, AttributeValue=value
                )
        return {"Arn": call.physical_id}

    def delete(self, call: Call) -> None:
        with absent_is_fine():
            call.client("sns").unsubscribe(SubscriptionArn=call.physical_id)


def _subscription_attributes(properties: dict[str, Any]) -> dict[str, str]:
    attributes: dict[str, str] = {
        name: json.dumps(properties[name])
        for name in ("DeliveryPolicy", "FilterPolicy", "RedrivePolicy")
        if name in properties
    }
    if "FilterPolicyScope" in properties:
        attributes["FilterPolicyScope"] = properties["FilterPolicyScope"]
    if "RawMessageDelivery" in properties:
        attributes["RawMessageDelivery"] = "true" if properties["RawMessageDelivery"] else "false"
    return attributes


class Queue(Provider):
    """A queue; its physical id is its URL."""

    types: ClassVar = ("AWS::SQS::Queue",)

    def create(self, call: Call) -> dict[str, Any]:
        sqs = call.client("sqs")
        name = call.name(call.properties.get("QueueName"), longest=80)
        call.plan(name)
        attributes = _queue_attributes(call.properties)
        if call.properties.get("FifoQueue"):
            attributes["FifoQueue"] = "true"
        url = sqs.create_queue(QueueName=name, Attributes=attributes, tags=call.tag_map())["QueueUrl"]
        call.made(url)
        return _queue_answer(call, url)

    def update(self, call: Call) -> dict[str, Any]:
        sqs = call.client("sqs")
        new, old = _queue_attributes(call.properties), _queue_attributes(call.old)
        changed = {name: value for name, value in new.items() if old.get(name) != value}
        changed |= {name: QUEUE_DEFAULTS.get(name, "") for name in old.keys() - new.keys()}
        if changed:
            sqs.set_queue_attributes(QueueUrl=call.physical_id, Attributes=changed)
        tags, gone = call.tag_changes()
        if tags:
            sqs.tag_queue(QueueUrl=call.physical_id, Tags=tags)
        if gone:
            sqs.untag_queue(QueueUrl=call.physical_id, TagKeys=gone)
        return _queue_answer(call, call.physical_id)

    def delete(self, call: Call) -> None:
        with absent_is_fine():
            call.client("sqs").delete_queue(QueueUrl=call.physical_id)


def _queue_attributes(properties: dict[str, Any]) -> dict[str, str]:
    return {
        name: json.dumps(value) if isinstance(value, (dict, bool)) else str(value)
        for name in QUEUE_ATTRIBUTES
        if (value := properties.get(name)) is not None
    }


def _queue_answer(call: Call, url: str) -> dict[str, Any]:
    name = url.rpartition("/")[2]
    arn = f"arn:aws:sqs:{call.scope.region}:{call.scope.account}:{name}"
    return {"Arn": arn, "QueueName": name, "QueueUrl": url}


class QueuePolicy(Provider):
    """One policy for the queues that it names."""

    types: ClassVar = ("AWS::SQS::QueuePolicy",)

    def create(self, call: Call) -> dict[str, Any]:
        self._write(call)
        call.made(call.name(None))
        return {"Id": call.physical_id}

    def update(self, call: Call) -> dict[str, Any]:
        self._write(call)
        return {"Id": call.physical_id}

    def delete(self, call: Call) -> None:
        for url in call.properties["Queues"]:
            _put_queue_policy(call, url, "")

    def _write(self, call: Call) -> None:
        document = call.properties["PolicyDocument"]
        for url in call.properties["Queues"]:
            _put_queue_policy(call, url, document if isinstance(document, str) else json.dumps(document))
        for url in set(call.old.get("Queues") or []) - set(call.properties["Queues"]):
            _put_queue_policy(call, url, "")


def _put_queue_policy(call: Call, url: str, text: str) -> None:
    with absent_is_fine():
        call.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": text})


PROVIDERS = (Topic, TopicPolicy, Subscription, Queue, QueuePolicy)
