"""Names of a project's members by e-mail address: templates hold addresses, lists show people.

Kept in this process, since a list page costs no query for what hardly ever changes: another process's change of a name
is seen within a minute.
"""

import threading
import time
from collections.abc import Mapping
from typing import Any

from people.models import Person
from projects.models import Project

KEPT_SECONDS = 60

_held: dict[int, tuple[float, Mapping[str, str]]] = {}
_lock = threading.Lock()


def names(project: Project) -> Mapping[str, str]:
    """Return the names of the project's members by address; of others a page tells no more than the address."""
    now = time.monotonic()
    with _lock:
        read_at, found = _held.get(project.pk, (-KEPT_SECONDS, {}))
    if now - read_at < KEPT_SECONDS:
        return found
    found = dict(Person.objects.filter(memberships__project=project).order_by().values_list("email", "name"))
    with _lock:
        _held[project.pk] = (now, found)
    return found


def forget(*_: Any, **__: Any) -> None:
    """Read all names anew: somebody came, went or was renamed."""
    with _lock:
        _held.clear()
