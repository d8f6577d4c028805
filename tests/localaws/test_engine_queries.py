"""The calls that read: pages, filters, shapes."""

import pytest
from botocore.exceptions import ClientError

from tests.localaws.engine_bench import Bench, bucket, template

pytest_plugins = ["tests.localaws.engine_fixtures"]

TOPIC = {"Type": "AWS::SNS::Topic"}


def test_stacks_come_in_pages_of_a_hundred_newest_first(bench: Bench) -> None:
    for number in range(102):
        bench.create(f"s{number}", {"T": TOPIC})
    client = bench.cloudformation
    first = client.describe_stacks()
    assert len(first["Stacks"]) == 100
    bench.create("between", {"T": TOPIC})
    rest = client.describe_stacks(NextToken=first["NextToken"])
    assert [s["StackName"] for s in rest["Stacks"]] == ["s1", "s0"]
    assert "NextToken" not in rest
    pages = client.get_paginator("list_stacks").paginate()
    assert [len(page["StackSummaries"]) for page in pages] == [100, 3]
    for wrong in ("!", "bm90aGluZw=="):
        with pytest.raises(ClientError, match="Invalid NextToken"):
            client.describe_stacks(NextToken=wrong)


def test_stacks_are_listed_by_status_deleted_ones_too(bench: Bench) -> None:
    client = bench.cloudformation
    gone = bench.made("gone", {"T": TOPIC})["StackId"]
    client.delete_stack(StackName="gone")
    bench.settled(gone)
    bench.made("here", {"T": TOPIC}, sections={"Description": "words"})
    rows = client.list_stacks()["StackSummaries"]
    assert [(r["StackName"], r["StackStatus"]) for r in rows] == [
        ("here", "CREATE_COMPLETE"),
        ("gone", "DELETE_COMPLETE"),
    ]
    assert rows[0]["TemplateDescription"] == "words"
    only = client.list_stacks(StackStatusFilter=["CREATE_COMPLETE"])["StackSummaries"]
    assert [r["StackName"] for r in only] == ["here"]


def test_events_come_in_pages(bench: Bench) -> None:
    bench.made("s", {f"T{n}": TOPIC for n in range(40)})
    pages = list(bench.cloudformation.get_paginator("describe_stack_events").paginate(StackName="s"))
    assert [len(page["StackEvents"]) for page in pages] == [100, 22]
    ids = [row["EventId"] for page in pages for row in page["StackEvents"]]
    assert len(set(ids)) == 122


def test_resources_are_described_in_every_way(bench: Bench) -> None:
    bench.made("s", {"B": bucket("b-one"), "T": TOPIC})
    client = bench.cloudformation
    rows = client.describe_stack_resources(StackName="s")["StackResources"]
    assert {(r["LogicalResourceId"], r["ResourceStatus"]) for r in rows} == {
        ("B", "CREATE_COMPLETE"),
        ("T", "CREATE_COMPLETE"),
    }
    (one,) = client.describe_stack_resources(StackName="s", LogicalResourceId="B")["StackResources"]
    assert (one["PhysicalResourceId"], one["ResourceType"]) == ("b-one", "AWS::S3::Bucket")
    owned = client.describe_stack_resources(PhysicalResourceId="b-one")["StackResources"]
    assert len(owned) == 2
    detail = client.describe_stack_resource(StackName="s", LogicalResourceId="B")["StackResourceDetail"]
    assert detail["PhysicalResourceId"] == "b-one"
    summaries = client.list_stack_resources(StackName="s")["StackResourceSummaries"]
    assert {row["LogicalResourceId"] for row in summaries} == {"B", "T"}
    with pytest.raises(ClientError, match="Resource X does not exist for stack s"):
        client.describe_stack_resource(StackName="s", LogicalResourceId="X")
    with pytest.raises(ClientError, match="Stack for nothing does not exist"):
        client.describe_stack_resources(PhysicalResourceId="nothing")


def test_a_template_is_summed_up_and_validated(bench: Bench) -> None:
    body = template(
        {"R": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}},
        {
            "Description": "words",
            "Parameters": {"P": {"Type": "String", "Default": 3, "NoEcho": "true", "AllowedValues": [3, 4]}},
        },
    )
    client = bench.cloudformation
    summary = client.get_template_summary(TemplateBody=body)
    assert summary["ResourceTypes"] == ["AWS::IAM::Role"]
    assert summary["Capabilities"] == ["CAPABILITY_IAM"]
    assert "AWS::IAM::Role" in summary["CapabilitiesReason"]
    (parameter,) = summary["Parameters"]
    assert (parameter["DefaultValue"], parameter["NoEcho"]) == ("3", True)
    assert parameter["ParameterConstraints"]["AllowedValues"] == ["3", "4"]
    valid = client.validate_template(TemplateBody=body)
    assert (valid["Description"], valid["Parameters"][0]["ParameterKey"]) == ("words", "P")
    with pytest.raises(ClientError, match="JSON not well-formed"):
        client.validate_template(TemplateBody="{")
    with pytest.raises(ClientError, match="Either Template URL or Template Body must be specified"):
        client.get_template_summary()
    bench.made("s", {"T": TOPIC})
    assert client.get_template_summary(StackName="s")["ResourceTypes"] == ["AWS::SNS::Topic"]


def test_limits_are_told(bench: Bench) -> None:
    limits = bench.cloudformation.describe_account_limits()["AccountLimits"]
    assert {"Name": "StackLimit", "Value": 2000} in limits


def test_a_call_that_is_not_offered_is_refused(bench: Bench) -> None:
    with pytest.raises(ClientError, match=r"\(InvalidAction\).*localaws does not offer ListTypes"):
        bench.cloudformation.list_types()
