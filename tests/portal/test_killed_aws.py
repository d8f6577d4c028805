"""The local AWS is killed in every step of every kind of operation; each ends right all the same."""

from pathlib import Path

from tests.portal import killing
from tests.portal.killing import Bucket


def test_operations_end_right_when_the_local_aws_dies(tmp_path: Path) -> None:
    with killing.product(tmp_path) as product:
        deleted = Bucket(product, "acme-invoices", "contracts")
        filled = Bucket(product, "harbour-logistics", "manifests")
        killing.kill_in_every_step(product, "aws", deleted, filled)
