"""The account baseline as the portal sees it: its outputs, and the link that lets a customer create it.

The stack `stackport-baseline` is the one template with Parameters; its name is outside `portal-*`, so the portal's own
roles cannot touch it (S2).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, urlencode

from aws.accounts import BASELINE_STACK
from projects.stacks.templates.context import RenderContext


class IncompleteBaseline(ValueError):
    """The baseline stack lacks an output: it is older than this portal, or still being made."""


@dataclass(frozen=True, slots=True)
class BaselineOutputs(RenderContext):
    """What the baseline stack tells of itself."""

    events_topic_arn: str = ""
    service_role_arn: str = ""
    read_role_arn: str = ""
    deploy_role_arn: str = ""
    keys_role_arn: str = ""
    boundary_arn: str = ""
    role_boundary_arn: str = ""

    @classmethod
    def from_outputs(cls, outputs: Mapping[str, str]) -> Self:
        """Read the stack's outputs. Raises IncompleteBaseline."""
        missing = [name for name in OUTPUTS.values() if not outputs.get(name)]
        if missing:
            raise IncompleteBaseline(
                f"The account's baseline lacks {', '.join(missing)}: update the stack {BASELINE_STACK}."
            )
        return cls(**{field: outputs[name] for field, name in OUTPUTS.items()})


OUTPUTS = {
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


def quick_create_link(region: str, template_url: str, external_id: str, *, trail: str = "create") -> str:
    """Return the console's link that opens the baseline's creation with everything filled in."""
    console = f"https://{quote(region)}.console.aws.amazon.com/cloudformation/home"
    filled = urlencode(
        {
            "templateURL": template_url,
            "stackName": BASELINE_STACK,
            "param_ExternalId": external_id,
            "param_Trail": trail,
        }
    )
    return f"{console}?region={quote(region)}#/stacks/quickcreate?{filled}"
