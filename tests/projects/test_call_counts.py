"""What a page costs in calls to AWS, counted on the wire, for 1 and for 2,000 buckets."""

from collections.abc import Iterator

import pytest
from django.test import Client

from dynamodb_cache import collections
from people.models import Person
from projects.models import Membership, Project, Role
from projects.stacks.mirror import MirroredStack
from projects.stacks.status import StackStatus
from tests.calls import Calls, counted
from tests.factories import PersonFactory
from tests.projects import mirrored

PAGES = ("", "buckets/", "buckets/?sort=-changed&page=2", "buckets/?q=purpose&state=ready", "buckets/{name}/")
UPDATED = "2026-11-23T11:00:00.000Z"


@pytest.fixture(params=[1, 2_000])
def stacks(request: pytest.FixtureRequest, acme: Project) -> Iterator[list[MirroredStack]]:
    """The project's buckets, straight in the mirror."""
    found = [mirrored.stack(acme, mirrored.spec(acme, f"b{number:04}")) for number in range(request.param)]
    mirrored.fill(acme, found)
    yield found
    collections.forget_everything()


@pytest.fixture
def signed_in(acme: Project, client: Client) -> Client:
    """A browser whose session stands in the cache."""
    person: Person = PersonFactory(name="Ana Manager")
    Membership.objects.create(project=acme, person=person, role=Role.MANAGER)
    client.force_login(person)
    return client


def addresses(project: Project, stacks: list[MirroredStack]) -> list[str]:
    spec = stacks[0].spec
    assert spec is not None
    return [f"/projects/{project.slug}/{page.format(name=spec.name)}" for page in PAGES]


def cost(client: Client, address: str) -> Calls:
    """Return what opening a page asks of AWS, which is never anything but DynamoDB."""
    with counted() as calls:
        assert client.get(address).status_code == 200
    assert set(calls.made) == {"dynamodb"}, calls.names
    return calls


def test_what_pages_cost(acme: Project, stacks: list[MirroredStack], signed_in: Client) -> None:
    spec = stacks[0].spec
    assert spec is not None
    addresses = [f"/projects/{acme.slug}/{page.format(name=spec.name)}" for page in PAGES]

    cost(signed_in, addresses[0])  # this process knows nothing yet: still no call to CloudFormation

    for address in addresses:
        warm = cost(signed_in, address)
        assert warm.made["dynamodb"] <= 2, warm.names
        assert warm.answered_bytes["dynamodb"] < 2_048, warm.names

    for number, address in enumerate(addresses):
        changed = mirrored.stack(acme, spec, StackStatus.UPDATE_COMPLETE)
        mirrored.fill(acme, [changed], moment=UPDATED.replace("00.000", f"{number:02}.000"))
        after = cost(signed_in, address)
        assert after.made["dynamodb"] <= 3, after.names
        assert after.answered_bytes["dynamodb"] <= 64 * 1024
