"""boto3 clients: made once each, kept by what tells them apart, their roles assumed late and again in time."""

import gc
import os
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from aws import clients, sts
from aws.accounts import ProjectAccount, Role
from aws.errors import AccessDenied
from localaws.server import HOME_ACCOUNT, LocalAWS
from tests.calls import counted

ACTOR = "person-7"


def member(account: ProjectAccount, role: Role = Role.READ, service: str = "sts", actor: str = ACTOR) -> Any:
    return clients.member(account, role, service, actor=actor)


def test_a_client_is_made_once(local_aws: LocalAWS, account: ProjectAccount) -> None:
    assert clients.home("sqs") is clients.home("sqs")
    assert member(account) is member(account)
    place = (account.account_id, "iam", account.region)
    assert clients.organisation_member(*place) is clients.organisation_member(*place)


def test_what_tells_clients_apart(local_aws: LocalAWS, account: ProjectAccount) -> None:
    made = [
        clients.home("sqs"),
        clients.home("sqs", "us-east-1"),
        clients.home("sts"),
        member(account),
        member(account, actor="person-8"),
        member(account, Role.DEPLOY),
        member(account, service="sqs"),
        member(replace(account, region="us-east-1")),
        member(replace(account, account_id="210987654321")),
        member(replace(account, external_id="another")),
        clients.organisation_member(account.account_id, "sts", account.region),
    ]
    assert len({id(client) for client in made}) == len(made)
    assert [client.meta.region_name for client in made[:2]] == ["eu-west-1", "us-east-1"]


def test_many_threads_get_one_client(local_aws: LocalAWS) -> None:
    start = threading.Barrier(8)

    def ask(_: int) -> Any:
        start.wait(10)
        return clients.home("sqs")

    with ThreadPoolExecutor(8) as threads:
        assert len({id(client) for client in threads.map(ask, range(8))}) == 1


def test_the_client_longest_unused_goes_first(local_aws: LocalAWS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "KEPT", 3)
    sqs, sns, sts_client = (clients.home(service) for service in ("sqs", "sns", "sts"))
    assert clients.home("sqs") is sqs  # used again, so sns is the longest unused
    clients.home("iam")
    assert clients.home("sqs") is sqs
    assert clients.home("sts") is sts_client
    assert clients.home("sns") is not sns


def test_credentials_go_with_their_last_client(account: ProjectAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "KEPT", 2)
    for number in range(5):
        sts.whoami(member(account, actor=f"person-{number}"))
    gc.collect()
    assert len(clients._credentials) <= 2


def test_a_forked_process_makes_its_own(local_aws: LocalAWS) -> None:
    ours = clients.home("sqs")
    child = os.fork()
    if child == 0:
        os._exit(0 if clients.home("sqs") is not ours else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert clients.home("sqs") is ours


def test_a_role_is_assumed_at_the_first_call_and_shared_by_all_services(account: ProjectAccount) -> None:
    with counted() as calls:
        queues, topics = member(account, service="sqs"), member(account, service="sns")
        assert calls.names == []
        queues.list_queues()
        topics.list_topics()
        queues.list_queues()
    assert sorted(calls.made.items()) == [("sns", 1), ("sqs", 2), ("sts", 1)]


def test_calls_are_made_in_the_name_of_the_actor(account: ProjectAccount) -> None:
    who = sts.whoami(member(account, Role.DEPLOY))
    assert who.account_id == account.account_id
    assert who.arn == f"arn:aws:sts::{account.account_id}:assumed-role/{Role.DEPLOY.value}/{ACTOR}"
    assert sts.whoami().account_id == HOME_ACCOUNT


def test_the_actor_is_the_source_identity_too(account: ProjectAccount) -> None:
    """CloudTrail shows it even after a further role was assumed; here a policy asks for it."""
    iam = clients.organisation_member(account.account_id, "iam", account.region)
    name = {"RoleName": Role.READ.value, "PolicyName": "not-for-ben"}
    ben = '{"StringEquals": {"aws:SourceIdentity": "ben"}}'
    deny = f'{{"Effect": "Deny", "Action": "sqs:*", "Resource": "*", "Condition": {ben}}}'
    iam.put_role_policy(**name, PolicyDocument=f'{{"Version": "2012-10-17", "Statement": [{deny}]}}')
    try:
        member(account, service="sqs", actor="ana").list_queues()
        with pytest.raises(ClientError, match="AccessDenied"):
            member(account, service="sqs", actor="ben").list_queues()
    finally:
        iam.delete_role_policy(**name)


@pytest.mark.parametrize("wrong", ["", "guessed" * 6])
def test_a_role_with_another_external_id_is_not_assumed(account: ProjectAccount, wrong: str) -> None:
    stranger = member(replace(account, external_id=wrong or "x" * 48))
    with pytest.raises(AccessDenied) as refusal:
        sts.whoami(stranger)
    assert account.external_id not in str(refusal.value)
    assert sts.whoami(member(account)).account_id == account.account_id


def test_the_external_id_is_in_no_repr(account: ProjectAccount) -> None:
    assert account.external_id not in repr(account)


def test_credentials_are_renewed_before_they_end(account: ProjectAccount) -> None:
    client, assumed = member(account), []
    clients.home("sts").meta.events.register("before-call.sts.AssumeRole", lambda **_: assumed.append("again"))
    start = datetime.now(UTC)
    for minutes, times in ((0, 1), (40, 1), (51, 2)):  # ten minutes before the hour is over botocore waits for new ones
        with time_machine.travel(start + timedelta(minutes=minutes)):
            assert sts.whoami(client).account_id == account.account_id
        assert len(assumed) == times


def test_ended_credentials_are_never_used(account: ProjectAccount) -> None:
    client = member(account)
    sts.whoami(client)
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=5)):
        assert sts.whoami(client).account_id == account.account_id


