"""What a manager asked for, as typed values: the one input of a template (DESIGN P2).

CloudFormation resolves `{{resolve:...}}` in any string of a template, with the rights of the service role, and no
linter says so. So every field is a plain string of printable characters, and that text is refused everywhere (S4),
and so is `${`, which would mean something inside an Fn::Sub.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from aws.names import KEPT_BY_AWS, is_kept_by_aws
from people.text import has_hidden_signs

VERSIONS_DAYS = (7, 30, 90, 365)
PURPOSE_MAXIMUM = 200
OWNER_MAXIMUM = 254
TAGS_MAXIMUM = 40  # S3 takes 50; the rest is for the portal's own
TAGS_MAXIMUM_BYTES = 20_000  # as JSON; a template holds them twice, and a request carries 51,200 bytes of template
TAG_KEY_MAXIMUM = 128
TAG_VALUE_MAXIMUM = 256

_RESOLVED = re.compile(r"\$\{|\{\{\s*resolve\s*:", re.IGNORECASE)
_BASIC_PLANE = 0xFFFF  # beyond it JSON writes two escapes for one sign, which not every template parser joins again
_LABEL = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*-\d{12}-[a-z]{2}(-[a-z]+)+-\d-an")
_TAG = re.compile(r"[\w .:/=+@-]*")  # of Unicode: letters, digits, space and these signs
_TAG_PREFIXES_TAKEN = ("aws:", "stackport:")
# The owner is a tag of the stack as well, so only what AWS takes in a tag.
_OWNER = re.compile(r"[A-Za-z0-9._%+=/-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


class InvalidSpec(ValueError):
    """A spec that cannot be read or breaks a rule; `fields` says which field and why."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {message}" for name, message in fields.items()))
        self.fields = dict(fields)


class Retention(StrEnum):
    """How long objects are kept before S3 deletes them."""

    KEEP = "keep"
    DAYS_7 = "7-days"
    DAYS_30 = "30-days"
    DAYS_90 = "90-days"
    YEAR_1 = "1-year"
    YEARS_3 = "3-years"
    YEARS_7 = "7-years"
    YEARS_10 = "10-years"

    @property
    def days(self) -> int | None:
        """Days after which an object is deleted; None for never."""
        if self is Retention.KEEP:
            return None
        number, unit = self.value.split("-")
        return int(number) * (365 if unit.startswith("year") else 1)

    @property
    def words(self) -> str:
        """The manager's words."""
        if self is Retention.KEEP:
            return "Kept until somebody deletes them"
        return f"Deleted after {self.value.replace('-', ' ')}"


def unprintable(text: str) -> bool:
    """Tell whether a text holds control characters, line breaks, emoji or signs that reverse its reading direction."""
    return has_hidden_signs(text) or any(ord(letter) > _BASIC_PLANE for letter in text)


def resolves(text: str) -> bool:
    """Tell whether CloudFormation would resolve something in a text."""
    return _RESOLVED.search(text) is not None


@dataclass(frozen=True, slots=True)
class BucketSpec:
    """One bucket as asked for."""

    name: str  # the final name
    label: str  # the part that the manager typed
    purpose: str
    owner: str  # e-mail address of the responsible member
    retention: Retention = Retention.KEEP
    versions_days: int = 90  # deleted and overwritten objects can be brought back this long
    tags: tuple[tuple[str, str], ...] = ()

    def to_document(self) -> dict[str, Any]:
        """Return the spec as JSON values."""
        return {
            "name": self.name,
            "label": self.label,
            "purpose": self.purpose,
            "owner": self.owner,
            "retention": self.retention.value,
            "versions_days": self.versions_days,
            "tags": [list(tag) for tag in self.tags],
        }

    @classmethod
    def from_document(cls, document: Any) -> Self:
        """Read a spec's shape; `validate` judges its content. Raises InvalidSpec."""
        problems = _shape_problems(document)
        if problems:
            raise InvalidSpec(problems)
        return cls(
            **{name: document[name] for name in _TEXTS},
            retention=Retention(document["retention"]),
            versions_days=document["versions_days"],
            tags=tuple((key, value) for key, value in document["tags"]),
        )

    def validate(self) -> dict[str, str]:
        """Return what is wrong, by field; empty when the spec may become a template."""
        found = {
            "name": _name_problem(self.name, self.label),
            "label": "" if _LABEL.fullmatch(self.label) else "Small letters, digits and single hyphens between them.",
            "purpose": _text_problem(self.purpose, PURPOSE_MAXIMUM),
            "owner": _owner_problem(self.owner),
            "versions_days": "" if self.versions_days in VERSIONS_DAYS else "Choose one of the offered times.",
            "tags": _tags_problem(self.tags),
        }
        return {name: problem for name, problem in found.items() if problem}


