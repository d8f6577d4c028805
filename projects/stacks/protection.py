"""What a bucket's protection must be, compared line by line with what S3 says it is. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws.protection import PUBLIC_ACCESS_BLOCK, Configuration, LifeCycle


@dataclass(frozen=True, slots=True)
class Protection:
    """What a bucket must show."""

    key_arn: str
    log_bucket: str
    log_prefix: str
    uploads_aborted_after_days: int
    versions_days: int  # old versions are kept so long
    expires_days: int | None  # files are deleted after so long; None: never
    denials: Sequence[Mapping[str, Any]]  # the statements of its policy


@dataclass(frozen=True, slots=True)
class PostureLine:
    """One protection: whether S3 shows it in force, and what it is in words."""

    name: str
    ok: bool
    words: str


def posture(found: Configuration, wanted: Protection) -> tuple[PostureLine, ...]:
    """Compare what S3 says of a bucket with what was asked for."""
    return tuple(PostureLine(title, holds(found, wanted), words) for title, words, holds in _CHECKS)


Check = Callable[[Configuration, Protection], bool]


def _public_access(found: Configuration, _wanted: Protection) -> bool:
    return found.public_access_blocked >= PUBLIC_ACCESS_BLOCK.keys()


def _encryption(found: Configuration, wanted: Protection) -> bool:
    return found.encryption == (("aws:kms", wanted.key_arn),)


def _versioning(found: Configuration, _wanted: Protection) -> bool:
    return found.versioning == "Enabled"


def _ownership(found: Configuration, _wanted: Protection) -> bool:
    return found.ownership == ("BucketOwnerEnforced",)


def _life_cycle(found: Configuration, wanted: Protection) -> bool:
    return found.life_cycle == LifeCycle(
        uploads_aborted_after_days=(wanted.uploads_aborted_after_days,),
        versions_days=(wanted.versions_days,),
        expires_days=() if wanted.expires_days is None else (wanted.expires_days,),
    )


def _logging(found: Configuration, wanted: Protection) -> bool:
    return found.log_target == (wanted.log_bucket, wanted.log_prefix)


def _denials(found: Configuration, wanted: Protection) -> bool:
    """Every wanted statement stands word for word; S3 keeps a policy as it was put."""
    return all(statement in found.statements for statement in wanted.denials)


_CHECKS: tuple[tuple[str, str, Check], ...] = (
    ("Public access", "public access is blocked in all four ways", _public_access),
    ("Encryption", "objects are encrypted with the account's own key", _encryption),
    ("Versions", "overwritten and deleted objects can be brought back", _versioning),
    ("Ownership", "every object belongs to the account, access lists are off", _ownership),
    ("Life cycle", "unfinished uploads and old versions are cleared away when they are due", _life_cycle),
    ("Access log", "each access is logged to the account's log bucket", _logging),
    ("Policy", "unencrypted connections, old TLS and foreign keys are refused", _denials),
)

PROTECTION = tuple(words for _title, words, _check in _CHECKS)
"""What `posture` looks for, in words."""
