"""Who may import whom (DESIGN, STYLE): reads every import and names an arrow that points back."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "portal": {"handovers", "projects", "people", "notifications", "aws", "dynamodb_cache"},
    "handovers": {"projects", "people", "notifications", "aws", "dynamodb_cache"},
    "projects": {"people", "notifications", "aws", "dynamodb_cache"},
    "people": set(),
    "notifications": {"people", "aws"},
    "aws": set(),
    "dynamodb_cache": set(),
    "localaws": set(),
}
# Inside projects: pages above, actions below them, the engine and the rows at the bottom.
PAGES = ("projects.views", "projects.forms", "projects.urls", "projects.admin", "projects.api")
PURE = ("spec", "naming", "status", "policies", "invariants", "changes", "templates", "baseline")
IMPURE = ("django", "boto3", "botocore", "projects.models", "people.models", "notifications", "dynamodb_cache")


def modules(package: str) -> Iterator[tuple[str, ast.Module]]:
    """Every module of a package, by its dotted name."""
    for path in sorted((ROOT / package).rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        yield name, ast.parse(path.read_text(), str(path))


def imported(module: ast.Module) -> Iterator[str]:
    """Every dotted name that a module imports, those of functions included."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def below(name: str, roots: tuple[str, ...]) -> bool:
    """Tell whether a dotted name is one of these modules or lies inside one."""
    return any(name == root or name.startswith(f"{root}.") for root in roots)


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_no_arrow_points_back(package: str) -> None:
    forbidden = tuple(MAY_IMPORT.keys() - MAY_IMPORT[package] - {package})
    found = [
        f"{name} imports {target}"
        for name, module in modules(package)
        for target in imported(module)
        if below(target, forbidden)
    ]
    assert not found, found


def test_actions_and_the_engine_know_no_page() -> None:
    found = [
        f"{name} imports {target}"
        for name, module in modules("projects")
        if below(name, ("projects.actions", "projects.stacks", "projects.models"))
        for target in imported(module)
        if below(target, PAGES)
    ]
    assert not found, found


def test_rows_know_neither_actions_nor_the_engine() -> None:
    found = [
        f"{name} imports {target}"
        for name, module in modules("projects")
        if below(name, ("projects.models",))
        for target in imported(module)
        if below(target, ("projects.actions", "projects.stacks"))
    ]
    assert not found, found


def test_specs_templates_and_policies_are_pure() -> None:
    pure = tuple(f"projects.stacks.{name}" for name in PURE)
    seen = [(name, module) for name, module in modules("projects") if below(name, pure)]
    assert len(seen) >= len(PURE)
    found = [
        f"{name} imports {target}" for name, module in seen for target in imported(module) if below(target, IMPURE)
    ]
    assert not found, found


def test_an_arrow_that_points_back_would_be_found() -> None:
    module = ast.parse("def late():\n    from projects.models import Project\nimport localaws.engine\n")
    assert set(imported(module)) == {"projects.models", "projects.models.Project", "localaws.engine"}
    assert below("projects.models.Project", ("projects",))
    assert not below("projects_other", ("projects",))
