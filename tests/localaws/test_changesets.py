"""Change sets: what they list, when they are stale, what their execution does."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.localaws.engine_bench import Bench, bucket, template

pytest_plugins = ["tests.localaws.engine_fixtures"]

EMPTY = "The submitted information didn't contain changes. Submit different information to create a change set."


def topic(words: str = "", **attributes: Any) -> dict[str, Any]:
    return {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": words}, **attributes}


def made(bench: Bench, resources: dict[str, Any], name: str = "c", **options: Any) -> dict[str, Any]:
    """Create a change set and return it when it is computed."""
    client = bench.cloudformation
    body = template(resources, options.pop("sections", None))
    client.create_change_set(StackName="s", ChangeSetName=name, TemplateBody=body, **options)
    while True:
        found: dict[str, Any] = client.describe_change_set(StackName="s", ChangeSetName=name)
        if found["Status"] not in {"CREATE_PENDING", "CREATE_IN_PROGRESS"}:
            return found


def executed(bench: Bench, name: str = "c", **options: Any) -> str:
    bench.cloudformation.execute_change_set(StackName="s", ChangeSetName=name, **options)
    return str(bench.settled("s")["StackStatus"])


def changes(found: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    rows = [change["ResourceChange"] for change in found["Changes"]]
    return {
        row["LogicalResourceId"]: (row["Action"], row.get("Replacement"), row.get("Scope"), row.get("PolicyAction"))
        for row in rows
    }


def test_it_lists_what_would_change(bench: Bench) -> None:
    retained = {"DeletionPolicy": "Retain"}
    bench.made(
        "s",
        {
            "Same": topic(),
            "Edited": topic("old"),
            "Noted": topic(),
            "Gone": topic(),
            "Kept": topic(**retained),
            "Renamed": bucket("old-name"),
            "RenamedKept": bucket("old-kept"),
        },
    )
    found = made(
        bench,
        {
            "Same": topic(**retained),
            "Edited": topic("new"),
            "Noted": topic(Metadata={"form": 1}),
            "Renamed": bucket("new-name"),
            "RenamedKept": bucket("new-kept", Attributes={"UpdateReplacePolicy": "Retain"}),
            "New": topic(),
        },
        Description="why",
    )
    assert changes(found) == {
        "Edited": ("Modify", "False", ["Properties"], None),
        "Noted": ("Modify", "False", ["Metadata"], None),
        "Renamed": ("Modify", "True", ["Properties"], "ReplaceAndDelete"),
        "RenamedKept": ("Modify", "True", ["Properties"], "ReplaceAndRetain"),
        "New": ("Add", None, [], None),
        "Gone": ("Remove", None, [], "Delete"),
        "Kept": ("Remove", None, [], "Retain"),
    }
    edited = next(c["ResourceChange"] for c in found["Changes"] if c["ResourceChange"]["LogicalResourceId"] == "Edited")
    assert edited["PhysicalResourceId"].startswith("arn:aws:sns:")
    assert edited["Details"] == [
        {
            "Target": {"Attribute": "Properties", "Name": "DisplayName", "RequiresRecreation": "Never"},
            "Evaluation": "Static",
            "ChangeSource": "DirectModification",
        }
    ]
    assert (found["Status"], found["ExecutionStatus"], found["Description"]) == ("CREATE_COMPLETE", "AVAILABLE", "why")
    assert bench.settled("s")["StackStatus"] == "CREATE_COMPLETE"
    assert bench.buckets() == {"old-name", "old-kept"}


def test_what_depends_on_a_replacement_is_dynamic(bench: Bench) -> None:
    policy = {
        "Type": "AWS::S3::BucketPolicy",
        "Properties": {"Bucket": {"Ref": "B"}, "PolicyDocument": {"Resource": {"Fn::Sub": "${B.Arn}/*"}}},
    }
    bench.made("s", {"B": bucket("old-name"), "P": policy})
    found = made(bench, {"B": bucket("new-name"), "P": policy})
    assert changes(found)["P"] == ("Modify", "Conditional", ["Properties"], "ReplaceAndDelete")
    details = found["Changes"][1]["ResourceChange"]["Details"]
    assert {detail["Evaluation"] for detail in details} == {"Dynamic"}
    assert executed(bench) == "UPDATE_COMPLETE"
    assert bench.buckets() == {"new-name"}


def test_stack_tags_have_a_scope_of_their_own(bench: Bench) -> None:
    bench.made("s", {"T": topic()})
    found = made(bench, {"T": topic()}, Tags=[{"Key": "k", "Value": "v"}])
    assert changes(found) == {"T": ("Modify", "False", ["Tags"], None)}


@pytest.mark.parametrize(
    ("resource", "sections"), [({}, {}), ({"DeletionPolicy": "Delete"}, {}), ({}, {"Metadata": {"form": 1}})]
)
def test_an_empty_one_fails_with_awss_words(bench: Bench, resource: dict[str, Any], sections: dict[str, Any]) -> None:
    bench.made("s", {"T": topic(DeletionPolicy="Retain")})
    found = made(bench, {"T": {**topic(DeletionPolicy="Retain"), **resource}}, sections=sections)
    assert (found["Status"], found["StatusReason"], found["Changes"]) == ("FAILED", EMPTY, [])
    assert found["ExecutionStatus"] == "UNAVAILABLE"
    with pytest.raises(ClientError, match=r"InvalidChangeSetStatus.*current status of \[FAILED\]"):
        executed(bench)


def test_executing_it_updates_the_stack(bench: Bench) -> None:
    bench.made("s", {"T": topic("old")})
    found = made(bench, {"T": topic("new")})
    assert executed(bench, ClientRequestToken="op-1-2") == "UPDATE_COMPLETE"
    assert bench.settled("s")["ChangeSetId"] == found["ChangeSetId"]
    after = bench.cloudformation.describe_change_set(ChangeSetName=found["ChangeSetId"])
    assert after["ExecutionStatus"] == "EXECUTE_COMPLETE"
    rows = bench.cloudformation.describe_stack_events(StackName="s")["StackEvents"]
    assert rows[0]["ClientRequestToken"] == "op-1-2"
    count = len(rows)
    assert executed(bench, ClientRequestToken="op-1-2") == "UPDATE_COMPLETE"
    assert len(bench.events("s")) == count


@pytest.mark.parametrize("first", ["change set", "update"])
def test_one_made_before_another_update_is_obsolete(bench: Bench, first: str) -> None:
    bench.made("s", {"T": topic("old")})
    made(bench, {"T": topic("mine")}, "mine")
    if first == "update":
        bench.updated("s", {"T": topic("theirs")})
    else:
        made(bench, {"T": topic("theirs")}, "theirs")
        executed(bench, "theirs")
    with pytest.raises(ClientError, match=r"InvalidChangeSetStatus.*current execution status of \[OBSOLETE\]"):
        executed(bench, "mine")
    found = bench.cloudformation.describe_change_set(StackName="s", ChangeSetName="mine")
    assert found["ExecutionStatus"] == "OBSOLETE"
    arn = bench.client("sns").list_topics()["Topics"][0]["TopicArn"]
    assert bench.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"] == "theirs"


def test_one_that_is_still_computed_when_an_update_begins_is_obsolete(bench: Bench) -> None:
    bench.made("s", {"T": topic("old")})
    bench.engine.pace_seconds = 0.1
    bench.cloudformation.create_change_set(
        StackName="s", ChangeSetName="c", TemplateBody=template({"T": topic("mine")})
    )
    assert bench.cloudformation.describe_change_set(StackName="s", ChangeSetName="c")["Status"] == "CREATE_PENDING"
    with pytest.raises(ClientError, match=r"current status of \[CREATE_PENDING\]"):
        executed(bench)
    bench.updated("s", {"T": topic("theirs")})
    found = bench.cloudformation.describe_change_set(StackName="s", ChangeSetName="c")
    assert (found["Status"], found["ExecutionStatus"]) == ("CREATE_COMPLETE", "OBSOLETE")


def test_a_deletion_policy_changes_with_a_mark_beside_it(bench: Bench) -> None:
    bench.made("s", {"B": bucket("kept", Attributes={"DeletionPolicy": "RetainExceptOnCreate"})})
    mark = {"DeletionPolicy": "Delete", "Metadata": {"deleting": True}}
    made(bench, {"B": bucket("kept", Attributes=mark)})
    assert executed(bench) == "UPDATE_COMPLETE"
    stack_id = bench.settled("s")["StackId"]
    bench.cloudformation.delete_stack(StackName="s")
    assert bench.settled(stack_id)["StackStatus"] == "DELETE_COMPLETE"
    assert bench.buckets() == set()


def test_one_can_create_a_stack(bench: Bench) -> None:
    found = made(bench, {"T": topic()}, ChangeSetType="CREATE")
    stack = bench.cloudformation.describe_stacks(StackName="s")["Stacks"][0]
    assert stack["StackStatus"] == "REVIEW_IN_PROGRESS"
    assert changes(found) == {"T": ("Add", None, [], None)}
    made(bench, {"T": topic("other")}, "d", ChangeSetType="CREATE")
    assert executed(bench, "d") == "CREATE_COMPLETE"
    assert [status for name, status in bench.events("s") if name == "."] == [
        "REVIEW_IN_PROGRESS",
        "CREATE_IN_PROGRESS",
        "CREATE_COMPLETE",
    ]
    with pytest.raises(ClientError, match="OBSOLETE"):
        executed(bench, "c")


def test_a_stack_under_review_disappears_when_deleted(bench: Bench) -> None:
    made(bench, {"T": topic()}, ChangeSetType="CREATE")
    bench.cloudformation.delete_stack(StackName="s")
    assert bench.cloudformation.list_stacks()["StackSummaries"] == []


def test_the_same_name_and_token_is_the_same_one(bench: Bench) -> None:
    bench.made("s", {"T": topic("old")})
    body = template({"T": topic("new")})
    client = bench.cloudformation
    first = client.create_change_set(StackName="s", ChangeSetName="c", TemplateBody=body, ClientToken="t")
    again = client.create_change_set(StackName="s", ChangeSetName="c", TemplateBody=body, ClientToken="t")
    assert again["Id"] == first["Id"]
    with pytest.raises(ClientError, match="AlreadyExistsException"):
        client.create_change_set(StackName="s", ChangeSetName="c", TemplateBody=body, ClientToken="u")


def test_they_are_listed_and_deleted(bench: Bench) -> None:
    bench.made("s", {"T": topic("old")})
    made(bench, {"T": topic("new")}, "one")
    made(bench, {"T": topic("newer")}, "two")
    client = bench.cloudformation
    names = [row["ChangeSetName"] for row in client.list_change_sets(StackName="s")["Summaries"]]
    assert names == ["one", "two"]
    raw = bench.raw_templates().get_template(StackName="s", ChangeSetName="two")["TemplateBody"]
    assert raw == template({"T": topic("newer")})
    for _ in range(2):  # DeleteChangeSet knows no "not found"
        client.delete_change_set(StackName="s", ChangeSetName="one")
    with pytest.raises(ClientError, match=r"\(ChangeSetNotFound\).*ChangeSet \[one\] does not exist"):
        client.describe_change_set(StackName="s", ChangeSetName="one")
    assert [row["ChangeSetName"] for row in client.list_change_sets(StackName="s")["Summaries"]] == ["two"]
    with pytest.raises(ClientError, match="ChangeSetNotFound"):
        client.describe_change_set(ChangeSetName="arn:aws:cloudformation:eu-west-1:100000000000:changeSet/x/y")


def test_other_accounts_do_not_see_them(bench: Bench) -> None:
    bench.made("s", {"T": topic("old")})
    found = made(bench, {"T": topic("new")})
    with pytest.raises(ClientError, match="ChangeSetNotFound"):
        bench.client("cloudformation", "200000000002").describe_change_set(ChangeSetName=found["ChangeSetId"])


def test_a_busy_stack_takes_none(bench: Bench) -> None:
    bench.engine.pace_seconds = 0.1
    bench.create("s", {"T": topic()})
    with pytest.raises(ClientError, match="CREATE_IN_PROGRESS state and can not be updated"):
        made(bench, {"T": topic("new")})
    bench.settled("s")


def test_imports_are_not_offered(bench: Bench) -> None:
    bench.made("s", {"T": topic()})
    with pytest.raises(ClientError, match="does not offer change sets of type IMPORT"):
        made(bench, {"T": topic()}, ChangeSetType="IMPORT")
