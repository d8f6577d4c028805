"""A template as text, and its fingerprint."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

Template = dict[str, Any]

BODY_MAXIMUM_BYTES = 51_200  # what a request carries


def body(template: Mapping[str, Any]) -> str:
    """Return the template as CloudFormation gets it: compact JSON in ASCII with sorted keys, so that it diffs well."""
    return json.dumps(template, sort_keys=True, separators=(",", ":"))


def fingerprint(template: str | Mapping[str, Any]) -> str:
    """Return the SHA-256 of the canonical JSON; of the text itself when somebody put another format there."""
    if isinstance(template, str):
        try:
            template = json.loads(template)
        except ValueError:
            return hashlib.sha256(str(template).encode()).hexdigest()
    return hashlib.sha256(body(template).encode()).hexdigest()  # type: ignore[arg-type]  # narrowed by json.loads


def indented(text: str) -> str:
    """Return a template for reading; unchanged when it is not JSON."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
