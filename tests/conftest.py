"""Fixtures that mean the same everywhere: project, manager, viewer, owner, stranger, staff; the local AWS."""

import pytest
from django.test import Client

from people.models import Person
from projects.models import Project, Role
from tests.factories import MembershipFactory, PersonFactory, ProjectFactory

# A worker of pytest-xdist takes whole files: these come first, so that no core waits for one of them at the end.
LONG = (
    "test_kills.py",
    "test_killed_processes.py",
    "test_killed_aws.py",
    "test_convergence.py",
    "test_fairness.py",
    "test_forged_events.py",
    "test_call_counts.py",
    "test_wiped_mirror.py",
    "test_create_bucket.py",
    "test_change_bucket.py",
    "test_tenancy.py",
    "test_delete_bucket.py",
)
pytest_plugins = [
    "tests.engines.fixtures",
    "tests.dynamodb_cache.fixtures_faulty",
    "tests.fixtures_localaws",
    "tests.fixtures_projects",
]


def pytest_configure(config: pytest.Config) -> None:
    """Close the network but loopback, for every test of every process."""
    import pytest_socket

    pytest_socket.socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first."""
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))


@pytest.fixture
def project(db: None) -> Project:
    """An active project."""
    return ProjectFactory(name="Acme invoices", slug="acme-invoices", bucket_prefix="acme")


def _member(project: Project, role: str, name: str) -> Person:
    return MembershipFactory(project=project, role=role, person=PersonFactory(name=name)).person


@pytest.fixture
def manager(project: Project) -> Person:
    """A manager of the project."""
    return _member(project, Role.MANAGER, "Ana Manager")


@pytest.fixture
def owner(project: Project) -> Person:
    """An owner of the project."""
    return _member(project, Role.OWNER, "Olga Owner")


@pytest.fixture
def viewer(project: Project) -> Person:
    """A viewer of the project."""
    return _member(project, Role.VIEWER, "Vera Viewer")


@pytest.fixture
def stranger(db: None) -> Person:
    """A manager of another project."""
    return MembershipFactory(
        project=ProjectFactory(name="Other", slug="other"), person=PersonFactory(name="Sten")
    ).person


@pytest.fixture
def staff(db: None) -> Person:
    """A member of staff with every right."""
    return PersonFactory(name="Sam Staff", is_staff=True, is_superuser=True)


@pytest.fixture
def sam(client: Client, staff: Person) -> Client:
    """The browser of a member of staff."""
    client.force_login(staff)
    return client
