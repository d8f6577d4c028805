"""What CloudFormation has answered stays true after `kill -9`, and S3 stands as the stack says it does."""

import json
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.told import LONGEST_SECONDS, Told
from tests.localaws.conftest import Process, until

BUCKET = "acme-told"


def template(days: int) -> str:
    """Return a template that keeps old versions for so many days."""
    rule = {"Id": "old", "Status": "Enabled", "NoncurrentVersionExpiration": {"NoncurrentDays": days}}
    properties = {"BucketName": BUCKET, "LifecycleConfiguration": {"Rules": [rule]}}
    return json.dumps({"Resources": {"B": {"Type": "AWS::S3::Bucket", "Properties": properties}}})


def status(process: Process, name: str = "s") -> str:
    [stack] = process.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    return str(stack["StackStatus"])


def is_in(process: Process, wanted: str) -> Callable[[], bool]:
    return lambda: status(process) == wanted


def days(process: Process) -> int:
    """Return for how many days S3 keeps old versions."""
    [rule] = process.client("s3").get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    return int(rule["NoncurrentVersionExpiration"]["NoncurrentDays"])


def template_days(process: Process) -> int:
    body = process.client("cloudformation").get_template(StackName="s")["TemplateBody"]
    [rule] = body["Resources"]["B"]["Properties"]["LifecycleConfiguration"]["Rules"]
    return int(rule["NoncurrentVersionExpiration"]["NoncurrentDays"])


def killed(process: Process) -> None:
    process.end(signal.SIGKILL)
    process.start()


@pytest.fixture
def stacked(process: Any) -> Process:
    """A process with a stack that keeps old versions for 90 days, all of it on disk."""
    found: Process = process("--pace=0.2")
    found.client("cloudformation").create_stack(StackName="s", TemplateBody=template(90))
    until(is_in(found, "CREATE_COMPLETE"))
    found.save()
    return found


def test_an_update_whose_end_was_told_is_not_forgotten(stacked: Process) -> None:
    stacked.client("cloudformation").update_stack(StackName="s", TemplateBody=template(365))
    until(is_in(stacked, "UPDATE_COMPLETE"))
    killed(stacked)
    assert (status(stacked), template_days(stacked), days(stacked)) == ("UPDATE_COMPLETE", 365, 365)


def test_a_change_set_that_was_executed_is_carried_out_whenever_the_kill_comes(stacked: Process) -> None:
    for number, wait_seconds in enumerate((0.0, 0.05, 0.15, 0.25, 0.4)):
        cloudformation = stacked.client("cloudformation")
        name, wanted = f"c{number}", 100 + number
        cloudformation.create_change_set(StackName="s", ChangeSetName=name, TemplateBody=template(wanted))
        cloudformation.get_waiter("change_set_create_complete").wait(
            StackName="s", ChangeSetName=name, WaiterConfig={"Delay": 0.1}
        )
        cloudformation.execute_change_set(StackName="s", ChangeSetName=name)
        time.sleep(wait_seconds)
        killed(stacked)
        until(is_in(stacked, "UPDATE_COMPLETE"))
        assert (template_days(stacked), days(stacked)) == (wanted, wanted), f"killed after {wait_seconds} s"
        resources = stacked.client("cloudformation").describe_stack_resources(StackName="s")["StackResources"]
        assert [one["ResourceStatus"] for one in resources] == ["UPDATE_COMPLETE"]


def test_a_setting_that_was_answered_is_not_forgotten(stacked: Process) -> None:
    stacked.client("cloudformation").update_termination_protection(StackName="s", EnableTerminationProtection=True)
    killed(stacked)
    [stack] = stacked.client("cloudformation").describe_stacks(StackName="s")["Stacks"]
    assert stack["EnableTerminationProtection"]


def test_a_stack_that_was_told_gone_stays_gone(stacked: Process) -> None:
    stacked.client("cloudformation").delete_stack(StackName="s")

    def gone() -> bool:
        try:
            return status(stacked) == "DELETE_COMPLETE"
        except ClientError:  # its name is free: the refusal is an answer too
            return True

    until(gone)
    killed(stacked)
    assert gone()
    with pytest.raises(ClientError, match="404"):
        stacked.client("s3").head_bucket(Bucket=BUCKET)


def test_a_disk_that_cannot_be_written_holds_nobody_up(stacked: Process) -> None:
    (stacked.folder / "snapshot.new").mkdir()  # where the next state would be written
    began = time.monotonic()
    stacked.client("cloudformation").update_termination_protection(StackName="s", EnableTerminationProtection=True)
    assert time.monotonic() - began < LONGEST_SECONDS / 2
    (stacked.folder / "snapshot.new").rmdir()
    stacked.save()


# -- parts ------------------------------------------------------------------------------------------------------------


def test_an_answer_rests_on_its_own_stack_and_a_list_on_all() -> None:
    told = Told()
    told.note("a")
    told.note("b")
    told.note("a")
    assert (told.of("a"), told.of("b"), told.of("c"), told.of(None)) == (3, 2, 0, 3)


def test_who_waits_goes_on_when_it_is_on_disk() -> None:
    told = Told()
    told.note("a")
    assert told.wanted.is_set() is False
    assert not told.wait(told.of("a"), longest_seconds=0.05)
    assert told.wanted.is_set()
    told.kept(told.of(None))
    assert told.wait(told.of("a"), longest_seconds=0.05)
