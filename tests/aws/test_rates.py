"""Our own pace of calls: a burst, then one after the other; each account, Region and kind for itself."""

import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from aws import rates
from aws.errors import AWSError, RateLimited

WRITES = int(rates.PACES["write"].burst)


def taken(where: str, kind: str = "write") -> int:
    """Return how many calls may be made at once."""
    count = 0
    try:
        while True:
            rates.acquire(where, kind)
            count += 1
    except RateLimited:
        return count


@pytest.fixture(autouse=True)
def hardly_moving() -> None:
    """A pace at which nothing comes back while a test looks."""
    rates.configure(0.01)


def test_a_burst_is_free_and_then_the_turn_is_told(fresh_name: str) -> None:
    assert taken(fresh_name) == WRITES
    began = time.monotonic()
    with pytest.raises(RateLimited) as refusal:
        rates.acquire(fresh_name, "write")
    assert time.monotonic() - began < 1, "too long a wait is refused at once"
    assert 90 < refusal.value.retry_after <= 100
    assert isinstance(refusal.value, AWSError)
    assert (refusal.value.code, refusal.value.operation) == ("RateLimited", "write")


def test_a_short_wait_is_waited_for(fresh_name: str) -> None:
    rates.configure(1)
    for _ in range(WRITES):
        rates.acquire(fresh_name, "write")
    rates.configure(4)
    began = time.monotonic()
    rates.acquire(fresh_name, "write")
    assert 0.1 < time.monotonic() - began < 2


def test_accounts_regions_and_kinds_do_not_share(fresh_name: str) -> None:
    assert taken(f"{fresh_name}/eu-west-1") == WRITES
    assert taken(f"{fresh_name}/eu-central-1") == WRITES
    assert taken(f"{fresh_name}/eu-west-1", "DescribeStacks") == int(rates.PACES["DescribeStacks"].burst)
    assert taken(f"{fresh_name}/eu-west-1") == 0


@pytest.mark.parametrize("kind", rates.PACES)
def test_every_kind_has_a_pace_and_a_burst(fresh_name: str, kind: str) -> None:
    assert taken(fresh_name, kind) == int(rates.PACES[kind].burst) >= 2


def test_a_kind_without_a_pace_is_our_own_mistake(fresh_name: str) -> None:
    with pytest.raises(KeyError):
        rates.acquire(fresh_name, "DeleteEverything")


def test_threads_together_take_no_more_than_one(fresh_name: str) -> None:
    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(lambda _: taken(fresh_name), range(8))) == WRITES


def test_after_a_throttle_calls_come_half_as_fast(fresh_name: str) -> None:
    taken(fresh_name)
    before = refused_for(fresh_name)
    rates.slow_down(fresh_name, "write")
    assert refused_for(fresh_name) == pytest.approx(2 * before, rel=0.05)
    assert taken(f"{fresh_name}-other") == WRITES


def test_the_pace_is_whole_again_after_its_time(fresh_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "HALVED_SECONDS", 0.2)
    taken(fresh_name)
    before = refused_for(fresh_name)
    rates.slow_down(fresh_name, "write")
    assert refused_for(fresh_name) > 1.5 * before
    time.sleep(0.25)
    assert refused_for(fresh_name) == pytest.approx(before, rel=0.05)


def refused_for(where: str, kind: str = "write") -> float:
    """Return for how many seconds the next call is put off."""
    with pytest.raises(RateLimited) as refusal:
        rates.acquire(where, kind)
    return refusal.value.retry_after


def test_a_large_scale_lifts_pace_and_burst(fresh_name: str) -> None:
    rates.configure(100)
    began = time.monotonic()
    for _ in range(WRITES * 100):
        rates.acquire(fresh_name, "write")
    assert time.monotonic() - began < 3


def unslept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every wait for a turn fail."""

    def sleep(seconds: float) -> None:
        raise AssertionError(f"waited {seconds} s")

    monkeypatch.setattr(rates, "time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))


@pytest.mark.parametrize("kind", rates.PACES)
def test_background_work_leaves_half_of_a_burst_and_never_waits(
    fresh_name: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    unslept(monkeypatch)
    burst = rates.PACES[kind].burst
    with rates.in_background():
        behind = taken(fresh_name, kind)
        with pytest.raises(RateLimited) as refusal:
            rates.acquire(fresh_name, kind)
    assert behind == int(burst / 2)
    assert refusal.value.retry_after > 0
    with rates.without_waiting():
        assert behind + taken(fresh_name, kind) == int(burst)


def test_background_work_goes_on_at_the_whole_pace(fresh_name: str) -> None:
    with rates.in_background():
        taken(fresh_name, "DescribeStacks")
        wait = refused_for(fresh_name, "DescribeStacks")
    assert wait <= 1 / (rates.PACES["DescribeStacks"].per_second * 0.01)


def test_what_was_held_back_is_so_no_longer_afterwards(fresh_name: str) -> None:
    with rates.in_background():
        pass
    assert taken(fresh_name) == WRITES
