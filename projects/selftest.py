"""The self-test of a project's account: each line passes or says what to change, and each is proven able to fail.

A line that could not be asked to the end does not pass: it says that it cannot be judged, and what stands in the way.

It asks through the portal's own roles, so what passes here is what operations will meet (S2, S6, 5.4 of the baseline).
"""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aws import clients, cloudtrail, iam, s3, sts
from aws.accounts import BASELINE_STACK, Role
from aws.errors import AccessDenied, AWSError, StackNotFound, Throttled, Unreachable
from dynamodb_cache.errors import DynamoDBCacheError
from projects.models import Project
from projects.stacks import account_rules, accounts, baseline, mirror
from projects.stacks.baseline import IncompleteBaseline
from projects.stacks.naming import Kind, stack_name
from projects.stacks.status import StackStatus, parse
from projects.stacks.templates import RESOURCE_TYPES, body

PROBES = 4
PROBE_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the self-test: what was asked, whether it holds, and what to change when not."""

    name: str
    passed: bool
    words: str


Check = Callable[[Project], str]
"""Return what to change; empty when the line holds."""


def run(
    project: Project, checks: Mapping[str, Check] | None = None, *, passing_on: tuple[type[AWSError], ...] = ()
) -> list[Line]:
    """Run checks in order, all by default; an error of AWS is a line that cannot be judged.

    Raises only the errors of `passing_on`, for a caller that asks again later.
    """
    lines = []
    for name, check in (CHECKS if checks is None else checks).items():
        try:
            problem = check(project)
        except passing_on:
            raise
        except AWSError as error:
            problem = f"Cannot be judged. {error.words} {_remedy(project, error)}"
        except IncompleteBaseline as error:
            problem = f"Cannot be judged. {error}"
        except DynamoDBCacheError as error:
            problem = f"Cannot be judged. The portal's own mirror does not answer ({error}); mend that first."
        lines.append(Line(name, not problem, problem or "holds"))
    return lines


def _remedy(project: Project, error: AWSError) -> str:
    """Return what to change when a question could not be asked."""
    if isinstance(error, AccessDenied) and error.operation == "AssumeRole":
        return _lay_again(project)
    if isinstance(error, AccessDenied):
        return "Update the baseline stack with the template that this portal ships: its role lacks this right."
    if isinstance(error, StackNotFound):
        return _lay_again(project)
    if isinstance(error, Throttled | Unreachable):
        return "Nothing is to be changed in the account: run the self-test again when AWS answers."
    return "Look at it in the account's console, then run the self-test again."


def _lay_again(project: Project) -> str:
    return (
        f"Lay the baseline in account {project.account_id} with this project's own link: "
        f"`manage.py onboard {project.slug} --link`."
    )


def roles_can_be_assumed(project: Project) -> str:
    """Each portal role lets the portal in and answers."""
    for role in Role:
        sts.whoami(clients.member(project.account, role, "sts", actor="selftest"))
    return ""


def external_id_is_required(project: Project) -> str:
    """With the project's ExternalId every role lets the portal in; without it, and with another's, it refuses (S6)."""
    for role in Role:
        arn = project.account.role_arn(role)
        if not sts.can_assume(arn, external_id=project.external_id):
            # It may refuse everybody, or not be there at all: that says nothing about the ExternalId.
            return (
                f"Cannot be judged: role {role} refuses the portal with this project's own ExternalId too. "
                f"{_lay_again(project)}"
            )
        for external_id, words in ((None, "no"), (secrets.token_hex(24), "another project's")):
            if sts.can_assume(arn, external_id=external_id):
                return (
                    f"Role {role} can be assumed with {words} ExternalId. Its trust must require this project's. "
                    f"{_lay_again(project)}"
                )
    return ""


def baseline_is_ours(project: Project) -> str:
    """The baseline stack stands, settled, and holds the template that this portal ships."""
    reader = accounts.reader(project, actor="selftest")
    try:
        stack = reader.describe(BASELINE_STACK)
    except StackNotFound:
        return f"The baseline stack is missing. {_lay_again(project)}"
    status = parse(stack.status)
    if status not in {StackStatus.CREATE_COMPLETE, StackStatus.UPDATE_COMPLETE}:
        return f"The baseline stack is in {status}. Repair it in the CloudFormation console, then test again."
    if baseline.fingerprint(reader.template(BASELINE_STACK)) != _shipped():
        return "The baseline's template is not the one this portal ships. Update the stack with the current template."
    return ""


def _shipped() -> str:
    return baseline.fingerprint(body(baseline.template(portal_account_id=sts.whoami().account_id)))


def trail_records_objects(project: Project) -> str:
    """A trail of all Regions, the account's or the organisation's, records now who reads and writes objects."""
    found = cloudtrail.trails(clients.member(project.account, Role.READ, "cloudtrail", actor="selftest"))
    if any(map(account_rules.suffices, found)):
        return ""
    if not found:
        return "No trail records this account in all Regions. Update the baseline stack with Trail = create."
    for trail in found:
        if not trail.logging:
            return f"Trail {trail.name} is stopped. {_whose(trail)} must start its logging in the CloudTrail console."
    return (
        f"Trail {found[0].name} does not record who reads and writes objects. {_whose(found[0])} must switch on S3 data "
        "events for all buckets, or update the baseline stack with Trail = create."
    )


def _whose(trail: cloudtrail.Trail) -> str:
    return "The organisation's administrator" if trail.of_organisation else "The account's administrator"


def boundary_is_whole(project: Project) -> str:
    """The permissions boundaries in the account are, word for word, those of the template."""
    reading = clients.member(project.account, Role.READ, "iam", actor="selftest")
    outputs = accounts.baseline(project)
    for name, arn in outputs.boundaries().items():
        if iam.policy_document(reading, arn) != baseline.boundary_document(name, project.account, outputs):
            return f"Boundary {name} differs from the template: somebody changed it. Update the baseline stack."
    return ""


def public_access_is_blocked(project: Project) -> str:
    """The account refuses public buckets as a whole."""
    control = clients.member(project.account, Role.READ, "s3control", actor="selftest")
    problem = account_rules.public_access_problem(s3.public_access_blocked(control, project.account_id))
    return f"The account's S3 Block Public Access is not fully on: {problem}" if problem else ""


def password_policy_is_strict(project: Project) -> str:
    """The account's password policy is at least what the security baselines ask."""
    found = iam.password_policy(clients.member(project.account, Role.READ, "iam", actor="selftest"))
    problem = account_rules.password_problem(found)
    return f"The account's password policy is too weak: {problem}" if problem else ""