def test_keys_that_stand_nowhere_are_refused_in_our_words(local_aws: LocalAWS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAUNKNOWNUNKNOWN00")
    clients.reset()
    with pytest.raises(AccessDenied, match="InvalidClientTokenId"):
        sts.whoami()


@pytest.mark.parametrize(
    ("url", "called"),
    [
        ("http://123456789012.127.0.0.1:4566/v20180820/x", "http://127.0.0.1:4566/v20180820/x"),
        ("https://123456789012.10.1.2.3/v20180820/x", "https://10.1.2.3/v20180820/x"),
        ("https://123456789012.s3-control.eu-west-1.amazonaws.com/x", None),
        ("https://123456789012.s3-control.dualstack.eu-west-1.amazonaws.com/x", None),
        ("https://s3-control.eu-west-1.amazonaws.com/123456789012.127.0.0.1/x", None),
        ("https://123456789012.127.0.0.1.example.com/x", None),
        ("http://127.0.0.1:4566/123456789012.127.0.0.1/x", None),
    ],
)
def test_only_an_ip_address_loses_the_accounts_prefix(url: str, called: str | None) -> None:
    request = SimpleNamespace(url=url)
    clients.keep_ip_host(request, operation_name="GetPublicAccessBlock")
    assert request.url == (called or url)


def test_real_aws_hosts_keep_the_accounts_prefix(
    monkeypatch: pytest.MonkeyPatch, local_aws: LocalAWS, account: ProjectAccount
) -> None:
    """As boto3 itself makes the request, with and without an address of our own."""
    sent = []

    def stop(request: Any, **_: Any) -> None:
        sent.append(request.url)
        raise RuntimeError("not sent")

    def ask(client: Any) -> None:
        client.meta.events.register_last("before-send.s3-control", stop)
        with pytest.raises(RuntimeError, match="not sent"):
            client.get_public_access_block(AccountId=account.account_id)

    ask(clients.home("s3control"))
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    clients.reset()
    ask(clients.home("s3control"))
    assert sent[0].startswith(f"http://127.0.0.1:{local_aws.port}/")
    assert sent[1].startswith(f"https://{account.account_id}.s3-control.eu-west-1.amazonaws.com/")


@pytest.mark.parametrize(
    ("actor", "name"),
    [
        ("person-7", "person-7"),
        ("ana@example.com", "ana@example.com"),
        ("Ana Almeida", "Ana-Almeida"),
        ("Ångström\n", "-ngstr-m-"),
        ("x", "x-"),
        ("", "--"),
        ("a" * 80, "a" * 64),
    ],
)
def test_an_actor_is_named_as_sts_takes_it(actor: str, name: str) -> None:
    assert clients.session_name(actor) == name


@given(st.text())
def test_every_actor_is_a_name_that_sts_takes(actor: str) -> None:
    assert re.fullmatch(r"[\w+=,.@-]{2,64}", clients.session_name(actor), re.ASCII)
