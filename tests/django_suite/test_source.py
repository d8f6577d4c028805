"""Where Django's tests come from: the pinned file or nothing, and the build server is told when it is nothing."""

import hashlib
import io
import tarfile
from pathlib import Path

import django
import pytest

from tests.django_suite.conftest import answer_without_source
from tests.django_suite.source import Pin, SourceUnavailable, fetch, pinned, unpack


def archive(folder: Path, *names: str) -> tuple[Path, Pin]:
    """Write a source distribution with these files, and the pin that it answers to."""
    path = folder / "django-9.9.tar.gz"
    with tarfile.open(path, "w:gz") as distribution:
        for name in names:
            distribution.addfile(tarfile.TarInfo(f"django-9.9/{name}"), io.BytesIO())
    return path, Pin("9.9", (hashlib.sha256(path.read_bytes()).hexdigest(),))


def test_the_pin_is_the_installed_django() -> None:
    assert pinned().version == django.__version__
    assert len(pinned().hashes) == 2  # the wheel and the source distribution


def test_requirements_without_hashes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("django==9.9\n")
    with pytest.raises(SourceUnavailable, match="pins no Django"):
        pinned(tmp_path / "requirements.txt")


def test_only_the_wanted_tests_are_unpacked(tmp_path: Path) -> None:
    path, pin = archive(tmp_path, "setup.py", "tests/cache/tests.py", "tests/admin_views/tests.py")
    unpack(path, pin, tmp_path / "unpacked")
    files = [str(one.relative_to(tmp_path / "unpacked")) for one in (tmp_path / "unpacked").rglob("*.py")]
    assert files == ["tests/cache/tests.py"]


def test_another_file_than_the_pinned_one_is_never_unpacked(tmp_path: Path) -> None:
    path, _ = archive(tmp_path, "tests/cache/tests.py")
    with pytest.raises(SourceUnavailable, match="none of the files that are pinned"):
        unpack(path, Pin("9.9", ("0" * 64,)), tmp_path / "unpacked")
    assert not (tmp_path / "unpacked").exists()


def test_a_distribution_without_tests_says_so(tmp_path: Path) -> None:
    path, pin = archive(tmp_path, "setup.py")
    with pytest.raises(SourceUnavailable, match="holds no tests"):
        unpack(path, pin, tmp_path / "unpacked")


def test_what_pip_says_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # nobody answers there
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    with pytest.raises(
        SourceUnavailable, match=r"(?s)source distribution of Django 0\.0\.1: .*No matching distribution"
    ):
        fetch(Pin("0.0.1", ("0" * 64,)), tmp_path)
    assert not (tmp_path / "django-0.0.1").exists()


def test_what_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "django-0.0.1").mkdir()
    assert fetch(Pin("0.0.1", ()), tmp_path) == tmp_path / "django-0.0.1" / "tests"


def test_the_build_server_fails_without_the_source() -> None:
    with pytest.raises(pytest.fail.Exception, match="no network"):
        answer_without_source("no network", {"CI": "true"})


def test_elsewhere_the_tests_are_skipped_with_the_reason() -> None:
    with pytest.raises(pytest.skip.Exception, match="no network"):
        answer_without_source("no network", {})
