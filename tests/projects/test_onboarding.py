"""An existing account is adopted: the link, what its administrator does with it, and the self-test."""

import hashlib
import secrets
import urllib.error
import urllib.request
from io import StringIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.management import CommandError, call_command

from aws import clients, iam, organizations, s3
from aws.accounts import BASELINE_STACK
from projects import queues
from projects.actions import onboarding
from projects.errors import EventsQueueFull, ProjectNotReady
from projects.models import Project, ProjectState
from projects.stacks import baseline
from projects.stacks.account_rules import PASSWORDS
from projects.stacks.status import parse
from projects.stacks.templates import body
from tests import portal_run
from tests.factories import ProjectFactory


@pytest.fixture
def adopted(portal: None) -> Project:
    """A project with an account in which nothing stands."""
    return onboarding.vend(Project(slug="adopted", name="Adopted", bucket_prefix="adopted", region="eu-west-1"))


def link_of(project: Project) -> dict[str, str]:
    """Return what the printed link fills in."""
    out = StringIO()
    call_command("onboard", project.slug, "--link", stdout=out)
    address = urlsplit(out.getvalue().splitlines()[0])
    assert address.hostname == "eu-west-1.console.aws.amazon.com"
    assert address.fragment.startswith("/stacks/quickcreate?")
    return {name: value for name, (value,) in parse_qs(address.fragment.partition("?")[2]).items()}


def fetched(url: str) -> str:
    """Return what stands at an address of the local AWS."""
    with urllib.request.urlopen(url) as answer:
        return str(answer.read().decode())


def test_an_administrator_lays_the_baseline_with_the_link_alone(adopted: Project, listening: None) -> None:
    link = link_of(adopted)
    template = fetched(link["templateURL"])
    assert template == body(onboarding.baseline_template())
    assert baseline.fingerprint(template) in link["templateURL"]
    assert link["param_Trail"] == "create"

    def administrator(service: str) -> Any:
        return clients.organisation_member(adopted.account_id, service, adopted.region)

    stacks = administrator("cloudformation")
    stacks.create_stack(
        StackName=link["stackName"],
        TemplateBody=template,
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[
            {"ParameterKey": name.removeprefix("param_"), "ParameterValue": value}
            for name, value in link.items()
            if name.startswith("param_")
        ],
    )
    portal_run.until(
        lambda: parse(stacks.describe_stacks(StackName=link["stackName"])["Stacks"][0]["StackStatus"]).settled,
        events=False,
    )
    s3.block_public_access(administrator("s3control"), adopted.account_id)
    iam.set_password_policy(administrator("iam"), PASSWORDS)

    out = StringIO()
    call_command("onboard", adopted.slug, stdout=out)
    adopted.refresh_from_db()
    assert adopted.state == ProjectState.ACTIVE, out.getvalue()


def test_the_template_is_not_public(adopted: Project) -> None:
    bare = urlsplit(link_of(adopted)["templateURL"])._replace(query="").geturl()
    with pytest.raises(urllib.error.HTTPError) as refused:
        fetched(bare)
    with refused.value:
        assert refused.value.code == 403


def onboard(*arguments: str) -> str:
    """Run the command; return what it printed."""
    out = StringIO()
    call_command("onboard", *arguments, stdout=out)
    return out.getvalue()


def test_the_printed_sum_is_that_of_the_template_which_the_link_leads_to(adopted: Project) -> None:
    said = onboard(adopted.slug, "--link")
    template = fetched(link_of(adopted)["templateURL"]).encode()
    assert f"SHA-256 of the template: {hashlib.sha256(template).hexdigest()}\n" in said
    url = link_of(adopted)["templateURL"].partition("?")[0]
    assert f"curl -s '{url}?" in said


def test_vending_makes_the_account_and_goes_on_where_it_broke_off(portal: None, listening: None) -> None:
    slug = f"vended-{secrets.token_hex(3)}"
    arguments = (slug, "--vend", f"--name={slug.title()}", "--prefix=vended")
    said = onboard(*arguments)
    project = Project.objects.get(slug=slug)
    assert project.state == ProjectState.ACTIVE
    assert f"{project.name} is active.\n" in said
    assert organizations.find_account(f"aws+{slug}@example.com") == project.account_id
    # The portal fell over between the account and the project's row.
    account_id = project.account_id
    project.delete()
    again = onboarding.vend(Project(slug=slug, name="Again", bucket_prefix="vended", region="eu-west-1"))
    assert again.account_id == account_id


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("none",), "There is no project 'none'"),
        (("none", "--vend"), "give --name and --prefix"),
        (("none", "--vend", "--name=N", "--prefix=Not A Prefix"), "Small letters, digits and single hyphens"),
    ],
)
def test_what_cannot_be_vended_is_told_before_anything_is_made(
    portal: None, arguments: tuple[str, ...], words: str
) -> None:
    with pytest.raises(CommandError, match=words):
        onboard(*arguments)
    assert organizations.find_account("aws+none@example.com") == ""


