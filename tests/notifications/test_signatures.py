"""Only what SNS itself signed is believed, to the letter, and only for the topic that it names (S5)."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from aws import clients, sns
from aws.errors import NotFound
from localaws.server import LocalAWS
from localaws.signing import Signer, signer
from notifications.errors import UntrustedMessage
from notifications.signatures import proof_of
from tests.notifications.bodies import STACK_ID, TOPIC, body, envelope, signed, text
from tests.notifications.conftest import Heard, Post

NOTIFICATION = json.loads(body("sns_stack_event.json"))
QUESTION = json.loads(body("sns_subscription_confirmation.json"))
KEY = signer()


def key_of(_region: str, _certificate: str) -> rsa.RSAPublicKey:
    return KEY._key.public_key()


def altered(document: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**KEY.signed({k: v for k, v in document.items() if isinstance(v, str)}), **fields}


@pytest.mark.parametrize("document", [NOTIFICATION, QUESTION], ids=["notification", "question"])
def test_what_sns_signed_is_genuine(document: dict[str, Any]) -> None:
    proof_of(altered(document)).expect_genuine(key_of)


@given(st.text(), st.none() | st.text(min_size=1))
def test_any_text_can_be_signed_and_proven(message: str, subject: str | None) -> None:
    document = {**NOTIFICATION, "Message": message}
    document.pop("Subject")
    proof_of(altered(document if subject is None else {**document, "Subject": subject})).expect_genuine(key_of)


@pytest.mark.parametrize(
    ("document", "field"),
    [(NOTIFICATION, name) for name in ("Message", "MessageId", "Subject", "Timestamp")]
    + [(QUESTION, name) for name in ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token")],
)
def test_no_signed_field_can_be_another(document: dict[str, Any], field: str) -> None:
    with pytest.raises(UntrustedMessage, match="did not sign"):
        proof_of(altered(document, **{field: document[field] + "x"})).expect_genuine(key_of)


def test_an_envelope_of_one_topic_proves_nothing_for_another() -> None:
    with pytest.raises(UntrustedMessage, match="did not sign"):
        proof_of(altered(NOTIFICATION, TopicArn=TOPIC.replace("210987654321", "999999999999"))).expect_genuine(key_of)


@pytest.mark.parametrize(
    "fields",
    [
        {"SignatureVersion": "1"},
        {"SignatureVersion": None},
        {"Signature": "not base64!"},
        {"Signature": None},
        {"MessageId": None},
        {"Message": "\ud800"},
        {"SigningCertURL": None},
        {"SigningCertURL": "https://sns.eu-west-1.amazonaws.com.example.com/SimpleNotificationService-00.pem"},
        {"SigningCertURL": "https://example.com/sns.eu-west-1.amazonaws.com/SimpleNotificationService-00.pem"},
        {"SigningCertURL": "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-00.pem"},
        {"SigningCertURL": "https://sns.eu-west-1.amazonaws.com/../SimpleNotificationService-00.pem"},
        {"SigningCertURL": "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-00.pem"},
        {"TopicArn": "topic"},
    ],
)
def test_a_proof_that_could_not_hold_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(UntrustedMessage):
        proof_of(altered(NOTIFICATION, **fields)).expect_genuine(key_of)


def test_another_key_under_the_same_name_does_not_count() -> None:
    forger = Signer(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    with pytest.raises(UntrustedMessage, match="did not sign"):
        proof_of(forger.signed(NOTIFICATION)).expect_genuine(key_of)


def test_the_local_aws_serves_the_certificate_and_no_other(local_aws: LocalAWS) -> None:
    document = json.loads(signed(body("sns_stack_event.json")))
    proof_of(document).expect_genuine(sns.signing_key)
    with pytest.raises(NotFound):
        sns.signing_key("eu-west-1", "SimpleNotificationService-00.pem")


@pytest.mark.django_db
def test_a_raw_delivery_that_looks_like_anothers_envelope_is_refused(post: Post, heard: Heard) -> None:
    forged = envelope(text(StackId=STACK_ID))
    forger = Signer(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    for attempt in (forged, json.dumps({**json.loads(forged), **forger.signed(json.loads(forged))})):
        post.queue.send(attempt)
        (arrived,) = post.queue.receive(wait_seconds=2, max_messages=1)
        assert post.intake.handle(arrived) == "untrusted"
    assert heard.events == []
    assert heard.malformed == []
    assert len(post.buried()) == 2


@pytest.mark.django_db
def test_a_certificate_that_cannot_be_had_leaves_the_message(
    post: Post, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    sns.signing_key.cache_clear()
    nobody = clients.home("sns", "eu-west-1")
    monkeypatch.setattr(nobody.meta, "_endpoint_url", "http://127.0.0.1:9")
    arrived = post.arrive(body("sns_stack_event.json"))
    assert post.intake.take(arrived) is False
    monkeypatch.undo()
    (again,) = post.queue.receive(wait_seconds=2)
    assert again.message_id == arrived.message_id


@pytest.mark.django_db
def test_strangers_share_one_pace_and_leave_no_flood_of_notes(
    post: Post, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notifications.intake.BURST", 2.0)
    monkeypatch.setattr("notifications.intake.EVENTS_PER_SECOND", 0.0)
    for _ in range(4):
        post.queue.send("nobody's")
    while found := post.queue.receive(wait_seconds=0):
        for message in found:
            post.intake.handle(message)
    assert len(post.buried()) == 2
    assert post.intake.counts == {"untrusted": 4}
    assert post.intake.handle(post.arrive(body("sns_stack_event.json"))) == "heard"
