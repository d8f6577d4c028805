"""The local AWS of the tests: one in each test process, on a free loopback port, at pace 0."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.core.cache import cache
from django.core.management import call_command
from moto.iam.models import iam_backends

from aws import clients, sqs
from dynamodb_cache import client as cache_client
from dynamodb_cache import collections
from localaws.server import HOME_ACCOUNT, REGION, LocalAWS


@contextmanager
def unmeasured() -> Iterator[None]:
    """Threads that start meanwhile are not traced: coverage costs moto, which calls without end, half of all time.

    The local AWS is measured by its own tests, on servers of their own.
    """
    tracing = threading.gettrace()
    threading.settrace(None)  # type: ignore[arg-type]  # as the documentation allows
    try:
        yield
    finally:
        threading.settrace(tracing)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def served_aws() -> Iterator[LocalAWS]:
    """A local AWS that boto3's standard variables point at."""
    aws = LocalAWS()
    with unmeasured():
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


def is_standing(aws: LocalAWS) -> bool:
    """Tell whether the portal's own key is still known: moto's state is global, and other tests may have emptied it."""
    return aws.home.access_key_id in iam_backends[HOME_ACCOUNT]["aws"].access_keys


def empty(aws: LocalAWS) -> None:
    """Empty the local AWS and forget what this process knew of it."""
    aws.reset()
    clients.reset()
    sqs.queue.cache_clear()
    cache_client.reset()
    collections.forget_everything()


@pytest.fixture
def local_aws(served_aws: LocalAWS) -> LocalAWS:
    """The local AWS as the last test left it; emptied only when somebody took its first key away."""
    if not is_standing(served_aws):
        empty(served_aws)
    return served_aws


@pytest.fixture
def aws(local_aws: LocalAWS) -> LocalAWS:
    """The local AWS, emptied."""
    empty(local_aws)
    return local_aws


@pytest.fixture
def portal_tables(local_aws: LocalAWS, db: None) -> Iterator[None]:
    """The portal's queues and tables; what the caches of earlier tests held is forgotten."""
    call_command("prepare")
    cache.clear()
    yield
    cache.clear()
