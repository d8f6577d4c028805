"""CloudTrail: which trails record an account, and what of it. Source: DescribeTrails, GetTrailStatus, GetEventSelectors.

A member account sees its organisation's trail beside its own. Names are ARNs: a trail of another Region has no other.
"""

from dataclasses import dataclass
from typing import Any

from aws.errors import aws_errors

OBJECTS = "AWS::S3::Object"
EVERY_OBJECT = {"arn:aws:s3", "arn:aws:s3:::"}
EXCEPT = {"NotEquals", "NotStartsWith"}


@dataclass(frozen=True, slots=True)
class Trail:
    """A trail of all Regions; `records_objects` says that reading and writing of objects are among its events."""

    arn: str
    of_organisation: bool
    logging: bool
    records_objects: bool

    @property
    def name(self) -> str:
        """The last part of its ARN."""
        return self.arn.rpartition("/")[2]

    @property
    def suffices(self) -> bool:
        """Whether it records now, objects included."""
        return self.logging and self.records_objects


def trails(client: Any) -> list[Trail]:
    """Return the trails of all Regions that record the client's account. Raises AWSError."""
    with aws_errors():
        found = client.describe_trails(includeShadowTrails=True)["trailList"]
        return [_trail(client, row) for row in found if row.get("IsMultiRegionTrail")]


def _trail(client: Any, row: dict[str, Any]) -> Trail:
    arn = row["TrailARN"]
    return Trail(
        arn=arn,
        of_organisation=bool(row.get("IsOrganizationTrail")),
        logging=bool(client.get_trail_status(Name=arn).get("IsLogging")),
        records_objects=records_objects(client.get_event_selectors(TrailName=arn)),
    )


def records_objects(selectors: dict[str, Any]) -> bool:
    """Tell whether one selector of either kind takes every read and write of objects, but for named exceptions."""
    basic = selectors.get("EventSelectors") or []
    advanced = selectors.get("AdvancedEventSelectors") or []
    return any(map(_takes_objects, basic)) or any(map(_takes_objects_too, advanced))


def _takes_objects(selector: dict[str, Any]) -> bool:
    return selector.get("ReadWriteType", "All") == "All" and any(
        resource.get("Type") == OBJECTS and EVERY_OBJECT & set(resource.get("Values") or [])
        for resource in selector.get("DataResources") or []
    )


def _takes_objects_too(selector: dict[str, Any]) -> bool:
    fields = {field["Field"]: field for field in selector.get("FieldSelectors") or []}
    wanted = (fields.pop("eventCategory", {}).get("Equals"), fields.pop("resources.type", {}).get("Equals"))
    exceptions = fields.pop("resources.ARN", {"Field": "resources.ARN"})
    narrowed = exceptions.keys() - EXCEPT - {"Field"}
    everything = any("arn:aws:s3:::".startswith(prefix) for how in EXCEPT for prefix in exceptions.get(how) or [])
    # Any other field (readOnly, eventName) takes only some of the events.
    return wanted == (["Data"], [OBJECTS]) and not fields and not narrowed and not everything
