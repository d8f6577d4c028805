"""What only Django can see: is this installation fit to serve? Each message says how to mend it.

`manage.py serve` runs them all and does not start when one of them finds an error (S11); `check --deploy` as well.
"""

import os
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from people.models import Person
from portal.environment import is_loopback

KEY_LENGTH = 50
DEMO_PEOPLE = "@example.com"  # a domain that nobody can own


@register(Tags.security)
def demo_stays_at_home(**_: Any) -> list[CheckMessage]:
    """Demo people exist only with AWS on this machine (S11)."""
    # boto3 reads one address for all services, and one for each.
    endpoints = {name: url for name, url in os.environ.items() if name.startswith("AWS_ENDPOINT_URL") and url}
    away = sorted(name for name, url in endpoints.items() if not is_loopback(url))
    found: list[CheckMessage] = []
    if settings.DEMO and (away or "AWS_ENDPOINT_URL" not in endpoints):
        found.append(
            Error(
                "STACKPORT_DEMO is on, but AWS is not on this machine.",
                hint="Unset STACKPORT_DEMO; demo people must not exist beside real accounts.",
                id="stackport.E001",
            )
        )
    found += [
        Error(
            f"{name} is plain http to another machine.",
            hint="Use https, or leave it out to reach AWS itself.",
            id="stackport.E002",
        )
        for name in away
        if not endpoints[name].lower().startswith("https://")
    ]
    return found


@register(Tags.security, deploy=True)
def fit_for_production(**_: Any) -> list[CheckMessage]:
    """Refuse what belongs to a demo or to a developer's machine (S11)."""
    found: list[CheckMessage] = []
    if settings.DEMO:
        found.append(Error("STACKPORT_DEMO is on.", hint="Unset it in production.", id="stackport.E003"))
    if settings.SECRET_KEY.startswith("unset-"):
        found.append(
            Error("STACKPORT_SECRET_KEY is not set.", hint="Set it to 50 random characters.", id="stackport.E004")
        )
    elif len(settings.SECRET_KEY) < KEY_LENGTH:
        found.append(
            Error("STACKPORT_SECRET_KEY is too short.", hint="Set it to 50 random characters.", id="stackport.E005")
        )
    if settings.DEBUG:
        found.append(
            Error("STACKPORT_DEBUG is on.", hint="Unset it: error pages would show the code.", id="stackport.E006")
        )
    return found


@register(Tags.database, deploy=True)
def demo_people_are_gone(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Find demo people who could still sign in (S11); their password stands on every demo's screen."""
    if not databases or settings.DEMO:
        return []
    people = Person.objects.filter(email__iendswith=DEMO_PEOPLE, is_active=True).values_list("email", flat=True)
    return [
        Error(f"The demo's {email} may sign in.", hint="Start with a database of your own.", id="stackport.E007")
        for email in people
    ]
