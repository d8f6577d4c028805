"""Creating stacks: order and words of the events, rollback, tokens, limits, refusals."""

import uuid

import pytest
from botocore.exceptions import ClientError

from localaws import calls, commands
from tests.localaws.engine_bench import HOME, REGION, Bench, bucket, template

pytest_plugins = ["tests.localaws.engine_fixtures"]

OTHER = "200000000002"
TOPIC = {"Type": "AWS::SNS::Topic"}
POLICY = {"Type": "AWS::SNS::TopicPolicy", "Properties": {"PolicyDocument": {}, "Topics": [{"Ref": "Topic"}]}}
ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}},
}


def test_a_stack_goes_through_awss_events(bench: Bench) -> None:
    bench.made("s", {"Policy": POLICY, "Topic": TOPIC})
    assert bench.events("s") == [
        (".", "CREATE_IN_PROGRESS"),
        ("Topic", "CREATE_IN_PROGRESS"),
        ("Topic", "CREATE_IN_PROGRESS"),
        ("Topic", "CREATE_COMPLETE"),
        ("Policy", "CREATE_IN_PROGRESS"),
        ("Policy", "CREATE_IN_PROGRESS"),
        ("Policy", "CREATE_COMPLETE"),
        (".", "CREATE_COMPLETE"),
    ]
    rows = bench.cloudformation.describe_stack_events(StackName="s")["StackEvents"][::-1]
    assert rows[0]["ResourceStatusReason"] == "User Initiated"
    assert (rows[1]["PhysicalResourceId"], rows[1].get("ResourceStatusReason")) == ("", None)
    assert rows[2]["ResourceStatusReason"] == "Resource creation Initiated"
    assert rows[2]["PhysicalResourceId"].startswith(f"arn:aws:sns:{REGION}:{HOME}:s-Topic-")
    times = [row["Timestamp"] for row in rows]
    assert times == sorted(set(times))


def test_what_was_asked_is_told_back(bench: Bench) -> None:
    topic = bench.client("sns").create_topic(Name="news")["TopicArn"]
    role = f"arn:aws:iam::{HOME}:role/service"
    stack = bench.made(
        "s",
        {"T": TOPIC},
        sections={
            "Description": "words",
            "Parameters": {"Open": {"Type": "String"}, "Hidden": {"Type": "String", "NoEcho": True}},
            "Outputs": {"Arn": {"Value": {"Ref": "T"}, "Description": "of the topic"}},
        },
        Parameters=[
            {"ParameterKey": "Open", "ParameterValue": "a"},
            {"ParameterKey": "Hidden", "ParameterValue": "b"},
        ],
        NotificationARNs=[topic],
        RoleARN=role,
        Tags=[{"Key": "k", "Value": "v"}],
        Capabilities=["CAPABILITY_IAM"],
        TimeoutInMinutes=15,
        EnableTerminationProtection=True,
        RetainExceptOnCreate=True,
    )
    prefix, _, unique = stack["StackId"].rpartition("/")
    assert prefix == f"arn:aws:cloudformation:{REGION}:{HOME}:stack/s"
    assert str(uuid.UUID(unique)) == unique
    assert stack["Description"] == "words"
    assert {p["ParameterKey"]: p["ParameterValue"] for p in stack["Parameters"]} == {"Open": "a", "Hidden": "****"}
    assert stack["Outputs"][0]["OutputKey"] == "Arn"
    assert stack["Outputs"][0]["OutputValue"].startswith("arn:aws:sns:")
    assert stack["Outputs"][0]["Description"] == "of the topic"
    assert (stack["NotificationARNs"], stack["RoleARN"]) == ([topic], role)
    assert (stack["Tags"], stack["Capabilities"]) == ([{"Key": "k", "Value": "v"}], ["CAPABILITY_IAM"])
    assert (stack["TimeoutInMinutes"], stack["EnableTerminationProtection"]) == (15, True)
    assert stack["RetainExceptOnCreate"] is True


