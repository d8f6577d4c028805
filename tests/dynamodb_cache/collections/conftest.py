"""What tests of collections start from: an engine with real transactions, a fresh table on it, and the wire between."""

import uuid
from collections.abc import Callable, Iterator

import pytest

from dynamodb_cache import client as cache_client
from dynamodb_cache.collections import Collection, Memory
from localaws.server import LocalAWS
from tests.dynamodb_cache.collections.collected import OWNER
from tests.dynamodb_cache.collections.wire import Wire
from tests.engines.fixtures import REGION
from tests.fixtures_localaws import empty, is_standing

MakeReader = Callable[[], Collection]


@pytest.fixture(scope="module", params=["localaws", "ministack"])
def endpoint(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of an engine; boto3's standard variables point at it."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "localaws":
            aws: LocalAWS = request.getfixturevalue("served_aws")
            if not is_standing(aws):
                empty(aws)
            url = f"http://127.0.0.1:{aws.port}"
        else:
            url = request.getfixturevalue(request.param)
            patch.setenv("AWS_ACCESS_KEY_ID", OWNER)
            patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
            patch.setenv("AWS_DEFAULT_REGION", REGION)
        patch.setenv("AWS_ENDPOINT_URL", url)
        cache_client.reset()
        yield url
    cache_client.reset()


@pytest.fixture
def table(endpoint: str) -> Iterator[str]:
    """A fresh table of collections."""
    name = f"rows-{uuid.uuid4().hex[:12]}"
    Collection(name).create_table()
    yield name
    cache_client.client().delete_table(TableName=name)


@pytest.fixture
def reader(table: str) -> MakeReader:
    """Makes readers and writers that know nothing of each other, as in processes of their own."""
    return lambda: Collection(table, memory=Memory())


@pytest.fixture
def wire(table: str) -> Iterator[Wire]:
    """What happens between the SDK and DynamoDB, on request."""
    cache_client.reset()  # a fresh allowance of retries
    made = Wire(cache_client.client())
    yield made
    made.close()
