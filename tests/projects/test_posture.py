"""A project's overview says what of its account's protection no longer holds."""

from aws import clients, iam
from projects.models import Project
from projects.posture import Posture
from projects.posture import run as read_posture
from projects.stacks import mirror
from projects.stacks.account_rules import PASSWORDS


def test_the_overview_shows_what_no_longer_holds(acme: Project) -> None:
    read_posture(acme.pk)
    posture = Posture.of(mirror.snapshot(acme))
    assert posture
    assert posture.failing == 0
    client = clients.organisation_member(acme.account_id, "iam", acme.region)
    client.delete_account_password_policy()
    try:
        read_posture(acme.pk)
    finally:
        iam.set_password_policy(client, PASSWORDS)
    posture = Posture.of(mirror.snapshot(acme))
    assert posture
    assert [line.name for line in posture.lines if not line.passed] == ["The password policy is strict"]