@pytest.mark.parametrize(
    "body",
    ['{ "Resources":{"T" : {"Type":"AWS::SNS::Topic"}}}\r\n', "# why\nResources:\n  T: {Type: AWS::SNS::Topic}\n"],
)
def test_the_template_comes_back_byte_for_byte(bench: Bench, body: str) -> None:
    client = bench.raw_templates()
    client.create_stack(StackName="s", TemplateBody=body)
    assert client.get_template(StackName="s")["TemplateBody"] == body


def test_a_name_of_another_account_fails_and_rolls_back(bench: Bench) -> None:
    bench.client("s3", OTHER).create_bucket(Bucket="taken", CreateBucketConfiguration={"LocationConstraint": REGION})
    stack = bench.made("s", {"Good": bucket("good"), "Taken": {**bucket("taken"), "DependsOn": "Good"}})
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert bench.reason("s", "Taken", "CREATE_FAILED") == "taken already exists"
    assert bench.reason("s", "s", "ROLLBACK_IN_PROGRESS") == (
        "The following resource(s) failed to create: [Taken]. Rollback requested by user."
    )
    assert bench.events("s")[-5:] == [
        (".", "ROLLBACK_IN_PROGRESS"),
        ("Taken", "DELETE_COMPLETE"),
        ("Good", "DELETE_IN_PROGRESS"),
        ("Good", "DELETE_COMPLETE"),
        (".", "ROLLBACK_COMPLETE"),
    ]
    assert bench.buckets() == set()
    assert bench.buckets(OTHER) == {"taken"}


def test_an_own_bucket_of_the_name_is_taken_too_even_in_us_east_1(bench: Bench) -> None:
    bench.client("s3", region="us-east-1").create_bucket(Bucket="mine")
    client = bench.client("cloudformation", region="us-east-1")
    client.create_stack(StackName="s", TemplateBody=template({"B": bucket("mine")}))
    assert bench.settled("s", client=client)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert bench.buckets() == {"mine"}


def test_others_of_the_wave_are_cancelled(bench: Bench) -> None:
    bench.faults.set_slow("AWS::SQS::Queue", 0.1)
    bench.faults.set_slow("AWS::SNS::Topic", 0.5)
    bench.faults.fail("Bad", "no luck")
    bench.made("s", {"Bad": {"Type": "AWS::SQS::Queue"}, **{f"T{n}": TOPIC for n in range(3)}})
    reasons = {bench.reason("s", f"T{n}", "CREATE_FAILED") for n in range(3)}
    assert reasons == {"Resource creation cancelled"}
    assert bench.client("sns").list_topics()["Topics"] == []


@pytest.mark.parametrize(
    ("options", "status", "left"),
    [
        ({"OnFailure": "ROLLBACK"}, "ROLLBACK_COMPLETE", set()),
        ({"OnFailure": "DELETE"}, "DELETE_COMPLETE", set()),
        ({"OnFailure": "DO_NOTHING"}, "CREATE_FAILED", {"good"}),
        ({"DisableRollback": True}, "CREATE_FAILED", {"good"}),
    ],
)
def test_on_failure(bench: Bench, options: dict[str, object], status: str, left: set[str]) -> None:
    bench.faults.fail("Bad", "no luck")
    resources = {"Good": bucket("good"), "Bad": {**TOPIC, "DependsOn": "Good"}}
    assert bench.made("s", resources, **options)["StackStatus"] == status
    assert bench.buckets() == left


@pytest.mark.parametrize(
    ("policy", "options", "left"),
    [
        ("Delete", {}, set()),
        ("RetainExceptOnCreate", {}, set()),
        ("Retain", {}, {"good"}),
        ("Retain", {"RetainExceptOnCreate": True}, set()),
        ("RetainExceptOnCreate", {"OnFailure": "DELETE"}, set()),
    ],
)
def test_what_a_failed_create_leaves(bench: Bench, policy: str, options: dict[str, object], left: set[str]) -> None:
    bench.faults.fail("Bad", "no luck")
    resources = {"Good": bucket("good", Attributes={"DeletionPolicy": policy}), "Bad": {**TOPIC, "DependsOn": "Good"}}
    stack_id = bench.create("s", resources, **options)
    bench.settled(stack_id)
    assert bench.buckets() == left
    assert (("Good", "DELETE_SKIPPED") in bench.events(stack_id)) == bool(left)