_TEXTS = ("name", "label", "purpose", "owner")
_FIELDS = frozenset({*_TEXTS, "retention", "versions_days", "tags"})
_RETENTIONS = frozenset(Retention)


def _shape_problems(document: Any) -> dict[str, str]:
    """Return the fields that are missing, unknown or of the wrong type."""
    if not isinstance(document, Mapping):
        return dict.fromkeys(_FIELDS, "missing")
    problems = dict.fromkeys(_FIELDS - document.keys(), "missing")
    problems |= {str(name): "unknown" for name in document.keys() - _FIELDS}
    if problems:
        return problems
    problems = {name: "not a text" for name in _TEXTS if not isinstance(document[name], str)}
    if not isinstance(document["retention"], str) or document["retention"] not in _RETENTIONS:
        problems["retention"] = "not one of the known times"
    if type(document["versions_days"]) is not int:
        problems["versions_days"] = "not a number"
    if not _is_tags(document["tags"]):
        problems["tags"] = "not pairs of texts"
    return problems


def _is_tags(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(
        isinstance(tag, list | tuple) and len(tag) == 2 and all(isinstance(part, str) for part in tag) for tag in value
    )


def _name_problem(name: str, label: str) -> str:
    if not _NAME.fullmatch(name) or f"-{label}-" not in name:
        return "The name must be made of prefix, label, account and Region."
    if len(name) > 63:
        return f"{len(name) - 63} characters too long: S3 takes 63 in all."
    if is_kept_by_aws(name):
        return KEPT_BY_AWS
    return ""


def _text_problem(text: str, maximum: int) -> str:
    if not text.strip():
        return "Say it in a few words."
    if len(text) > maximum:
        return f"At most {maximum} characters; these are {len(text)}."
    if unprintable(text):
        return "Line breaks, control characters and emoji are not possible here."
    return _RESOLVE_PROBLEM if resolves(text) else ""


_RESOLVE_PROBLEM = "Text that AWS would replace, like {{resolve:…}} or ${…}, is not possible here."


def _owner_problem(owner: str) -> str:
    if len(owner) > OWNER_MAXIMUM or not _OWNER.fullmatch(owner):
        return "An e-mail address of letters, digits and . _ + = / - only."
    return ""


def _tags_problem(tags: tuple[tuple[str, str], ...]) -> str:
    if len(tags) > TAGS_MAXIMUM:
        return f"At most {TAGS_MAXIMUM} tags; these are {len(tags)}."
    keys = [key for key, _value in tags]
    if len(set(keys)) < len(keys):
        return "Each key once."
    size = len(json.dumps(tags))
    if size > TAGS_MAXIMUM_BYTES:
        return (
            f"Together these tags are too long: {size} bytes of {TAGS_MAXIMUM_BYTES}. Letters beyond a to z count six."
        )
    return next((problem for key, value in tags if (problem := _tag_problem(key, value))), "")


def _tag_problem(key: str, value: str) -> str:
    if not key.strip():
        return "Each tag needs a key."
    if len(key) > TAG_KEY_MAXIMUM or len(value) > TAG_VALUE_MAXIMUM:
        return f"A key has at most {TAG_KEY_MAXIMUM} characters, a value {TAG_VALUE_MAXIMUM}."
    if key.lower().startswith(_TAG_PREFIXES_TAKEN):
        return "Keys beginning with aws: or stackport: are taken."
    if not _TAG.fullmatch(key) or not _TAG.fullmatch(value):
        return "AWS takes letters, digits, spaces and . : / = + - _ @ in tags."
    return ""
