"""What the self-test asks of an account beyond its templates: public access, passwords and trails. Pure."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from aws.cloudtrail import Trail
from aws.iam import PasswordPolicy
from aws.protection import PUBLIC_ACCESS_BLOCK

# The Security Hub controls IAM.7 and IAM.10, CIS 1.7 and 1.8.
PASSWORDS = PasswordPolicy(
    minimum_length=14,
    symbols=True,
    numbers=True,
    uppercase=True,
    lowercase=True,
    expire_after_days=90,
    reuse_prevention=24,
)
OBJECTS = "AWS::S3::Object"
EVERY_OBJECT = {"arn:aws:s3", "arn:aws:s3:::"}
EXCEPT = {"NotEquals", "NotStartsWith"}


def public_access_problem(blocked: frozenset[str]) -> str:
    """Return which switches of the account's public access block are off; empty when none is."""
    off = sorted(PUBLIC_ACCESS_BLOCK.keys() - blocked)
    return f"switch on {', '.join(off)} for the account." if off else ""


def password_problem(found: PasswordPolicy | None) -> str:
    """Return what is weaker than it should be; empty when nothing is."""
    if found is None:
        return "there is none; set one of at least 14 characters of all kinds."
    wanted, has = asdict(PASSWORDS), asdict(found)
    days = has.pop("expire_after_days")
    weaker = [name for name, value in has.items() if value < wanted[name]]
    weaker += [] if 0 < days <= PASSWORDS.expire_after_days else ["expire_after_days"]
    words = ", ".join(name.replace("_", " ") for name in weaker)
    return f"set {words} as strictly as the portal's baseline says." if weaker else ""


def suffices(trail: Trail) -> bool:
    """Tell whether a trail records now, every read and write of objects included."""
    return trail.logging and records_objects(trail)


def records_objects(trail: Trail) -> bool:
    """Tell whether one selector of either kind takes every read and write of objects, but for named exceptions."""
    return any(map(_takes_objects, trail.selectors)) or any(map(_takes_objects_too, trail.advanced_selectors))


def _takes_objects(selector: Mapping[str, Any]) -> bool:
    return selector.get("ReadWriteType", "All") == "All" and any(
        resource.get("Type") == OBJECTS and EVERY_OBJECT & set(resource.get("Values") or [])
        for resource in selector.get("DataResources") or []
    )


def _takes_objects_too(selector: Mapping[str, Any]) -> bool:
    fields = {field["Field"]: field for field in selector.get("FieldSelectors") or []}
    wanted = (fields.pop("eventCategory", {}).get("Equals"), fields.pop("resources.type", {}).get("Equals"))
    exceptions = fields.pop("resources.ARN", {"Field": "resources.ARN"})
    narrowed = exceptions.keys() - EXCEPT - {"Field"}
    everything = any("arn:aws:s3:::".startswith(prefix) for how in EXCEPT for prefix in exceptions.get(how) or [])
    # Any other field (readOnly, eventName) takes only some of the events.
    return wanted == (["Data"], [OBJECTS]) and not fields and not narrowed and not everything