def test_wrong_properties_fail_the_resource(bench: Bench) -> None:
    assert bench.made("s", {"B": bucket(Nope=1)})["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "extraneous key [Nope] is not permitted" in bench.reason("s", "B", "CREATE_FAILED")


def test_a_type_that_only_aws_has_fails_the_resource(bench: Bench) -> None:
    bench.made("s", {"T": {"Type": "AWS::EC2::VPC"}})
    assert bench.reason("s", "T", "CREATE_FAILED") == "localaws cannot deploy AWS::EC2::VPC"


def test_a_token_makes_a_create_repeatable(bench: Bench) -> None:
    first = bench.create("s", {"T": TOPIC}, ClientRequestToken="op-1-1")
    assert bench.create("s", {"T": TOPIC}, ClientRequestToken="op-1-1") == first
    bench.settled(first)
    rows = bench.cloudformation.describe_stack_events(StackName="s")["StackEvents"]
    assert {row["ClientRequestToken"] for row in rows} == {"op-1-1"}
    with pytest.raises(ClientError, match=r"\(AlreadyExistsException\).*Stack \[s\] already exists"):
        bench.create("s", {"T": TOPIC}, ClientRequestToken="op-1-2")


def refused(bench: Bench, words: str, name: str = "s", resources: object = None, **options: object) -> None:
    with pytest.raises(ClientError, match=words):
        bench.create(name, resources or {"T": TOPIC}, **options)
    assert bench.cloudformation.list_stacks()["StackSummaries"] == []


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        ({"T": {"Type": "AWS::Nope::T"}}, r"Unrecognized resource types: \[AWS::Nope::T\]"),
        ({"T": {**TOPIC, "DependsOn": "U"}, "U": {**TOPIC, "DependsOn": "T"}}, r"Circular dependency .*\[T, U\]"),
        ({"T": {**TOPIC, "DependsOn": "U"}}, r"Unresolved resource dependencies \[U\]"),
        ({"R": ROLE}, r"\(InsufficientCapabilitiesException\).*Requires capabilities : \[CAPABILITY_IAM\]"),
    ],
)
def test_what_can_never_work_is_refused_at_once(bench: Bench, resources: object, words: str) -> None:
    refused(bench, words, resources=resources)


def test_named_iam_needs_the_stronger_capability(bench: Bench) -> None:
    named = {"R": {**ROLE, "Properties": {**ROLE["Properties"], "RoleName": "r"}}}  # type: ignore[dict-item] # a dict
    refused(bench, r"CAPABILITY_NAMED_IAM", resources=named, Capabilities=["CAPABILITY_IAM"])
    assert bench.made("s", named, Capabilities=["CAPABILITY_NAMED_IAM"])["StackStatus"] == "CREATE_COMPLETE"


@pytest.mark.parametrize("name", ["1s", "s_s", "s s", "s" * 129])
def test_odd_names_are_refused(bench: Bench, name: str) -> None:
    refused(bench, "at 'stackName' failed to satisfy constraint", name=name)


@pytest.mark.parametrize("allowed", [["AWS::S3::*"], ["AWS::SNS::TopicPolicy", "AWS::S3::Bucket"]])
def test_types_that_the_call_does_not_name_are_refused(bench: Bench, allowed: list[str]) -> None:
    refused(bench, "Resource type AWS::SNS::Topic is not allowed by parameter ResourceTypes", ResourceTypes=allowed)


@pytest.mark.parametrize("allowed", [["AWS::*"], ["AWS::SNS::*"], ["AWS::S3::Bucket", "AWS::SNS::Topic"]])
def test_types_that_the_call_names_are_taken(bench: Bench, allowed: list[str]) -> None:
    assert bench.made("s", {"T": TOPIC}, ResourceTypes=allowed)["StackStatus"] == "CREATE_COMPLETE"


def test_an_odd_token_is_refused(bench: Bench) -> None:
    refused(bench, "at 'clientRequestToken' failed", ClientRequestToken="a b")


