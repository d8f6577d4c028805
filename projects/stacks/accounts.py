"""The gateways of a project's account, and the literals that its baseline gives to templates."""

import time
from dataclasses import dataclass

from aws import clients
from aws.accounts import BASELINE_STACK, Role
from aws.cloudformation import Stacks
from aws.s3 import Buckets
from projects.models import Project
from projects.stacks.baseline import BaselineOutputs

_KEPT_SECONDS = 600
_PORTAL = "stackport"


@dataclass(frozen=True, slots=True)
class Kept:
    """A baseline's outputs and when they were read."""

    outputs: BaselineOutputs
    read_at: float


_baselines: dict[tuple[str, str], Kept] = {}


def reader(project: Project, *, actor: str = _PORTAL) -> Stacks:
    """Return the project's stacks through the read role."""
    return Stacks(clients.member(project.account, Role.READ, "cloudformation", actor=actor), project.account)


def deployer(project: Project, *, actor: str) -> Stacks:
    """Return the project's stacks through the deploy role, in the name of `actor`."""
    return Stacks(clients.member(project.account, Role.DEPLOY, "cloudformation", actor=actor), project.account)


def buckets(project: Project, *, actor: str = _PORTAL) -> Buckets:
    """Return the configuration of the project's buckets through the read role; never their objects."""
    return Buckets(clients.member(project.account, Role.READ, "s3", actor=actor))


def baseline(project: Project) -> BaselineOutputs:
    """Return what the account's baseline gives to templates, read at most every ten minutes. Raises AWSError."""
    key = (project.account_id, project.region)
    kept = _baselines.get(key)
    if kept is None or time.monotonic() - kept.read_at > _KEPT_SECONDS:
        stack = reader(project).describe(BASELINE_STACK)
        kept = _baselines[key] = Kept(BaselineOutputs.from_outputs(stack.outputs), time.monotonic())
    return kept.outputs


def forget_baselines() -> None:
    """Drop what this process read of baselines, once one was laid anew. Others keep theirs for up to ten minutes."""
    _baselines.clear()
