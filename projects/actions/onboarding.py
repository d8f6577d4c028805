"""Make an AWS account fit for a project: vend or adopt it, lay the baseline, prove it by a self-test.

Adopting: the customer's administrator opens the quick-create link once (`quick_create_link`), then staff runs the
self-test. Vending: Organizations makes the account and the portal lays the same baseline through the account's
first role, which it never uses again. Both end in the same self-test; only its success makes a project active, and
nothing here touches a project that staff has frozen.
"""

import logging
import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from aws import clients, cloudtrail, iam, organizations, s3, sqs, sts
from aws.accounts import BASELINE_STACK, Role
from aws.cloudformation import Stacks
from aws.errors import AccessDenied, NotFound, StackNotFound
from projects import queues
from projects.errors import OnboardingFailed, ProjectNotReady
from projects.models import Project, ProjectState
from projects.selftest import Line, run
from projects.stacks import account_rules, accounts, baseline
from projects.stacks.status import StackStatus, parse
from projects.stacks.templates import Template, body

logger = logging.getLogger(__name__)

WAIT_SECONDS = 300


def expect_not_frozen(project: Project) -> None:
    """Raise ProjectNotReady when staff has frozen a project: its account is left alone too."""
    if project.why_frozen:
        raise ProjectNotReady(f"{project.why_frozen} Thaw it in the staff pages first.")


def vend(project: Project) -> Project:
    """Make an account through Organizations and save the project with it. Raises OnboardingFailed, AWSError.

    An account that an earlier try made for it is taken, so nothing is made twice. Raises ValidationError before that
    when the project itself cannot be saved, EventsQueueFull when its events would not be let in.
    """
    project.full_clean(exclude=["account_id"])
    queues.expect_room()
    organizations.ensure_organization()
    email = f"aws+{project.slug}@{settings.STACKPORT_ACCOUNT_MAIL_DOMAIN}"
    project.account_id = organizations.find_account(email) or _new_account(f"Stackport {project.name}"[:50], email)
    project.full_clean()
    project.save()
    return project


def _new_account(name: str, email: str) -> str:
    made = organizations.create_account(name=name, email=email)
    deadline = time.monotonic() + WAIT_SECONDS
    while made.running:
        if time.monotonic() > deadline:
            raise OnboardingFailed("AWS has not made the account within five minutes. Run onboard again later.")
        time.sleep(1)
        made = organizations.account_request(made.request_id)
    if made.failed or not made.account_id:
        raise OnboardingFailed(f"AWS made no account: {made.failure_words}")
    return made.account_id


def lay_baseline(project: Project) -> None:
    """Create the baseline stack in a vended account through its first role, and wait for it. Raises OnboardingFailed."""
    expect_not_frozen(project)
    queues.allow_topics()
    administrator = Stacks(clients.organisation_member(project.account_id, "cloudformation", project.region))
    watching = clients.organisation_member(project.account_id, "cloudtrail", project.region)
    parameters = baseline_parameters(project, organisation_trail=organisation_watches(watching))
    try:
        status = parse(administrator.describe(BASELINE_STACK).status)
    except StackNotFound:
        administrator.create_with_parameters(
            BASELINE_STACK,
            body(baseline_template()),
            token=f"baseline-{project.pk}-{project.account_id}",
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
    accounts.forget_baselines()


def baseline_template() -> Template:
    """Return the baseline as this portal lays it: the account that its roles trust is a literal, not a parameter (S6)."""
    return baseline.template(portal_account_id=sts.whoami().account_id)


def baseline_parameters(project: Project, *, organisation_trail: bool) -> dict[str, str]:
    """Return the baseline's parameters for a project: who may assume its roles, where its events go, who records it."""
    return {
        "ExternalId": project.external_id,
        "EventsQueueArn": sqs.queue(settings.STACKPORT_EVENTS_QUEUE).arn(),
        "Trail": "organisation" if organisation_trail else "create",
    }


def organisation_watches(cloudtrail_client: Any) -> bool:
    """Tell whether the organisation's trail records the client's account already, objects included.

    A trail that cannot be looked at counts as none: a second trail costs a little, a missing one loses evidence.
    """
    try:
        return any(
            trail.of_organisation and account_rules.suffices(trail) for trail in cloudtrail.trails(cloudtrail_client)
        )
    except (AccessDenied, NotFound):
        return False


def harden_account(project: Project) -> None:
    """Set what CloudFormation has no type for: the account's public access block and password policy."""
    account = project.account
    s3.block_public_access(
        clients.organisation_member(account.account_id, "s3control", account.region), account.account_id
    )
    iam.set_password_policy(
        clients.organisation_member(account.account_id, "iam", account.region), account_rules.PASSWORDS
    )


def prepare_account(project: Project) -> None:
    """Lay the baseline in a vended account and harden it. Raises OnboardingFailed, ProjectNotReady, AWSError."""
    lay_baseline(project)
    harden_account(project)


def set_up(project: Project) -> list[Line]:
    """Prepare a vended account, test it, and make the project active. Raises OnboardingFailed naming what to change."""
    prepare_account(project)
    lines = activate(project)
    failing = [line for line in lines if not line.passed]
    if failing:
        raise OnboardingFailed(
            "The account is not fit yet:\n" + "\n".join(f"- {line.name}: {line.words}" for line in failing)
        )
    return lines


def activate(project: Project) -> list[Line]:
    """Run the self-test and return its lines; every one passing makes a project active that is being set up.

    A frozen project can be tested, and stays frozen.
    """
    lines = run(project)
    if all(line.passed for line in lines):
        Project.objects.filter(pk=project.pk, state=ProjectState.ONBOARDING).update(state=ProjectState.ACTIVE)
    project.refresh_from_db(fields=["state", "frozen_reason"])
    return lines


@dataclass(frozen=True, slots=True)
class QuickCreate:
    """What an existing account's administrator gets: the link, and the SHA-256 of the template that it must lead to."""

    link: str
    template_url: str
    sha256: str
    trail: str


def quick_create(project: Project) -> QuickCreate:
    """Return the address that an existing account's administrator opens once, within the hour, to lay the baseline.

    The template lies in the portal's private storage; the link carries a signature that lets its holder read it.
    """
    expect_not_frozen(project)
    queues.allow_topics()
    text = body(baseline_template())
    fingerprint = baseline.fingerprint(text)
    name = f"baseline/{fingerprint}.json"
    if not default_storage.exists(name):
        default_storage.save(name, ContentFile(text.encode()))
    # Known only when an earlier baseline stands; else the administrator decides on the page.
    reading = clients.member(project.account, Role.READ, "cloudtrail", actor="onboarding")
    parameters = baseline_parameters(project, organisation_trail=organisation_watches(reading))
    url = default_storage.url(name)
    return QuickCreate(
        link=baseline.quick_create_link(project.region, url, parameters),
        template_url=url,
        sha256=fingerprint,
        trail=parameters["Trail"],
    )
