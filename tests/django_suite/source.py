"""Django's own tests, out of the source distribution of the pinned version; once, into `.cache/`.

pip fetches and checks it, so its indexes, proxies and certificates are used as they are set. The hashes are those of
`requirements.txt`: the distribution's is among them. Nothing of it is built: pip asks a build backend for a package's
name and version even to download it, and `BACKEND` answers instead of the real one.
Source: pip.pypa.io/en/stable/cli/pip_download/, peps.python.org/pep-0517.
"""

import fcntl
import hashlib
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
# After a change here remove `.cache/django-*`: a folder that is there is taken as it is.
WANTED = (
    "tests/urls.py",
    "tests/cache/",
    "tests/sessions_tests/",
    "tests/template_tests/__init__.py",
    "tests/template_tests/utils.py",
    "tests/template_tests/templatetags/__init__.py",
    "tests/template_tests/templatetags/custom.py",
    "tests/template_tests/syntax_tests/__init__.py",
    "tests/template_tests/syntax_tests/test_cache.py",
)
BACKEND = """
from pathlib import Path

def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    folder = Path(metadata_directory) / "django-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\\nName: django\\nVersion: {version}\\n")
    return folder.name
"""


class SourceUnavailable(Exception):
    """Django's tests cannot be had; the message says why."""


@dataclass(frozen=True, slots=True)
class Pin:
    """The version that is pinned, and the SHA-256 of every file that pip may take for it."""

    version: str
    hashes: tuple[str, ...]


def pinned(requirements: Path = ROOT / "requirements.txt") -> Pin:
    """Return Django's pin. Raises SourceUnavailable."""
    found = re.search(
        r"^django==(\S+)((?:\s+\\?\s*--hash=sha256:[0-9a-f]{64})+)", requirements.read_text(), re.MULTILINE
    )
    if found is None:
        raise SourceUnavailable(f"{requirements.name} pins no Django with hashes")
    return Pin(found[1], tuple(re.findall(r"sha256:([0-9a-f]{64})", found[2])))


def fetch(pin: Pin, cache: Path = CACHE) -> Path:
    """Return the folder of the pinned Django's tests; fetch it when it is not there. Raises SourceUnavailable."""
    folder = cache / f"django-{pin.version}"
    if not folder.exists():
        cache.mkdir(exist_ok=True)
        with (cache / "django.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the processes of one test run want it at the same moment
            if not folder.exists():
                with tempfile.TemporaryDirectory(dir=cache) as scratch:
                    unpack(download(pin, Path(scratch)), pin, folder)
    return folder / "tests"


def download(pin: Pin, scratch: Path) -> Path:
    """Return the source distribution, as pip left it in `scratch`. Raises SourceUnavailable."""
    backend = scratch / "backend" / "setuptools"
    backend.mkdir(parents=True)
    (backend / "__init__.py").touch()
    (backend / "build_meta.py").write_text(BACKEND.format(version=pin.version))
    wanted = scratch / "django.txt"
    wanted.write_text(" ".join([f"django=={pin.version}", *(f"--hash=sha256:{one}" for one in pin.hashes)]))
    # An environment may have been made without pip (see the Makefile); then its maker has it.
    for python in (sys.executable, f"{sys.base_prefix}/bin/python{sys.version_info.major}.{sys.version_info.minor}"):
        said = _pip(python, backend.parent, "download", "--no-deps", "--no-build-isolation", "--no-binary", ":all:",
                    "--require-hashes", "--dest", str(scratch), "--requirement", str(wanted))  # fmt: skip
        for archive in scratch.glob("*.tar.gz"):
            return archive
        if "No module named pip" not in said:
            break
    raise SourceUnavailable(f"pip could not fetch the source distribution of Django {pin.version}: {said[-1000:]}")


def _pip(python: str, backend: Path, *arguments: str) -> str:
    """Run pip and return what it said."""
    # The second variable keeps an old setuptools of the environment from looking for itself at start.
    environment = {**os.environ, "PYTHONPATH": str(backend), "SETUPTOOLS_USE_DISTUTILS": "stdlib"}
    command = [python, "-m", "pip", *arguments, "--quiet", "--disable-pip-version-check", "--no-input"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def unpack(archive: Path, pin: Pin, folder: Path) -> None:
    """Unpack the wanted tests, whole or not at all. Raises SourceUnavailable when the archive is not the pinned one."""
    if hashlib.sha256(archive.read_bytes()).hexdigest() not in pin.hashes:
        raise SourceUnavailable(f"{archive.name} is none of the files that are pinned for Django {pin.version}")
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch, tarfile.open(archive) as distribution:
        top = PurePosixPath(distribution.getnames()[0]).parts[0]
        members = [one for one in distribution.getmembers() if one.name.startswith(tuple(f"{top}/{w}" for w in WANTED))]
        if not members:
            raise SourceUnavailable(f"{archive.name} holds no tests")
        distribution.extractall(scratch, members=members, filter="data")
        (Path(scratch) / top).rename(folder)
