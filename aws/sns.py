"""SNS: confirm the subscription of the portal's queue to a project's topic, and get the keys that SNS signs with."""

import urllib.error
import urllib.request
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from aws import clients
from aws.errors import NotFound, Unreachable, aws_errors

CERTIFICATE_SECONDS = 3
CERTIFICATE_MAXIMUM_BYTES = 64 * 1024


def confirm_subscription(topic_arn: str, token: str) -> str:
    """Confirm a pending subscription; return its ARN. Source: ConfirmSubscription."""
    region = topic_arn.split(":")[3]
    with aws_errors():
        answer = clients.home("sns", region).confirm_subscription(TopicArn=topic_arn, Token=token)
    return str(answer["SubscriptionArn"])


@lru_cache(maxsize=64)  # SNS changes a Region's certificate about once a year
def signing_key(region: str, certificate: str) -> rsa.RSAPublicKey:
    """Return the public key in one of SNS's certificates, by Region and file name.

    It is read from the endpoint that the portal's own calls go to, whatever address a message gives: so the local AWS
    needs no exception here. Raises NotFound when SNS has no such certificate, Unreachable when it does not answer.
    Source: "Verifying the signatures of Amazon SNS messages" of the SNS developer guide.
    """
    address = f"{clients.home('sns', region).meta.endpoint_url.rstrip('/')}/{certificate}"
    try:
        with urllib.request.urlopen(address, timeout=CERTIFICATE_SECONDS) as answer:  # noqa: S310 - boto3's endpoint
            pem = answer.read(CERTIFICATE_MAXIMUM_BYTES)
    except urllib.error.HTTPError as error:
        if 400 <= error.code < 500:
            raise NotFound("no such certificate", code=str(error.code), operation="SigningCertURL") from error
        raise Unreachable(f"{address}: {error}") from error
    except OSError as error:
        raise Unreachable(f"{address}: {error}") from error
    try:
        key = x509.load_pem_x509_certificate(pem).public_key()
    except ValueError as error:
        raise NotFound("no certificate", operation="SigningCertURL") from error
    if not isinstance(key, rsa.RSAPublicKey):
        raise NotFound("a certificate of another kind", operation="SigningCertURL")
    return key
