"""What a resource provider is: three repeatable functions on public boto3 calls.

Each may run again after a crash in its middle, so a create looks at `planned_id` (a name this resource found free and
claimed before) and `physical_id` (the thing exists already) instead of starting blindly.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

from botocore.exceptions import ClientError

from localaws.errors import ResourceFailed
from localaws.resolution import Scope

ABSENT = {
    "404",
    "AWS.SimpleQueueService.NonExistentQueue",
    "NoSuchBucket",
    "NoSuchBucketPolicy",
    "NoSuchEntity",
    "NotFound",
    "NotFoundException",
    "QueueDoesNotExist",
    "ResourceNotFoundException",
    "TrailNotFoundException",
}


@dataclass
class Call:
    """One create, update or delete of one resource."""

    client: Callable[[str], Any]
    scope: Scope
    logical_id: str
    properties: dict[str, Any]
    old: dict[str, Any] = field(default_factory=dict)
    physical_id: str = ""
    planned_id: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    """The stack's tags, which go to every resource that takes tags."""
    old_tags: dict[str, str] = field(default_factory=dict)
    on_plan: Callable[[str], None] = lambda _name: None
    on_made: Callable[[str], None] = lambda _physical_id: None
    repeated: bool = field(init=False)
    """An earlier try of this create may have made the resource."""

    def __post_init__(self) -> None:
        self.repeated = bool(self.planned_id)

    def plan(self, name: str) -> None:
        """Claim a name before the call that makes the resource. Raises ResourceFailed when another stack has it."""
        if not self.repeated:
            self.on_plan(name)

    def made(self, physical_id: str) -> None:
        """Report that the resource exists; what follows only configures it."""
        if not self.physical_id:
            self.physical_id = physical_id
            self.on_made(physical_id)

    def changed(self, *names: str) -> bool:
        """Tell whether one of these properties differs from what is deployed."""
        return any(self.properties.get(name) != self.old.get(name) for name in names)

    def name(self, given: str | None, *, longest: int = 64, lower: bool = False) -> str:
        """Return the given name, the planned one, or `<stack>-<logical id>-<12 random>` as AWS makes them."""
        if given or self.planned_id:
            return given or self.planned_id
        alphabet = string.digits + (string.ascii_lowercase if lower else string.ascii_uppercase)
        suffix = "".join(secrets.choice(alphabet) for _ in range(12))
        stem = f"{self.scope.stack_name}-{self.logical_id}"[: longest - 13]
        return f"{stem.lower() if lower else stem}-{suffix}"

    def tag_map(self, *, old: bool = False) -> dict[str, str]:
        """Return the stack's tags and the resource's own, which win."""
        own = (self.old if old else self.properties).get("Tags") or []
        given = own if isinstance(own, dict) else {tag["Key"]: tag["Value"] for tag in own}
        return {**(self.old_tags if old else self.tags), **given}

    def tag_list(self) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in self.tag_map().items()]

    def tag_changes(self) -> tuple[dict[str, str], list[str]]:
        """Return the tags to set and the keys to remove."""
        new, old = self.tag_map(), self.tag_map(old=True)
        return {key: value for key, value in new.items() if old.get(key) != value}, sorted(old.keys() - new.keys())


class Provider:
    """Base of the providers. `create` and `update` return what Fn::GetAtt can ask for."""

    types: ClassVar[tuple[str, ...]] = ()

    def create(self, call: Call) -> dict[str, Any]:
        raise NotImplementedError

    def update(self, call: Call) -> dict[str, Any]:
        raise NotImplementedError

    def delete(self, call: Call) -> None:
        raise NotImplementedError


@contextmanager
def absent_is_fine() -> Iterator[None]:
    """Treat "not found" as done: a delete may be repeated."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] not in ABSENT:
            raise


@contextmanager
def repeated_is_fine(call: Call, *codes: str) -> Iterator[None]:
    """Take "already exists" for our own earlier try, but only when there was one."""
    try:
        yield
    except ClientError as error:
        if not (call.repeated and error.response["Error"]["Code"] in codes):
            raise


def handler_error(error: ClientError) -> ResourceFailed:
    """Return a data plane's refusal in the words that CloudFormation puts around it."""
    code = error.response["Error"].get("Code", "Unknown")
    message = error.response["Error"].get("Message", "")
    meta = error.response.get("ResponseMetadata", {})
    handler_code = (
        "AccessDenied" if "AccessDenied" in code
        else "AlreadyExists" if "Exists" in code
        else "NotFound" if code in ABSENT
        else "GeneralServiceException"
    )  # fmt: skip
    return ResourceFailed(
        f'Resource handler returned message: "{message} (Service: {error.operation_name}, Status Code: '
        f'{meta.get("HTTPStatusCode", 400)}, Error Code: {code})" (HandlerErrorCode: {handler_code})'
    )
