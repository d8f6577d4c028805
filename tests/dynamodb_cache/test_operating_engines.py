"""The command's work on each engine: a table is laid, found fit or said why not, counted, swept and copied."""

from collections.abc import Iterator

import pytest

from dynamodb_cache import copying, counting, sweeping, tables, verifying
from dynamodb_cache.scanning import Pace, Reach
from dynamodb_cache.sweeping import Swept
from dynamodb_cache.verifying import Level
from tests.dynamodb_cache import operating
from tests.engines.fixtures import LACKS, TIME_TO_LIVE, Engine

OLD = {"N": "1000"}


@pytest.fixture
def target(engine: Engine) -> Iterator[str]:
    """A second table, laid by us."""
    name = f"{engine.table}-2"
    tables.lay(engine.client, name, tables.CACHE_TABLE)
    yield name
    engine.client.delete_table(TableName=name)


def _lacks(engine: Engine, ability: str) -> bool:
    return ability in LACKS[engine.name]


def test_a_table_is_laid_and_fit(engine: Engine) -> None:
    """dynalite has no time to live: laying it is a warning and no error; looked at, it is off."""
    first, again = (tables.lay(engine.client, engine.table, tables.CACHE_TABLE) for _ in range(2))
    assert (first.made, again) == (False, first)
    assert ("no time to live" in first.warning) == _lacks(engine, TIME_TO_LIVE)
    found = {one.subject: one.level for one in verifying.verify(engine.client, engine.table, tables.CACHE_TABLE)}
    failing = {subject for subject, level in found.items() if level is Level.FAIL}
    assert failing == ({"time to live"} if _lacks(engine, TIME_TO_LIVE) else set())


def test_a_collections_table_is_laid_with_its_index(engine: Engine) -> None:
    name = f"{engine.table}-rows"
    assert tables.lay(engine.client, name, tables.COLLECTION_TABLE).made is True
    try:
        description = engine.client.describe_table(TableName=name)["Table"]
        assert tables.difference(description, tables.COLLECTION_TABLE) == ""
    finally:
        engine.client.delete_table(TableName=name)


def test_a_table_is_counted_swept_and_copied(engine: Engine, target: str, settings) -> None:
    cache = engine.cache(SERIALIZER="json")
    cache.set_many({f"small-{number}": number for number in range(30)}, timeout=None)
    cache.set("large", "".join(chr(33 + number % 90) * (number % 7) for number in range(400_000)), timeout=None)
    orphan = {"k": {"S": "#part:gone:0"}, "v": {"B": b"x"}, "h": {"S": ":1:gone"}, "a": OLD}
    engine.client.put_item(TableName=engine.table, Item=orphan)
    reach = Reach(engine.client, engine.table, Pace(1e6), 3)
    counted = counting.scanned(reach)
    assert (counted.entries_by_prefix[""], counted.endless) == (31, 31)
    parts = counted.parts
    assert sweeping.sweep(reach) == Swept(parts, 1, 0, 1)
    settings.CACHES = {"default": operating.alias(engine.table)}
    assert copying.copy(reach, target) == copying.Copied(copied=31)
    assert copying.copy(reach, target) == copying.Copied(kept=31)
