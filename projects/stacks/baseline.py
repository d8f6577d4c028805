"""The account baseline as the portal sees it: its template, its outputs, and the link that lets a customer create it.

The stack's name is outside `portal-*`, so the portal's own roles cannot touch it (S2).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self
from urllib.parse import quote, urlencode

from aws.accounts import BASELINE_STACK
from projects.stacks import policies
from projects.stacks.policies import BOUNDARY, ROLE_BOUNDARY, Place
from projects.stacks.templates import fingerprint
from projects.stacks.templates.baseline import probe as probe_template
from projects.stacks.templates.baseline import template
from projects.stacks.templates.context import RenderContext

__all__ = [
    "BASELINE_STACK",
    "BaselineOutputs",
    "IncompleteBaseline",
    "boundary_document",
    "fingerprint",
    "probe_template",
    "quick_create_link",
    "template",
]


class IncompleteBaseline(ValueError):
    """The baseline stack lacks an output: it is older than this portal, or still being made."""


class Account(Protocol):
    """What is needed of a project's account."""

    @property
    def account_id(self) -> str: ...
    @property
    def region(self) -> str: ...


@dataclass(frozen=True, slots=True)
class BaselineOutputs(RenderContext):
    """What the baseline stack tells of itself; as a context, what it gives to every template."""

    events_topic_arn: str
    service_role_arn: str
    read_role_arn: str
    deploy_role_arn: str
    keys_role_arn: str
    boundary_arn: str
    role_boundary_arn: str

    @classmethod
    def from_outputs(cls, outputs: Mapping[str, str]) -> Self:
        """Read the stack's outputs. Raises IncompleteBaseline."""
        missing = sorted(name for name in _OUTPUTS.values() if not outputs.get(name))
        if missing:
            raise IncompleteBaseline(f"The stack {BASELINE_STACK} lacks {', '.join(missing)}: update it.")
        return cls(**{field: outputs[name] for field, name in _OUTPUTS.items()})

    def boundaries(self) -> dict[str, str]:
        """Return the ARNs of the permissions boundaries, by name."""
        return {BOUNDARY: self.boundary_arn, ROLE_BOUNDARY: self.role_boundary_arn}


_OUTPUTS = {
    "key_arn": "KeyArn",
    "log_bucket": "LogBucketName",
    "events_topic_arn": "EventsTopicArn",
    "service_role_arn": "ServiceRoleArn",
    "read_role_arn": "ReadRoleArn",
    "deploy_role_arn": "DeployRoleArn",
    "keys_role_arn": "KeysRoleArn",
    "boundary_arn": "BoundaryArn",
    "role_boundary_arn": "RoleBoundaryArn",
}
_BOUNDARIES = {BOUNDARY: policies.boundary, ROLE_BOUNDARY: policies.role_boundary}


def place_of(account: Account, context: RenderContext) -> Place:
    """Return the place that an account's policies were made for."""
    partition = context.key_arn.split(":")[1]
    return Place(account.account_id, account.region, context.key_arn, context.log_bucket, partition)


def boundary_document(name: str, account: Account, context: RenderContext) -> dict[str, Any]:
    """Return a boundary's policy as it must stand in an account. Raises KeyError for another name."""
    return _BOUNDARIES[name](place_of(account, context))


def quick_create_link(region: str, template_url: str, parameters: Mapping[str, str]) -> str:
    """Return the console's address that opens the baseline's creation with everything filled in."""
    console = f"https://{quote(region)}.console.aws.amazon.com/cloudformation/home"
    filled = {"templateURL": template_url, "stackName": BASELINE_STACK}
    filled |= {f"param_{name}": value for name, value in parameters.items()}
    return f"{console}?region={quote(region)}#/stacks/quickcreate?{urlencode(filled)}"
