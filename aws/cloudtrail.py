"""CloudTrail: which trails record an account, and what of it. Source: DescribeTrails, GetTrailStatus, GetEventSelectors.

A member account sees its organisation's trail beside its own. Names are ARNs: a trail of another Region has no other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws.errors import aws_errors


@dataclass(frozen=True, slots=True)
class Trail:
    """A trail of all Regions, whether it records now, and its selectors of both kinds as AWS writes them."""

    arn: str
    of_organisation: bool
    logging: bool
    selectors: tuple[Mapping[str, Any], ...] = ()
    advanced_selectors: tuple[Mapping[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """The last part of its ARN."""
        return self.arn.rpartition("/")[2]


def trails(client: Any) -> list[Trail]:
    """Return the trails of all Regions that record the client's account. Raises AWSError."""
    with aws_errors():
        found = client.describe_trails(includeShadowTrails=True)["trailList"]
        return [_trail(client, row) for row in found if row.get("IsMultiRegionTrail")]


def _trail(client: Any, row: dict[str, Any]) -> Trail:
    arn = row["TrailARN"]
    selectors = client.get_event_selectors(TrailName=arn)
    return Trail(
        arn=arn,
        of_organisation=bool(row.get("IsOrganizationTrail")),
        logging=bool(client.get_trail_status(Name=arn).get("IsLogging")),
        selectors=tuple(selectors.get("EventSelectors") or ()),
        advanced_selectors=tuple(selectors.get("AdvancedEventSelectors") or ()),
    )
