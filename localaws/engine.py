"""The CloudFormation engine: a WSGI application whose stacks run in threads.

The front door in front of it has judged the caller and puts him into the environ. Everything the engine makes, it
makes through boto3 clients that run on the data plane in this process.
"""

from __future__ import annotations

import logging
import pickle
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from localaws import wire
from localaws.callers import CALLER, CREDENTIALS
from localaws.calls import Request
from localaws.changeset_calls import ChangeSets
from localaws.commands import Commands
from localaws.errors import InvalidAction, LocalAWSError, Stopped, Throttled
from localaws.events import Notice, Publisher
from localaws.faults import Faults
from localaws.operations import Run
from localaws.queries import Queries
from localaws.stacks import ChangeSet, Stack, Store
from localaws.told import Told
from localaws.world import World

if TYPE_CHECKING:
    from localaws.callers import Credentials

OPERATIONS_AT_ONCE = 64
RESOURCES_AT_ONCE = 32
FORMAT = 1
RESTS_ON = "localaws.rests_on"
"""WSGI environ key: the number in `Engine.told` that must be on disk before the answer goes out."""
_READS = ("Describe", "Get", "List")
logger = logging.getLogger(__name__)


class Engine:
    """All stacks of all accounts. `internal` gives the identity that publishes events in an account."""

    def __init__(
        self,
        clients: Callable[[str, Credentials, str], Any],
        assume_for_service: Callable[[str, str, str], Credentials],
        *,
        internal: Callable[[str], Credentials],
        pace_seconds: float = 0.0,
        faults: Faults | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        quiet = faults or Faults()

        def sns(notice: Notice) -> Any:
            return clients("sns", internal(notice.account), notice.topic_arn.split(":")[3])

        self.told = Told()
        self._operations = ThreadPoolExecutor(OPERATIONS_AT_ONCE, thread_name_prefix="localaws-stack")
        self._world = World(
            store=Store(),
            clients=clients,
            assume_for_service=assume_for_service,
            faults=quiet,
            clock=clock,
            publisher=Publisher(sns, quiet, clock),
            pool=ThreadPoolExecutor(RESOURCES_AT_ONCE, thread_name_prefix="localaws-resource"),
            pace_seconds=pace_seconds,
            told=self.told,
        )
        self._running: set[Future[None]] = set()
        self._running_lock = threading.Lock()
        commands = Commands(self._world, self._start)
        self._change_sets = ChangeSets(self._world, commands, self._finish)
        self._handlers = {
            **commands.handlers(),
            **self._change_sets.handlers(),
            **Queries(self._world).handlers(),
        }

    @property
    def pace_seconds(self) -> float:
        """How long one resource takes; a control call may change it while stacks run."""
        return self._world.pace_seconds

    @pace_seconds.setter
    def pace_seconds(self, seconds: float) -> None:
        self._world.pace_seconds = seconds

    def wsgi(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one call of the CloudFormation Query API."""
        try:
            body, status = self._answer(environ), "200 OK"
        except LocalAWSError as error:
            body, status = wire.error_xml(error), f"{error.status} {error.code}"
        headers = [("Content-Type", "text/xml"), ("Content-Length", str(len(body)))]
        start_response(status, headers)
        return [body]

    def _answer(self, environ: dict[str, Any]) -> bytes:
        form = wire.read_form(environ)
        action = form.get("Action", "")
        if self._world.faults.throttle(action):
            raise Throttled
        parameters = wire.read_parameters(action, form)
        if action not in self._handlers:
            raise InvalidAction(f"localaws does not offer {action}")
        request = Request(action, parameters, environ[CALLER], environ[CREDENTIALS])
        stack_id = self._stack_of(request)
        try:
            found = self._handlers[action](request)
            stack_id = found.get("StackId", stack_id)
            if not action.startswith(_READS):
                self.told.note(stack_id or "")
        finally:
            # A refusal tells something of the stack as well.
            environ[RESTS_ON] = self.told.of(stack_id)
        return wire.answer_xml(action, found)

    def _stack_of(self, request: Request) -> str | None:
        """Return the one stack that a call is about; None when that may be any."""
        caller, name = request.caller, request.parameters.get("StackName")
        with self._world.store.lock:
            stack = self._world.store.find(caller.account_id, caller.region, name) if name else None
        return stack.id if stack else None

    def _start(self, stack: Stack) -> None:
        operation = stack.operation
        if operation is not None:
            self._submit(Run(self._world, stack, operation).go)

    def _finish(self, change_set: ChangeSet) -> None:
        def finish() -> None:
            try:
                self._world.pause(self._world.pace_seconds)
            except Stopped:
                return
            self._change_sets.complete(change_set)

        self._submit(finish)

    def _submit(self, work: Callable[[], None]) -> None:
        with self._running_lock:
            future = self._operations.submit(work)
            self._running.add(future)
        future.add_done_callback(self._done)

    def _done(self, future: Future[None]) -> None:
        with self._running_lock:
            self._running.discard(future)
        error = None if future.cancelled() else future.exception()
        if error is not None:
            logger.error("an operation ended unexpectedly", exc_info=error)

    def idle(self) -> bool:
        """Tell whether nothing runs and every event is published."""
        with self._running_lock:
            running = bool(self._running)
        return not running and not self._world.publisher.pending()

    def dump(self) -> dict[str, Any]:
        """Return everything the engine knows, as of one moment."""
        with self._world.store.lock:
            state = pickle.dumps(self._world.store.state())
            return {"format": FORMAT, "state": state, "notices": self._world.publisher.pending()}

    def load(self, state: dict[str, Any]) -> None:
        """Take over what `dump` gave, in place of what is there. Raises ValueError for another format."""
        if state["format"] != FORMAT:
            raise ValueError(f"the engine's state has format {state['format']}, this version reads {FORMAT}")
        with self._world.store.lock:
            self._world.store.restore(pickle.loads(state["state"]))  # noqa: S301 - the journal checks owner and mode
        self._world.publisher.restore(state["notices"])

    def resume(self) -> None:
        """Go on with every operation that was running when the state was saved."""
        with self._world.store.lock:
            for stack in self._world.store.stacks.values():
                self._start(stack)
            for change_set in self._world.store.change_sets.values():
                if change_set.status == "CREATE_PENDING":
                    self._finish(change_set)

    def reset(self) -> None:
        """Forget everything; operations that run are stopped first."""
        self._halt()
        self._world.publisher.clear()
        with self._world.store.lock:
            self._world.store.restore({"stacks": {}, "change_sets": {}, "tokens": {}})
        self._world.forget_roles()
        self._world.halt.clear()

    def close(self) -> None:
        """Stop all threads; what runs is left as it is and can be resumed from the last dump."""
        self._halt()
        self._operations.shutdown(wait=True, cancel_futures=True)
        self._world.pool.shutdown(wait=True, cancel_futures=True)
        self._world.publisher.close()

    def _halt(self) -> None:
        self._world.halt.set()
        with self._running_lock:
            running = list(self._running)
        for future in running:
            if not future.cancel():
                future.exception()
