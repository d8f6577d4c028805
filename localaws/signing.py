"""SNS's signatures: one key and certificate a state folder, so that messages in a queue stay true over a restart.

moto makes a certificate a message, keeps all of them for ever, and leaves the subject out of what is signed.
Source: "Verifying the signatures of Amazon SNS messages" of the SNS developer guide.
"""

import base64
import hashlib
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from localaws import state

FILE = "sns-signing-key.pem"
YEARS = 10
_FIELDS = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}


class Signer:
    """One RSA key, and its certificate under the name that messages give."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self._key = key
        public = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.name = f"SimpleNotificationService-{hashlib.sha256(public).hexdigest()[:32]}.pem"
        self.certificate = _certificate(key)

    def signed(self, envelope: Mapping[str, str]) -> dict[str, str]:
        """Return an envelope with SNS's signature, version 2, in the name of its topic's Region."""
        text = "".join(f"{name}\n{envelope[name]}\n" for name in _FIELDS[envelope["Type"]] if name in envelope)
        signature = self._key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        region = envelope["TopicArn"].split(":")[3]
        return {
            **envelope,
            "SignatureVersion": "2",
            "Signature": base64.b64encode(signature).decode(),
            "SigningCertURL": f"https://sns.{region}.amazonaws.com/{self.name}",
        }


class _Process:
    """The signer of this process: moto's state is global, and so is who signs for it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.signer: Signer | None = None


_process = _Process()


def signer() -> Signer:
    """Return who signs in this process, with a key made now if there is none."""
    with _process.lock:
        if _process.signer is None:
            _process.signer = Signer(_made())
        return _process.signer


def use(folder: Path) -> None:
    """Sign with the folder's key from now on; it is made when there is none. Raises StateRefused."""
    path = folder / FILE
    if path.exists():
        state.check(path)
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    else:
        key = _made()
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        state.write(path, pem)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise state.StateRefused(f"{path} holds no RSA key. Remove it.")
    with _process.lock:
        _process.signer = Signer(key)


def _made() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _certificate(key: rsa.RSAPrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365 * YEARS))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)
