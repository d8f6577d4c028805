"""The port: who is let in, the control calls, long polls, concurrent writes, start and stop."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import botocore.credentials
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, ClientError

from localaws.callers import Credentials
from localaws.dataplane import LONG_POLLS
from localaws.journal import shared_maps
from localaws.server import LocalAWS
from tests.localaws.conftest import ROOT, Process, connect, post, until


@pytest.fixture
def port(localaws: LocalAWS) -> int:
    assert os.environ["AWS_ENDPOINT_URL"] == f"http://127.0.0.1:{localaws.port}"
    return localaws.port


def status_of(port: int, path: str, headers: dict[str, str], method: str = "GET") -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


# -- who is let in ----------------------------------------------------------------------------------------------------


def test_ready_is_open_to_local_programs(port: int) -> None:
    assert status_of(port, "/_localaws/ready", {}) == 200
    assert status_of(port, "/_localaws/ready", {"Host": f"localhost:{port}"}) == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "bucket.localhost"]
)
def test_a_foreign_host_is_refused(port: int, host: str) -> None:
    assert status_of(port, "/_localaws/ready", {"Host": host.format(port=port)}) == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:8000"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_any_origin_is_refused(port: int, origin: str, method: str) -> None:
    assert status_of(port, "/_localaws/ready", {"Origin": origin}, method) == 403


@pytest.mark.parametrize("path", ["/moto-api/reset", "/moto-api/", "/moto-api", "/_localaws", "/_localaws/other"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_moto_has_no_pages(port: int, path: str, method: str) -> None:
    assert status_of(port, path, {}, method) == 404


def test_nothing_but_loopback_listens(port: int) -> None:
    with socket.socket() as other:
        other.settimeout(2)
        assert other.connect_ex(("127.0.0.2", port)) != 0


# -- control ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", [None, "", "wrong", "\xe4"])
def test_control_needs_the_token(localaws: LocalAWS, port: int, token: str | None) -> None:
    headers = {} if token is None else {"X-Localaws-Token": token}
    assert post(port, "/_localaws/control/reset", **headers)[0] == 403
    assert localaws.home


def test_control_says_what_it_cannot_read(localaws: LocalAWS, port: int) -> None:
    token = {"X-Localaws-Token": localaws.control_token}
    assert post(port, "/_localaws/control/nothing", **token)[0] == 404
    for wish in ({"fault": "none"}, {"fault": "throttle", "wrong": 1}, {}, ["fault"]):
        assert post(port, "/_localaws/control/faults", wish, **token)[0] == 400
    assert post(port, "/_localaws/control/pace", {"seconds": "slow"}, **token)[0] == 400
    assert status_of(port, "/_localaws/control/info", token) == 403


def test_control_sets_pace_and_faults_and_tells(localaws: LocalAWS, port: int) -> None:
    token = {"X-Localaws-Token": localaws.control_token}
    assert post(port, "/_localaws/control/pace", {"seconds": 0.25}, **token) == (200, {})
    assert (
        post(port, "/_localaws/control/faults", {"fault": "slow", "resource_type": "T", "seconds": 1}, **token)[0]
        == 200
    )
    _, info = post(port, "/_localaws/control/info", **token)
    localaws.engine.pace_seconds = 0.0
    assert info["pace_seconds"] == 0.25
    assert info["faults"]["slow"] == {"T": 1}
    assert info["idle"] is True


def test_control_resets(localaws: LocalAWS, port: int) -> None:
    sqs = connect(port, localaws.home, "sqs")
    sqs.create_queue(QueueName="q")
    assert post(port, "/_localaws/control/reset", **{"X-Localaws-Token": localaws.control_token})[0] == 200
    assert "QueueUrls" not in sqs.list_queues()


# -- reset ------------------------------------------------------------------------------------------------------------


def test_reset_is_quick_and_keeps_the_home_key(localaws: LocalAWS, port: int) -> None:
    s3, sqs = connect(port, localaws.home, "s3"), connect(port, localaws.home, "sqs")
    for number in range(20):
        s3.create_bucket(Bucket=f"b{number}-x", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        sqs.create_queue(QueueName=f"q{number}")
    organizations = connect(port, localaws.home, "organizations")
    organizations.create_organization(FeatureSet="ALL")
    organizations.create_account(AccountName="A", Email="a@example.com")
    times = []
    for _ in range(3):
        began = time.perf_counter()
        localaws.reset()
        times.append(time.perf_counter() - began)
    assert min(times) < 0.05
    assert not any(shared_maps().values())
    assert s3.list_buckets()["Buckets"] == []
    s3.create_bucket(Bucket="b0-x", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    organizations.create_organization(FeatureSet="ALL")


# -- long polls -------------------------------------------------------------------------------------------------------


def make_queue(sqs: Any, **attributes: str) -> str:
    return str(sqs.create_queue(QueueName="bells", Attributes=attributes)["QueueUrl"])


def test_a_long_poll_wakes_for_a_message(localaws: LocalAWS, port: int) -> None:
    sqs = connect(port, localaws.home, "sqs")
    url = make_queue(sqs)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(sqs.receive_message, QueueUrl=url, WaitTimeSeconds=10)
        time.sleep(0.3)
        sent = time.perf_counter()
        sqs.send_message(QueueUrl=url, MessageBody="ring")
        assert waiting.result()["Messages"][0]["Body"] == "ring"
    assert time.perf_counter() - sent < 5


def test_a_long_poll_wakes_for_a_delayed_and_a_timed_out_message(localaws: LocalAWS, port: int) -> None:
    sqs = connect(port, localaws.home, "sqs")
    url = make_queue(sqs, VisibilityTimeout="1")
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=1)
    for _ in ("delayed", "timed out"):
        began = time.perf_counter()
        found = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
        assert found[0]["Body"] == "later"
        assert 0.7 < time.perf_counter() - began < 4


def test_a_poll_without_news_ends_empty_after_its_time(localaws: LocalAWS, port: int) -> None:
    sqs = connect(port, localaws.home, "sqs")
    for url, wait in (
        (make_queue(sqs), {"WaitTimeSeconds": 1}),
        (sqs.create_queue(QueueName="slow", Attributes={"ReceiveMessageWaitTimeSeconds": "2"})["QueueUrl"], {}),
    ):
        began = time.perf_counter()
        assert "Messages" not in sqs.receive_message(QueueUrl=url, **wait)
        assert 0.9 < time.perf_counter() - began < 5
        began = time.perf_counter()
        assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=0)
        assert time.perf_counter() - began < 1.5
    with pytest.raises(ClientError, match="WaitTimeSeconds"):
        sqs.receive_message(QueueUrl=url, WaitTimeSeconds=21)


def test_the_query_protocol_polls_too(localaws: LocalAWS, port: int) -> None:
    url = make_queue(connect(port, localaws.home, "sqs"))
    form = urlencode({"Action": "ReceiveMessage", "Version": "2012-11-05", "QueueUrl": url, "WaitTimeSeconds": "1"})
    request = AWSRequest(
        "POST", f"http://127.0.0.1:{port}/", {"Content-Type": "application/x-www-form-urlencoded"}, form
    )
    keys = botocore.credentials.Credentials(localaws.home.access_key_id, localaws.home.secret_access_key)
    SigV4Auth(keys, "sqs", "eu-west-1").add_auth(request)
    began = time.perf_counter()
    with urlopen(Request(request.url, form.encode(), dict(request.headers)), timeout=20) as answer:
        assert b"ReceiveMessageResult" in answer.read()
    assert 0.9 < time.perf_counter() - began < 5


def test_a_blocked_group_of_a_fifo_queue_does_not_spin(localaws: LocalAWS, port: int) -> None:
    sqs = connect(port, localaws.home, "sqs")
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    url = sqs.create_queue(QueueName="f.fifo", Attributes=attributes)["QueueUrl"]
    for text in ("a", "b"):
        sqs.send_message(QueueUrl=url, MessageBody=text, MessageGroupId="g")
    [first] = sqs.receive_message(QueueUrl=url)["Messages"]
    began = time.process_time()
    assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)
    assert time.process_time() - began < 0.5
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "b"


def test_many_long_polls_hold_nobody_up(localaws: LocalAWS, port: int) -> None:
    sqs = connect(port, localaws.home, "sqs")
    url = make_queue(sqs)
    sts = connect(port, localaws.home, "sts")
    polls = LONG_POLLS + 8
    began = time.perf_counter()

    def poll() -> float:
        sqs.receive_message(QueueUrl=url, WaitTimeSeconds=3)
        return time.perf_counter() - began

    with ThreadPoolExecutor(polls) as pool:
        ends = [pool.submit(poll) for _ in range(polls)]
        until(lambda: sum(end.done() for end in ends) >= polls - LONG_POLLS)
        asked = time.perf_counter()
        sts.get_caller_identity()
        assert time.perf_counter() - asked < 2
        # Beyond the cap a poll still gets what is there.
        sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": str(n), "MessageBody": "x"} for n in range(10)])
        took = sorted(end.result() for end in ends)
    assert took[polls - LONG_POLLS - 1] < 2.9
    assert took[-1] >= 3


def test_a_poll_beyond_the_cap_is_still_judged(localaws: LocalAWS, port: int) -> None:
    sqs = connect(port, localaws.home, "sqs")
    url = make_queue(sqs)
    stranger = connect(port, Credentials("AKIAIOSFODNN7EXAMPLE", "x" * 40), "sqs")
    with ThreadPoolExecutor(LONG_POLLS) as pool:
        ends = [pool.submit(sqs.receive_message, QueueUrl=url, WaitTimeSeconds=2) for _ in range(LONG_POLLS)]
        time.sleep(0.8)
        with pytest.raises(ClientError, match="InvalidClientTokenId"):
            stranger.receive_message(QueueUrl=url, WaitTimeSeconds=2)
        for end in ends:
            end.result()


# -- DynamoDB ---------------------------------------------------------------------------------------------------------


def make_tables(dynamodb: Any, *names: str) -> None:
    for name in names:
        dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )


def test_of_many_conditional_writes_one_wins(localaws: LocalAWS, port: int) -> None:
    dynamodb = connect(port, localaws.home, "dynamodb")
    make_tables(dynamodb, "t")

    def put(number: int) -> int:
        try:
            dynamodb.put_item(
                TableName="t",
                Item={"k": {"S": f"row{number // 16}"}},
                ConditionExpression="attribute_not_exists(k)",
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return 0
        return 1

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(put, range(160))) == 10


def test_counters_lose_no_step_and_transactions_do_not_lock_each_other_out(localaws: LocalAWS, port: int) -> None:
    dynamodb = connect(port, localaws.home, "dynamodb")
    make_tables(dynamodb, "a", "b")

    def step(table: str) -> dict[str, Any]:
        return {
            "Update": {
                "TableName": table,
                "Key": {"k": {"S": "n"}},
                "UpdateExpression": "ADD n :one",
                "ExpressionAttributeValues": {":one": {"N": "1"}},
            }
        }

    def transact(number: int) -> None:
        tables = ("a", "b") if number % 2 else ("b", "a")
        dynamodb.transact_write_items(TransactItems=[step(table) for table in tables])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(transact, range(80)))
    for table in ("a", "b"):
        assert dynamodb.get_item(TableName=table, Key={"k": {"S": "n"}})["Item"]["n"]["N"] == "80"


# -- start and stop ---------------------------------------------------------------------------------------------------


def test_sigterm_stops_in_time_whatever_runs(process: Any) -> None:
    found: Process = process("--pace=30")
    sqs = found.client("sqs")
    url = make_queue(sqs)
    template = json.dumps({"Resources": {"T": {"Type": "AWS::SNS::Topic"}}})
    found.client("cloudformation").create_stack(StackName="slow", TemplateBody=template)

    def poll() -> None:
        # Either is right: an empty answer, or a closed connection that a client repeats.
        with suppress(BotoCoreError):
            assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)

    polling = threading.Thread(target=poll)
    polling.start()
    time.sleep(0.5)
    began = time.perf_counter()
    assert found.end(signal.SIGTERM) == (0, "")
    assert time.perf_counter() - began < 3  # 2 on a machine of its own
    polling.join(5)


def test_state_files_are_private(process: Any) -> None:
    found: Process = process()
    kept = {"credentials.json", "control-token", "lock", "sns-signing-key.pem", "snapshot"}
    assert {path.name for path in found.folder.iterdir()} == kept
    assert {oct(path.stat().st_mode & 0o777) for path in found.folder.iterdir()} == {"0o600"}
    assert found.folder.stat().st_mode & 0o077 == 0
    assert found.control("info")[0] == 200


def test_the_token_can_go_elsewhere(process: Any, tmp_path: Path) -> None:
    token = tmp_path / "token"
    found: Process = process(f"--control-token-file={token}")
    assert token.stat().st_mode & 0o777 == 0o600
    header = {"X-Localaws-Token": token.read_text()}
    assert post(found.port, "/_localaws/control/info", **header)[0] == 200


def test_a_taken_port_is_told(port: int) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "localaws", f"--port={port}"], cwd=ROOT, capture_output=True, text=True, timeout=20
    )
    assert ended.returncode == 1
    assert "in use" in ended.stderr
    assert "Traceback" not in ended.stderr
