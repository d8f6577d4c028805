"""An existing account is adopted: the link, what its administrator does with it, and the self-test."""

import urllib.error
import urllib.request
from io import StringIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.management import call_command

from aws import clients, iam, s3
from projects.actions import onboarding
from projects.models import Project, ProjectState
from projects.stacks import baseline
from projects.stacks.status import parse
from projects.stacks.templates import body
from tests import portal_run


@pytest.fixture
def adopted(portal: None) -> Project:
    """A project with an account in which nothing stands."""
    return onboarding.vend(Project(slug="adopted", name="Adopted", bucket_prefix="adopted", region="eu-west-1"))


def link_of(project: Project) -> dict[str, str]:
    """Return what the printed link fills in."""
    out = StringIO()
    call_command("onboard", project.slug, "--link", stdout=out)
    address = urlsplit(out.getvalue().strip())
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
    iam.set_password_policy(administrator("iam"))

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
