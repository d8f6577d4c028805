"""Updating stacks: what counts as a change, replacement, cleanup, rollback, refusals, cancel, continue."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.localaws.engine_bench import REGION, Bench, bucket, template

pytest_plugins = ["tests.localaws.engine_fixtures"]

OTHER = "200000000002"
TOPIC = {"Type": "AWS::SNS::Topic"}
ON = {"VersioningConfiguration": {"Status": "Enabled"}}
OFF = {"VersioningConfiguration": {"Status": "Suspended"}}


def topic(words: str = "", **attributes: Any) -> dict[str, Any]:
    return {**TOPIC, "Properties": {"DisplayName": words}, **attributes}


def versioning(bench: Bench, name: str) -> str:
    return str(bench.client("s3").get_bucket_versioning(Bucket=name).get("Status"))


def test_an_update_goes_through_awss_events(bench: Bench) -> None:
    bench.made("s", {"B": bucket("b-one", **OFF), "Gone": topic(), "Same": topic()})
    before = len(bench.events("s"))
    stack = bench.updated("s", {"B": bucket("b-one", **ON), "New": topic(), "Same": topic()}, ClientRequestToken="t-2")
    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    assert stack["LastUpdatedTime"] > stack["CreationTime"]
    events = bench.events("s")[before:]
    assert events[0] == (".", "UPDATE_IN_PROGRESS")
    assert sorted(events[1:6]) == [
        ("B", "UPDATE_COMPLETE"),
        ("B", "UPDATE_IN_PROGRESS"),
        ("New", "CREATE_COMPLETE"),
        ("New", "CREATE_IN_PROGRESS"),
        ("New", "CREATE_IN_PROGRESS"),
    ]
    assert events[6:] == [
        (".", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
        ("Gone", "DELETE_IN_PROGRESS"),
        ("Gone", "DELETE_COMPLETE"),
        (".", "UPDATE_COMPLETE"),
    ]
    assert versioning(bench, "b-one") == "Enabled"
    rows = bench.cloudformation.describe_stack_events(StackName="s")["StackEvents"]
    assert {row["ClientRequestToken"] for row in rows if row.get("ClientRequestToken")} == {"t-2"}


@pytest.mark.parametrize(
    ("resource", "sections"),
    [
        ({}, {}),
        ({"DeletionPolicy": "Retain"}, {}),
        ({"UpdateReplacePolicy": "Retain"}, {}),
        ({}, {"Metadata": {"form": 1}}),
        ({}, {"Description": "other words"}),
        ({}, {"Conditions": {"C": {"Fn::Equals": ["a", "a"]}}}),
        ({}, {"Outputs": {"O": {"Value": "x"}}}),
    ],
)
def test_no_updates(bench: Bench, resource: dict[str, Any], sections: dict[str, Any]) -> None:
    bench.made("s", {"T": topic()})
    with pytest.raises(ClientError, match=r"\(ValidationError\).*: No updates are to be performed\.$"):
        bench.updated("s", {"T": topic(**resource)}, sections=sections)
    assert bench.settled("s")["StackStatus"] == "CREATE_COMPLETE"


def test_resource_metadata_is_an_update_and_brings_policies_along(bench: Bench) -> None:
    bench.made("s", {"B": bucket("kept")})
    policies = {"DeletionPolicy": "Retain", "Metadata": {"form": 1}}
    assert bench.updated("s", {"B": bucket("kept", Attributes=policies)})["StackStatus"] == "UPDATE_COMPLETE"
    assert ("B", "UPDATE_COMPLETE") in bench.events("s")
    bench.cloudformation.delete_stack(StackName="s")
    stack_id = bench.cloudformation.list_stacks()["StackSummaries"][0]["StackId"]
    assert bench.settled(stack_id)["StackStatus"] == "DELETE_COMPLETE"
    assert bench.buckets() == {"kept"}


def test_settings_are_kept_unless_named(bench: Bench) -> None:
    news = bench.client("sns").create_topic(Name="news")["TopicArn"]
    sections = {"Parameters": {"P": {"Type": "String"}}}
    resources = {"T": {**TOPIC, "Properties": {"DisplayName": {"Ref": "P"}}}}
    given = [{"ParameterKey": "P", "ParameterValue": "first"}]
    role = "arn:aws:iam::100000000000:role/service"
    tags = [{"Key": "k", "Value": "v"}]
    bench.made("s", resources, sections=sections, Parameters=given, NotificationARNs=[news], RoleARN=role, Tags=tags)
    bench.cloudformation.update_stack(
        StackName="s", UsePreviousTemplate=True, Parameters=[{"ParameterKey": "P", "ParameterValue": "second"}]
    )
    stack = bench.settled("s")
    assert stack["Parameters"] == [{"ParameterKey": "P", "ParameterValue": "second"}]
    assert (stack["NotificationARNs"], stack["RoleARN"], stack["Tags"]) == ([news], role, tags)
    previous = [{"ParameterKey": "P", "UsePreviousValue": True}]
    bench.cloudformation.update_stack(
        StackName="s", UsePreviousTemplate=True, Parameters=previous, NotificationARNs=[], Tags=[]
    )
    stack = bench.settled("s")
    assert (stack["StackStatus"], stack["NotificationARNs"], stack["Tags"]) == ("UPDATE_COMPLETE", [], [])
    assert stack["Parameters"][0]["ParameterValue"] == "second"


def test_a_create_only_property_replaces(bench: Bench) -> None:
    policy = {
        "Type": "AWS::S3::BucketPolicy",
        "Properties": {"Bucket": {"Ref": "B"}, "PolicyDocument": {"Statement": []}},
    }
    bench.made("s", {"B": bucket("old-one"), "P": policy})
    before = len(bench.events("s"))
    bench.updated("s", {"B": bucket("new-one"), "P": policy})
    assert bench.buckets() == {"new-one"}
    assert bench.events("s")[before:][-6:] == [
        (".", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
        ("P", "DELETE_IN_PROGRESS"),
        ("P", "DELETE_COMPLETE"),
        ("B", "DELETE_IN_PROGRESS"),
        ("B", "DELETE_COMPLETE"),
        (".", "UPDATE_COMPLETE"),
    ]
    rows = bench.cloudformation.describe_stack_resources(StackName="s")["StackResources"]
    assert {row["LogicalResourceId"]: row["PhysicalResourceId"] for row in rows} == {"B": "new-one", "P": "new-one"}


def test_update_replace_policy_keeps_the_old_one(bench: Bench) -> None:
    kept = {"UpdateReplacePolicy": "Retain"}
    bench.made("s", {"B": bucket("old-one", Attributes=kept)})
    bench.updated("s", {"B": bucket("new-one", Attributes=kept)})
    assert bench.buckets() == {"old-one", "new-one"}
    assert ("B", "DELETE_SKIPPED") in bench.events("s")


def test_a_dropped_resource_that_is_retained_stays(bench: Bench) -> None:
    bench.made("s", {"B": bucket("kept", Attributes={"DeletionPolicy": "Retain"}), "T": topic()})
    assert bench.updated("s", {"T": topic()})["StackStatus"] == "UPDATE_COMPLETE"
    assert bench.buckets() == {"kept"}
    assert ("B", "DELETE_SKIPPED") in bench.events("s")


def test_a_cleanup_that_fails_is_told_and_does_not_fail_the_update(bench: Bench) -> None:
    bench.made("s", {"B": bucket("full"), "T": topic()})
    bench.client("s3").put_object(Bucket="full", Key="k", Body=b"x")
    stack = bench.updated("s", {"T": topic()})
    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    assert stack["StackStatusReason"] == "Update successful. One or more resources could not be deleted."
    assert ("B", "DELETE_FAILED") in bench.events("s")


def test_a_failed_update_is_taken_back(bench: Bench) -> None:
    bench.client("s3", OTHER).create_bucket(Bucket="taken", CreateBucketConfiguration={"LocationConstraint": REGION})
    first = {"B": bucket("b-one", **OFF), "T": topic("old")}
    bench.made("s", first, sections={"Outputs": {"O": {"Value": "first"}}}, Tags=[{"Key": "k", "Value": "1"}])
    before = len(bench.events("s"))
    taken = {**bucket("taken"), "DependsOn": ["B", "T"]}
    stack = bench.updated(
        "s", {"B": bucket("b-one", **ON), "T": topic("new"), "X": taken}, Tags=[{"Key": "k", "Value": "2"}]
    )
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert (stack["Outputs"][0]["OutputValue"], stack["Tags"][0]["Value"]) == ("first", "1")
    assert bench.raw_templates().get_template(StackName="s")["TemplateBody"].startswith('{"Outputs"')
    assert bench.reason("s", "X", "CREATE_FAILED") == "taken already exists"
    words = bench.reason("s", "s", "UPDATE_ROLLBACK_IN_PROGRESS")
    assert words == "The following resource(s) failed to create: [X]."
    assert versioning(bench, "b-one") == "Suspended"
    arn = bench.client("sns").list_topics()["Topics"][0]["TopicArn"]
    assert bench.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"] == "old"
    events = bench.events("s")[before:]
    stack_events = [status for name, status in events if name == "."]
    assert stack_events == [
        "UPDATE_IN_PROGRESS",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE",
    ]
    assert bench.updated("s", {"B": bucket("b-one", **ON), "T": topic("old")})["StackStatus"] == "UPDATE_COMPLETE"


def test_a_half_applied_change_is_taken_back(bench: Bench) -> None:
    bench.made("s", {"B": bucket("b-one", **OFF)})
    logging = {"LoggingConfiguration": {"DestinationBucketName": "nowhere"}}
    stack = bench.updated("s", {"B": bucket("b-one", **ON, **logging)})
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert versioning(bench, "b-one") == "Suspended"
    assert bench.reason("s", "s", "UPDATE_ROLLBACK_IN_PROGRESS") == "The following resource(s) failed to update: [B]."


def test_a_rolled_back_replacement_leaves_the_old_one(bench: Bench) -> None:
    bench.made("s", {"B": bucket("old-one")})
    bench.faults.fail("Bad", "no luck")
    stack = bench.updated("s", {"B": bucket("new-one"), "Bad": {**TOPIC, "DependsOn": "B"}})
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert bench.buckets() == {"old-one"}
    rows = bench.cloudformation.describe_stack_resources(StackName="s")["StackResources"]
    assert [(row["LogicalResourceId"], row["PhysicalResourceId"]) for row in rows] == [("B", "old-one")]


@pytest.mark.parametrize(("policy", "left"), [("RetainExceptOnCreate", set()), ("Retain", {"new-one"})])
def test_what_a_failed_update_leaves_of_new_things(bench: Bench, policy: str, left: set[str]) -> None:
    bench.made("s", {"T": topic()})
    bench.faults.fail("Bad", "no luck")
    kept = bucket("new-one", Attributes={"DeletionPolicy": policy})
    bench.updated("s", {"T": topic(), "B": kept, "Bad": {**TOPIC, "DependsOn": "B"}})
    assert bench.buckets() == left


def test_without_rollback_the_update_stays_failed(bench: Bench) -> None:
    bench.made("s", {"T": topic("old")})
    bench.faults.fail("T", "no luck")
    assert bench.updated("s", {"T": topic("new")}, DisableRollback=True)["StackStatus"] == "UPDATE_FAILED"


def test_a_rollback_that_fails_is_continued(bench: Bench) -> None:
    bench.made("s", {"B": bucket("b-one", **OFF), "T": topic("old")})
    bench.faults.fail("T", "no luck", times=2)
    stack = bench.updated("s", {"B": bucket("b-one", **ON), "T": topic("new")})
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_FAILED"
    assert stack["StackStatusReason"] == "The following resource(s) failed to update: [T]."
    with pytest.raises(ClientError, match="UPDATE_ROLLBACK_FAILED state and can not be updated"):
        bench.updated("s", {"T": topic("x")})
    bench.cloudformation.continue_update_rollback(StackName="s", ClientRequestToken="again")
    assert bench.settled("s")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert versioning(bench, "b-one") == "Suspended"
    bench.cloudformation.continue_update_rollback(StackName="s", ClientRequestToken="again")
    with pytest.raises(ClientError, match="can not continue update rollback"):
        bench.cloudformation.continue_update_rollback(StackName="s")


def test_a_resource_can_be_skipped(bench: Bench) -> None:
    bench.made("s", {"T": topic("old")})
    bench.faults.fail("T", "no luck", times=3)
    bench.updated("s", {"T": topic("new")})
    bench.cloudformation.continue_update_rollback(StackName="s")
    assert bench.settled("s")["StackStatus"] == "UPDATE_ROLLBACK_FAILED"
    bench.cloudformation.continue_update_rollback(StackName="s", ResourcesToSkip=["T"])
    assert bench.settled("s")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"


def test_a_busy_stack_refuses_in_awss_words(bench: Bench) -> None:
    bench.engine.pace_seconds = 0.2
    stack_id = bench.create("s", {"T": topic()})
    with pytest.raises(ClientError, match=r"Stack:arn:.* is in CREATE_IN_PROGRESS state and can not be updated\."):
        bench.updated("s", {"T": topic("new")})
    bench.settled(stack_id)
    bench.cloudformation.update_stack(StackName="s", TemplateBody=template({"T": topic("new")}))
    with pytest.raises(ClientError, match="UPDATE_IN_PROGRESS state and can not be updated"):
        bench.cloudformation.update_stack(StackName="s", TemplateBody=template({"T": topic("newer")}))
    with pytest.raises(ClientError, match=r"Stack \[s\] cannot be deleted while in status UPDATE_IN_PROGRESS"):
        bench.cloudformation.delete_stack(StackName="s")
    bench.settled("s")


def test_remains_of_a_failed_create_can_only_be_deleted(bench: Bench) -> None:
    bench.faults.fail("T", "no luck")
    bench.made("s", {"T": topic()})
    with pytest.raises(ClientError, match="ROLLBACK_COMPLETE state and can not be updated"):
        bench.updated("s", {"T": topic("new")})


def test_an_update_of_nothing_is_refused(bench: Bench) -> None:
    with pytest.raises(ClientError, match=r"Stack \[s\] does not exist"):
        bench.cloudformation.update_stack(StackName="s", TemplateBody=template({"T": topic()}))


def test_a_token_makes_an_update_repeatable(bench: Bench) -> None:
    stack_id = bench.made("s", {"T": topic()})["StackId"]
    bench.updated("s", {"T": topic("new")}, ClientRequestToken="t")
    count = len(bench.events("s"))
    again = bench.cloudformation.update_stack(
        StackName=stack_id, TemplateBody=template({"T": topic("new")}), ClientRequestToken="t"
    )
    assert again["StackId"] == stack_id
    assert bench.settled("s")["StackStatus"] == "UPDATE_COMPLETE"
    assert len(bench.events("s")) == count


def test_an_update_can_be_cancelled(bench: Bench) -> None:
    bench.made("s", {"T": topic("old")})
    with pytest.raises(
        ClientError, match="CancelUpdateStack cannot be called from current stack status CREATE_COMPLETE"
    ):
        bench.cloudformation.cancel_update_stack(StackName="s")
    bench.engine.pace_seconds = 0.2
    bench.cloudformation.update_stack(StackName="s", TemplateBody=template({"T": topic("new")}))
    bench.wait_for(lambda: bench.events("s")[-1] == ("T", "UPDATE_IN_PROGRESS"))
    bench.cloudformation.cancel_update_stack(StackName="s", ClientRequestToken="stop")
    bench.cloudformation.cancel_update_stack(StackName="s", ClientRequestToken="stop")
    stack = bench.settled("s")
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert bench.reason("s", "T", "UPDATE_FAILED") == "Resource update cancelled"


def test_changed_stack_tags_reach_the_resources(bench: Bench) -> None:
    bench.made("s", {"B": bucket("tagged")}, Tags=[{"Key": "k", "Value": "1"}])
    bench.updated("s", {"B": bucket("tagged")}, Tags=[{"Key": "k", "Value": "2"}])
    assert bench.client("s3").get_bucket_tagging(Bucket="tagged")["TagSet"] == [{"Key": "k", "Value": "2"}]


def test_a_type_cannot_change_under_its_name(bench: Bench) -> None:
    bench.made("s", {"X": topic()})
    with pytest.raises(ClientError, match="Update of resource type is not permitted"):
        bench.updated("s", {"X": bucket()})
