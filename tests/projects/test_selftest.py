"""Every line of the self-test fails when what it guards is broken, says what to change, and passes once it is mended."""

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from aws import clients, iam, s3
from aws.accounts import BASELINE_STACK, Role
from aws.errors import AccessDenied, LimitExceeded, StackNotFound, Unreachable
from dynamodb_cache.errors import Unavailable as CacheUnavailable
from projects import selftest
from projects.actions import onboarding
from projects.models import Project, ProjectState
from projects.stacks import accounts
from projects.stacks.account_rules import PASSWORDS
from projects.stacks.baseline import IncompleteBaseline
from projects.stacks.status import parse
from projects.stacks.templates import body
from tests import portal_run
from tests.fixtures_localaws import LocalAWS
from tests.fixtures_projects import onboard

LINK = " with this project's own link: `manage.py onboard broken-live --link`."
OPEN_POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
Administrator = Callable[[str], Any]


@pytest.fixture
def broken(portal: None, local_aws: LocalAWS) -> Project:
    """A project whose account these tests may break."""
    return onboard("broken-live", local_aws.generation)


@pytest.fixture
def administrator(broken: Project) -> Administrator:
    """Clients of the account's administrator, by service."""
    return lambda service: clients.organisation_member(broken.account_id, service, broken.region)


def problem(check: selftest.Check, project: Project) -> str:
    """Return what one check says through `run`, empty when it passes."""
    (line,) = selftest.run(project, {"the line": check})
    return "" if line.passed else line.words


def test_a_fit_account_passes_every_standing_line(broken: Project) -> None:
    assert [line for line in selftest.run(broken, selftest.STANDING) if not line.passed] == []


def test_a_role_that_does_not_trust_us(broken: Project) -> None:
    broken.external_id = "0" * 48
    broken.region = "eu-north-1"  # no client is kept for it, so the roles are assumed anew
    said = problem(selftest.roles_can_be_assumed, broken)
    assert said.startswith("Cannot be judged. AWS refused AssumeRole: ")
    assert said.endswith("Lay the baseline in account " + broken.account_id + LINK)


def test_in_an_account_where_nothing_stands_no_line_passes(portal: None, caplog: pytest.LogCaptureFixture) -> None:
    """What refuses everybody guards nothing: it may not count as a refusal of the wrong one."""
    slug = f"bare-{secrets.token_hex(3)}"
    bare = onboarding.vend(Project(slug=slug, name=slug, bucket_prefix="bare", region="eu-west-1"))
    out = StringIO()
    with pytest.raises(CommandError, match="not fit yet"):
        call_command("onboard", bare.slug, stdout=out)
    lines = out.getvalue().splitlines()
    assert len(lines) == len(selftest.CHECKS)
    for line in lines:
        assert line.startswith("FAIL  ")
        assert f"Lay the baseline in account {bare.account_id} with this project's own link" in line
    assert [record.name for record in caplog.records if record.exc_info] == [], "a traceback before the lines"


def test_lines_that_could_not_be_asked_say_what_stands_in_the_way(broken: Project) -> None:
    told = {
        AccessDenied("no", code="AccessDenied", operation="GetPolicy"): "Update the baseline stack with the template",
        Unreachable("timed out"): "run the self-test again when AWS answers",
        StackNotFound("none", code="ValidationError", operation="DescribeStacks"): "Lay the baseline in account",
        LimitExceeded("full", code="LimitExceeded", operation="CreateStack"): "Look at it in the account's console",
        IncompleteBaseline("The stack lacks KeyArn: update it."): "The stack lacks KeyArn: update it.",
        CacheUnavailable("no answer"): "mirror does not answer (no answer); mend that first",
    }
    for error, words in told.items():

        def refused(_: Project, error: Exception = error) -> str:
            raise error

        said = problem(refused, broken)
        assert said.startswith("Cannot be judged. ")
        assert words in said


