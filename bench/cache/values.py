"""What is cached in the measures: text of 1 KB, and the list of 50 rows that a page shows."""

import random
from typing import Any

WORDS = ("bucket", "partner", "invoice", "harbour", "upload", "stack", "event", "region", "account", "template")


def text(size: int, seed: int) -> str:
    """Return words in an order of chance: compresses as text does, not as a repeated letter."""
    chance = random.Random(seed)
    return " ".join(f"{chance.choice(WORDS)}-{chance.randrange(10_000)}" for _ in range(size // 6))[:size]


def rows(count: int) -> list[dict[str, Any]]:
    """Return the rows of a list, as a page caches them."""
    return [
        {"name": f"bucket-{number:04}", "purpose": text(24, number), "status": "ready", "size": number * 977}
        for number in range(count)
    ]


MANY = 100
ENTRIES_TOUCHED = 400  # an entry that is touched time and again may cost more
ONE_KB = text(1024, seed=1)
LIST = rows(50)
MANY_VALUES = {f"many-{number}": text(1024, seed=number) for number in range(MANY)}
MANY_LISTS = {f"list-{number}": LIST for number in range(MANY)}
