"""Creating a bucket, from the action to S3 and back, on the local AWS."""

import json
import secrets

import pytest

from aws import clients
from aws.accounts import Role
from people.models import Person
from projects import live
from projects.actions import buckets, operations
from projects.errors import NameTaken, NotCancellable, NotRetryable, ProjectNotReady
from projects.models import Operation, Project, State
from projects.stacks import mirror
from projects.stacks.status import StackStatus
from tests import portal_run
from tests.calls import counted
from tests.projects.specs import asker, spec_for


def create(project: Project, person: Person, label: str) -> Operation:
    return buckets.create(project, spec_for(project, person, label), by=asker(person))


def test_a_click_ends_in_a_hardened_bucket(acme: Project, ana: Person, label: str) -> None:
    operation = portal_run.settle(create(acme, ana, label))

    assert operation.state == State.SUCCEEDED, operation.cause
    stack = live.find_bucket(acme, operation.target_name)
    assert stack is not None
    assert stack.status == StackStatus.CREATE_COMPLETE
    s3 = clients.member(acme.account, Role.READ, "s3", actor="test")
    name = operation.target_name
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    blocked = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}
    rule = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"] == [
        {"ObjectOwnership": "BucketOwnerEnforced"}
    ]
    assert {found["ID"] for found in s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]} >= {
        "abort-unfinished-uploads",
        "expire-old-versions",
    }
    assert s3.get_bucket_logging(Bucket=name)["LoggingEnabled"]["TargetPrefix"] == f"s3/{name}/"
    statements = json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])["Statement"]
    assert {statement["Effect"] for statement in statements} == {"Deny"}


def test_the_row_is_written_before_anything_is_called(acme: Project, ana: Person, label: str) -> None:
    operation = create(acme, ana, label)

    assert operation.state == State.RUNNING or Operation.objects.get(pk=operation.pk).state == State.RUNNING
    assert operation.stack_id == ""


def test_a_double_click_makes_one_operation(acme: Project, ana: Person, label: str) -> None:
    by = asker(ana)
    spec = spec_for(acme, ana, label)

    first = buckets.create(acme, spec, by=by)
    second = buckets.create(acme, spec, by=by)

    assert first.pk == second.pk
    assert Operation.objects.count() == 1


def test_a_name_under_way_is_taken_and_says_by_whom(acme: Project, ana: Person, ben: Person, label: str) -> None:
    create(acme, ana, label)

    with pytest.raises(NameTaken, match="Ana Manager"):
        create(acme, ben, label)


def test_a_name_that_stands_is_taken(acme: Project, ana: Person, label: str) -> None:
    portal_run.settle(create(acme, ana, label))

    with pytest.raises(NameTaken):
        create(acme, ana, label)


def test_a_frozen_project_takes_no_change(acme: Project, ana: Person, label: str) -> None:
    acme.state, acme.frozen_reason = "frozen", "audit"

    with pytest.raises(ProjectNotReady, match="audit"):
        create(acme, ana, label)


def test_every_message_twice_makes_one_stack(acme: Project, ana: Person, label: str) -> None:
    operation = create(acme, ana, label)
    for _ in range(3):
        operations.ring(operation.pk)

    portal_run.settle(operation)

    assert operation.state == State.SUCCEEDED, operation.cause
    stacks = [row for row in mirror.snapshot(acme).rows.values() if row.document["spec"]]
    assert [row.document["spec"]["name"] for row in stacks].count(operation.target_name) == 1


def test_a_lost_bell_is_rung_by_the_sweep(acme: Project, ana: Person, label: str) -> None:
    operation = create(acme, ana, label)
    portal_run.purge()

    portal_run.settle(operation, sweeping=True)

    assert operation.state == State.SUCCEEDED, operation.cause


def test_lost_events_are_found_by_the_sweep(acme: Project, ana: Person, label: str, monkeypatch) -> None:
    monkeypatch.setattr("projects.worker.WAIT_SECONDS", 0)
    operation = create(acme, ana, label)

    portal_run.settle(operation, events=False, sweeping=True)

    assert operation.state == State.SUCCEEDED, operation.cause


