"""What only Django can see: is this installation fit to serve? Each message says how to mend it."""

import os
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from portal.environment import is_loopback


@register(Tags.security)
def demo_stays_at_home(**_: Any) -> list[CheckMessage]:
    """Demo people exist only with AWS on this machine (S11)."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    found: list[CheckMessage] = []
    if settings.DEMO and not is_loopback(endpoint):
        found.append(
            Error(
                "STACKPORT_DEMO is on, but AWS is not on this machine.",
                hint="Unset STACKPORT_DEMO; demo people must not exist beside real accounts.",
                id="stackport.E001",
            )
        )
    if endpoint.startswith("http://") and not is_loopback(endpoint):
        found.append(
            Error(
                "AWS_ENDPOINT_URL is plain http to another machine.",
                hint="Use https, or leave it out to reach AWS itself.",
                id="stackport.E002",
            )
        )
    return found


@register(Tags.security, deploy=True)
def fit_for_production(**_: Any) -> list[CheckMessage]:
    """Refuse what belongs to a demo (S11)."""
    found: list[CheckMessage] = []
    if settings.DEMO:
        found.append(Error("STACKPORT_DEMO is on.", hint="Unset it in production.", id="stackport.E003"))
    if settings.SECRET_KEY.startswith("unset-"):
        found.append(
            Error("STACKPORT_SECRET_KEY is not set.", hint="Set it to 50 random characters.", id="stackport.E004")
        )
    return found
