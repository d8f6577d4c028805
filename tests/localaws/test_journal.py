"""The file: written within a second of a change, whole or not at all, and loaded only when it is this user's own."""

import json
import pickle
import shutil
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from localaws import state
from localaws.callers import Credentials
from localaws.dataplane import DataPlane, Gate
from localaws.engine import Engine
from localaws.faults import Faults
from localaws.journal import Journal, Snapshot
from localaws.state import StateRefused
from tests.localaws.conftest import Process, until


def test_a_change_is_on_disk_after_a_second(process: Any) -> None:
    found: Process = process()
    found.save()
    found.client("sqs").create_queue(QueueName="q")
    began = time.perf_counter()
    found.save()
    assert time.perf_counter() - began < 3  # the second, and what the writing takes on a busy machine
    found.end(signal.SIGKILL)
    found.start()
    assert len(found.client("sqs").list_queues()["QueueUrls"]) == 1


def test_reading_writes_no_file(process: Any) -> None:
    found: Process = process()
    found.client("sqs").create_queue(QueueName="q")
    found.save()
    before = (found.folder / "snapshot").stat().st_mtime_ns
    for _ in range(5):
        found.client("sqs").list_queues()
        found.client("dynamodb").list_tables()
        found.client("s3").list_buckets()
    time.sleep(1.3)
    assert (found.folder / "snapshot").stat().st_mtime_ns == before


def test_writes_during_snapshots_all_come_back(process: Any) -> None:
    found: Process = process()
    s3 = found.client("s3")
    s3.create_bucket(Bucket="acme-many", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})

    def put(number: int) -> None:
        s3.put_object(Bucket="acme-many", Key=str(number), Body=b"x" * 1000)

    began = time.monotonic()
    count = 0
    with ThreadPoolExecutor(4) as pool:
        while time.monotonic() - began < 2.5:
            list(pool.map(put, range(count, count + 20)))
            count += 20
    assert found.end(signal.SIGTERM) == (0, "")
    found.start()
    pages = found.client("s3").get_paginator("list_objects_v2").paginate(Bucket="acme-many")
    assert sum(len(page["Contents"]) for page in pages) == count


# -- refused ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that a local AWS left behind."""
    process = Process(tmp_path_factory.mktemp("kept") / "state")
    with process.ended():
        process.start()
    return process.folder


def spoil_version(folder: Path) -> None:
    file = folder / "snapshot"
    _, rest = file.read_bytes().split(b"\n", 1)
    file.write_bytes(json.dumps({"format": 1, "moto": "0.0"}).encode() + b"\n" + rest)


def cut(folder: Path) -> None:
    file = folder / "snapshot"
    file.write_bytes(file.read_bytes()[:-100])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoil_version, "another version"),
        (cut, "damaged"),
        (lambda folder: (folder / "snapshot").chmod(0o640), "chmod 600"),
        (lambda folder: (folder / "credentials.json").chmod(0o644), "chmod 600"),
        (lambda folder: (folder / "credentials.json").unlink(), "missing"),
        (lambda folder: folder.chmod(0o777), "chmod 700"),
    ],
    ids=["version", "cut", "snapshot-mode", "credentials-mode", "no-credentials", "folder-mode"],
)
def test_a_state_that_cannot_be_trusted_is_refused_in_words(kept: Path, tmp_path: Path, spoil: Any, words: str) -> None:
    found = Process(tmp_path / "state")
    shutil.copytree(kept, found.folder)
    spoil(found.folder)
    with found.ended(), pytest.raises(AssertionError) as refusal:
        found.start()
    assert words in str(refusal.value)
    assert "Traceback" not in str(refusal.value)


def test_a_link_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(StateRefused):
        state.check(tmp_path / "link")


def test_a_write_leaves_the_old_file_when_it_fails(tmp_path: Path) -> None:
    file = tmp_path / "file"
    state.write(file, b"old")
    with pytest.raises(TypeError):
        state.write(file, "no bytes")  # type: ignore[arg-type]
    assert file.read_bytes() == b"old"
    state.write(file, b"new")
    assert file.read_bytes() == b"new"
    assert file.stat().st_mode & 0o777 == 0o600


# -- parts ------------------------------------------------------------------------------------------------------------


class Working:
    """An engine that is busy, then idle."""

    def __init__(self, *idle: bool) -> None:
        self._idle = list(idle)

    def idle(self) -> bool:
        return self._idle.pop(0)


def test_a_stacks_last_step_is_saved_although_nothing_runs_any_more(tmp_path: Path) -> None:
    engine: Any = Working(True, False, False, True, True)
    journal = Journal(tmp_path, DataPlane(lambda *_: [], Faults()), engine)
    assert [journal._is_due() for _ in range(5)] == [False, True, True, True, False]


def test_locks_come_back_free() -> None:
    held = {"lock": threading.Lock(), "rlock": threading.RLock(), "condition": threading.Condition()}
    for one in held.values():
        one.acquire()
    data = BytesIO()
    Snapshot(data, protocol=5).dump(held)
    for name, one in pickle.loads(data.getvalue()).items():
        assert one.acquire(blocking=False), name
        one.release()
        held[name].release()


def test_a_snapshot_waits_for_requests_and_holds_new_ones_off() -> None:
    gate, order = Gate(), []
    entered = threading.Event()

    def request(name: str, seconds: float) -> None:
        with gate.request():
            entered.set()
            time.sleep(seconds)
            with gate.request():  # a call inside a call, while a snapshot waits, must not lock up
                order.append(name)

    def snapshot() -> None:
        with gate.snapshot():
            order.append("snapshot")
            time.sleep(0.2)

    first = threading.Thread(target=request, args=("first", 0.3))
    first.start()
    entered.wait()
    second = threading.Thread(target=snapshot)
    second.start()
    time.sleep(0.1)
    third = threading.Thread(target=request, args=("third", 0))
    third.start()
    for thread in (first, second, third):
        thread.join(5)
    assert order == ["first", "snapshot", "third"]


def test_after_the_last_snapshot_nobody_is_let_in() -> None:
    gate, inside = Gate(), threading.Event()

    def request() -> None:
        with gate.request():
            inside.set()

    gate.close()
    threading.Thread(target=request, daemon=True).start()
    assert not inside.wait(0.2)


def test_an_answered_stack_is_kept_although_its_last_step_came_late(process: Any) -> None:
    found: Process = process()
    cloudformation = found.client("cloudformation")
    template = json.dumps({"Resources": {"T": {"Type": "AWS::SNS::Topic"}}})
    cloudformation.create_stack(StackName="s", TemplateBody=template)
    until(lambda: cloudformation.describe_stacks(StackName="s")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE")
    cloudformation.update_termination_protection(StackName="s", EnableTerminationProtection=True)
    found.save()
    found.end(signal.SIGKILL)
    found.start()
    [stack] = found.client("cloudformation").describe_stacks(StackName="s")["Stacks"]
    assert (stack["StackStatus"], stack["EnableTerminationProtection"]) == ("CREATE_COMPLETE", True)


def test_after_a_failed_write_the_next_one_makes_up_for_it(tmp_path: Path) -> None:
    engine: Any = Engine(lambda *_: None, lambda *_: Credentials("", ""), internal=lambda _: Credentials("", ""))
    folder = tmp_path / "state"
    journal = Journal(folder, DataPlane(lambda *_: [], Faults()), engine)
    journal._try_to_save()
    assert not journal.is_current()
    assert journal._is_due()

    folder.mkdir()
    journal._try_to_save()
    assert journal.is_current()
    assert not journal._is_due()
    engine.close()
