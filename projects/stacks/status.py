"""Every status that a stack can have, and what the portal may do in it.

Source: AWS, "Stack status codes". A status that AWS adds later is read as UNKNOWN: in progress, read again.
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Literal

Tone = Literal["ready", "busy", "failed", "gone"]

NEVER = "0000"  # before an order: of a stack of which only the name is known, older than any event


class StackStatus(StrEnum):
    """The 23 stack statuses, and one for what we do not know."""

    REVIEW_IN_PROGRESS = "REVIEW_IN_PROGRESS"
    CREATE_IN_PROGRESS = "CREATE_IN_PROGRESS"
    CREATE_FAILED = "CREATE_FAILED"
    CREATE_COMPLETE = "CREATE_COMPLETE"
    ROLLBACK_IN_PROGRESS = "ROLLBACK_IN_PROGRESS"
    ROLLBACK_FAILED = "ROLLBACK_FAILED"
    ROLLBACK_COMPLETE = "ROLLBACK_COMPLETE"
    DELETE_IN_PROGRESS = "DELETE_IN_PROGRESS"
    DELETE_FAILED = "DELETE_FAILED"
    DELETE_COMPLETE = "DELETE_COMPLETE"
    UPDATE_IN_PROGRESS = "UPDATE_IN_PROGRESS"
    UPDATE_COMPLETE_CLEANUP_IN_PROGRESS = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
    UPDATE_COMPLETE = "UPDATE_COMPLETE"
    UPDATE_FAILED = "UPDATE_FAILED"
    UPDATE_ROLLBACK_IN_PROGRESS = "UPDATE_ROLLBACK_IN_PROGRESS"
    UPDATE_ROLLBACK_FAILED = "UPDATE_ROLLBACK_FAILED"
    UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS = "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"
    UPDATE_ROLLBACK_COMPLETE = "UPDATE_ROLLBACK_COMPLETE"
    IMPORT_IN_PROGRESS = "IMPORT_IN_PROGRESS"
    IMPORT_COMPLETE = "IMPORT_COMPLETE"
    IMPORT_ROLLBACK_IN_PROGRESS = "IMPORT_ROLLBACK_IN_PROGRESS"
    IMPORT_ROLLBACK_FAILED = "IMPORT_ROLLBACK_FAILED"
    IMPORT_ROLLBACK_COMPLETE = "IMPORT_ROLLBACK_COMPLETE"
    UNKNOWN = "UNKNOWN"  # never sent by AWS

    @property
    def running(self) -> bool:
        """Whether CloudFormation is at work, or may be."""
        return self in _RUNNING

    @property
    def settled(self) -> bool:
        """Whether the status stays until somebody asks for something."""
        return not self.running

    @property
    def editable(self) -> bool:
        """Whether a change set may be made."""
        return self in _EDITABLE

    @property
    def failed(self) -> bool:
        """Whether the stack needs somebody before it is of use again."""
        return self in _FAILED

    @property
    def deletable_only(self) -> bool:
        """Whether nothing but deleting is possible."""
        return self in _DELETABLE_ONLY

    @property
    def gone(self) -> bool:
        """Whether the stack is deleted."""
        return self is StackStatus.DELETE_COMPLETE

    @property
    def rank(self) -> int:
        """Order of two statuses of the same millisecond: work, then cleaning up, then the settled result."""
        if self.value.endswith("CLEANUP_IN_PROGRESS"):
            return 20
        return 10 if self.value.endswith("IN_PROGRESS") or self is StackStatus.UNKNOWN else 30

    @property
    def words(self) -> str:
        """The manager's words."""
        return _WORDS[self]

    @property
    def tone(self) -> Tone:
        """How a page shows it."""
        if self.gone:
            return "gone"
        if self.failed:
            return "failed"
        return "ready" if self.editable else "busy"


_S = StackStatus
_EDITABLE = frozenset(
    {
        _S.CREATE_COMPLETE,
        _S.UPDATE_COMPLETE,
        _S.UPDATE_ROLLBACK_COMPLETE,
        _S.IMPORT_COMPLETE,
        _S.IMPORT_ROLLBACK_COMPLETE,
    }
)
_DELETABLE_ONLY = frozenset(
    {_S.REVIEW_IN_PROGRESS, _S.CREATE_FAILED, _S.ROLLBACK_COMPLETE, _S.ROLLBACK_FAILED, _S.DELETE_FAILED}
)
_FAILED = frozenset(
    {
        _S.CREATE_FAILED,
        _S.ROLLBACK_COMPLETE,
        _S.ROLLBACK_FAILED,
        _S.UPDATE_FAILED,
        _S.UPDATE_ROLLBACK_FAILED,
        _S.IMPORT_ROLLBACK_FAILED,
        _S.DELETE_FAILED,
    }
)
# REVIEW_IN_PROGRESS is a stack that waits for its first change set to be executed: nothing runs.
_RUNNING = frozenset(
    status for status in StackStatus if status.endswith("IN_PROGRESS") and status != _S.REVIEW_IN_PROGRESS
) | {_S.UNKNOWN}
_WORDS = {
    _S.REVIEW_IN_PROGRESS: "Planned, not created",
    _S.CREATE_IN_PROGRESS: "Being created",
    _S.CREATE_FAILED: "Creation failed",
    _S.CREATE_COMPLETE: "Ready",
    _S.ROLLBACK_IN_PROGRESS: "Creation failed, being rolled back",
    _S.ROLLBACK_FAILED: "Creation failed, roll back failed too",
    _S.ROLLBACK_COMPLETE: "Creation failed, rolled back",
    _S.DELETE_IN_PROGRESS: "Being deleted",
    _S.DELETE_FAILED: "Deletion failed",
    _S.DELETE_COMPLETE: "Deleted",
    _S.UPDATE_IN_PROGRESS: "Being changed",
    _S.UPDATE_COMPLETE_CLEANUP_IN_PROGRESS: "Changed, cleaning up",
    _S.UPDATE_COMPLETE: "Ready",
    _S.UPDATE_FAILED: "Change failed",
    _S.UPDATE_ROLLBACK_IN_PROGRESS: "Change failed, being rolled back",
    _S.UPDATE_ROLLBACK_FAILED: "Change failed, roll back failed too",
    _S.UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS: "Change rolled back, cleaning up",
    _S.UPDATE_ROLLBACK_COMPLETE: "Ready, last change rolled back",
    _S.IMPORT_IN_PROGRESS: "Being imported",
    _S.IMPORT_COMPLETE: "Ready",
    _S.IMPORT_ROLLBACK_IN_PROGRESS: "Import failed, being rolled back",
    _S.IMPORT_ROLLBACK_FAILED: "Import failed, roll back failed too",
    _S.IMPORT_ROLLBACK_COMPLETE: "Ready, last import rolled back",
    _S.UNKNOWN: "In progress",
}


def parse(text: str) -> StackStatus:
    """Read a status as AWS writes it; one that we do not know counts as in progress."""
    try:
        return StackStatus(text)
    except ValueError:
        return StackStatus.UNKNOWN


def observed_at(moment: datetime, status: str) -> str:
    """Return a text that sorts news of one stack: by AWS's clock, ties by the status's rank."""
    time = moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"{time}#{parse(status).rank}"


def just_after(order: str) -> str:
    """Return an order that is newer than this one by a millisecond, and as a reading."""
    moment, _, rank = order.partition("#")
    later = datetime.fromisoformat(moment.removeprefix(NEVER)) + timedelta(milliseconds=1)
    return f"{later.astimezone(UTC).isoformat(timespec='milliseconds').replace('+00:00', 'Z')}#{rank[:2]}r"
