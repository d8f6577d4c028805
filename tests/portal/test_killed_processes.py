"""The web process and the worker are killed in every step of every kind of operation; each ends right all the same.

The local AWS has its turn in test_killed_aws.py, which runs beside this on another core. A worker dies at every single
call, within one process, in tests/projects/test_kills.py.
"""

from collections.abc import Iterator

import pytest

from portal.launcher import Launcher
from tests.portal import killing
from tests.portal.killing import Bucket


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """The whole portal with its demo data."""
    with killing.product(tmp_path_factory.mktemp("killed")) as launcher:
        yield launcher


def test_operations_end_right_when_the_web_process_dies(product: Launcher) -> None:
    deleted, filled = Bucket(product, "acme-invoices", "contracts"), Bucket(product, "harbour-logistics", "manifests")
    killing.kill_in_every_step(product, "web", deleted, filled)


def test_operations_end_right_when_the_worker_dies(product: Launcher) -> None:
    # What a dead worker had claimed is free again soon; only here, since the claim of one that lives shall stand.
    product.settings["STACKPORT_LEASE_SECONDS"] = "3"
    product.kill_child("worker")
    product.start_worker()
    deleted = Bucket(product, "acme-invoices", "payment-advice")
    filled = Bucket(product, "harbour-logistics", "gate-photos")
    killing.kill_in_every_step(product, "worker", deleted, filled)
