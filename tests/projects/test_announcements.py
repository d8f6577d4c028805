"""What open pages are told of a stack's events: the version that they will fetch, and of a bucket that is gone."""

import pytest
from django.conf import settings

from aws import sqs
from notifications import announcements
from notifications.events import Announcement, StackEvent, parse_envelope, parse_event
from people.models import Person
from projects import bucket_pages, live, receivers
from projects.actions import buckets
from projects.models import Operation, Project, State
from projects.stacks import mirror
from projects.stacks.mirror import MirroredStack
from tests import portal_run
from tests.notifications.bodies import stack_text
from tests.projects import mirrored
from tests.projects.specs import asker


@pytest.fixture(autouse=True)
def nothing_announced(bucket: MirroredStack) -> None:
    """Nothing waits in the queue when the test begins."""
    portal_run.purge()


def event(stack: MirroredStack, status: str) -> StackEvent:
    """Return an event about the stack itself."""
    return parse_event(stack_text(stack.stack_id, stack.name, status))


def announced() -> dict[str, int]:
    """Return the items that were announced since, with the last version of each."""
    found = {}
    for message in sqs.queue(settings.STACKPORT_EVENTS_QUEUE).receive(wait_seconds=0, max_messages=10):
        envelope = parse_envelope(message.body)
        assert isinstance(envelope, Announcement)
        signal = announcements.read(envelope.signed)
        found[signal["item"]] = signal["version"]
    return found


def test_a_status_is_announced_with_the_version_that_pages_show_then(acme: Project, bucket: MirroredStack) -> None:
    receivers.hear_stack(acme, event(bucket, "UPDATE_IN_PROGRESS"))
    shown = bucket_pages.find(acme, bucket.spec.name)
    assert shown is not None
    assert shown.words == "Being changed"
    assert announced() == {shown.item: shown.version}


def test_with_an_operation_both_are_announced(acme: Project, ana: Person, bucket: MirroredStack) -> None:
    change = buckets.change(acme, bucket.spec, mirrored.spec(acme, bucket.spec.label, purpose="b"), "", by=asker(ana))
    Operation.objects.filter(pk=change.pk).update(state=State.RUNNING, stack_id=bucket.stack_id)
    portal_run.purge()
    receivers.hear_stack(acme, event(bucket, "UPDATE_IN_PROGRESS"))
    shown = bucket_pages.find(acme, bucket.spec.name)
    assert shown is not None
    change.refresh_from_db()
    assert announced() == {shown.item: shown.version, change.live_item: change.version}


def test_a_bucket_that_was_deleted_outside_the_portal_is_announced_as_changed(
    acme: Project, bucket: MirroredStack
) -> None:
    shown = bucket_pages.find(acme, bucket.spec.name)
    assert shown is not None
    receivers.hear_stack(acme, event(bucket, "DELETE_COMPLETE"))
    assert mirror.stack(acme, bucket.stack_id) is None
    told = announced()
    assert told.keys() == {live.bucket_item(bucket.spec.name)}
    assert told[shown.item] != shown.version, "so that its row is fetched, which is empty then"
