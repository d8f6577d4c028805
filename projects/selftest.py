"""The self-test of a project's account: each line passes or says what to change, and each is proven able to fail.

It asks through the portal's own roles, so what passes here is what operations will meet (S2, S6, 5.4 of the baseline).
"""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aws import clients, iam, s3, sts
from aws.accounts import BASELINE_STACK, Role
from aws.errors import AccessDenied, AWSError, StackNotFound
from projects.models import Project
from projects.stacks import accounts, baseline, mirror
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


def run(project: Project, checks: Mapping[str, Check] | None = None) -> list[Line]:
    """Run checks in order, all by default; an error of AWS is a failed line with AWS's words, never the end."""
    lines = []
    for name, check in (CHECKS if checks is None else checks).items():
        try:
            problem = check(project)
        except AWSError as error:
            problem = f"AWS refused {error.operation}: {error.message} ({error.code})"
        lines.append(Line(name, not problem, problem or "holds"))
    return lines


def roles_can_be_assumed(project: Project) -> str:
    """Each portal role answers, in the account it should."""
    for role in Role:
        who = sts.whoami(clients.member(project.account, role, "sts", actor="selftest"))
        if who.account_id != project.account_id:
            return f"Role {role} answers from account {who.account_id}; correct the project's account id."
    return ""


def external_id_is_required(project: Project) -> str:
    """Without the ExternalId, and with another's, every role refuses (S6)."""
    for role in Role:
        for external_id, words in ((None, "no"), (secrets.token_hex(24), "another project's")):
            if sts.can_assume(project.account.role_arn(role), external_id=external_id):
                return (
                    f"Role {role} can be assumed with {words} ExternalId. Lay the baseline again: its trust must "
                    "require this project's ExternalId."
                )
    return ""


def baseline_is_ours(project: Project) -> str:
    """The baseline stack stands, settled, and holds the template that this portal ships."""
    reader = accounts.reader(project, actor="selftest")
    try:
        stack = reader.describe(BASELINE_STACK)
    except StackNotFound:
        return "The baseline stack is missing. Open the quick-create link in the account."
    status = parse(stack.status)
    if status not in {StackStatus.CREATE_COMPLETE, StackStatus.UPDATE_COMPLETE}:
        return f"The baseline stack is in {status}. Repair it in the CloudFormation console, then test again."
    if baseline.fingerprint(reader.template(BASELINE_STACK)) != _shipped():
        return "The baseline's template is not the one this portal ships. Update the stack with the current template."
    return ""


def _shipped() -> str:
    return baseline.fingerprint(body(baseline.template(portal_account_id=sts.whoami().account_id)))


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
    if not s3.public_access_is_blocked(control, project.account_id):
        return "The account's S3 Block Public Access is not fully on. Switch all four settings on for the account."
    return ""


def password_policy_is_strict(project: Project) -> str:
    """The account's password policy is at least what the security baselines ask."""
    problem = iam.password_policy_problem(clients.member(project.account, Role.READ, "iam", actor="selftest"))
    return f"The account's password policy is too weak: {problem}" if problem else ""


def deploy_role_is_caged(project: Project) -> str:
    """The deploy role may neither touch the baseline nor mint keys (S2)."""
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
