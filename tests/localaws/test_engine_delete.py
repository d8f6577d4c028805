"""Deleting stacks: order, what stays, what fails, protection, tokens, names that come free."""

import pytest
from botocore.exceptions import ClientError

from tests.localaws.engine_bench import Bench, bucket, template

pytest_plugins = ["tests.localaws.engine_fixtures"]

TOPIC = {"Type": "AWS::SNS::Topic"}


def deleted(bench: Bench, stack_id: str, **options: object) -> str:
    bench.cloudformation.delete_stack(StackName=stack_id, **options)
    return str(bench.settled(stack_id)["StackStatus"])


def fill(bench: Bench, name: str) -> None:
    bench.client("s3").put_object(Bucket=name, Key="k", Body=b"x")


def test_dependents_go_first_and_the_id_stays_valid(bench: Bench) -> None:
    stack_id = bench.made("s", {"B": bucket("b-one"), "T": {**TOPIC, "DependsOn": "B"}})["StackId"]
    before = len(bench.events("s"))
    assert deleted(bench, stack_id, ClientRequestToken="bye") == "DELETE_COMPLETE"
    assert bench.events(stack_id)[before:] == [
        (".", "DELETE_IN_PROGRESS"),
        ("T", "DELETE_IN_PROGRESS"),
        ("T", "DELETE_COMPLETE"),
        ("B", "DELETE_IN_PROGRESS"),
        ("B", "DELETE_COMPLETE"),
        (".", "DELETE_COMPLETE"),
    ]
    for call in ("describe_stacks", "get_template", "describe_stack_resources"):
        getattr(bench.cloudformation, call)(StackName=stack_id)
        with pytest.raises(ClientError, match="Stack with id s does not exist"):
            getattr(bench.cloudformation, call)(StackName="s")
    with pytest.raises(ClientError, match=r"Stack \[s\] does not exist"):
        bench.cloudformation.describe_stack_events(StackName="s")
    assert bench.cloudformation.describe_stacks()["Stacks"] == []
    assert bench.settled(stack_id)["DeletionTime"]


def test_a_name_comes_free(bench: Bench) -> None:
    first = bench.made("s", {"T": TOPIC})["StackId"]
    deleted(bench, first)
    assert bench.made("s", {"T": TOPIC})["StackId"] != first


@pytest.mark.parametrize("policy", ["Retain", "RetainExceptOnCreate", "Snapshot"])
def test_a_retained_bucket_survives(bench: Bench, policy: str) -> None:
    stack_id = bench.made("s", {"B": bucket("kept", Attributes={"DeletionPolicy": policy})})["StackId"]
    fill(bench, "kept")
    assert deleted(bench, stack_id) == "DELETE_COMPLETE"
    assert bench.buckets() == {"kept"}
    assert ("B", "DELETE_SKIPPED") in bench.events(stack_id)


def test_a_bucket_with_objects_fails_the_delete_and_can_be_left_out(bench: Bench) -> None:
    resources = {"B": bucket("full"), "Behind": {**TOPIC, "DependsOn": "B"}, "T": TOPIC}
    stack_id = bench.made("s", resources)["StackId"]
    fill(bench, "full")
    assert deleted(bench, stack_id, ClientRequestToken="one") == "DELETE_FAILED"
    assert bench.settled("s")["StackStatusReason"] == "The following resource(s) failed to delete: [B]. "
    assert "is not empty" in bench.reason("s", "B", "DELETE_FAILED")
    assert bench.client("sns").list_topics()["Topics"] == []
    assert deleted(bench, stack_id, ClientRequestToken="two") == "DELETE_FAILED"
    with pytest.raises(ClientError, match=r"Resources \[Nope\] do not exist"):
        deleted(bench, stack_id, RetainResources=["Nope"])
    assert deleted(bench, stack_id, RetainResources=["B"], ClientRequestToken="three") == "DELETE_COMPLETE"
    assert bench.buckets() == {"full"}


def test_what_a_failed_resource_needs_stays_too(bench: Bench) -> None:
    stack_id = bench.made("s", {"Below": TOPIC, "B": {**bucket("full"), "DependsOn": "Below"}})["StackId"]
    fill(bench, "full")
    assert deleted(bench, stack_id) == "DELETE_FAILED"
    assert len(bench.client("sns").list_topics()["Topics"]) == 1
    bench.client("s3").delete_object(Bucket="full", Key="k")
    assert deleted(bench, stack_id) == "DELETE_COMPLETE"
    assert bench.client("sns").list_topics()["Topics"] == []


