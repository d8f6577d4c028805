"""Stacks through the gateway: what each submit carries, paging, change sets, and errors by what happened."""

import json
import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber

from aws import clients, cloudformation, rates
from aws.accounts import ProjectAccount, Role
from aws.cloudformation import Change, ChangeSet, Stacks
from aws.errors import (
    AlreadyExists,
    AWSError,
    ChangeSetNotFound,
    ChangeSetObsolete,
    InvalidTemplate,
    RateLimited,
    StackBusy,
    StackNotFound,
    Throttled,
    TokenAlreadyUsed,
)
from localaws.server import LocalAWS

TYPES = ["AWS::SNS::Topic"]
PATIENCE_SECONDS = 20


def topics(count: int = 1, name: str = "") -> str:
    """Return a template of some topics; a display name changes the first."""
    made = {f"T{number}": {"Type": "AWS::SNS::Topic", "Properties": {}} for number in range(count)}
    made["T0"]["Properties"] = {"DisplayName": name} if name else {}
    return json.dumps({"Resources": made})


@pytest.fixture
def stacks(account: ProjectAccount) -> Stacks:
    """The stacks of a member account through its deploy role."""
    return Stacks(clients.member(account, Role.DEPLOY, "cloudformation", actor="tests"), account)


def settled(stacks: Stacks, stack_id: str) -> str:
    """Wait until a stack rests; return its status."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (status := stacks.describe(stack_id).status).endswith("IN_PROGRESS"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return status


@pytest.fixture
def made(stacks: Stacks, fresh_name: str) -> str:
    """A stack of one topic, complete."""
    stack_id = stacks.create(fresh_name, topics(), token="made", resource_types=TYPES, tags={"b": "2", "a": "1"})
    assert settled(stacks, stack_id) == "CREATE_COMPLETE"
    return stack_id


def test_a_submit_carries_the_service_role_the_topic_and_the_tags(
    stacks: Stacks, account: ProjectAccount, made: str, fresh_name: str
) -> None:
    found = stacks.describe(fresh_name)
    assert (found.stack_id, found.name, found.status) == (made, fresh_name, "CREATE_COMPLETE")
    assert found.role_arn == account.service_role_arn
    assert found.topics == (account.topic_arn,)
    assert found.tags == {"a": "1", "b": "2"}
    assert (found.termination_protection, found.outputs, found.updated_at) == (False, {}, None)


def test_a_resource_type_that_was_not_named_is_refused(stacks: Stacks, fresh_name: str) -> None:
    with pytest.raises(AWSError) as caught:
        stacks.create(fresh_name, topics(), token="x", resource_types=["AWS::SQS::Queue"], tags={})
    assert "ResourceType" in caught.value.message
    with pytest.raises(StackNotFound):
        stacks.describe(fresh_name)


def test_the_same_token_makes_one_stack(stacks: Stacks, made: str, fresh_name: str) -> None:
    how = {"resource_types": TYPES, "tags": {"b": "2", "a": "1"}}
    assert stacks.create(fresh_name, topics(), token="made", **how) == made
    with pytest.raises(AlreadyExists):
        stacks.create(fresh_name, topics(), token="another", **how)


def test_a_template_comes_back_byte_for_byte(stacks: Stacks, fresh_name: str) -> None:
    body = '{ "Resources":\n\t{"Z": {"Type": "AWS::SNS::Topic"},  "A": {"Type" :"AWS::SNS::Topic"}}}\n'
    stack_id = stacks.create(fresh_name, body, token="t", resource_types=TYPES, tags={})
    settled(stacks, stack_id)
    assert stacks.template(stack_id) == body
    assert stacks.template(fresh_name) == body


def test_a_deleted_stack_is_found_by_its_id_only(stacks: Stacks, made: str, fresh_name: str) -> None:
    stacks.delete(made, token="away")
    assert settled(stacks, made) == "DELETE_COMPLETE"
    with pytest.raises(StackNotFound):
        stacks.describe(fresh_name)
    assert made not in {stack.stack_id for stack in stacks.list()}


def test_termination_protection_keeps_a_stack(stacks: Stacks, made: str) -> None:
    stacks.set_termination_protection(made, on=True)
    assert stacks.describe(made).termination_protection
    with pytest.raises(AWSError, match="TerminationProtection"):
        stacks.delete(made, token="no")
    stacks.set_termination_protection(made, on=False)
    stacks.delete(made, token="yes")
    assert settled(stacks, made) == "DELETE_COMPLETE"


def test_events_come_newest_first_page_by_page(stacks: Stacks, fresh_name: str) -> None:
    stack_id = stacks.create(fresh_name, topics(40), token="many", resource_types=TYPES, tags={})
    settled(stacks, stack_id)
    events = list(stacks.events(stack_id, limit=1000))
    assert len(events) > 100, "more than one page"
    assert len({event.event_id for event in events}) == len(events)
    assert [event.at for event in events] == sorted((event.at for event in events), reverse=True)
    first, last = events[-1], events[0]
    assert (first.status, first.resource_type, first.logical_id) == (
        "CREATE_IN_PROGRESS",
        "AWS::CloudFormation::Stack",
        fresh_name,
    )
    assert (last.status, last.physical_id, last.token) == ("CREATE_COMPLETE", stack_id, "many")
    for limit in (1, 99, 100, 101):
        assert list(stacks.events(stack_id, limit=limit)) == events[:limit]
    assert list(stacks.newest_events(stack_id)) == events[:100]


def test_no_more_pages_are_asked_for_than_needed(stacks: Stacks, made: str) -> None:
    asked = []
    stacks._client.meta.events.register(
        "before-call.cloudformation.DescribeStackEvents", lambda **_: asked.append("page")
    )
    stacks.newest_events(made)
    assert asked == ["page"]


def test_every_living_stack_is_listed_over_pages(other_account: ProjectAccount) -> None:
    stacks = Stacks(clients.member(other_account, Role.DEPLOY, "cloudformation", actor="tests"), other_account)
    empty = json.dumps({"Resources": {"W": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}})
    types = ["AWS::CloudFormation::WaitConditionHandle"]
    wanted = [f"many-{number}" for number in range(101)]
    for name in wanted:
        stacks.create(name, empty, token=name, resource_types=types, tags={})
    gone = stacks.describe("many-7").stack_id
    settled(stacks, gone)
    stacks.delete(gone, token="gone")
    settled(stacks, gone)
    listed = [stack.name for stack in stacks.list()]
    assert sorted(listed) == sorted(set(wanted) - {"many-7"})
    assert {"DELETE_COMPLETE"} == set(stacks._client.meta.service_model.shape_for("StackStatus").enum) - set(
        cloudformation.LIVING
    ), "every status but this one is asked for"


def change_set(stacks: Stacks, stack_id: str, body: str, name: str = "c") -> ChangeSet:
    """Make a change set and wait for it."""
    stacks.create_change_set(stack_id, name, body, token=name, resource_types=TYPES)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (found := stacks.describe_change_set(stack_id, name)).running:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def test_a_change_set_says_what_would_change_and_does_it(stacks: Stacks, made: str) -> None:
    found = change_set(stacks, made, topics(2, "Invoices"))
    assert (found.status, found.execution_status, found.empty) == ("CREATE_COMPLETE", "AVAILABLE", False)
    assert {(change.logical_id, change.action) for change in found.changes} == {("T0", "Modify"), ("T1", "Add")}
    modified = next(change for change in found.changes if change.logical_id == "T0")
    assert (modified.resource_type, modified.replacement, modified.scope) == (TYPES[0], "False", ("Properties",))
    stacks.execute_change_set(made, "c", token="go")
    assert settled(stacks, made) == "UPDATE_COMPLETE"
    assert stacks.template(made) == topics(2, "Invoices")
    assert stacks.describe(made).updated_at is not None


def test_a_change_set_of_nothing_is_empty(stacks: Stacks, made: str) -> None:
    found = change_set(stacks, made, topics())
    assert (found.empty, found.changes) == (True, ())


def test_an_older_change_set_is_obsolete(stacks: Stacks, made: str) -> None:
    change_set(stacks, made, topics(name="one"), "one")
    change_set(stacks, made, topics(name="two"), "two")
    stacks.execute_change_set(made, "two", token="go")
    settled(stacks, made)
    with pytest.raises((ChangeSetObsolete, ChangeSetNotFound)):
        stacks.execute_change_set(made, "one", token="late")
    assert stacks.template(made) == topics(name="two")


def test_a_dropped_change_set_is_gone_and_may_be_dropped_twice(stacks: Stacks, made: str) -> None:
    change_set(stacks, made, topics(name="one"))
    for _ in range(2):
        stacks.delete_change_set(made, "c")
    with pytest.raises(ChangeSetNotFound):
        stacks.describe_change_set(made, "c")


def test_a_busy_stack_is_told(stacks: Stacks, made: str, local_aws: LocalAWS) -> None:
    change_set(stacks, made, topics(name="one"))
    local_aws.faults.set_hold("UPDATE_IN_PROGRESS")
    try:
        stacks.execute_change_set(made, "c", token="go")
        with pytest.raises(StackBusy):
            stacks.create_change_set(made, "d", topics(name="two"), token="d", resource_types=TYPES)
    finally:
        local_aws.faults.set_hold("UPDATE_IN_PROGRESS", on=False)
    assert settled(stacks, made) == "UPDATE_COMPLETE"


ABSENT: dict[str, Callable[[Stacks], Any]] = {
    "describe": lambda stacks: stacks.describe("none"),
    "events": lambda stacks: list(stacks.events("none")),
    "newest event": lambda stacks: stacks.newest_events("none"),
    "template": lambda stacks: stacks.template("none"),
    "change set": lambda stacks: stacks.create_change_set("none", "c", topics(), token="c", resource_types=TYPES),
    "protection": lambda stacks: stacks.set_termination_protection("none", on=True),
}


@pytest.mark.parametrize("call", ABSENT)
def test_a_stack_that_is_not_there_is_told(stacks: Stacks, call: str) -> None:
    with pytest.raises(StackNotFound):
        ABSENT[call](stacks)


@pytest.mark.parametrize("body", ["{", "[]", '{"Resources": {}}', '{"Resources": {"A": {"Type": "AWS::No::Such"}}}'])
def test_a_bad_template_is_told_and_makes_nothing(stacks: Stacks, fresh_name: str, body: str) -> None:
    with pytest.raises(InvalidTemplate):
        stacks.create(fresh_name, body, token="x", resource_types=[*TYPES, "AWS::No::Such"], tags={})
    with pytest.raises(StackNotFound):
        stacks.describe(fresh_name)


def test_the_baselines_parameters_are_given_in_order_and_protected(account: ProjectAccount, fresh_name: str) -> None:
    administrator = Stacks(clients.organisation_member(account.account_id, "cloudformation", account.region))
    template = json.dumps(
        {
            "Parameters": {"B": {"Type": "String"}, "A": {"Type": "String"}},
            "Resources": {"T": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": "B"}}}},
            "Outputs": {"Said": {"Value": {"Ref": "A"}}},
        }
    )
    stack_id = administrator.create_with_parameters(
        fresh_name, template, token="p", parameters={"B": "Invoices", "A": "hello"}
    )
    settled(administrator, stack_id)
    found = administrator.describe(stack_id)
    assert (found.outputs, found.termination_protection, found.role_arn) == ({"Said": "hello"}, True, "")


def test_a_throttle_halves_the_pace_of_that_call_and_account(
    local_aws: LocalAWS, account: ProjectAccount, fresh_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "_buckets", {})
    once = boto3.client("cloudformation", config=Config(retries={"total_max_attempts": 1}))
    stacks = Stacks(once)
    local_aws.faults.set_throttle("ListStacks", 1)
    try:
        with pytest.raises(Throttled):
            list(stacks.list())
    finally:
        local_aws.faults.control({"fault": "clear"})
    halved = {key for key, bucket in rates._buckets.items() if bucket.halved_until > time.monotonic()}
    assert halved == {("home/eu-west-1", "ListStacks")}


def test_beyond_the_pace_aws_is_not_called(stacks: Stacks, made: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "_buckets", {})
    rates.configure(0.01)
    asked = []
    stacks._client.meta.events.register("before-call.cloudformation.DescribeStacks", lambda **_: asked.append(1))
    for _ in range(int(rates.PACES["DescribeStacks"].burst)):
        stacks.describe(made)
    before = len(asked)
    with pytest.raises(RateLimited):
        stacks.describe(made)
    assert len(asked) == before > 1


# -- what the local AWS does not answer ----------------------------------------------------------------------------------


@pytest.fixture
def stubbed(local_aws: LocalAWS) -> Any:
    """A gateway whose answers are replayed."""
    client = boto3.client("cloudformation")
    with Stubber(client) as stubber:
        yield Stacks(client), stubber
        stubber.assert_no_pending_responses()


def row(name: str, action: str = "Add") -> dict[str, Any]:
    return {
        "Type": "Resource",
        "ResourceChange": {"LogicalResourceId": name, "ResourceType": TYPES[0], "Action": action},
    }


def test_a_change_set_of_several_pages_is_read_whole(stubbed: Any) -> None:
    stacks, stubber = stubbed
    asked = {"StackName": "acme", "ChangeSetName": "c"}
    page = {"Status": "CREATE_COMPLETE", "ExecutionStatus": "AVAILABLE"}
    stubber.add_response("describe_change_set", page | {"Changes": [row("A")], "NextToken": "2"}, asked)
    stubber.add_response(
        "describe_change_set",
        page | {"Changes": [row("B", "Remove"), {"Type": "Resource"}]},
        asked | {"NextToken": "2"},
    )
    found = stacks.describe_change_set("acme", "c")
    assert found.changes == (
        Change("A", TYPES[0], "Add", None, None, ()),
        Change("B", TYPES[0], "Remove", None, None, ()),
    )


@pytest.mark.parametrize(
    ("status", "reason", "running", "empty"),
    [
        ("CREATE_PENDING", "", True, False),
        ("CREATE_IN_PROGRESS", "", True, False),
        ("FAILED", "The submitted information didn't contain changes.", False, True),
        ("FAILED", "No updates are to be performed.", False, True),
        ("FAILED", "Template error: something else", False, False),
        ("CREATE_COMPLETE", "No updates are to be performed.", False, False),
    ],
)
def test_how_a_change_set_stands(stubbed: Any, status: str, reason: str, running: bool, empty: bool) -> None:
    stacks, stubber = stubbed
    stubber.add_response("describe_change_set", {"Status": status, "StatusReason": reason})
    found = stacks.describe_change_set("acme", "c")
    assert (found.running, found.empty) == (running, empty)


def test_an_answer_without_a_stack_is_not_found(stubbed: Any) -> None:
    stacks, stubber = stubbed
    stubber.add_response("describe_stacks", {"Stacks": []})
    with pytest.raises(StackNotFound, match="Stack acme does not exist"):
        stacks.describe("acme")


def test_our_own_repeat_is_told(stubbed: Any) -> None:
    stacks, stubber = stubbed
    stubber.add_client_error("execute_change_set", service_error_code="TokenAlreadyExistsException")
    with pytest.raises(TokenAlreadyUsed):
        stacks.execute_change_set("acme", "c", token="again")


def test_the_portals_own_stacks_carry_no_projects_role(stubbed: Any) -> None:
    stacks, stubber = stubbed
    stubber.add_response("delete_stack", {}, {"StackName": "acme", "ClientRequestToken": "t"})
    stacks.delete("acme", token="t")
