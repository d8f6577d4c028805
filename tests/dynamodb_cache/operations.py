"""Every operation of the cache's API, for tests that must hold for all of them."""

from collections.abc import Callable
from typing import Any

READS: dict[str, Callable[[Any], Any]] = {
    "get": lambda cache: cache.get("key", "nothing"),
    "has_key": lambda cache: cache.has_key("key"),
    "get_many": lambda cache: cache.get_many(["key", "other"]),
}
WRITES: dict[str, Callable[[Any], Any]] = {
    "set": lambda cache: cache.set("key", "new"),
    "touch": lambda cache: cache.touch("key"),
    "delete": lambda cache: cache.delete("key"),
    "set_many": lambda cache: cache.set_many({"key": "new", "other": "new"}),
    "delete_many": lambda cache: cache.delete_many(["key", "other"]),
}
# These promise something about what is stored, so they cannot go on without it.
PROMISES: dict[str, Callable[[Any], Any]] = {
    "add": lambda cache: cache.add("key", "new"),
    "incr": lambda cache: cache.incr("counter"),
    "clear": lambda cache: cache.clear(),
}
ALL = {**READS, **WRITES, **PROMISES}
