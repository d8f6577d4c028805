"""What surrounds an operation: the store, the data plane's clients, faults, time, threads, the publisher."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from localaws.errors import Stopped

if TYPE_CHECKING:
    from localaws.callers import Credentials
    from localaws.events import Publisher
    from localaws.faults import Faults
    from localaws.stacks import Stack, Store
    from localaws.told import Told

ROLE_SECONDS = 900
"""An assumed service role is kept this long: a client per operation would cost more than the operation."""


@dataclass
class World:
    """Shared by all operations of an engine. `halt` tells them to leave everything as it is."""

    store: Store
    clients: Callable[[str, Credentials, str], Any]
    assume_for_service: Callable[[str, str, str], Credentials]
    faults: Faults
    clock: Callable[[], float]
    publisher: Publisher
    pool: ThreadPoolExecutor
    pace_seconds: float
    told: Told
    halt: threading.Event = field(default_factory=threading.Event)
    _roles: dict[tuple[str, str], tuple[float, Credentials]] = field(default_factory=dict)

    def check(self) -> None:
        """Raise Stopped when the engine is closing."""
        if self.halt.is_set():
            raise Stopped

    def pause(self, seconds: float) -> None:
        if seconds > 0:
            self.halt.wait(seconds)
        self.check()

    def credentials(self, stack: Stack) -> Credentials:
        """Return whom the stack's operation acts as: its service role, else its caller. Raises AccessDenied."""
        operation = stack.operation
        if stack.settings.role_arn:
            return self.service_role(stack.settings.role_arn, stack.account)
        if operation is None or operation.credentials is None:
            raise Stopped
        return operation.credentials

    def service_role(self, role_arn: str, account: str, *, fresh: bool = False) -> Credentials:
        """Return a session of the service role, at most `ROLE_SECONDS` old. Raises AccessDenied.

        With `fresh` the role's trust is asked anew, as a submission must; the older session stays in use.
        """
        known = self._roles.get((role_arn, account))
        if known and known[0] > self.clock() and not fresh:
            return known[1]
        credentials = self.assume_for_service(role_arn, account, "AWSCloudFormation")
        if known is None or known[0] <= self.clock():
            self._roles[role_arn, account] = (self.clock() + ROLE_SECONDS, credentials)
        return credentials

    def forget_roles(self) -> None:
        self._roles.clear()

    def client(self, stack: Stack, service: str) -> Any:
        return self.clients(service, self.credentials(stack), stack.region)