def test_an_account_that_is_not_ours_is_refused_in_words(portal: None) -> None:
    project = ProjectFactory(account_id="999999999999", state=ProjectState.ONBOARDING)
    with pytest.raises(CommandError, match=r"AWS refused AssumeRole: .* Mend that, then run this again"):
        onboard(project.slug, "--vend")


def test_a_frozen_project_is_tested_and_stays_frozen(acme: Project, listening: None) -> None:
    Project.objects.filter(pk=acme.pk).update(state=ProjectState.FROZEN, frozen_reason="audit")
    said = onboard(acme.slug)
    assert "FAIL" not in said
    assert "is frozen by staff. Staff has frozen this project: audit." in said
    acme.refresh_from_db()
    assert acme.state == ProjectState.FROZEN
    for option in ("--vend", "--link"):
        with pytest.raises(CommandError, match=r"frozen this project: audit\. Thaw it in the staff pages first"):
            onboard(acme.slug, option)
    with pytest.raises(ProjectNotReady):
        onboarding.set_up(acme)


# -- the organisation's trail ------------------------------------------------------------------------------------------


def make_organisation_trail(account_id: str, *, objects: bool) -> None:
    """Let an account see a trail as members of an organisation see theirs."""
    s3.ensure_private_bucket(f"org-trail-{account_id}", clients.organisation_member(account_id, "s3", "eu-west-1"))
    trail = clients.organisation_member(account_id, "cloudtrail", "eu-west-1")
    trail.create_trail(
        Name="organisation", S3BucketName=f"org-trail-{account_id}", IsMultiRegionTrail=True, IsOrganizationTrail=True
    )
    values = ["arn:aws:s3"] if objects else ["arn:aws:s3:::one/"]
    trail.put_event_selectors(
        TrailName="organisation",
        EventSelectors=[
            {"ReadWriteType": "All", "DataResources": [{"Type": "AWS::S3::Object", "Values": values}]},
        ],
    )
    trail.start_logging(Name="organisation")


@pytest.mark.parametrize(("objects", "parameter"), [(True, "organisation"), (False, "create")])
def test_an_organisations_trail_is_not_doubled_when_it_records_objects(
    portal: None, listening: None, objects: bool, parameter: str
) -> None:
    slug = f"trail-{secrets.token_hex(3)}"
    project = onboarding.vend(Project(slug=slug, name=slug, bucket_prefix="trail", region="eu-west-1"))
    make_organisation_trail(project.account_id, objects=objects)
    onboarding.set_up(project)
    stacks = clients.organisation_member(project.account_id, "cloudformation", "eu-west-1")
    parameters = stacks.describe_stacks(StackName=BASELINE_STACK)["Stacks"][0]["Parameters"]
    assert {one["ParameterKey"]: one["ParameterValue"] for one in parameters}["Trail"] == parameter
    own = clients.organisation_member(project.account_id, "cloudtrail", "eu-west-1").list_trails()["Trails"]
    assert ("stackport-trail" in {trail["Name"] for trail in own}) is (not objects)
    assert link_of(project)["param_Trail"] == parameter, "read through the role that the baseline gave"


# -- the events queue's policy -----------------------------------------------------------------------------------------


def test_the_policy_takes_a_hundred_projects_and_refuses_in_words_what_sqs_would(portal: None) -> None:
    ProjectFactory.create_batch(120)
    queues.allow_topics()
    queues.expect_room()
    ProjectFactory.create_batch(40)
    for refused in (queues.allow_topics, queues.expect_room):
        with pytest.raises(EventsQueueFull, match=r"name 16\d topics, more than the 8,192 bytes that SQS takes"):
            refused()
    with pytest.raises(CommandError, match="Delete projects that are no longer used"):
        call_command("prepare")
    with pytest.raises(CommandError, match="Delete projects that are no longer used"):
        onboard("one-more", "--vend", "--name=One more", "--prefix=more")
    assert organizations.find_account("aws+one-more@example.com") == ""
