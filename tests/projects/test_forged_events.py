"""What an account's own people could send through its topic changes nothing that is not so (S5).

Everything here is published by an administrator of a project's account: the strongest forger that there is.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from django.conf import settings

from aws import clients, sqs
from localaws.server import LocalAWS
from people.models import Person
from projects.actions import buckets
from projects.models import Operation, Project, State
from projects.stacks import mirror
from tests import portal_run
from tests.notifications.bodies import body, envelope, text
from tests.projects.specs import asker, spec_for

FUTURE = "2099-01-01T00:00:00.000Z"


@dataclass(frozen=True)
class Scene:
    """A bucket that stands in one account, and a creation that runs in another."""

    acme: Project
    harbour: Project
    standing: Operation
    running: Operation

    def known(self) -> list[Any]:
        """Return all that pages are made from."""
        rows = [
            (row.key, row.observed_at, row.version, row.document)
            for project in (self.acme, self.harbour)
            for row in mirror.snapshot(project).rows.values()
        ]
        return [sorted(rows), list(Operation.objects.order_by("pk").values())]


def administrator(project: Project, service: str) -> Any:
    return clients.organisation_member(project.account_id, service, project.region)


def publish(project: Project, message: str) -> None:
    """Send a message through a project's topic and let the portal hear it."""
    administrator(project, "sns").publish(TopicArn=project.account.topic_arn, Message=message)
    assert portal_run.hear_all()


def told_of(operation: Operation, status: str, **fields: str) -> str:
    """Return an event's text about an operation's stack."""
    named = {
        "StackId": operation.stack_id,
        "PhysicalResourceId": operation.stack_id,
        "StackName": operation.stack_name,
        "LogicalResourceId": operation.stack_name,
        "ResourceType": "AWS::CloudFormation::Stack",
        "ResourceStatus": status,
        "Timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    return text(**(named | fields))


@pytest.fixture
def scene(acme: Project, harbour: Project, ana: Person, label: str, local_aws: LocalAWS) -> Iterator[Scene]:
    standing = portal_run.settle(buckets.create(acme, spec_for(acme, ana, label), by=asker(ana)))
    assert standing.state == State.SUCCEEDED, standing.cause
    local_aws.faults.set_hold("CREATE_IN_PROGRESS")
    running = buckets.create(harbour, spec_for(harbour, ana, label), by=asker(ana))
    portal_run.until(lambda: Operation.objects.get(pk=running.pk).step == "build")
    while portal_run.hear_all() or portal_run.ring_one():
        pass
    running.refresh_from_db()
    yield Scene(acme, harbour, standing, running)
    local_aws.faults.clear()
    portal_run.settle(running)


def test_one_accounts_topic_tells_nothing_of_anothers_stack(scene: Scene) -> None:
    before = scene.known()
    for status in ("DELETE_COMPLETE", "CREATE_COMPLETE", "ROLLBACK_IN_PROGRESS"):
        publish(scene.acme, told_of(scene.running, status, ClientRequestToken=scene.running.token("submit")))
        assert scene.known() == before, status


def test_an_eventbridge_entry_through_anothers_topic_tells_nothing(scene: Scene) -> None:
    entry = json.loads(body("eventbridge_stack_status.json"))
    entry["detail"]["stack-id"] = scene.running.stack_id
    before = scene.known()
    publish(scene.acme, json.dumps(entry))
    assert scene.known() == before


def test_the_token_of_anothers_operation_shows_no_progress(scene: Scene) -> None:
    before = scene.known()
    token = scene.running.token("submit")
    publish(
        scene.acme,
        told_of(scene.standing, "CREATE_COMPLETE", ResourceType="AWS::S3::Bucket", ClientRequestToken=token),
    )
    assert scene.known() == before


@pytest.mark.parametrize("at", [{}, {"Timestamp": FUTURE}], ids=["now", "in the future"])
def test_a_stack_that_stands_is_not_believed_gone_or_failed(scene: Scene, ana: Person, at: dict[str, str]) -> None:
    for status in ("DELETE_COMPLETE", "UPDATE_ROLLBACK_FAILED"):
        publish(scene.acme, told_of(scene.standing, status, **at))
        held = mirror.stack(scene.acme, scene.standing.stack_id)
        assert held is not None
        assert (str(held.status), held.spec) == ("CREATE_COMPLETE", spec_for(scene.acme, ana, held.spec.label))  # type: ignore[union-attr]  # it stands

    # What is true is still heard after it.
    deletion = buckets.delete(scene.acme, scene.standing.target_name, by=asker(ana))
    assert portal_run.settle(deletion).state == State.SUCCEEDED
    assert mirror.stack(scene.acme, scene.standing.stack_id) is None


@contextmanager
def delivered_raw(project: Project) -> Iterator[None]:
    """The topic's owner has messages sent as they are published, without SNS's envelope, meanwhile."""
    sns = administrator(project, "sns")
    subscriptions = sns.list_subscriptions_by_topic(TopicArn=project.account.topic_arn)["Subscriptions"]
    (subscription,) = [row["SubscriptionArn"] for row in subscriptions]
    attribute = {"SubscriptionArn": subscription, "AttributeName": "RawMessageDelivery"}
    sns.set_subscription_attributes(**attribute, AttributeValue="true")
    try:
        yield
    finally:
        sns.set_subscription_attributes(**attribute, AttributeValue="false")


def test_a_raw_delivery_is_refused(scene: Scene) -> None:
    before = scene.known()
    with delivered_raw(scene.acme):
        publish(scene.acme, told_of(scene.standing, "DELETE_COMPLETE"))
    assert scene.known() == before


def test_a_raw_delivery_in_the_shape_of_anothers_envelope_is_refused(scene: Scene) -> None:
    told = told_of(scene.running, "ROLLBACK_IN_PROGRESS")
    before = scene.known()
    with delivered_raw(scene.acme):
        publish(scene.acme, envelope(told, topic=scene.harbour.account.topic_arn))
    assert scene.known() == before


def test_the_queue_takes_messages_from_the_topics_only(acme: Project) -> None:
    with pytest.raises(ClientError, match=r"AccessDenied|not authorized|does not have access"):
        administrator(acme, "sqs").send_message(
            QueueUrl=sqs.queue(settings.STACKPORT_EVENTS_QUEUE).url(), MessageBody="{}"
        )