def test_a_name_taken_by_a_stranger_rolls_back_removes_the_remains_and_can_be_tried_again(
    acme: Project, harbour: Project, ana: Person, label: str
) -> None:
    spec = spec_for(acme, ana, label)
    stranger = clients.organisation_member(harbour.account_id, "s3", "eu-west-1")
    stranger.create_bucket(Bucket=spec.name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})

    operation = portal_run.settle(create(acme, ana, label))

    assert operation.state == State.FAILED
    assert "name is taken" in operation.cause
    assert "Nothing was left behind" in operation.cause
    assert live.find_bucket(acme, spec.name) is None
    assert operation.after == spec.to_document()

    stranger.delete_bucket(Bucket=spec.name)
    again = operations.retry(operation, by=ana)
    portal_run.settle(again)
    assert again.state == State.SUCCEEDED, again.cause
    assert again.attempt == 2


def test_a_creation_whose_reading_back_failed_goes_on_with_the_stack_that_stands(
    acme: Project, ana: Person, ben: Person, label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projects.stacks.steps.common.SETTLING_SECONDS", 0)
    operation = create(acme, ana, label)
    portal_run.until(lambda: Operation.objects.get(pk=operation.pk).step == "verify")
    s3 = clients.organisation_member(acme.account_id, "s3", acme.region)
    s3.put_bucket_versioning(Bucket=operation.target_name, VersioningConfiguration={"Status": "Suspended"})
    portal_run.settle(operation)
    assert operation.state == State.FAILED
    assert "can be brought back" in operation.cause
    stood = operation.stack_id

    s3.put_bucket_versioning(Bucket=operation.target_name, VersioningConfiguration={"Status": "Enabled"})
    again = portal_run.settle(operations.retry(operation, by=ben))

    assert again.state == State.SUCCEEDED, again.cause
    assert again.stack_id == stood
    assert (again.actor, again.author) == (ben, ana)


def test_who_tries_again_is_who_acts_in_aws(
    acme: Project, harbour: Project, ana: Person, ben: Person, label: str
) -> None:
    spec = spec_for(acme, ana, label)
    stranger = clients.organisation_member(harbour.account_id, "s3", "eu-west-1")
    stranger.create_bucket(Bucket=spec.name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    operation = portal_run.settle(create(acme, ana, label))
    stranger.delete_bucket(Bucket=spec.name)

    clients.reset()  # whose credentials it has, the process keeps
    with counted() as calls:
        again = portal_run.settle(operations.retry(operation, by=ben))

    assert again.state == State.SUCCEEDED, again.cause
    assert {found for found in calls.sessions if found.startswith("person-")} == {f"person-{ben.pk}"}


def test_a_name_that_was_taken_meanwhile_is_not_tried_again(acme: Project, ana: Person, label: str) -> None:
    operation = create(acme, ana, label)
    Operation.objects.filter(pk=operation.pk).update(state=State.FAILED)
    portal_run.settle(create(acme, ana, label))

    with pytest.raises(NotRetryable, match="has a bucket of this name already"):
        operations.retry(Operation.objects.get(pk=operation.pk), by=ana)


def test_only_a_failed_operation_is_tried_again(acme: Project, ana: Person, label: str) -> None:
    operation = portal_run.settle(create(acme, ana, label))

    with pytest.raises(NotRetryable):
        operations.retry(operation, by=ana)


def test_a_started_operation_cannot_be_cancelled(acme: Project, ana: Person, label: str) -> None:
    operation = create(acme, ana, label)
    operation.refresh_from_db()

    with pytest.raises(NotCancellable):
        operations.cancel(operation, by=ana)


def test_throttling_only_costs_time(acme: Project, ana: Person, label: str, local_aws) -> None:
    local_aws.faults.set_throttle("CreateStack", times=3)

    operation = portal_run.settle(create(acme, ana, label))

    assert operation.state == State.SUCCEEDED, operation.cause


def test_two_buckets_are_built_side_by_side(acme: Project, ana: Person, ben: Person, label: str) -> None:
    first = create(acme, ana, label)
    second = create(acme, ben, f"{label}-{secrets.token_hex(2)}")

    first.refresh_from_db()
    second.refresh_from_db()
    assert {first.state, second.state} == {State.RUNNING}
    assert portal_run.settle(first).state == State.SUCCEEDED
    assert portal_run.settle(second).state == State.SUCCEEDED


def test_the_timeline_marks_the_step_that_failed_not_the_clearing_up(
    acme: Project, harbour: Project, ana: Person, label: str
) -> None:
    spec = spec_for(acme, ana, label)
    stranger = clients.organisation_member(harbour.account_id, "s3", "eu-west-1")
    stranger.create_bucket(Bucket=spec.name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})

    operation = portal_run.settle(create(acme, ana, label))

    assert [step.name for step in operation.steps.all() if step.failed] == ["build"]
    stranger.delete_bucket(Bucket=spec.name)
