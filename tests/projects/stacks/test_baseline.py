import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from aws.accounts import BASELINE_STACK, ProjectAccount, Role
from projects.stacks import baseline, invariants, policies
from projects.stacks.baseline import BaselineOutputs, IncompleteBaseline
from projects.stacks.naming import kind_of
from projects.stacks.templates import Template, body

ACCOUNT = ProjectAccount("111122223333", "eu-west-1", "secret-word")
OUTPUTS = {
    "KeyArn": "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "LogBucketName": "stackport-logs-111122223333-eu-west-1-an",
    "EventsTopicArn": ACCOUNT.topic_arn,
    "ServiceRoleArn": ACCOUNT.service_role_arn,
    "ReadRoleArn": ACCOUNT.role_arn(Role.READ),
    "DeployRoleArn": ACCOUNT.role_arn(Role.DEPLOY),
    "KeysRoleArn": ACCOUNT.role_arn(Role.KEYS),
    "BoundaryArn": "arn:aws:iam::111122223333:policy/stackport-baseline/stackport-boundary",
    "RoleBoundaryArn": "arn:aws:iam::111122223333:policy/stackport-baseline/stackport-role-boundary",
}
FILLED = {
    "AWS::AccountId": "111122223333",
    "AWS::Region": "eu-west-1",
    "AWS::Partition": "aws",
    "DataKey.Arn": OUTPUTS["KeyArn"],
    "ExternalId": "ab" * 24,
    "PortalAccountId": "100000000000",
}


def filled(value: Any) -> Any:
    """The template's values as CloudFormation would substitute them in this account."""
    if isinstance(value, dict):
        if value.keys() == {"Fn::Sub"}:
            return re.sub(r"\$\{([^}]+)\}", lambda match: FILLED[match[1]], value["Fn::Sub"])
        return {key: filled(inner) for key, inner in value.items()}
    return [filled(inner) for inner in value] if isinstance(value, list) else value


TEMPLATE = baseline.template()
RESOURCES: dict[str, Any] = filled(TEMPLATE["Resources"])
ROLES = {
    found["Properties"]["RoleName"]: found["Properties"]
    for found in RESOURCES.values()
    if found["Type"] == "AWS::IAM::Role"
}


def test_the_portals_own_roles_cannot_name_the_baseline() -> None:
    assert kind_of(BASELINE_STACK) is None
    assert not BASELINE_STACK.startswith("portal-")


@pytest.mark.parametrize("role", Role)
def test_portal_roles_ask_for_the_external_id_and_last_an_hour(role: Role) -> None:
    found = ROLES[role.value]
    trust = policies.trusts_portal("arn:aws:iam::100000000000:root", FILLED["ExternalId"])
    assert found["AssumeRolePolicyDocument"] == trust
    assert found["MaxSessionDuration"] == 3600
    assert found["Path"] == "/stackport-baseline/"


def test_what_is_deployed_is_what_the_policies_say() -> None:
    place = baseline.place_of(ACCOUNT, BaselineOutputs.from_outputs(OUTPUTS))
    wanted = {
        "stackport-service": policies.service_role(place),
        "stackport-read": policies.read_role(place),
        "stackport-deploy": policies.deploy_role(place),
        "stackport-keys": policies.keys_role(place),
    }
    deployed = {name: role["Policies"][0]["PolicyDocument"] for name, role in ROLES.items()}
    assert deployed == wanted
    assert all(len(role["Policies"]) == 1 and "ManagedPolicyArns" not in role for role in ROLES.values())


@pytest.mark.parametrize(
    ("name", "logical_id"), [(policies.BOUNDARY, "Boundary"), (policies.ROLE_BOUNDARY, "RoleBoundary")]
)
def test_the_self_test_compares_boundaries_with_what_is_deployed(name: str, logical_id: str) -> None:
    outputs = BaselineOutputs.from_outputs(OUTPUTS)
    properties = RESOURCES[logical_id]["Properties"]
    assert baseline.boundary_document(name, ACCOUNT, outputs) == properties["PolicyDocument"]
    assert outputs.boundaries()[name].endswith(f":policy{properties['Path']}{properties['ManagedPolicyName']}")


def test_names_are_those_that_the_gateways_use() -> None:
    assert RESOURCES["EventsTopic"]["Properties"]["TopicName"] == ACCOUNT.topic_arn.rsplit(":", 1)[1]
    assert set(ROLES) == {"stackport-service", *(role.value for role in Role)}
    assert RESOURCES["DataKeyAlias"]["Properties"]["AliasName"] == "alias/stackport"


