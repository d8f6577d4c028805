"""Names of buckets and stacks.

Buckets live in the account-regional namespace, `<prefix>-<label>-<account>-<region>-an`, which nobody else can take.
Source: AWS, "Namespaces for general purpose buckets".
"""

import re
from enum import StrEnum

BUCKET_NAME_MAXIMUM = 63
STACK_PREFIX = "portal-"

_STACK_NAME = re.compile(r"portal-([a-z]+)-([a-z0-9-]+)-[a-z0-9]{6}")


class Kind(StrEnum):
    """What a stack of the portal holds: one editable thing (DESIGN P1), or nothing of use, to test an account."""

    BUCKET = "bucket"
    PROBE = "probe"


_KINDS = {kind.value: kind for kind in Kind}


def bucket_name(prefix: str, label: str, account_id: str, region: str) -> str:
    """Return a bucket's final name."""
    return f"{prefix}-{label}{name_ending(account_id, region)}"


def name_ending(account_id: str, region: str) -> str:
    """Return what every bucket name of this account and Region ends with."""
    return f"-{account_id}-{region}-an"


def label_limit(prefix: str, account_id: str, region: str) -> int:
    """Return how many characters a label may have, so that the final name keeps within S3's 63."""
    return BUCKET_NAME_MAXIMUM - len(bucket_name(prefix, "", account_id, region))


def stack_name(kind: Kind, label: str, ending: str) -> str:
    """Return a stack's name; `ending` is six random letters or digits, so two creators never collide."""
    return f"{STACK_PREFIX}{kind}-{label}-{ending}"


def kind_of(name: str) -> Kind | None:
    """Return the kind that a stack's name tells; None when the stack is not one of the portal's."""
    match = _STACK_NAME.fullmatch(name)
    return _KINDS.get(match[1]) if match else None


def label_of(name: str) -> str:
    """Return the label that a stack's name holds; any other name as it is."""
    match = _STACK_NAME.fullmatch(name)
    return match[2] if match else name