def test_a_delete_can_be_forced_after_a_failure(bench: Bench) -> None:
    stack_id = bench.made("s", {"B": bucket("full")})["StackId"]
    fill(bench, "full")
    with pytest.raises(ClientError, match="DELETE_FAILED state"):
        deleted(bench, stack_id, DeletionMode="FORCE_DELETE_STACK")
    deleted(bench, stack_id)
    assert deleted(bench, stack_id, DeletionMode="FORCE_DELETE_STACK") == "DELETE_COMPLETE"
    assert bench.buckets() == {"full"}


def test_resources_can_be_left_out_only_after_a_failure(bench: Bench) -> None:
    stack_id = bench.made("s", {"B": bucket()})["StackId"]
    with pytest.raises(ClientError, match="DELETE_FAILED state"):
        deleted(bench, stack_id, RetainResources=["B"])


def test_protection_refuses_in_awss_words(bench: Bench) -> None:
    stack_id = bench.made("s", {"T": TOPIC}, EnableTerminationProtection=True)["StackId"]
    with pytest.raises(ClientError, match=r"Stack \[s\] cannot be deleted while TerminationProtection is enabled"):
        deleted(bench, stack_id)
    answer = bench.cloudformation.update_termination_protection(StackName="s", EnableTerminationProtection=False)
    assert answer["StackId"] == stack_id
    assert bench.settled("s")["EnableTerminationProtection"] is False
    assert deleted(bench, stack_id) == "DELETE_COMPLETE"
    with pytest.raises(ClientError, match="does not exist"):
        bench.cloudformation.update_termination_protection(StackName=stack_id, EnableTerminationProtection=True)


def test_deleting_nothing_succeeds(bench: Bench) -> None:
    bench.cloudformation.delete_stack(StackName="never-was")
    stack_id = bench.made("s", {"T": TOPIC})["StackId"]
    deleted(bench, stack_id)
    count = len(bench.events(stack_id))
    assert deleted(bench, stack_id) == "DELETE_COMPLETE"
    assert len(bench.events(stack_id)) == count


def test_a_token_does_not_delete_the_next_stack_of_the_name(bench: Bench) -> None:
    deleted(bench, bench.made("s", {"T": TOPIC})["StackId"])
    first = bench.made("s", {"T": TOPIC})["StackId"]
    bench.cloudformation.delete_stack(StackName="s", ClientRequestToken="bye")
    bench.settled(first)
    second = bench.made("s", {"T": TOPIC})["StackId"]
    bench.cloudformation.delete_stack(StackName="s", ClientRequestToken="bye")
    assert bench.settled(second)["StackStatus"] == "CREATE_COMPLETE"


def test_a_refused_deletion_uses_up_no_token(bench: Bench) -> None:
    bench.engine.pace_seconds = 0.3
    stack_id = bench.made("s", {"T": TOPIC})["StackId"]
    more = template({"T": TOPIC, "B": bucket("b-two")})
    bench.cloudformation.update_stack(StackName="s", TemplateBody=more)
    with pytest.raises(ClientError, match="cannot be deleted while in status UPDATE_IN_PROGRESS"):
        bench.cloudformation.delete_stack(StackName=stack_id, ClientRequestToken="bye")
    bench.settled(stack_id)
    assert deleted(bench, stack_id, ClientRequestToken="bye") == "DELETE_COMPLETE"


def test_a_delete_stops_a_create(bench: Bench) -> None:
    bench.engine.pace_seconds = 0.1
    stack_id = bench.create("s", {"B": bucket("b-one"), "T": {**TOPIC, "DependsOn": "B"}}, ClientRequestToken="make")
    assert deleted(bench, stack_id, ClientRequestToken="bye") == "DELETE_COMPLETE"
    assert bench.buckets() == set()
    rows = bench.cloudformation.describe_stack_events(StackName=stack_id)["StackEvents"]
    assert rows[0]["ClientRequestToken"] == "bye"


def test_what_somebody_else_removed_counts_as_deleted(bench: Bench) -> None:
    stack_id = bench.made("s", {"B": bucket("b-one"), "T": TOPIC})["StackId"]
    bench.client("s3").delete_bucket(Bucket="b-one")
    arn = bench.client("sns").list_topics()["Topics"][0]["TopicArn"]
    bench.client("sns").delete_topic(TopicArn=arn)
    assert deleted(bench, stack_id) == "DELETE_COMPLETE"