def test_a_large_body_is_refused_but_read_from_s3(bench: Bench) -> None:
    body = template({"T": TOPIC}, {"Metadata": {"x": "y" * 51_200}})
    client, s3 = bench.cloudformation, bench.client("s3")
    with pytest.raises(ClientError, match="Member must have length less than or equal to 51200"):
        client.create_stack(StackName="s", TemplateBody=body)
    s3.create_bucket(Bucket="templates", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="templates", Key="a/b.json", Body=body.encode())
    s3.put_object(Bucket="templates", Key="big.json", Body=b"x" * 1_000_001)
    client.create_stack(StackName="s", TemplateURL="http://127.0.0.1:5000/templates/a/b.json?X-Amz-Signature=1")
    assert bench.settled("s")["StackStatus"] == "CREATE_COMPLETE"
    with pytest.raises(ClientError, match="may not exceed 1000000 bytes"):
        client.create_stack(StackName="t", TemplateURL="https://templates.s3.eu-west-1.amazonaws.com/big.json")
    with pytest.raises(ClientError, match="S3 error"):
        client.create_stack(StackName="t", TemplateURL="https://templates.s3.amazonaws.com/none.json")
    with pytest.raises(ClientError, match="must be a supported URL"):
        client.create_stack(StackName="t", TemplateURL="https://example.com/")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:5000/b/k/x.json",
        "https://b.s3.eu-west-1.amazonaws.com/k/x.json",
        "https://b.s3.amazonaws.com/k/x.json?versionId=1",
        "https://s3.eu-west-1.amazonaws.com/b/k/x.json",
    ],
)
def test_all_forms_of_an_s3_url_are_read(url: str) -> None:
    assert calls.bucket_and_key(url) == ("b", "k/x.json")


def test_two_thousand_stacks_and_no_more(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "MOST_STACKS", 1)
    bench.made("a", {"T": TOPIC})
    with pytest.raises(ClientError, match="LimitExceededException"):
        bench.create("b", {"T": TOPIC})


def test_a_role_that_cannot_be_assumed_is_refused(bench: Bench) -> None:
    role = f"arn:aws:iam::{HOME}:role/service"
    bench.denied_roles.add(role)
    refused(bench, "is invalid or cannot be assumed", RoleARN=role)


def test_a_throttled_call_is_refused_once(bench: Bench) -> None:
    bench.faults.set_throttle("ListStacks", 1)
    with pytest.raises(ClientError, match=r"\(Throttling\).*Rate exceeded"):
        bench.cloudformation.list_stacks()
    bench.cloudformation.list_stacks()


def test_stack_tags_go_to_the_resources_and_own_tags_win(bench: Bench) -> None:
    own = [{"Key": "a", "Value": "own"}]
    bench.made("s", {"B": bucket("tagged", Tags=own)}, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    tags = bench.client("s3").get_bucket_tagging(Bucket="tagged")["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"a": "own", "b": "2"}


def test_accounts_and_regions_see_their_own_stacks_only(bench: Bench) -> None:
    stack_id = bench.create("s", {"T": TOPIC})
    for client in (bench.client("cloudformation", OTHER), bench.client("cloudformation", region="eu-west-2")):
        assert client.list_stacks()["StackSummaries"] == []
        for name in ("s", stack_id):
            with pytest.raises(ClientError, match="does not exist"):
                client.describe_stacks(StackName=name)


def test_many_resources_in_waves(bench: Bench) -> None:
    resources = (
        {"T0": TOPIC}
        | {f"T{n}": {**TOPIC, "DependsOn": f"T{n % 3}"} for n in range(3, 60)}
        | {"T1": TOPIC, "T2": TOPIC}
    )
    assert bench.made("s", resources)["StackStatus"] == "CREATE_COMPLETE"
    assert len(bench.client("sns").list_topics()["Topics"]) == len(resources)


def test_two_stacks_that_want_one_name_do_not_share_it(bench: Bench) -> None:
    bench.engine.pace_seconds = 0.02
    ids = [bench.create(f"s{n}", {"B": bucket("contested")}) for n in range(4)]
    statuses = sorted(bench.settled(stack_id)["StackStatus"] for stack_id in ids)
    assert statuses == ["CREATE_COMPLETE", *["ROLLBACK_COMPLETE"] * 3]
    assert bench.buckets() == {"contested"}
