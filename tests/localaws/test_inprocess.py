"""Clients that run a WSGI callable in this process."""

import io
from typing import Any

import pytest
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError

from localaws import inprocess
from localaws.callers import Credentials
from tests.localaws.engine_bench import HOME, Bench, data_plane

pytest_plugins = ["tests.localaws.engine_fixtures"]

KEY = Credentials(HOME, "secret")


def test_a_client_is_built_once_and_kept() -> None:
    first = inprocess.client(data_plane, "sqs", KEY, "eu-west-1")
    assert inprocess.client(data_plane, "sqs", KEY, "eu-west-1") is first
    assert inprocess.client(data_plane, "sqs", KEY, "eu-west-2") is not first
    assert inprocess.client(data_plane, "sqs", Credentials(HOME, "secret", "token"), "eu-west-1") is not first


def test_old_clients_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inprocess, "KEPT_CLIENTS", 1)
    monkeypatch.setattr(inprocess, "_clients", type(inprocess._clients)())
    first = inprocess.client(data_plane, "sqs", KEY, "eu-west-1")
    inprocess.client(data_plane, "sqs", KEY, "eu-west-2")
    assert inprocess.client(data_plane, "sqs", KEY, "eu-west-1") is not first


def test_bodies_and_odd_names_travel_both_ways(bench: Bench) -> None:
    s3 = bench.client("s3")
    s3.create_bucket(Bucket="travel", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for body in (b"bytes", io.BytesIO(b"a file")):
        s3.put_object(Bucket="travel", Key="a b/ü+%.txt", Body=body)
    assert s3.list_objects_v2(Bucket="travel")["Contents"][0]["Key"] == "a b/ü+%.txt"
    stream = s3.get_object(Bucket="travel", Key="a b/ü+%.txt")["Body"]
    assert b"".join(stream.iter_chunks(2)) == b"a file"


def test_a_refusal_arrives_as_a_client_error(bench: Bench) -> None:
    with pytest.raises(ClientError, match="NoSuchBucket"):
        bench.client("s3").list_objects_v2(Bucket="nowhere")


def test_requests_are_signed_and_marked_as_in_process() -> None:
    seen: dict[str, Any] = {}

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.update(environ)
        start_response("200 OK", [("Content-Type", "text/xml")])
        return [b"<R><GetCallerIdentityResult/><ResponseMetadata/></R>"]

    inprocess.client(app, "sts", Credentials("AKIDEXAMPLE", "secret", "token"), "eu-west-1").get_caller_identity()
    assert seen[inprocess.IN_PROCESS] is True
    assert "Credential=AKIDEXAMPLE/" in seen["HTTP_AUTHORIZATION"]
    assert seen["HTTP_X_AMZ_SECURITY_TOKEN"] == "token"
    assert seen["HTTP_HOST"] == "127.0.0.1:1"


def test_an_answer_is_closed_even_when_reading_it_fails() -> None:
    class Broken:
        closed = False

        def __iter__(self) -> Any:
            raise OSError("broken pipe")

        def close(self) -> None:
            self.closed = True

    broken = Broken()
    client = inprocess.client(lambda _environ, _start: broken, "sts", KEY, "eu-west-1")
    with pytest.raises(OSError, match="broken pipe"):
        client.get_caller_identity()
    assert broken.closed


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("http://123456789012.127.0.0.1:80/v20", "http://127.0.0.1:80/v20"),
        ("http://127.0.0.1:80/v20", "http://127.0.0.1:80/v20"),
        (
            "https://123456789012.s3-control.eu-west-1.amazonaws.com/",
            "https://123456789012.s3-control.eu-west-1.amazonaws.com/",
        ),
    ],
)
def test_only_an_ip_host_loses_its_account_prefix(url: str, sent: str) -> None:
    request = AWSRequest("GET", url)
    inprocess.keep_ip_host(request)
    assert request.url == sent


def test_s3control_is_reached(bench: Bench) -> None:
    control = bench.client("s3control")
    block = {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": True,
        "BlockPublicPolicy": True,
        "RestrictPublicBuckets": True,
    }
    control.put_public_access_block(AccountId=HOME, PublicAccessBlockConfiguration=block)
    assert control.get_public_access_block(AccountId=HOME)["PublicAccessBlockConfiguration"] == block
