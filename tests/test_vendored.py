"""Files of others under static/vendor are the ones that the manifest names; every static file that is named exists."""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.core.management import call_command

ROOT = Path(__file__).parents[1]
VENDOR = ROOT / "static" / "vendor"
MANIFEST: dict[str, dict[str, str]] = json.loads((VENDOR / "MANIFEST.json").read_text())
PAPERS = {"README.md", "MANIFEST.json"}
_STATIC = re.compile(r"""\{%\s*static\s+(["'])(.+?)\1""")
_ADDRESS = re.compile(r"""url\(\s*["']?(?!data:|#)([^"')]+)""")
_MAP = re.compile(r"[#@]\s*sourceMappingURL")


def named() -> Iterator[tuple[str, str]]:
    """Every static file that a template names: the template, the file."""
    for path in sorted((ROOT / "templates").rglob("*.html")):
        for _, name in _STATIC.findall(path.read_text()):
            yield str(path.relative_to(ROOT)), name


def ours() -> Iterator[Path]:
    """The text files under static/."""
    for path in sorted((ROOT / "static").rglob("*")):
        if path.suffix in {".css", ".js", ".svg"}:
            yield path


def test_the_manifest_names_exactly_the_files_that_are_there() -> None:
    there = {str(path.relative_to(VENDOR)) for path in VENDOR.rglob("*") if path.is_file()} - PAPERS
    assert there == MANIFEST.keys() | {entry["licence"] for entry in MANIFEST.values()}


@pytest.mark.parametrize("name", MANIFEST)
def test_a_vendored_file_is_the_one_that_was_taken(name: str) -> None:
    entry, path = MANIFEST[name], VENDOR / name
    assert hashlib.sha256(path.read_bytes()).hexdigest() == entry["sha256"]
    assert re.fullmatch(r"\d+(\.\d+)+", entry["version"])
    assert f"v{entry['version']} " in path.read_text()[:300], "its own banner names another version"
    assert path.parent.name.endswith(f"-{entry['version']}"), "browsers keep files by their address"
    assert (entry["package"], path.name) == ("@tabler/core", Path(entry["source"]).name)
    assert "Permission is hereby granted" in (VENDOR / entry["licence"]).read_text()


def test_no_static_file_names_a_source_map() -> None:
    seen = list(ours())
    assert seen
    assert [path.name for path in seen if _MAP.search(path.read_text())] == []


def test_every_static_file_that_a_template_names_exists() -> None:
    found = dict(named())
    assert len(found) >= 3, "no template was read"
    assert [line for line in named() if finders.find(line[1]) is None] == []


def test_a_style_sheet_names_only_files_beside_it() -> None:
    seen = [
        (path, address) for path in ours() if path.suffix == ".css" for address in _ADDRESS.findall(path.read_text())
    ]
    missing = [(path.name, address) for path, address in seen if not (path.parent / address).resolve().is_file()]
    assert missing == []


def test_every_static_file_of_ours_is_used() -> None:
    used = {name for _, name in named()}
    kept = {str(path.relative_to(ROOT / "static")) for path in ours()}
    assert kept == used & kept, kept - used


def test_collecting_for_production_finds_everything(settings: Any, tmp_path: Path) -> None:
    """The storage that names files by their content follows every reference, those of the admin and htmx too."""
    settings.STATIC_ROOT = tmp_path
    manifest = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": manifest}}
    call_command("collectstatic", interactive=False, verbosity=0)
    paths = json.loads((tmp_path / "staticfiles.json").read_text())["paths"]
    assert [line for line in named() if line[1] not in paths] == []
