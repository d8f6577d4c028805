"""Changing a bucket: compare-and-swap, merging, conflicts, rollback, throttling, replay."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from aws import clients
from people.models import Person
from projects import live
from projects.actions import buckets, operations
from projects.actions.buckets import Asker
from projects.errors import NothingChanged
from projects.models import Operation, Project, State
from projects.stacks import accounts
from projects.stacks.mirror import MirroredStack
from projects.stacks.protection import posture
from projects.stacks.spec import BucketSpec, Retention
from projects.stacks.templates import protection, read
from projects.worker import FAULTS_AT_MOST
from tests import portal_run
from tests.projects.specs import asker, spec_for


@pytest.fixture
def bucket(acme: Project, ana: Person, label: str) -> MirroredStack:
    """A bucket that stands."""
    operation = portal_run.settle(buckets.create(acme, spec_for(acme, ana, label), by=asker(ana)))
    assert operation.state == State.SUCCEEDED, operation.cause
    found = live.find_bucket(acme, operation.target_name)
    assert found is not None
    return found


def change(project: Project, bucket: MirroredStack, by: Asker, **fields: object) -> Operation:
    assert bucket.spec is not None
    return buckets.change(project, bucket.spec, replace(bucket.spec, **fields), bucket.fingerprint, by=by)


def standing(project: Project, bucket: MirroredStack) -> BucketSpec:
    assert bucket.spec is not None
    found = live.find_bucket(project, bucket.spec.name)
    assert found is not None
    assert found.spec is not None
    return found.spec


def test_a_change_is_deployed_and_told_in_words(acme: Project, ana: Person, bucket: MirroredStack) -> None:
    operation = portal_run.settle(change(acme, bucket, asker(ana), versions_days=365))

    assert operation.state == State.SUCCEEDED, operation.cause
    assert operation.outcome == "Old versions are kept 365 days instead of 90"
    assert standing(acme, bucket).versions_days == 365


def test_a_new_owner_is_the_owner_on_the_stack_too(
    acme: Project, ana: Person, ben: Person, bucket: MirroredStack
) -> None:
    operation = portal_run.settle(change(acme, bucket, asker(ana), owner=ben.email))

    assert operation.state == State.SUCCEEDED, operation.cause
    tags = accounts.reader(acme).describe(bucket.stack_id).tags
    assert tags == {"stackport:label": bucket.spec.label, "stackport:owner": ben.email}


@pytest.mark.parametrize(
    ("weaken", "words"),
    [
        (
            lambda s3, name: s3.put_bucket_encryption(
                Bucket=name,
                ServerSideEncryptionConfiguration={
                    "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]
                },
            ),
            "encrypted with the account's own key",
        ),
        (
            lambda s3, name: s3.put_bucket_lifecycle_configuration(
                Bucket=name,
                LifecycleConfiguration={
                    "Rules": [
                        {
                            "ID": "all",
                            "Status": "Enabled",
                            "Filter": {},
                            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                            "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
                        }
                    ]
                },
            ),
            "old versions are cleared away when they are due",
        ),
        (lambda s3, name: s3.put_bucket_logging(Bucket=name, BucketLoggingStatus={}), "each access is logged"),
        (
            lambda s3, name: s3.put_bucket_policy(
                Bucket=name,
                Policy=s3.get_bucket_policy(Bucket=name)["Policy"].replace('"1.2"', '"1.0"'),
            ),
            "old TLS",
        ),
        (
            lambda s3, name: s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Suspended"}),
            "back",
        ),
        (lambda s3, name: s3.delete_public_access_block(Bucket=name), "public access is blocked"),
        (lambda s3, name: s3.delete_bucket_ownership_controls(Bucket=name), "access lists are off"),
    ],
)
def test_a_bucket_that_was_weakened_does_not_pass_for_protected(
    acme: Project, bucket: MirroredStack, weaken: Callable[[Any, str], object], words: str
) -> None:
    parsed = read(accounts.reader(acme).template(bucket.stack_id))
    wanted = protection(bucket.spec, parsed.context)
    reader = accounts.buckets(acme)
    assert all(line.ok for line in posture(reader.configuration(bucket.spec.name), wanted))

    weaken(clients.organisation_member(acme.account_id, "s3", acme.region), bucket.spec.name)

    missing = [line.words for line in posture(reader.configuration(bucket.spec.name), wanted) if not line.ok]
    assert len(missing) == 1
    assert words in missing[0]


def test_a_fault_of_the_portal_ends_in_words_and_can_be_tried_again(
    acme: Project, ana: Person, bucket: MirroredStack
) -> None:
    operation = change(acme, bucket, asker(ana), purpose="Ana's purpose")
    whole = operation.after
    Operation.objects.filter(pk=operation.pk).update(after={"odd": True})

    operation = portal_run.settle(operation, sweeping=True)

    assert operation.state == State.FAILED
    assert "The portal itself failed here (InvalidSpec)" in operation.cause
    assert operation.faults == FAULTS_AT_MOST
    Operation.objects.filter(pk=operation.pk).update(after=whole)
    operation = portal_run.settle(operations.retry(Operation.objects.get(pk=operation.pk), by=ana))
    assert operation.state == State.SUCCEEDED, operation.cause


def test_a_purpose_alone_is_deployable(acme: Project, ana: Person, bucket: MirroredStack) -> None:
    operation = portal_run.settle(change(acme, bucket, asker(ana), purpose="Something else"))

    assert operation.state == State.SUCCEEDED, operation.cause
    assert standing(acme, bucket).purpose == "Something else"


def test_nothing_changed_is_refused(acme: Project, ana: Person, bucket: MirroredStack) -> None:
    with pytest.raises(NothingChanged):
        change(acme, bucket, asker(ana))


def test_two_edits_from_one_base_are_both_kept(acme: Project, ana: Person, ben: Person, bucket: MirroredStack) -> None:
    first = change(acme, bucket, asker(ana), purpose="Ana's purpose")
    second = change(acme, bucket, asker(ben), retention=Retention.DAYS_30)
    second.refresh_from_db()
    assert second.state == State.WAITING

    portal_run.settle(first)
    portal_run.settle(second)

    assert (first.state, second.state) == (State.SUCCEEDED, State.SUCCEEDED), (first.cause, second.cause)
    now = standing(acme, bucket)
    assert (now.purpose, now.retention) == ("Ana's purpose", Retention.DAYS_30)


def test_two_edits_of_different_tags_are_both_kept(
    acme: Project, ana: Person, ben: Person, bucket: MirroredStack
) -> None:
    first = change(acme, bucket, asker(ana), tags=(("department", "finance"), ("anas", "1")))
    second = change(acme, bucket, asker(ben), tags=(("bens", "2"),))

    portal_run.settle(first)
    portal_run.settle(second)

    assert (first.state, second.state) == (State.SUCCEEDED, State.SUCCEEDED), (first.cause, second.cause)
    assert standing(acme, bucket).tags == (("anas", "1"), ("bens", "2"))


def test_two_edits_of_one_field_end_in_words(acme: Project, ana: Person, ben: Person, bucket: MirroredStack) -> None:
    first = change(acme, bucket, asker(ana), purpose="Ana's purpose")
    second = change(acme, bucket, asker(ben), purpose="Ben's purpose")

    portal_run.settle(first)
    portal_run.settle(second)

    assert second.state == State.FAILED
    assert "purpose" in second.cause
    assert "How it stood then: purpose “Ana's purpose”" in second.cause  # read later, on a page that stays
    assert second.after is not None
    assert second.after["purpose"] == "Ben's purpose"
    assert standing(acme, bucket).purpose == "Ana's purpose"


def test_an_update_between_the_two_reads_makes_the_change_start_over(
    acme: Project, ana: Person, bucket: MirroredStack
) -> None:
    operation = change(acme, bucket, asker(ana), purpose="Ana's purpose")
    portal_run.until(lambda: Operation.objects.get(pk=operation.pk).step == "look")
    edit_outside(acme, bucket, versions_days=30)

    portal_run.settle(operation)

    assert operation.state == State.SUCCEEDED, operation.cause
    assert operation.rebases == 1
    now = standing(acme, bucket)
    assert (now.purpose, now.versions_days) == ("Ana's purpose", 30)


def edit_outside(project: Project, bucket: MirroredStack, **fields: object) -> None:
    """Change the stack past the portal, as an administrator of the account would."""
    import time

    from aws import clients
    from projects.stacks.templates import body, read, render

    cloudformation = clients.organisation_member(project.account_id, "cloudformation", project.region)
    parsed = read(accounts.reader(project).template(bucket.stack_id))
    edited = body(render(parsed.kind, replace(parsed.spec, **fields), parsed.context))
    cloudformation.update_stack(StackName=bucket.stack_id, TemplateBody=edited, Capabilities=["CAPABILITY_NAMED_IAM"])
    deadline = time.monotonic() + 10
    while accounts.reader(project).describe(bucket.stack_id).status != "UPDATE_COMPLETE":
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_failed_update_is_rolled_back_with_its_cause(
    acme: Project, ana: Person, bucket: MirroredStack, local_aws
) -> None:
    local_aws.faults.fail("AWS::S3::Bucket", "Simulated: S3 said no (AccessDenied)", times=1)

    operation = portal_run.settle(change(acme, bucket, asker(ana), versions_days=7))

    assert operation.state == State.FAILED
    assert operation.cause.startswith("Rolled back: the bucket is as it was before.")
    assert "S3 said no" in operation.cause
    assert standing(acme, bucket).versions_days == 90


def test_repeated_bells_change_once(acme: Project, ana: Person, bucket: MirroredStack) -> None:
    from projects.actions import operations

    operation = change(acme, bucket, asker(ana), versions_days=30)
    for _ in range(4):
        operations.ring(operation.pk)
    portal_run.settle(operation)

    assert operation.state == State.SUCCEEDED, operation.cause
    updates = [
        event
        for event in accounts.reader(acme).events(bucket.stack_id, limit=100)
        if event.status == "UPDATE_IN_PROGRESS" and event.resource_type == "AWS::CloudFormation::Stack"
    ]
    assert len(updates) == 1