def test_a_deploy_role_that_lets_nobody_in_is_not_caged(broken: Project) -> None:
    broken.external_id = "0" * 48
    broken.region = "eu-north-1"
    assert problem(selftest.deploy_role_is_caged, broken).startswith("Cannot be judged. AWS refused AssumeRole")
    assert problem(selftest.external_id_is_required, broken).startswith("Cannot be judged: role stackport-read")


@pytest.fixture
def trail(broken: Project, administrator: Administrator) -> Iterator[Any]:
    """The account's trail, mended afterwards."""
    client = administrator("cloudtrail")
    kept = client.get_event_selectors(TrailName="stackport-trail")["AdvancedEventSelectors"]
    assert problem(selftest.trail_records_objects, broken) == ""
    yield client
    client.update_trail(Name="stackport-trail", IsMultiRegionTrail=True)
    client.put_event_selectors(TrailName="stackport-trail", AdvancedEventSelectors=kept)
    client.start_logging(Name="stackport-trail")
    assert problem(selftest.trail_records_objects, broken) == ""


def test_a_trail_that_is_stopped(broken: Project, trail: Any) -> None:
    trail.stop_logging(Name="stackport-trail")
    assert problem(selftest.trail_records_objects, broken) == (
        "Trail stackport-trail is stopped. The account's administrator must start its logging in the CloudTrail console."
    )


def test_a_trail_that_does_not_see_objects(broken: Project, trail: Any) -> None:
    management = {"Field": "eventCategory", "Equals": ["Management"]}
    trail.put_event_selectors(
        TrailName="stackport-trail", AdvancedEventSelectors=[{"Name": "management", "FieldSelectors": [management]}]
    )
    said = problem(selftest.trail_records_objects, broken)
    assert said.startswith("Trail stackport-trail does not record who reads and writes objects. The account's")
    assert "switch on S3 data events" in said


def test_a_trail_of_one_region_only(broken: Project, trail: Any) -> None:
    trail.update_trail(Name="stackport-trail", IsMultiRegionTrail=False)
    said = problem(selftest.trail_records_objects, broken)
    assert said == "No trail records this account in all Regions. Update the baseline stack with Trail = create."


@pytest.fixture
def trusting(administrator: Administrator) -> Iterator[None]:
    """The read role asks for no ExternalId."""
    client = administrator("iam")
    name = Role.READ.value
    trust = client.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    careless = json.loads(json.dumps(trust))
    for statement in careless["Statement"]:
        statement.pop("Condition", None)
    client.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(careless))
    yield
    client.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))


def test_a_role_that_asks_for_no_external_id(broken: Project, request: pytest.FixtureRequest) -> None:
    assert problem(selftest.external_id_is_required, broken) == ""
    request.getfixturevalue("trusting")
    assert "with no ExternalId" in problem(selftest.external_id_is_required, broken)


def update_baseline(client: Any, template: dict[str, Any]) -> None:
    """Update the baseline stack and wait."""
    parameters = client.describe_stacks(StackName=BASELINE_STACK)["Stacks"][0]["Parameters"]
    client.update_stack(
        StackName=BASELINE_STACK,
        TemplateBody=body(template),
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[{"ParameterKey": one["ParameterKey"], "UsePreviousValue": True} for one in parameters],
    )

    def settled() -> bool:
        return parse(client.describe_stacks(StackName=BASELINE_STACK)["Stacks"][0]["StackStatus"]).settled

    portal_run.until(settled, events=False)


def test_a_baseline_that_is_not_ours(broken: Project, administrator: Administrator) -> None:
    client = administrator("cloudformation")
    ours = onboarding.baseline_template()
    other = json.loads(body(ours))
    next(part for part in other["Resources"].values() if part["Type"] == "AWS::SNS::Topic")["Properties"][
        "DisplayName"
    ] = "somebody's"
    update_baseline(client, other)
    try:
        assert "not the one this portal ships" in problem(selftest.baseline_is_ours, broken)
    finally:
        update_baseline(client, ours)
    assert problem(selftest.baseline_is_ours, broken) == ""


