"""A project's AWS account as the gateways know it, and the fixed names that its baseline gives."""

from dataclasses import dataclass, field
from enum import StrEnum

ROLE_PATH = "/stackport-baseline/"
BASELINE_STACK = "stackport-baseline"
EVENTS_TOPIC = "stackport-events"
SERVICE_ROLE = "stackport-service"
ORGANISATION_ROLE = "OrganizationAccountAccessRole"


class Role(StrEnum):
    """The portal's three roles in a project account."""

    READ = "stackport-read"
    DEPLOY = "stackport-deploy"
    KEYS = "stackport-keys"


@dataclass(frozen=True, slots=True)
class ProjectAccount:
    """Where a project lives, and the ExternalId that its roles ask for."""

    account_id: str
    region: str
    external_id: str = field(repr=False)

    def role_arn(self, role: Role) -> str:
        """Return the ARN of one of the portal's roles."""
        return f"arn:aws:iam::{self.account_id}:role{ROLE_PATH}{role.value}"

    @property
    def service_role_arn(self) -> str:
        """The role that CloudFormation uses on every stack of the portal."""
        return f"arn:aws:iam::{self.account_id}:role{ROLE_PATH}{SERVICE_ROLE}"

    @property
    def topic_arn(self) -> str:
        """The topic that stacks publish their events to."""
        return f"arn:aws:sns:{self.region}:{self.account_id}:{EVENTS_TOPIC}"
