"""What only Django can see: is this installation fit to serve? Each message says how to mend it.

`manage.py serve` and `manage.py work` run them all and do not start when one of them finds an error (S11);
`check --deploy` as well. STACKPORT_FAULT_CONTROL is refused by `portal/settings.py`, before any command.
"""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.management.base import BaseCommand
from django.db import DatabaseError

from aws import endpoints
from aws.errors import AWSError
from people.demo import PEOPLE
from people.models import Person
from portal.environment import is_loopback

KEY_LENGTH = 50
FEWEST_SIGNS = 10  # different ones in a key: "changeme" fifty letters long has seven


@register(Tags.security)
def aws_is_where_it_should_be(**_: Any) -> list[CheckMessage]:
    """Demo people exist only with AWS on this machine, and nothing for AWS crosses a network in the clear (S11)."""
    try:
        addresses = endpoints.by_service()
    except AWSError as error:
        hint = "Mend the AWS_ variables, or the file that AWS_CONFIG_FILE names."
        return [Error(f"boto3 cannot use its configuration: {error.message}", hint=hint, id="stackport.E011")]
    away = sorted({url for url in addresses.values() if not is_loopback(url)})
    found: list[CheckMessage] = []
    if settings.DEMO and away:
        found.append(
            Error(
                "STACKPORT_DEMO is on, but AWS is not on this machine.",
                hint="Unset STACKPORT_DEMO; demo people must not exist beside real accounts.",
                id="stackport.E001",
            )
        )
    found += [
        Error(
            f"AWS at {url} is plain http to another machine.",
            hint="Use https, or leave AWS_ENDPOINT_URL and endpoint_url out to reach AWS itself.",
            id="stackport.E002",
        )
        for url in away
        if not url.lower().startswith("https://")
    ]
    return found


def is_guessable(key: str) -> bool:
    """Tell whether a key is short, of few different signs, or one that `startproject` wrote."""
    return len(key) < KEY_LENGTH or len(set(key)) < FEWEST_SIGNS or key.startswith("django-insecure-")


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
    elif is_guessable(settings.SECRET_KEY):
        found.append(
            Error(
                "STACKPORT_SECRET_KEY is too short or too plain.",
                hint="Set it to 50 random characters.",
                id="stackport.E005",
            )
        )
    if any(is_guessable(key) for key in settings.SECRET_KEY_FALLBACKS):
        found.append(
            Error(
                "STACKPORT_SECRET_KEY_FALLBACKS holds a key that is too short or too plain.",
                hint="Take it out: whoever guesses it can forge sessions.",
                id="stackport.E008",
            )
        )
    if settings.DEBUG:
        found.append(
            Error("STACKPORT_DEBUG is on.", hint="Unset it: error pages would show the code.", id="stackport.E006")
        )
    found += [
        Error(
            f"STACKPORT_ORIGINS: {origin} is plain http to another machine.",
            hint="Use https: passwords and sessions would cross a network in the clear.",
            id="stackport.E010",
        )
        for origin in settings.STACKPORT_ORIGINS
        if not origin.startswith("https://") and not is_loopback(origin)
    ]
    return found


@register(Tags.database, deploy=True)
def demo_people_are_gone(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Find demo people who could still sign in (S11); their password stands on every demo's screen."""
    if not databases or settings.DEMO:
        return []
    demo = [email for email, *_rest in PEOPLE]
    try:
        people = list(Person.objects.filter(email__in=demo, is_active=True).values_list("email", flat=True))
    except DatabaseError as error:
        hint = "Run `manage.py migrate` first, or look why it does not answer."
        return [Error(f"The database holds no people yet: {error}.", hint=hint, id="stackport.E009")]
    return [
        Error(
            f"The demo's {email} may sign in.",
            hint="Start with a database of your own, in another folder (STACKPORT_STATE): this one was a demo's.",
            id="stackport.E007",
        )
        for email in people
    ]


def expect_fit(command: BaseCommand) -> None:
    """Let a command that serves stop with every error found, unless this is the demo (S11). Raises SystemCheckError."""
    if not settings.DEMO:
        command.check(tags=[Tags.security, Tags.database], include_deployment_checks=True, databases=["default"])
