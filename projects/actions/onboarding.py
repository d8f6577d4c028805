"""Make an AWS account fit for a project: vend or adopt it, lay the baseline, prove it by a self-test.

Adopting: the customer's administrator opens the quick-create link once (`quick_create_link`), then staff runs the
self-test. Vending: Organizations makes the account and the portal lays the same baseline through the account's
first role, which it never uses again. Both end in the same self-test; only its success makes a project active.
"""

import logging
import time

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from aws import clients, iam, organizations, s3, sqs, sts
from aws.accounts import BASELINE_STACK
from aws.cloudformation import Stacks
from aws.errors import StackNotFound
from projects import queues
from projects.errors import ProjectError
from projects.models import Project, ProjectState
from projects.selftest import Line, run
from projects.stacks import baseline
from projects.stacks.status import StackStatus, parse
from projects.stacks.templates import Template, body

logger = logging.getLogger(__name__)

WAIT_SECONDS = 300


class OnboardingFailed(ProjectError):
    """The account could not be made fit; the message says what to change."""


def vend(project: Project) -> Project:
    """Make an account through Organizations and save the project with it. Raises OnboardingFailed, AWSError."""
    organizations.ensure_organization()
    made = organizations.create_account(
        name=f"Stackport {project.name}"[:50], email=f"aws+{project.slug}@{settings.STACKPORT_ACCOUNT_MAIL_DOMAIN}"
    )
    deadline = time.monotonic() + WAIT_SECONDS
    while made.running:
        if time.monotonic() > deadline:
            raise OnboardingFailed("AWS has not made the account within five minutes. Run onboard again later.")
        time.sleep(1)
        made = organizations.account_request(made.request_id)
    if made.failed or not made.account_id:
        raise OnboardingFailed(f"AWS made no account: {made.failure_words}")
    project.account_id = made.account_id
    project.full_clean()
    project.save()
    return project


def lay_baseline(project: Project) -> None:
    """Create the baseline stack in a vended account through its first role, and wait for it. Raises OnboardingFailed."""
    queues.allow_topics()
    administrator = Stacks(clients.organisation_member(project.account_id, "cloudformation", project.region))
    parameters = baseline_parameters(project)
    try:
        status = parse(administrator.describe(BASELINE_STACK).status)
    except StackNotFound:
        administrator.create_with_parameters(
            BASELINE_STACK,
            body(baseline_template()),
            token=f"baseline-{project.external_id}",
            parameters=parameters,
        )
    else:
        logger.info("baseline stack of %s stands already: %s", project.slug, status)
    deadline = time.monotonic() + WAIT_SECONDS
    while not (status := parse(administrator.describe(BASELINE_STACK).status)).settled:
        if time.monotonic() > deadline:
            raise OnboardingFailed(
                "The baseline stack is still being made after five minutes. Run onboard again later."
            )
        time.sleep(0.2)
    if status not in {StackStatus.CREATE_COMPLETE, StackStatus.UPDATE_COMPLETE}:
        reasons = [
            event.reason
            for event in administrator.events(BASELINE_STACK, limit=100)
            if event.status.endswith("_FAILED")
        ]
        raise OnboardingFailed(f"The baseline stack ended {status}: {(reasons or ['no reason given'])[-1]}")


def baseline_template() -> Template:
    """Return the baseline as this portal lays it: the account that its roles trust is a literal, not a parameter (S6)."""
    return baseline.template(portal_account_id=sts.whoami().account_id)


def baseline_parameters(project: Project) -> dict[str, str]:
    """Return the baseline's parameters for a project: who may assume its roles, and where its events go."""
    return {
        "ExternalId": project.external_id,
        "EventsQueueArn": sqs.queue(settings.STACKPORT_EVENTS_QUEUE).arn(),
    }


def harden_account(project: Project) -> None:
    """Set what CloudFormation has no type for: the account's public access block and password policy."""
    account = project.account
    s3.block_public_access(
        clients.organisation_member(account.account_id, "s3control", account.region), account.account_id
    )
    iam.set_password_policy(clients.organisation_member(account.account_id, "iam", account.region))


def set_up(project: Project) -> list[Line]:
    """Lay the baseline in a vended account, harden it, test it, and make the project active. Raises OnboardingFailed."""
    lay_baseline(project)
    harden_account(project)
    return activate(project)


def activate(project: Project) -> list[Line]:
    """Run the self-test; every line passing makes the project active. Raises OnboardingFailed naming what to change."""
    lines = run(project)
    failing = [line for line in lines if not line.passed]
    if failing:
        raise OnboardingFailed(
            "The account is not fit yet:\n" + "\n".join(f"- {line.name}: {line.words}" for line in failing)
        )
    Project.objects.filter(pk=project.pk).update(state=ProjectState.ACTIVE)
    project.state = ProjectState.ACTIVE
    return lines


def quick_create_link(project: Project) -> str:
    """Return the address that an existing account's administrator opens once, within the hour, to lay the baseline.

    The template lies in the portal's private storage; the link carries a signature that lets its holder read it.
    """
    queues.allow_topics()
    text = body(baseline_template())
    name = f"baseline/{baseline.fingerprint(text)}.json"
    if not default_storage.exists(name):
        default_storage.save(name, ContentFile(text.encode()))
    return baseline.quick_create_link(project.region, default_storage.url(name), baseline_parameters(project))
