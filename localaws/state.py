"""The files of the state folder: readable by its owner only, and trusted only when nobody else could write them."""

import fcntl
import os
import time
from pathlib import Path

HANDOVER_SECONDS = 5.0  # how long one that is being stopped may still write its last state


class StateRefused(Exception):
    """The state folder cannot be used; the message says what to do."""


def make_folder(folder: Path) -> None:
    """Make the folder, or check that it is this user's own. Raises StateRefused."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = folder.stat()
    if found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise StateRefused(f"{folder} may be changed by others, so it is not used. Own it, and chmod 700 it.")


def hold(folder: Path) -> int:
    """Keep every other process off the folder until the returned file is closed or this process ends, however it ends.

    Two on one folder would write over each other's state. Raises StateRefused, naming who holds it. Source: flock(2).
    """
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + HANDOVER_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            holder = os.pread(handle, 20, 0).decode().strip() or "unknown"
            os.close(handle)
            raise StateRefused(
                f"{folder} is in use by process {holder}. Stop that one (`kill {holder}`), or give another folder."
            ) from None
        os.truncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        return handle


def check(path: Path) -> None:
    """Raise StateRefused when others can read or change a file, or own it."""
    found = path.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o177:
        raise StateRefused(f"{path} may be used by others, so it is not loaded. Remove it, or own it and chmod 600 it.")


def write(path: Path, data: bytes | memoryview) -> None:
    """Put a whole file in place of the old one; a crash leaves the old or the new one, never half of one."""
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
