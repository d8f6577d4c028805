"""One local AWS on one state folder: a second is refused with words, and the folder is free after any end."""

import os
import signal
from pathlib import Path

import pytest

from localaws import state
from localaws.state import StateRefused
from tests.localaws.conftest import Process


def test_a_second_one_on_the_same_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "HANDOVER_SECONDS", 0.2)  # only shorter: what is asked stays the same
    first = Process(tmp_path / "aws")
    first.start()
    assert first.running is not None
    pid = first.running.pid
    with pytest.raises(StateRefused, match=rf"in use by process {pid}\. Stop that one \(`kill {pid}`\)"):
        state.hold(tmp_path / "aws")
    first.end(signal.SIGKILL)
    handle = state.hold(tmp_path / "aws")
    assert (tmp_path / "aws" / "lock").read_text() == f"{os.getpid()}\n"
    os.close(handle)
    first.start()
    assert first.end(signal.SIGTERM)[0] == 0
    os.close(state.hold(tmp_path / "aws"))


def test_a_command_line_says_so_and_ends(tmp_path: Path) -> None:
    folder = tmp_path / "aws"
    folder.mkdir(mode=0o700)
    handle = state.hold(folder)
    second = Process(folder)
    with pytest.raises(AssertionError, match=f"in use by process {os.getpid()}"):
        second.start()
    os.close(handle)
