"""A project with a real account on the local AWS: vended, baseline laid, self-test passed, by the product's code.

Onboarding takes about a second, so one account serves all tests of a process until somebody resets the local AWS;
each test gets a fresh database, fresh queues and an empty mirror.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.core.management import call_command

from people.models import Person
from projects.actions import onboarding
from projects.models import Membership, Project, ProjectState, Role
from projects.stacks import accounts, mirror
from tests import portal_run
from tests.factories import PersonFactory


@dataclass(slots=True)
class Onboarded:
    """An account that stands already."""

    generation: int
    account_id: str
    external_id: str


_standing: dict[str, Onboarded] = {}
_prepared = {"generation": -1}


def onboard(slug: str, generation: int) -> Project:
    """Return an active project with an account of its own, onboarded once a process."""
    known = _standing.get(slug)
    project = Project(slug=slug, name=slug.title(), bucket_prefix=slug.split("-")[0], region="eu-west-1")
    if known and known.generation == generation:
        project.account_id, project.external_id = known.account_id, known.external_id
        project.state = ProjectState.ACTIVE
        project.save()
        portal_run.queues.allow_topics()
        return project
    onboarding.vend(project)
    with portal_run.listening():  # the self-test waits for its own events
        onboarding.set_up(project)
    _standing[slug] = Onboarded(generation, project.account_id, project.external_id)
    return project


@pytest.fixture
def portal(local_aws, transactional_db: None) -> Iterator[None]:
    """The portal's own queues, tables and bucket, empty."""
    accounts.forget_baselines()
    mirror.collection.cache_clear()
    if _prepared["generation"] == local_aws.generation:
        portal_run.queues.allow_topics()  # the projects of the last test are gone
    else:
        call_command("prepare")
        _prepared["generation"] = local_aws.generation
    portal_run.purge()
    yield
    portal_run.purge()


@pytest.fixture
def listening(portal: None) -> Iterator[None]:
    """The intake runs beside the test, as in the web process."""
    with portal_run.listening():
        yield


@pytest.fixture
def acme(portal: None, local_aws) -> Project:
    """An active project on a real account."""
    return onboard("acme-live", local_aws.generation)


@pytest.fixture
def harbour(portal: None, local_aws) -> Project:
    """Another active project on another account."""
    return onboard("harbour-live", local_aws.generation)


@pytest.fixture
def ana(acme: Project) -> Person:
    """A manager of acme."""
    person = PersonFactory(name="Ana Manager")
    Membership.objects.create(project=acme, person=person, role=Role.MANAGER)
    return person


@pytest.fixture
def ben(acme: Project) -> Person:
    """Another manager of acme."""
    person = PersonFactory(name="Ben Manager")
    Membership.objects.create(project=acme, person=person, role=Role.MANAGER)
    return person


@pytest.fixture
def label() -> str:
    """A bucket label that no other test uses, since the account is shared."""
    return f"t{secrets.token_hex(4)}"
