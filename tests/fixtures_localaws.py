"""The local AWS of the tests: one in each test process, on a free loopback port, at pace 0."""

from collections.abc import Iterator

import pytest

from aws import clients
from dynamodb_cache import client as cache_client
from dynamodb_cache import collections
from localaws.server import REGION, LocalAWS


@pytest.fixture(scope="session")
def local_aws() -> Iterator[LocalAWS]:
    """A local AWS that boto3's standard variables point at."""
    aws = LocalAWS()
    port = aws.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", aws.home.access_key_id)
        patch.setenv("AWS_SECRET_ACCESS_KEY", aws.home.secret_access_key)
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        patch.delenv("AWS_SESSION_TOKEN", raising=False)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield aws
    aws.stop()


@pytest.fixture
def aws(local_aws: LocalAWS) -> LocalAWS:
    """The local AWS, emptied."""
    local_aws.reset()
    clients.reset()
    cache_client.reset()
    collections.forget_everything()
    return local_aws
