"""Whatever writers, rebuilds, wipes and readers do between each other's calls: rows never go back, and readers converge.

Deeds and what must hold stand in `world`. Interruptions happen on the wire, between the real calls.
"""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.dynamodb_cache.collections.wire import Wire
from tests.dynamodb_cache.collections.world import KEYS, Deed, World

keys = st.sampled_from(KEYS)
orders = st.integers(1, 9).map(str)  # few, so that equal and older news is common
numbers = st.integers(1, 99)
pair = st.integers(0, 1)
peers = st.integers(0, 2)
row = (pair, keys, orders, st.one_of(numbers, numbers, st.none()))  # none: deleted


def deed(name: str, *arguments: st.SearchStrategy[object]) -> st.SearchStrategy[Deed]:
    """Return the strategy of one deed of the world."""
    return st.tuples(st.just(name), *arguments)


offers = deed("offer", *row)
writes = st.one_of(
    offers,
    offers,
    deed("offer_many", pair, st.lists(st.tuples(keys, orders, numbers), min_size=1, max_size=4)),
    deed("set_head", pair),
)
wipes = deed("wipe")
meanwhile = st.lists(st.one_of(writes, writes, writes, wipes), min_size=1, max_size=3)
deeds = st.one_of(
    writes,
    writes,
    deed("interrupted_offer", *row, meanwhile),
    deed("lost_offer", *row, st.lists(writes, max_size=2)),
    deed("read", peers),
    deed("interrupted_read", peers, st.just("after"), st.just("GetItem"), meanwhile),
    deed("interrupted_read", peers, st.just("before"), st.just("Query"), meanwhile),
    deed("interrupted_read", peers, st.just("after"), st.just("Query"), meanwhile),
    deed("half_seen_read", peers, pair, keys, orders, numbers),
    deed("begin_rebuild", pair),
    deed("finish_rebuild", pair, st.frozensets(keys), st.lists(st.one_of(writes, wipes), max_size=2)),
    deed("wipe"),
    deed("let_weeks_pass"),
)


# The same examples each time, since each asks a real engine a hundred things.
@settings(
    max_examples=40,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(todo=st.lists(deeds, min_size=4, max_size=14))
def test_rows_never_go_back_and_readers_converge(table: str, wire: Wire, todo: list[Deed]) -> None:
    wire.forget()
    world = World(table, wire)
    for one in todo:
        world.do([one])
    for reader in range(3):
        world.read(reader)
