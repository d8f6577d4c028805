"""Names whose token can be moved: to forget a namespace, a prefix or a tag with one write and no scan.

An entry remembers the tokens under which it was written (`g`); it is absent once one of them is not the present one. The
tokens are items `#gen:<name>`; a process knows them for a few seconds, so another process may serve what was forgotten
for as long, and an entry written under the old token in that time is lost, never shown.
"""

import hashlib
import time
from collections.abc import Iterable, Mapping
from typing import Any

from dynamodb_cache.items import token
from dynamodb_cache.table import Table

KEY = "#gen:"
NEVER_MOVED = "0"
NAME_CHARACTERS = 100
MOST_KNOWN = 10_000


def name(kind: str, made: str) -> str:
    """Return the name of a namespace ("n"), prefix ("p") or tag ("t") that Django's key function has made."""
    if len(made) > NAME_CHARACTERS:
        made = "sha256:" + hashlib.sha256(made.encode()).hexdigest()
    return f"{kind}:{made}"


class Generations:
    """The tokens of one table, as this process knows them."""

    def __init__(self, table: Table, seconds: float) -> None:
        self._table = table
        self._seconds = seconds

    def tokens(self, names: Iterable[str]) -> dict[str, str]:
        """Return the present tokens; one request for those that are not known."""
        shared = self._table.shared
        now = time.monotonic()
        known = {one: shared.generations.get(one) for one in names}
        unknown = [one for one, held in known.items() if held is None or held[1] <= now]
        found = {one: held[0] for one, held in known.items() if held is not None}
        if unknown:
            read = dict.fromkeys(unknown, NEVER_MOVED)
            for items in self._table.read_many([KEY + one for one in unknown], consistent=True):
                read.update((item["k"]["S"].removeprefix(KEY), item["v"]["S"]) for item in items)
            found |= read
            self._keep(read, known, now)
        return found

    def _keep(self, read: Mapping[str, str], known: Mapping[str, tuple[str, float] | None], asked_at: float) -> None:
        shared = self._table.shared
        with shared.lock:
            if len(shared.generations) + len(read) > MOST_KNOWN:
                shared.generations.clear()
            for one, held in read.items():
                # Not over a token that this process has moved meanwhile.
                if shared.generations.get(one) is known[one]:
                    shared.generations[one] = (held, asked_at + self._seconds)

    def move(self, names: Iterable[str]) -> list[str]:
        """Give each name a new token; return the names for which that failed in time."""
        moved = {one: token() for one in dict.fromkeys(names)}
        requests = [{"PutRequest": {"Item": {"k": {"S": KEY + one}, "v": {"S": held}}}} for one, held in moved.items()]
        left = {
            request["PutRequest"]["Item"]["k"]["S"].removeprefix(KEY) for request in self._table.write_many(requests)
        }
        until = time.monotonic() + self._seconds
        with self._table.shared.lock:
            self._table.shared.generations.update((one, (moved[one], until)) for one in moved if one not in left)
        return sorted(left)

    def forget(self) -> None:
        """Forget what this process knows: when the whole table has been emptied."""
        with self._table.shared.lock:
            self._table.shared.generations.clear()

    def hold(self, item: Mapping[str, Any], groups: Iterable[str]) -> bool:
        """Whether an entry was written under the present tokens: of those it names and those its key demands."""
        written = {one: held["S"] for one, held in item["g"]["M"].items()} if "g" in item else {}
        present = self.tokens({*written, *groups})
        return all(written.get(one, NEVER_MOVED) == held for one, held in present.items())

    def attribute(self, names: Iterable[str]) -> dict[str, Any]:
        """Return the attribute of an entry written now."""
        return {"M": {one: {"S": held} for one, held in self.tokens(names).items()}}

    def condition(self, groups: tuple[str, ...]) -> tuple[str, dict[str, str], dict[str, Any]]:
        """Return a condition, its names and values, that holds for entries which belong to these groups and no tag."""
        if not groups:
            return "attribute_not_exists(g)", {}, {}
        held = self.tokens(groups)
        tests = [f"g.#g{number} = :g{number}" for number in range(len(groups))]
        names = {f"#g{number}": one for number, one in enumerate(groups)}
        values: dict[str, Any] = {f":g{number}": {"S": held[one]} for number, one in enumerate(groups)}
        return " AND ".join([*tests, "size(g) = :gs"]), names, {**values, ":gs": {"N": str(len(groups))}}
