"""Queues: messages come, come back, and end among the dead letters; a queue is made once."""

import json
import socket
import time

import pytest

from aws import clients, sqs
from aws.errors import QueueNotFound, Unreachable
from localaws.server import LocalAWS


@pytest.fixture
def queue(local_aws: LocalAWS, fresh_name: str) -> sqs.Queue:
    """A queue whose messages are seen again at once."""
    return sqs.create_queue(fresh_name, visibility_seconds=0)


def test_a_message_comes_until_it_is_deleted(queue: sqs.Queue) -> None:
    sent = queue.send("hello")
    for time_number in (1, 2):
        (message,) = queue.receive(wait_seconds=2)
        assert (message.message_id, message.body, message.receive_count) == (sent, "hello", time_number)
    queue.delete(message)
    assert queue.receive(wait_seconds=0) == []
    assert queue.waiting() == 0


def test_at_most_as_many_messages_as_asked_for(queue: sqs.Queue) -> None:
    for number in range(4):
        queue.send(str(number))
    assert queue.waiting() == 4
    assert len(queue.receive(wait_seconds=0, max_messages=3)) == 3


def test_a_delayed_message_waits(queue: sqs.Queue) -> None:
    queue.send("later", delay_seconds=1)
    assert queue.receive(wait_seconds=0) == []
    assert [message.body for message in queue.receive(wait_seconds=3)] == ["later"]


def test_a_message_is_hidden_while_it_is_worked_on_and_can_be_given_back(local_aws: LocalAWS, fresh_name: str) -> None:
    queue = sqs.create_queue(fresh_name, visibility_seconds=30)
    queue.send("hello")
    (message,) = queue.receive(wait_seconds=0)
    assert queue.receive(wait_seconds=0) == []
    queue.release(message)
    assert [again.body for again in queue.receive(wait_seconds=2)] == ["hello"]


def test_a_message_that_fails_too_often_goes_to_the_dead_letters(local_aws: LocalAWS, fresh_name: str) -> None:
    dead = sqs.create_queue(f"{fresh_name}-dead")
    queue = sqs.create_queue(fresh_name, dead_letters=dead, tries=2, visibility_seconds=0)
    queue.send("poison")
    for _ in range(2):
        assert len(queue.receive(wait_seconds=0)) == 1
    assert queue.receive(wait_seconds=0) == []
    assert [message.body for message in dead.receive(wait_seconds=0)] == ["poison"]


def test_a_queue_is_encrypted_and_keeps_messages_for_two_weeks(local_aws: LocalAWS, fresh_name: str) -> None:
    asked: dict[str, str] = {}
    client = clients.home("sqs")
    client.meta.events.register(
        "before-parameter-build.sqs.CreateQueue", lambda params, **_: asked.update(params["Attributes"])
    )
    queue = sqs.create_queue(fresh_name)
    # Asked for by name: an account's default may be another.
    assert asked["SqsManagedSseEnabled"] == "true"
    found = client.get_queue_attributes(QueueUrl=queue.url(), AttributeNames=["All"])["Attributes"]
    assert found["MessageRetentionPeriod"] == str(14 * 86_400)
    assert queue.arn() == found["QueueArn"]


def test_making_a_queue_twice_finds_it(queue: sqs.Queue) -> None:
    queue.send("hello")
    again = sqs.create_queue(queue.name, visibility_seconds=0)
    assert again.url() == queue.url()
    assert [message.body for message in again.receive(wait_seconds=0)] == ["hello"]


def test_a_queue_that_was_deleted_is_made_again(queue: sqs.Queue) -> None:
    clients.home("sqs").delete_queue(QueueUrl=queue.url())
    assert sqs.create_queue(queue.name).waiting() == 0


def test_a_policy_is_set_and_read(queue: sqs.Queue) -> None:
    assert queue.policy() == ""
    statement = {"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": queue.arn()}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    queue.set_policy(policy)
    assert json.loads(queue.policy()) == json.loads(policy)


def test_a_queue_that_is_not_there_is_told(local_aws: LocalAWS, fresh_name: str) -> None:
    absent = sqs.queue(fresh_name)
    for ask in (
        absent.url,
        absent.arn,
        absent.waiting,
        lambda: absent.send("x"),
        lambda: absent.receive(wait_seconds=0),
    ):
        with pytest.raises(QueueNotFound):
            ask()


def test_a_process_has_one_object_for_a_queue(local_aws: LocalAWS, fresh_name: str) -> None:
    assert sqs.queue(fresh_name) is sqs.queue(fresh_name)


def test_a_send_that_nobody_answers_is_given_up_while_somebody_still_waits(
    local_aws: LocalAWS, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", f"http://127.0.0.1:{silent.getsockname()[1]}")
        clients.reset()
        began = time.monotonic()

        with pytest.raises(Unreachable):
            sqs.Queue("stackport-operations").send("{}")

        assert time.monotonic() - began < 20  # the background's patience is over two minutes
    clients.reset()
