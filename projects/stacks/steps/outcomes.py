"""What a step can say when it returns, and what it is given."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aws.cloudformation import Stacks
from aws.s3 import Buckets
from projects.models import Operation


@dataclass(frozen=True, slots=True)
class Go:
    """The step is done; the named one is next, at once. `failed`: it went wrong, and the next one clears up."""

    step: str
    note: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class LookAgain:
    """Not known yet: repeat the step after some seconds."""

    seconds: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """CloudFormation works: its settle event rings, or the sweep when the event was lost."""

    note: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """The operation succeeded."""

    words: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The operation ended without its result; the cause is in the manager's words. `here`: in this very step."""

    cause: str
    here: bool = True


Outcome = Go | LookAgain | Wait | Done | Failed


@dataclass(slots=True)
class Work:
    """One step's tools: the claimed row, the account's gateways, and a way to write to the row before a call."""

    operation: Operation
    stacks: Stacks  # deploy role: submits, with the service role
    reader: Stacks  # read role
    buckets: Buckets  # read role
    save: Callable[..., None]

    def token(self, step: str) -> str:
        """Return the step's token in this attempt and rebase."""
        return self.operation.token(f"{step}{self.operation.rebases or ''}")

    def spec_document(self) -> dict[str, Any]:
        """Return the asked-for spec."""
        if self.operation.after is None:
            raise ValueError(f"Operation {self.operation.pk} carries no spec.")
        return dict(self.operation.after)


Step = Callable[[Work], Outcome]
