"""Deleting a bucket: only an empty one, in two moves; what arrives in between is never lost."""

import pytest

from aws import clients
from aws.accounts import Role
from aws.errors import BucketNotFound
from people.models import Person
from projects import live
from projects.actions import buckets, operations
from projects.errors import BucketBeingDeleted, BucketGone, NotRetryable
from projects.models import Operation, Project, State
from projects.stacks import accounts
from projects.stacks.status import StackStatus
from tests import portal_run
from tests.projects.specs import asker, spec_for


@pytest.fixture
def name(acme: Project, ana: Person, label: str) -> str:
    """The name of a bucket that stands."""
    operation = portal_run.settle(buckets.create(acme, spec_for(acme, ana, label), by=asker(ana)))
    assert operation.state == State.SUCCEEDED, operation.cause
    return operation.target_name


def put(project: Project, name: str, key: str = "invoice.pdf") -> None:
    """Put an object as a partner would: with rights of the account itself."""
    s3 = clients.organisation_member(project.account_id, "s3", project.region)
    s3.put_object(Bucket=name, Key=key, Body=b"content")


def test_an_empty_bucket_is_deleted_whole(acme: Project, ana: Person, name: str) -> None:
    operation = portal_run.settle(buckets.delete(acme, name, by=asker(ana)))

    assert operation.state == State.SUCCEEDED, operation.cause
    assert live.find_bucket(acme, name) is None
    with pytest.raises(BucketNotFound):
        accounts.buckets(acme).contents(name)


def test_a_bucket_with_objects_is_refused_with_their_count(acme: Project, ana: Person, name: str) -> None:
    put(acme, name)
    put(acme, name)  # the first becomes an old version

    operation = portal_run.settle(buckets.delete(acme, name, by=asker(ana)))

    assert operation.state == State.FAILED
    assert "1 object and 1 old version" in operation.cause
    found = live.find_bucket(acme, name)
    assert found is not None
    assert found.status == StackStatus.CREATE_COMPLETE


def test_an_object_between_the_counts_keeps_the_bucket_and_takes_the_mark_back(
    acme: Project, ana: Person, name: str
) -> None:
    operation = buckets.delete(acme, name, by=asker(ana))
    portal_run.until(lambda: Operation.objects.get(pk=operation.pk).step == "markbuild")
    put(acme, name)

    portal_run.settle(operation)

    assert operation.state == State.FAILED
    assert "Nothing was lost" in operation.cause
    assert not portal_run_deleting(acme, name)


def portal_run_deleting(project: Project, name: str) -> bool:
    found = live.find_bucket(project, name)
    assert found is not None
    return found.deleting


def test_an_object_after_the_last_count_is_not_lost(acme: Project, ana: Person, name: str) -> None:
    operation = buckets.delete(acme, name, by=asker(ana))
    portal_run.until(lambda: Operation.objects.get(pk=operation.pk).step in {"unprotect", "remove"})
    put(acme, name)

    portal_run.settle(operation)

    assert operation.state == State.FAILED
    assert "1 object" in operation.cause
    s3 = clients.organisation_member(acme.account_id, "s3", acme.region)
    assert s3.get_object(Bucket=name, Key="invoice.pdf")["Body"].read() == b"content"

    for version in s3.list_object_versions(Bucket=name)["Versions"]:
        s3.delete_object(Bucket=name, Key=version["Key"], VersionId=version["VersionId"])
    again = portal_run.settle(operations.retry(operation, by=ana))
    assert again.state == State.SUCCEEDED, again.cause


def test_a_bucket_being_deleted_takes_no_other_change(acme: Project, ana: Person, ben: Person, name: str) -> None:
    buckets.delete(acme, name, by=asker(ana))

    with pytest.raises(BucketBeingDeleted):
        buckets.delete(acme, name, by=asker(ben))


def test_what_was_about_a_bucket_that_is_gone_is_not_tried_again(
    acme: Project, ana: Person, ben: Person, name: str
) -> None:
    failed = buckets.delete(acme, name, by=asker(ana))
    Operation.objects.filter(pk=failed.pk).update(state=State.FAILED)
    portal_run.settle(buckets.delete(acme, name, by=asker(ben)))

    with pytest.raises(NotRetryable, match="does not exist any more"):
        operations.retry(Operation.objects.get(pk=failed.pk), by=ana)


def test_a_bucket_that_is_gone_says_so(acme: Project, ana: Person) -> None:
    with pytest.raises(BucketGone):
        buckets.delete(acme, "acme-none-123456789012-eu-west-1-an", by=asker(ana))


def test_the_bucket_of_one_account_is_closed_to_another(
    acme: Project, harbour: Project, ana: Person, name: str
) -> None:
    from botocore.exceptions import ClientError

    foreign = clients.member(harbour.account, Role.READ, "s3", actor="test")
    with pytest.raises(ClientError) as refusal:
        foreign.get_bucket_versioning(Bucket=name)
    assert refusal.value.response["Error"]["Code"] in {"AccessDenied", "403"}
