"""Compare a table with what the cache needs, line by line; each line that fails says how to mend it.

Needs DescribeTable, DescribeTimeToLive, DescribeContinuousBackups. Changes nothing. Pages: "Working with tables", "Time
to live", "Encryption at rest", "Deletion protection", "Point-in-time recovery" of the DynamoDB developer guide.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from botocore.exceptions import ClientError

from dynamodb_cache.errors import TableUnfit
from dynamodb_cache.refusals import code_of, explained
from dynamodb_cache.tables import TTL_ATTRIBUTE, describe, difference, expires

_UNREADABLE = {"AccessDeniedException", "UnknownOperationException"}


class Level(StrEnum):
    """How a line stands: only a fail makes the command fail."""

    PASS = "pass"  # noqa: S105 - a word, no secret
    WARN = "warn"
    FAIL = "FAIL"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it stands, and how to mend it."""

    level: Level
    subject: str
    words: str
    mend: str = ""


def verify(dynamodb: Any, table: str, definition: Mapping[str, Any]) -> list[Finding]:
    """Return every finding on a table. Raises Unavailable when the table cannot be looked at."""
    with explained(table):
        description = describe(dynamodb, table)
        if description is None:
            return [Finding(Level.FAIL, "table", "does not exist", "Run `manage.py dynamodb_cache create`.")]
        return [
            _table(description),
            _keys(description, definition),
            _time_to_live(dynamodb, table),
            _billing(description),
            _encryption(description),
            _deletion_protection(table, description),
            _recovery(dynamodb, table),
        ]


def _table(description: Mapping[str, Any]) -> Finding:
    status = description["TableStatus"]
    if status in {"ACTIVE", "UPDATING"}:
        return Finding(Level.PASS, "table", f"stands ({status})")
    if status == "INACCESSIBLE_ENCRYPTION_CREDENTIALS":
        return Finding(Level.FAIL, "table", "its KMS key cannot be used", "Enable the key, or restore its policy.")
    return Finding(Level.FAIL, "table", f"cannot be used ({status})", "Wait, and run this again.")


def _keys(description: Mapping[str, Any], definition: Mapping[str, Any]) -> Finding:
    differs = difference(description, definition)
    if differs:
        return Finding(
            Level.FAIL, "keys", differs, "Keys cannot be changed: name another table and run `dynamodb_cache create`."
        )
    return Finding(Level.PASS, "keys", "as the format wants them")


def _time_to_live(dynamodb: Any, table: str) -> Finding:
    try:
        if expires(dynamodb, table):
            return Finding(Level.PASS, "time to live", f"on, by {TTL_ATTRIBUTE!r}")
    except TableUnfit as unfit:
        return Finding(Level.FAIL, "time to live", "on for another attribute, or being switched off", str(unfit))
    except ClientError as error:
        return _unreadable("time to live", "dynamodb:DescribeTimeToLive", error, Level.WARN)
    return Finding(
        Level.FAIL,
        "time to live",
        "off: expired entries stay and are paid for",
        "Run `manage.py dynamodb_cache create`.",
    )


def _billing(description: Mapping[str, Any]) -> Finding:
    # A table that was never on demand has no summary.
    mode = description.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    if mode == "PAY_PER_REQUEST":
        return Finding(Level.PASS, "billing", "on demand")
    return Finding(
        Level.WARN,
        "billing",
        "provisioned: a burst is throttled",
        f"`aws dynamodb update-table --table-name {description['TableName']} --billing-mode PAY_PER_REQUEST`, "
        "unless autoscaling is meant.",
    )


def _encryption(description: Mapping[str, Any]) -> Finding:
    sse = description.get("SSEDescription", {})
    if sse.get("InaccessibleEncryptionDateTime"):
        return Finding(Level.FAIL, "encryption", "its KMS key cannot be used", "Enable the key, or restore its policy.")
    if sse.get("Status") in {"ENABLED", "UPDATING"}:
        return Finding(Level.PASS, "encryption", f"with KMS key {sse.get('KMSMasterKeyArn', 'aws/dynamodb')}")
    return Finding(Level.PASS, "encryption", "with a key that DynamoDB owns, free of charge and not in CloudTrail")


def _deletion_protection(table: str, description: Mapping[str, Any]) -> Finding:
    if description.get("DeletionProtectionEnabled"):
        return Finding(Level.PASS, "deletion protection", "on")
    return Finding(
        Level.WARN,
        "deletion protection",
        "off: one call takes the table away, and the site with it where the cache may not fail",
        f"`aws dynamodb update-table --table-name {table} --deletion-protection-enabled`",
    )


def _recovery(dynamodb: Any, table: str) -> Finding:
    subject = "point-in-time recovery"
    try:
        backups = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    except ClientError as error:
        return _unreadable(subject, "dynamodb:DescribeContinuousBackups", error, Level.INFO)
    on = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") == "ENABLED"
    words = "on: paid for by the size; a cache can do without" if on else "off, as is usual for what can be made anew"
    return Finding(Level.INFO, subject, words)


def _unreadable(subject: str, action: str, error: ClientError, level: Level) -> Finding:
    code = code_of(error)
    if code not in _UNREADABLE:
        raise error
    if code == "UnknownOperationException":
        return Finding(level, subject, "this engine does not have it")
    return Finding(level, subject, "may not be read", f"Allow {action}.")


def failed(findings: list[Finding]) -> Iterator[Finding]:
    """Yield what must be mended."""
    return (finding for finding in findings if finding.level is Level.FAIL)