def deploy_role_is_caged(project: Project) -> str:
    """The deploy role may neither touch the baseline nor mint keys (S2)."""
    # First as who: a role that lets nobody in refuses these calls too.
    sts.whoami(clients.member(project.account, Role.DEPLOY, "sts", actor="selftest"))
    stacks = accounts.deployer(project, actor="selftest")
    try:
        stacks.set_termination_protection(BASELINE_STACK, on=True)
    except AccessDenied:
        pass
    else:
        return "The deploy role may change the baseline stack. Lay the baseline again from the portal's template."
    minting = clients.member(project.account, Role.DEPLOY, "iam", actor="selftest")
    if iam.may_create_key(minting, "stackport-selftest-nobody"):
        return "The deploy role may create access keys. Lay the baseline again from the portal's template."
    return ""


def events_come_back(project: Project) -> str:
    """A harmless stack's events reach the portal: topic, subscription, queue policy and intake in one.

    A fresh subscription is confirmed by the intake; what was published before that is lost, so one probe may be too early.
    """
    for _ in range(PROBES):
        if _probe_is_heard(project):
            return ""
    return (
        "A test stack's events did not reach the portal. Check that the topic's subscription to the portal's queue is "
        "confirmed and that the portal's web process is running."
    )


def _probe_is_heard(project: Project) -> bool:
    stacks = accounts.deployer(project, actor="selftest")
    reader = accounts.reader(project, actor="selftest")
    stack_id = stacks.create(
        stack_name(Kind.PROBE, "selftest", secrets.token_hex(3)),
        body(baseline.probe_template()),
        token=f"selftest-{secrets.token_hex(8)}",
        resource_types=RESOURCE_TYPES[Kind.PROBE],
        tags={},
    )
    deadline = time.monotonic() + PROBE_SECONDS
    heard = settled = False
    while time.monotonic() < deadline and not (heard and settled):
        time.sleep(0.2)
        heard = bool(mirror.kept_events(project, stack_id, limit=1))
        settled = parse(reader.describe(stack_id).status).settled
    stacks.delete(stack_id, token=f"selftest-{secrets.token_hex(8)}")
    return heard


STANDING: dict[str, Check] = {
    "The portal's roles can be assumed": roles_can_be_assumed,
    "They refuse without the project's ExternalId": external_id_is_required,
    "The baseline stack is the portal's": baseline_is_ours,
    "A trail records access to objects": trail_records_objects,
    "The permissions boundaries are unchanged": boundary_is_whole,
    "Public buckets are blocked for the account": public_access_is_blocked,
    "The password policy is strict": password_policy_is_strict,
}
"""The checks that change nothing, so that they can be repeated."""

CHECKS: dict[str, Check] = {
    **STANDING,
    "The deploy role cannot leave its cage": deploy_role_is_caged,
    "Stack events reach the portal": events_come_back,
}