def test_the_log_bucket_is_closed_and_takes_what_services_deliver() -> None:
    bucket = RESOURCES["LogBucket"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert "LoggingConfiguration" not in bucket
    allowed = {
        statement["Principal"]["Service"]: statement
        for statement in RESOURCES["LogBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    }
    assert allowed.keys() == {"logging.s3.amazonaws.com", "cloudtrail.amazonaws.com"}
    assert all("Condition" in statement for statement in allowed.values())


def test_the_trail_records_objects_but_not_its_own_deliveries() -> None:
    trail = RESOURCES["ObjectTrail"]
    objects = {
        selector["Field"]: selector for selector in trail["Properties"]["AdvancedEventSelectors"][1]["FieldSelectors"]
    }
    assert objects["eventCategory"]["Equals"] == ["Data"]
    assert objects["resources.ARN"]["NotStartsWith"] == ["arn:aws:s3:::stackport-logs-111122223333-eu-west-1-an/"]
    assert trail["Properties"]["EnableLogFileValidation"] is True
    assert trail["Condition"] == "OwnTrail"
    assert TEMPLATE["Conditions"]["OwnTrail"] == {"Fn::Equals": [{"Ref": "Trail"}, "create"]}


def test_events_are_delivered_in_their_envelope() -> None:
    subscription = RESOURCES["EventsSubscription"]["Properties"]
    assert subscription["Endpoint"] == {"Ref": "EventsQueueArn"}
    assert subscription["RawMessageDelivery"] is False


def test_what_holds_data_is_retained() -> None:
    for name, found in TEMPLATE["Resources"].items():
        if found["Type"] in invariants.RETAINED:
            assert (found["DeletionPolicy"], found["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain"), name


def test_a_literal_portal_leaves_nothing_for_a_link_to_forge() -> None:
    literal = baseline.template(portal_account_id="100000000000")
    assert "PortalAccountId" not in body(literal)
    assert "PortalAccountId" in TEMPLATE["Parameters"]
    trust = body(literal["Resources"]["ReadRole"]["Properties"]["AssumeRolePolicyDocument"])
    assert "iam::100000000000:root" in trust


def test_parameters_that_could_be_a_policy_are_refused() -> None:
    parameters: Template = TEMPLATE["Parameters"]
    assert re.fullmatch(parameters["ExternalId"]["AllowedPattern"], FILLED["ExternalId"])
    assert not re.fullmatch(parameters["ExternalId"]["AllowedPattern"], "*")
    assert not re.fullmatch(parameters["PortalAccountId"]["AllowedPattern"], "*")
    assert re.fullmatch(parameters["EventsQueueArn"]["AllowedPattern"], "arn:aws:sqs:eu-west-1:100000000000:events")
    assert not re.fullmatch(parameters["EventsQueueArn"]["AllowedPattern"], "https://example.com/")


def test_outputs_are_those_that_are_read() -> None:
    assert TEMPLATE["Outputs"].keys() == OUTPUTS.keys()
    found = BaselineOutputs.from_outputs(OUTPUTS)
    assert (found.account_id, found.region) == ("111122223333", "eu-west-1")
    assert found.log_bucket == OUTPUTS["LogBucketName"]


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_missing_output_is_named(name: str) -> None:
    with pytest.raises(IncompleteBaseline, match=name):
        BaselineOutputs.from_outputs(OUTPUTS | {name: ""})


def test_the_quick_create_link_fills_everything_in() -> None:
    parameters = {"ExternalId": "ab" * 24, "EventsQueueArn": "arn:aws:sqs:eu-west-1:100000000000:events"}
    link = baseline.quick_create_link("eu-west-1", "https://bucket.s3.amazonaws.com/b.json?x=1&y=2", parameters)
    split = urlsplit(link)
    assert (split.scheme, split.hostname, split.query) == (
        "https",
        "eu-west-1.console.aws.amazon.com",
        "region=eu-west-1",
    )
    page, _, query = split.fragment.partition("?")
    assert page == "/stacks/quickcreate"
    assert parse_qs(query) == {
        "templateURL": ["https://bucket.s3.amazonaws.com/b.json?x=1&y=2"],
        "stackName": ["stackport-baseline"],
        "param_ExternalId": ["ab" * 24],
        "param_EventsQueueArn": ["arn:aws:sqs:eu-west-1:100000000000:events"],
    }


def test_the_copy_in_deploy_is_what_the_code_renders() -> None:
    """Reviewers read the file; `manage.py render_templates` writes it."""
    copy = Path(__file__).parents[3] / "deploy" / "account-baseline.json"
    assert json.loads(copy.read_text()) == TEMPLATE, "render it again: see deploy/README.md"
