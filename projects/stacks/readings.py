"""The readings queue: what only reads an account, apart from the operations that somebody waits for (DESIGN P4).

One thread of a worker serves it for all projects, so nothing here waits: when a project's turn has not come, what is
left goes into a message that comes later. However many stacks a comparison finds, one message after the other is under
way for them. Messages may be lost or doubled: the next comparison finds what was not read.
"""

import json
import logging
from dataclasses import asdict, dataclass, field, replace
from math import ceil
from typing import Any, Self

from django.conf import settings
from django.db import DatabaseError

from aws import rates, sqs
from aws.errors import AccessDenied, AWSError, ExpiredCredentials, RateLimited, Throttled, Unreachable
from dynamodb_cache.errors import DynamoDBCacheError
from projects.models import Project
from projects.stacks import reading

logger = logging.getLogger(__name__)

PIECE = 10  # stacks read for one message, three calls each
CARRIED = 500  # stack ids in one message: 110 KB at most, of the 256 KB that SQS takes
TRIES = 3  # of a stack that cannot be read although others can
FAILED_SECONDS = 60
PUT_OFF_SECONDS = 5
PUT_OFF_SECONDS_AT_MOST = 20

NOT_YET = (RateLimited, Throttled, ExpiredCredentials)
"""What puts a reading off: the project's turn has not come, or its session is over and the next call begins another."""


@dataclass(frozen=True, slots=True)
class ToRead:
    """Stacks of a project that are to be read, as a message carries them."""

    project: int
    stacks: list[str]
    failed: list[str] = field(default_factory=list)  # to be tried again when the others were read
    tries: int = 1
    put_off: int = 0  # how often in a row no stack could be read
    more: bool = False  # a comparison found more than a message carries

    def without_next(self) -> Self:
        """Return what is left when the next stack was read."""
        return replace(self, stacks=self.stacks[1:], put_off=0)

    def set_aside(self) -> Self:
        """Return what is left when the next stack could not be read: it waits for the others, not they for it."""
        return replace(self, stacks=self.stacks[1:], failed=[*self.failed, self.stacks[0]])

    def send(self, delay_seconds: float = 0) -> None:
        """Let a worker go on with it. Raises AWSError."""
        send({"read": asdict(self)}, delay_seconds)


def queue() -> sqs.Queue:
    """Return the queue of what is to be read."""
    return sqs.queue(settings.STACKPORT_READINGS_QUEUE)


def send(body: dict[str, Any], delay_seconds: float = 0) -> None:
    """Ask a worker to read something. Raises AWSError."""
    queue().send(json.dumps(body), delay_seconds=min(ceil(delay_seconds * settings.STACKPORT_LOOK_AGAIN_SCALE), 900))


def seconds_until(error: AWSError) -> float:
    """Return for how long one of NOT_YET puts a reading off."""
    return error.retry_after if isinstance(error, RateLimited) else PUT_OFF_SECONDS


def later(project: Project, stack_ids: list[str], *, more: bool = False) -> None:
    """Ask a worker to read some stacks whole, up to CARRIED. Raises AWSError."""
    if stack_ids:
        ToRead(project.pk, stack_ids, more=more).send()


def read_some(body: dict[str, Any]) -> None:
    """Read the next stacks of a message, and send what is left on its way.

    Raises AccessDenied, DynamoDBCacheError, DatabaseError, which are no stack's fault: the whole message comes back.
    """
    todo = ToRead(**body)
    project = Project.objects.get(pk=todo.project)
    for _ in range(min(PIECE, len(todo.stacks))):
        try:
            with rates.in_background():
                reading.refresh(project, todo.stacks[0])
        except NOT_YET as error:
            return _put_off(todo, seconds_until(error))
        except Unreachable as error:
            # Perhaps of this stack alone. If of the account, each try keeps the thread from the others for long.
            logger.warning("stack not read: project=%s stack=%s error=%s", project.slug, todo.stacks[0], error)
            return _put_off(todo.set_aside(), PUT_OFF_SECONDS)
        except (AccessDenied, DynamoDBCacheError, DatabaseError):
            raise
        except Exception:  # whatever is odd about one stack, the others are read
            logger.exception("stack not read: project=%s stack=%s", project.slug, todo.stacks[0])
            todo = todo.set_aside()
        else:
            todo = todo.without_next()
    return _go_on(todo)


def _put_off(todo: ToRead, seconds: float) -> None:
    # Longer each time: many small messages of one project would ask in vain all the while.
    _go_on(replace(todo, put_off=todo.put_off + 1), min(ceil(seconds) + todo.put_off, PUT_OFF_SECONDS_AT_MOST))


def _go_on(todo: ToRead, seconds: int = 0) -> None:
    """Send what is left; at the end what failed, after some tries to the dead letters, where staff finds it."""
    if todo.stacks:
        todo.send(seconds)
    elif todo.failed and todo.tries < TRIES:
        ToRead(todo.project, todo.failed, tries=todo.tries + 1, more=todo.more).send(FAILED_SECONDS)
    else:
        if todo.failed:
            sqs.queue(settings.STACKPORT_DEAD_LETTER_QUEUE).send(json.dumps({"read": asdict(todo)}))
        # Where most have failed, the next comparison would begin with the same ones.
        if todo.more and len(todo.failed) < CARRIED // 2:
            send({"rebuild": todo.project})
