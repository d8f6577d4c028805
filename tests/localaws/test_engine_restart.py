"""State over restarts: an operation that was running goes on from what was recorded and ends correctly."""

import pickle
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.engine import Engine
from tests.localaws.engine_bench import HOME, OPEN_TO_SNS, REGION, Bench, bucket, template

pytest_plugins = ["tests.localaws.engine_fixtures"]

TOPIC = {"Type": "AWS::SNS::Topic"}
ON = {"VersioningConfiguration": {"Status": "Enabled"}}
KEY = {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": {"Version": "2012-10-17", "Statement": []}}}
ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {"RoleName": "r-one", "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}},
}
CHAIN = {
    "B": bucket("b-one", **ON),
    "P": {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": {"Ref": "B"}, "PolicyDocument": {"Statement": []}}},
    "K": {**KEY, "DependsOn": "P"},
    "R": {**ROLE, "DependsOn": "K"},
    "T": {**TOPIC, "DependsOn": "R"},
}


def restarted(bench: Bench, state: dict[str, Any]) -> None:
    """Go on in a new engine from a saved state."""
    old = bench.engine
    bench.engine = bench.make_engine()
    bench.engine.load(pickle.loads(pickle.dumps(state)))
    bench.engine.resume()
    old.close()


class Stop(BaseException):
    """What `kill -9` is to a thread: nothing after it runs."""


def killed_at(bench: Bench, call: str, number: int, *, after: bool) -> dict[str, Any]:
    """Let the engine die at the nth data plane call of this name; return the state as it was at that moment."""
    saved: dict[str, Any] = {}
    clients = bench.engine._world.clients
    count = [0]

    class Dying:
        def __init__(self, client: Any) -> None:
            self._client = client

        def __getattr__(self, name: str) -> Any:
            real = getattr(self._client, name)
            if name != call:
                return real

            def dying(**given: Any) -> Any:
                count[0] += 1
                if count[0] != number:
                    return real(**given)
                if after:
                    real(**given)
                saved.update(bench.engine.dump())
                raise Stop

            return dying

    bench.engine._world.clients = lambda *given: Dying(clients(*given))
    return saved


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "call", ["create_bucket", "put_bucket_versioning", "put_bucket_policy", "create_key", "create_role", "create_topic"]
)
def test_a_create_killed_at_any_call_ends_well(bench: Bench, call: str, after: bool) -> None:
    saved = killed_at(bench, call, 1, after=after)
    stack_id = bench.create("s", CHAIN, Capabilities=["CAPABILITY_NAMED_IAM"], ClientRequestToken="t")
    bench.wait_for(lambda: saved)
    restarted(bench, saved)
    stack = bench.settled(stack_id)
    assert (stack["StackStatus"], bench.buckets()) == ("CREATE_COMPLETE", {"b-one"})
    assert bench.client("s3").get_bucket_versioning(Bucket="b-one")["Status"] == "Enabled"
    assert len(bench.client("kms").list_keys()["Keys"]) == 1
    assert len(bench.client("sns").list_topics()["Topics"]) == 1
    assert bench.create("s", CHAIN, ClientRequestToken="t") == stack_id
    bench.cloudformation.delete_stack(StackName="s")
    assert bench.settled(stack_id)["StackStatus"] == "DELETE_COMPLETE"


def test_a_create_killed_before_its_claim_does_not_take_what_another_made(bench: Bench) -> None:
    saved = killed_at(bench, "head_bucket", 1, after=False)
    stack_id = bench.create("s", {"B": bucket("b-one")})
    bench.wait_for(lambda: saved)
    bench.client("s3").create_bucket(Bucket="b-one", CreateBucketConfiguration={"LocationConstraint": REGION})
    restarted(bench, saved)
    assert bench.settled(stack_id)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert bench.buckets() == {"b-one"}


@pytest.mark.parametrize(("call", "number"), [("create_bucket", 1), ("put_bucket_versioning", 1), ("delete_bucket", 1)])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_an_update_killed_at_any_call_ends_well(bench: Bench, call: str, number: int, after: bool) -> None:
    # one after the other: a thread of the same wave would go on after the moment of the snapshot
    bench.made(
        "s", {"Old": bucket("old-one"), "Edit": bucket("edited"), "Gone": {**bucket("gone"), "DependsOn": "Old"}}
    )
    saved = killed_at(bench, call, number, after=after)
    after_it = {"Old": bucket("new-one"), "Edit": {**bucket("edited", **ON), "DependsOn": "Old"}}
    bench.cloudformation.update_stack(StackName="s", TemplateBody=template(after_it))
    bench.wait_for(lambda: saved)
    restarted(bench, saved)
    assert bench.settled("s")["StackStatus"] == "UPDATE_COMPLETE"
    assert bench.buckets() == {"new-one", "edited"}
    assert bench.client("s3").get_bucket_versioning(Bucket="edited")["Status"] == "Enabled"


def test_an_update_killed_between_its_last_call_and_its_end_is_ended(bench: Bench) -> None:
    bench.made("s", {"Edit": bucket("edited")})
    bench.engine.pace_seconds = 4
    bench.cloudformation.update_stack(StackName="s", TemplateBody=template({"Edit": bucket("edited", **ON)}))
    bench.wait_for(lambda: "Status" in bench.client("s3").get_bucket_versioning(Bucket="edited"))
    [edited] = bench.engine._world.store.live(HOME, REGION)[0].resources.values()
    bench.wait_for(lambda: edited.attempted is None)
    assert edited.status == "UPDATE_IN_PROGRESS"
    restarted(bench, bench.engine.dump())
    assert bench.settled("s")["StackStatus"] == "UPDATE_COMPLETE"
    assert bench.events("s")[-3] == ("Edit", "UPDATE_COMPLETE")


@pytest.mark.parametrize("call", ["put_bucket_versioning", "delete_bucket"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_rollback_killed_in_its_middle_ends_well(bench: Bench, call: str, after: bool) -> None:
    off = {"VersioningConfiguration": {"Status": "Suspended"}}
    bench.made("s", {"Edit": bucket("edited", **off)})
    bench.faults.fail("Bad", "no luck")
    saved = killed_at(bench, call, 2 if call == "put_bucket_versioning" else 1, after=after)
    resources = {"Edit": bucket("edited", **ON), "New": {**bucket("new-one"), "DependsOn": "Edit"}}
    bad = {"Bad": {**TOPIC, "DependsOn": "New"}}
    bench.cloudformation.update_stack(StackName="s", TemplateBody=template({**resources, **bad}))
    bench.wait_for(lambda: saved)
    restarted(bench, saved)
    assert bench.settled("s")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert bench.buckets() == {"edited"}
    assert bench.client("s3").get_bucket_versioning(Bucket="edited")["Status"] == "Suspended"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_delete_killed_in_its_middle_ends_well(bench: Bench, after: bool) -> None:
    stack_id = bench.made("s", {"A": bucket("a-one"), "B": {**bucket("b-one"), "DependsOn": "A"}})["StackId"]
    saved = killed_at(bench, "delete_bucket", 2, after=after)
    bench.cloudformation.delete_stack(StackName="s")
    bench.wait_for(lambda: saved)
    restarted(bench, saved)
    assert bench.settled(stack_id)["StackStatus"] == "DELETE_COMPLETE"
    assert bench.buckets() == set()
    assert bench.made("s", {"A": bucket("a-one")})["StackId"] != stack_id


def test_a_change_set_that_was_computed_is_finished(bench: Bench) -> None:
    bench.made("s", {"T": TOPIC})
    bench.engine.pace_seconds = 5
    bench.cloudformation.create_change_set(
        StackName="s", ChangeSetName="c", TemplateBody=template({"T": {**TOPIC, "Metadata": {"a": 1}}})
    )
    restarted(bench, bench.engine.dump())
    bench.wait_for(bench.engine.idle)
    found = bench.cloudformation.describe_change_set(StackName="s", ChangeSetName="c")
    assert found["ExecutionStatus"] == "AVAILABLE"


def test_messages_that_were_waiting_are_sent(bench: Bench) -> None:
    topic = bench.client("sns").create_topic(Name="news")["TopicArn"]
    url = bench.client("sqs").create_queue(QueueName="news", Attributes={"Policy": OPEN_TO_SNS})["QueueUrl"]
    bench.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{HOME}:news")
    bench.faults.set_publishing(delay_seconds=60)
    stack_id = bench.create("s", {"T": TOPIC}, NotificationARNs=[topic])
    bench.wait_for(lambda: bench.cloudformation.describe_stacks()["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE")
    bench.faults.clear()
    restarted(bench, bench.engine.dump())
    bench.settled(stack_id)
    count = bench.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    assert count["Attributes"]["ApproximateNumberOfMessages"] == str(len(bench.events("s")))


def test_another_format_is_refused(bench: Bench) -> None:
    with pytest.raises(ValueError, match="has format 0"):
        bench.engine.load({**bench.engine.dump(), "format": 0})


def test_a_reset_stops_and_forgets_everything(bench: Bench) -> None:
    bench.engine.pace_seconds = 30
    bench.create("s", {"B": bucket("b-one"), "T": TOPIC}, ClientRequestToken="t")
    begun = time.monotonic()
    bench.engine.reset()
    assert time.monotonic() - begun < bench.engine.pace_seconds / 3
    assert bench.engine.idle()
    assert bench.cloudformation.list_stacks()["StackSummaries"] == []
    bench.engine.pace_seconds = 0
    assert bench.made("s", {"T": TOPIC}, ClientRequestToken="t")["StackStatus"] == "CREATE_COMPLETE"


def test_a_closed_engine_leaves_its_operations_to_the_next(bench: Bench) -> None:
    bench.engine.pace_seconds = 30
    stack_id = bench.create("s", {"B": bucket("b-one")})
    bench.engine.close()
    state = bench.engine.dump()
    with pytest.raises((ClientError, RuntimeError)):
        bench.create("t", {"B": bucket("c-one")})
    restarted(bench, state)
    assert bench.settled(stack_id)["StackStatus"] == "CREATE_COMPLETE"


def test_a_held_status_stays_until_released(bench: Bench) -> None:
    bench.faults.set_hold("CREATE_IN_PROGRESS")
    bench.create("s", {"T": TOPIC})
    time.sleep(0.05)
    assert bench.cloudformation.describe_stacks(StackName="s")["Stacks"][0]["StackStatus"] == "CREATE_IN_PROGRESS"
    assert bench.events("s") == [(".", "CREATE_IN_PROGRESS")]
    bench.faults.clear()
    assert bench.settled("s")["StackStatus"] == "CREATE_COMPLETE"


def test_an_engine_of_its_own_needs_no_faults(bench: Bench) -> None:
    engine = Engine(bench.engine._world.clients, bench.assume, internal=bench.credentials)
    assert engine.idle()
    engine.close()
