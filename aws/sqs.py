"""SQS: queues of the portal's own account. Source: the API reference; limits: 256 KB a message, 900 s of delay."""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from aws import clients
from aws.errors import QueueNotFound, aws_errors


@dataclass(frozen=True, slots=True)
class Message:
    """A received message; it comes back when it is not deleted in time."""

    message_id: str
    body: str
    receipt: str
    receive_count: int


class Queue:
    """One queue, found by its name at the first call. Every method raises AWSError."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._url = ""

    def _client(self) -> Any:
        return clients.home("sqs")

    def url(self) -> str:
        """Return the queue's address. Raises QueueNotFound."""
        if not self._url:
            with aws_errors():
                self._url = clients.home("sqs", quick=True).get_queue_url(QueueName=self.name)["QueueUrl"]
        return self._url

    def arn(self) -> str:
        """Return the queue's ARN."""
        return str(self._attribute("QueueArn"))

    def policy(self) -> str:
        """Return the queue's policy as JSON; empty when it has none."""
        return str(self._attribute("Policy"))

    def waiting(self) -> int:
        """Return about how many messages wait."""
        return int(self._attribute("ApproximateNumberOfMessages") or 0)

    def _attribute(self, name: str) -> Any:
        with aws_errors():
            answer = self._client().get_queue_attributes(QueueUrl=self.url(), AttributeNames=[name])
        return answer.get("Attributes", {}).get(name, "")

    def send(self, body: str, *, delay_seconds: int = 0) -> str:
        """Send a message; return its id. Gives up soon: whatever is sent here, a sweep makes up for."""
        with aws_errors():
            answer = clients.home("sqs", quick=True).send_message(
                QueueUrl=self.url(), MessageBody=body, DelaySeconds=delay_seconds
            )
        return str(answer["MessageId"])

    def receive(self, *, wait_seconds: int, max_messages: int = 10) -> list[Message]:
        """Return up to ten messages, waiting up to 20 s for the first."""
        with aws_errors():
            answer = self._client().receive_message(
                QueueUrl=self.url(),
                MaxNumberOfMessages=max_messages,
                WaitTimeSeconds=wait_seconds,
                AttributeNames=["ApproximateReceiveCount"],
            )
        return [
            Message(
                row["MessageId"],
                row["Body"],
                row["ReceiptHandle"],
                int(row.get("Attributes", {}).get("ApproximateReceiveCount", 1)),
            )
            for row in answer.get("Messages", [])
        ]

    def delete(self, message: Message) -> None:
        """Take a message out for good."""
        with aws_errors():
            self._client().delete_message(QueueUrl=self.url(), ReceiptHandle=message.receipt)

    def release(self, message: Message, *, after_seconds: int = 0) -> None:
        """Give a message back before its time."""
        with aws_errors():
            self._client().change_message_visibility(
                QueueUrl=self.url(), ReceiptHandle=message.receipt, VisibilityTimeout=after_seconds
            )

    def set_policy(self, policy: str) -> None:
        """Replace the queue's policy."""
        with aws_errors():
            self._client().set_queue_attributes(QueueUrl=self.url(), Attributes={"Policy": policy})


@cache
def queue(name: str) -> Queue:
    """Return the process's one object for a queue."""
    return Queue(name)


def create_queue(
    name: str, *, dead_letters: Queue | None = None, tries: int = 5, visibility_seconds: int = 60
) -> Queue:
    """Make a standard, encrypted queue or find it; messages that failed `tries` times go to the dead letters."""
    attributes = {
        "VisibilityTimeout": str(visibility_seconds),
        "MessageRetentionPeriod": str(14 * 86_400),
        "SqsManagedSseEnabled": "true",
    }
    if dead_letters is not None:
        attributes["RedrivePolicy"] = json.dumps(
            {"deadLetterTargetArn": dead_letters.arn(), "maxReceiveCount": str(tries)}
        )
    queue.cache_clear()  # what was known of queues may be older than what stands
    made = queue(name)
    try:
        made.url()
    except QueueNotFound:
        with aws_errors():
            clients.home("sqs").create_queue(QueueName=name, Attributes=attributes)
    return made