def test_a_boundary_that_was_weakened(broken: Project, administrator: Administrator) -> None:
    client = administrator("iam")
    for arn in accounts.baseline(broken).boundaries().values():
        version = client.create_policy_version(
            PolicyArn=arn, PolicyDocument=json.dumps(OPEN_POLICY), SetAsDefault=True
        )["PolicyVersion"]["VersionId"]
        try:
            assert "differs from the template" in problem(selftest.boundary_is_whole, broken)
        finally:
            client.set_default_policy_version(PolicyArn=arn, VersionId="v1")
            client.delete_policy_version(PolicyArn=arn, VersionId=version)
        assert problem(selftest.boundary_is_whole, broken) == ""


def test_an_account_that_lets_buckets_be_public(broken: Project, administrator: Administrator) -> None:
    client = administrator("s3control")
    client.delete_public_access_block(AccountId=broken.account_id)
    try:
        assert "Block Public Access" in problem(selftest.public_access_is_blocked, broken)
    finally:
        s3.block_public_access(client, broken.account_id)
    assert problem(selftest.public_access_is_blocked, broken) == ""


def test_an_account_with_weak_passwords(broken: Project, administrator: Administrator) -> None:
    client = administrator("iam")
    iam.set_password_policy(client, replace(PASSWORDS, minimum_length=8))
    try:
        assert "set minimum length as strictly" in problem(selftest.password_policy_is_strict, broken)
        client.delete_account_password_policy()
        assert "there is none" in problem(selftest.password_policy_is_strict, broken)
    finally:
        iam.set_password_policy(client, PASSWORDS)
    assert problem(selftest.password_policy_is_strict, broken) == ""


@pytest.mark.parametrize(
    ("actions", "words"),
    [("cloudformation:UpdateTerminationProtection", "baseline stack"), ("iam:CreateAccessKey", "access keys")],
)
def test_a_deploy_role_outside_its_cage(
    broken: Project, administrator: Administrator, actions: str, words: str
) -> None:
    client = administrator("iam")
    name = Role.DEPLOY.value
    kept = {
        policy: client.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        for policy in client.list_role_policies(RoleName=name)["PolicyNames"]
    }
    assert problem(selftest.deploy_role_is_caged, broken) == ""
    wide = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
    for policy in kept:
        client.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(wide))
    try:
        assert words in problem(selftest.deploy_role_is_caged, broken)
    finally:
        for policy, document in kept.items():
            client.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))


def test_events_that_do_not_come_back(
    broken: Project, administrator: Administrator, listening: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert problem(selftest.events_come_back, broken) == ""
    monkeypatch.setattr(selftest, "PROBES", 1)  # only shorter: what is asked stays the same
    monkeypatch.setattr(selftest, "PROBE_SECONDS", 2)
    client = administrator("sns")
    topic = broken.account.topic_arn
    (subscription,) = client.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    client.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    try:
        assert "did not reach the portal" in problem(selftest.events_come_back, broken)
    finally:
        client.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=subscription["Endpoint"])


def test_a_failing_line_keeps_the_project_closed_and_says_so(
    broken: Project, administrator: Administrator, listening: None
) -> None:
    Project.objects.filter(pk=broken.pk).update(state=ProjectState.ONBOARDING)
    client = administrator("iam")
    client.delete_account_password_policy()
    out = StringIO()
    try:
        with pytest.raises(CommandError, match="not fit yet"):
            call_command("onboard", broken.slug, stdout=out)
    finally:
        iam.set_password_policy(client, PASSWORDS)
    assert "FAIL  The password policy is strict: The account's password policy is too weak" in out.getvalue()
    broken.refresh_from_db()
    assert broken.state == ProjectState.ONBOARDING

    call_command("onboard", broken.slug, stdout=out)
    broken.refresh_from_db()
    assert broken.state == ProjectState.ACTIVE
