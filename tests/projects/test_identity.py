"""The running portal lives with the policy that deploy/portal-policy.json gives to its identity, and with nothing less."""

import copy
import json
import secrets
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from aws import clients, sqs, sts
from dynamodb_cache import client as cache_client
from dynamodb_cache import collections
from localaws.server import REGION
from people.models import Person
from projects import live, posture, selftest, sweep
from projects.actions import buckets, onboarding
from projects.management.commands.render_policy import home_of_settings
from projects.models import Project, State
from projects.posture import Posture
from projects.stacks import mirror, rebuild
from projects.stacks.policies import Policy, portal_identity
from tests import portal_run
from tests.projects.specs import asker, spec_for

COPY = Path(__file__).parents[2] / "deploy" / "portal-policy.json"


def forget_clients() -> None:
    """Let every client be made anew, with the credentials that the environment has then."""
    clients.reset()
    sqs.queue.cache_clear()
    cache_client.reset()
    collections.forget_everything()
    mirror.collection.cache_clear()
    default_storage._wrapped._connections = type(default_storage._wrapped._connections)()


@contextmanager
def acting_with(policy: Policy) -> Iterator[None]:
    """Be a user of the portal's own account who may do what a policy says, and no more."""
    iam = clients.home("iam")
    name = f"portal-{secrets.token_hex(4)}"
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="portal", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
            patch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
            forget_clients()
            yield
    finally:
        forget_clients()


def own_policy() -> Policy:
    """Return the policy for the tests' portal."""
    return portal_identity(home_of_settings(sts.whoami().account_id, REGION))


def work(project: Project, person: Person, label: str) -> None:
    """Let the portal do what it does for managers: create, change and delete a bucket, and keep its pages."""
    cache.set_many({"seen": 1, "heard": 1})
    cache.incr("seen")
    assert cache.get_many(["seen", "heard"]) == {"seen": 2, "heard": 1}
    cache.delete("heard")
    spec = spec_for(project, person, label)
    done = portal_run.settle(buckets.create(project, spec, by=asker(person)))
    assert done.state == State.SUCCEEDED, done.cause
    found = live.find_bucket(project, spec.name)
    changed = replace(found.spec, purpose="another purpose")
    done = portal_run.settle(buckets.change(project, found.spec, changed, found.fingerprint, by=asker(person)))
    assert done.state == State.SUCCEEDED, done.cause
    rebuild.run(project.pk)
    done = portal_run.settle(buckets.delete(project, spec.name, by=asker(person)))
    assert done.state == State.SUCCEEDED, done.cause


def keep_watch(project: Project) -> None:
    """Let the portal do what it does for itself and for who brings it accounts."""
    sweep.once()
    posture.run(project.pk)
    assert Posture.of(mirror.snapshot(project)).failing == 0
    assert onboarding.quick_create(project).sha256
    with portal_run.listening():
        assert [line.words for line in selftest.run(project) if not line.passed] == []
    mirror.make_tables()


def test_the_portal_lives_with_its_policy(
    acme: Project, ana: Person, label: str, caplog: pytest.LogCaptureFixture
) -> None:
    unpublish()
    with acting_with(own_policy()):
        work(acme, ana, label)
        keep_watch(acme)
    assert "not authorized" not in caplog.text


def unpublish() -> None:
    """Take the published baselines away, so that one must be published again."""
    s3 = clients.home("s3")
    for found in s3.list_objects_v2(Bucket=settings.STACKPORT_TEMPLATE_BUCKET).get("Contents", []):
        s3.delete_object(Bucket=settings.STACKPORT_TEMPLATE_BUCKET, Key=found["Key"])


def test_it_makes_a_lost_table_again(acme: Project) -> None:
    clients.home("dynamodb").delete_table(TableName=settings.STACKPORT_MIRROR_TABLE)
    with acting_with(own_policy()):
        sweep.once()
        mirror.partition(acme).set_head(checked_at=1.0)


# The rest is needed too seldom to be tried here one by one: to make a lost table, to publish a baseline, to confirm a
# topic, to let its events in, to put off a message.
@pytest.mark.parametrize(
    "action",
    [
        *(f"dynamodb:{name}" for name in ("BatchGetItem", "BatchWriteItem", "DeleteItem", "GetItem", "PutItem")),
        *(f"dynamodb:{name}" for name in ("ConditionCheckItem", "Query", "UpdateItem")),
        *(f"sqs:{name}" for name in ("DeleteMessage", "GetQueueUrl", "ReceiveMessage", "SendMessage")),
        "sts:AssumeRole",
        "sts:SetSourceIdentity",
    ],
)
def test_without_one_of_its_actions_the_portal_does_not_work(
    acme: Project,
    ana: Person,
    label: str,
    action: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(portal_run, "PATIENCE_SECONDS", 3)
    with acting_with(without(own_policy(), action)), pytest.raises(Exception) as failure:
        work(acme, ana, label)
    told = caplog.text + "".join(traceback.format_exception(failure.value))
    assert ("AssumeRole)" if action.startswith("sts:") else f"not authorized to perform: {action} on") in told


def without(policy: Policy, action: str) -> Policy:
    """Return a policy that lacks an action."""
    found: dict[str, Any] = copy.deepcopy(policy)
    assert any(action in statement["Action"] for statement in found["Statement"])
    for statement in found["Statement"]:
        statement["Action"] = [one for one in statement["Action"] if one != action]
    return found | {"Statement": [statement for statement in found["Statement"] if statement["Action"]]}


@pytest.mark.parametrize(
    "resources",
    [
        ("dynamodb:GetItem", "arn:aws:dynamodb:eu-west-1:111122223333:table/other"),
        ("sqs:ReceiveMessage", "arn:aws:sqs:eu-west-1:111122223333:other"),
        ("s3:GetObject", "arn:aws:s3:::stackport-private/exports/a"),
        ("sts:AssumeRole", "arn:aws:iam::111122223333:role/OrganizationAccountAccessRole"),
        ("sts:AssumeRole", "arn:aws:iam::111122223333:role/stackport-baseline/stackport-service"),
    ],
)
def test_nothing_else_of_the_account_is_allowed(resources: tuple[str, str]) -> None:
    from localaws.policies import Request, allowed

    action, arn = resources
    policy = portal_identity(home_of_settings("111122223333", "eu-west-1"))
    assert not allowed([json.dumps(policy)], Request(action, (arn,)))


def test_no_action_is_a_wildcard() -> None:
    for statement in portal_identity(home_of_settings("111122223333", "eu-west-1"))["Statement"]:
        assert not [action for action in statement["Action"] if "*" in action]
        assert "*" not in statement["Resource"]


def test_the_copy_in_deploy_is_what_the_command_prints() -> None:
    out = StringIO()
    call_command("render_policy", "111122223333", "eu-west-1", stdout=out)
    assert out.getvalue() == COPY.read_text(), "render it again: see deploy/README.md"
    with pytest.raises(CommandError, match="12 digits"):
        call_command("render_policy", "1111", "eu-west-1")
