"""Prove that SNS itself wrote an envelope, whoever put it into the queue.

The queue's policy lets a project's topic in, and that topic's owner may ask for raw delivery and publish text that looks
like the envelope of another project's topic (tried). The signature covers the topic's ARN, and its key is SNS's own.
Only version 2 (SHA-256) counts: the baseline asks for it, and SHA-1 proves nothing any more.
Source: "Verifying the signatures of Amazon SNS messages" of the SNS developer guide.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from notifications.errors import UntrustedMessage

VERSION = "2"
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_OPTIONAL = {"Subject"}
_CERTIFICATE = re.compile(
    r"https://sns\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/(?P<name>SimpleNotificationService-[0-9a-f]{1,64}\.pem)"
)


@dataclass(frozen=True, slots=True)
class Proof:
    """What an envelope says of its own signature: the signed bytes, and the certificate by Region and file name."""

    region: str
    certificate: str
    signed: bytes
    signature: bytes

    def expect_genuine(self, key_of: Callable[[str, str], rsa.RSAPublicKey]) -> None:
        """Raise UntrustedMessage unless the key that `key_of(region, certificate)` returns made the signature."""
        try:
            key_of(self.region, self.certificate).verify(
                self.signature, self.signed, padding.PKCS1v15(), hashes.SHA256()
            )
        except InvalidSignature:
            raise UntrustedMessage("SNS did not sign this") from None


def signed_bytes(document: Mapping[str, Any]) -> bytes:
    """Return what SNS signs of an envelope. Raises UntrustedMessage when a field of it is missing or no text."""
    lines = []
    for name in _SIGNED[document["Type"]]:
        value = document.get(name)
        if value is None and name in _OPTIONAL:
            continue
        if not isinstance(value, str):
            raise UntrustedMessage(f"an SNS envelope without {name}")
        lines.append(f"{name}\n{value}\n")
    try:
        return "".join(lines).encode()
    except UnicodeEncodeError as error:  # JSON may hold half of a surrogate pair
        raise UntrustedMessage("an SNS envelope that is no text") from error


def proof_of(document: Mapping[str, Any]) -> Proof:
    """Read the proof in an SNS envelope. Raises UntrustedMessage when it has none that could hold."""
    if document.get("SignatureVersion") != VERSION:
        raise UntrustedMessage(f"not signed with SNS's signature version {VERSION}")
    certificate = _CERTIFICATE.fullmatch(str(document.get("SigningCertURL")))
    if certificate is None or certificate["region"] != _region_of(document["TopicArn"]):
        raise UntrustedMessage("its certificate is not SNS's in the topic's Region")
    try:
        signature = base64.b64decode(str(document.get("Signature")), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UntrustedMessage("its signature cannot be read") from error
    return Proof(certificate["region"], certificate["name"], signed_bytes(document), signature)


def _region_of(arn: str) -> str:
    parts = arn.split(":")
    return parts[3] if len(parts) > 5 else ""
