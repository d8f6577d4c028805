"""What workers and commands tell the web process, through the events queue, signed so that no account can forge it.

A project's topic can put any text into that queue by raw delivery; without the portal's key it cannot sign.
"""

import json
from typing import Any

from django.conf import settings
from django.core import signing

from aws import sqs
from notifications.errors import UntrustedMessage

SALT = "notifications.announcement"
MAX_AGE_SECONDS = 3600


def send(signal: dict[str, Any]) -> None:
    """Put a live signal into the events queue. Raises AWSError."""
    sqs.queue(settings.STACKPORT_EVENTS_QUEUE).send(json.dumps({"stackport": signing.dumps(signal, salt=SALT)}))


def read(signed: str) -> dict[str, Any]:
    """Return the signal that was sent. Raises UntrustedMessage."""
    try:
        signal = signing.loads(signed, salt=SALT, max_age=MAX_AGE_SECONDS)
    except signing.BadSignature as error:
        raise UntrustedMessage("an announcement without the portal's signature, or an old one") from error
    return dict(signal)
