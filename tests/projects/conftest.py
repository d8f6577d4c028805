"""Ana's browser, and a bucket that pages show without a stack behind it."""

import pytest
from django.test import Client

from people.models import Person
from projects.models import Project
from projects.stacks.mirror import MirroredStack
from tests.projects import mirrored


@pytest.fixture
def browser(ana: Person, client: Client) -> Client:
    """Ana's browser."""
    client.force_login(ana)
    return client


@pytest.fixture
def bucket(acme: Project, ana: Person, label: str) -> MirroredStack:
    """A bucket that stands, in the mirror alone: nothing about it goes as far as AWS."""
    found = mirrored.stack(acme, mirrored.spec(acme, label, owner=ana.email))
    mirrored.fill(acme, [found])
    return found
