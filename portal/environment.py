"""Read typed settings from the environment; a missing or odd value stops the start and says how to mend it.

A name that is set but empty counts as left out. Every name the portal reads stands in `portal/settings.py`, with what it
means; PORT and STACKPORT_PACE, which only the demo reads, in `manage.py demo`. django-environ is not used: it takes a
value that begins with $, as a random key may, for the name of another variable.
"""

import math
import os
import re
from dataclasses import dataclass, field
from email.utils import parseaddr
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

from django.core.exceptions import ImproperlyConfigured

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
MAIL_PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}
MAIL_SECONDS = 10


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over: plainly, after STARTTLS, or over TLS from the start."""

    host: str
    port: int
    starttls: bool
    tls: bool
    user: str = ""
    password: str = field(default="", repr=False)


def text(name: str, default: str | None = None, *, pattern: str = "", hint: str = "") -> str:
    """Return a text setting. Without a default the setting is required; `pattern` must match it whole."""
    value = os.environ.get(name) or default
    if value is None:
        raise ImproperlyConfigured(f"{name} is not set. {hint}".strip())
    if value and pattern and not re.fullmatch(pattern, value):
        raise ImproperlyConfigured(f"{name} has an odd value. {hint}".strip())
    return value


def flag(name: str, default: bool = False) -> bool:
    """Return a yes/no setting."""
    value = text(name, "yes" if default else "no").strip().lower()
    if value in {"1", "yes", "true", "on"}:
        return True
    if value in {"0", "no", "false", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} must be yes or no.")


def number(name: str, default: float, *, least: float = 0) -> float:
    """Return a number that is at least `least`."""
    try:
        value = float(text(name, str(default)))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ImproperlyConfigured(f"{name} must be a number; set it in the environment or leave it out.")
    if value < least:
        raise ImproperlyConfigured(f"{name} must be at least {least:g}.")
    return value


def count(name: str, default: int, *, least: int = 0) -> int:
    """Return a whole number that is at least `least`."""
    value = text(name, str(default))
    if not (value.isascii() and value.isdigit() and int(value) >= least):
        raise ImproperlyConfigured(f"{name} must be a whole number, {least} or more.")
    return int(value)


def port(name: str, default: int) -> int:
    """Return a port that a program can listen on."""
    value = text(name, str(default))
    if not (value.isascii() and value.isdigit() and 0 < int(value) < 65536):
        raise ImproperlyConfigured(f"{name} must be a port, a number from 1 to 65535; {value!r} is none.")
    return int(value)


def zone(name: str, default: str) -> str:
    """Return the name of a time zone."""
    value = text(name, default)
    try:
        ZoneInfo(value)
    except (ValueError, OSError, KeyError) as error:  # no such name, or one that leaves the folder of zones
        raise ImproperlyConfigured(
            f"{name} must be a time zone such as Europe/Berlin; {value!r} is not one."
        ) from error
    return value


def words(name: str, default: list[str] | None = None) -> list[str]:
    """Return a comma-separated list."""
    found = [word.strip() for word in text(name, "").split(",") if word.strip()]
    return found or list(default or [])


def origins(name: str, default: list[str] | None = None) -> list[str]:
    """Return full web origins (scheme, host, port), the exact list for pages and sockets."""
    found = words(name, default)
    for origin in found:
        if not is_origin(origin):
            raise ImproperlyConfigured(
                f"{name} must list full origins such as https://portal.example.com; {origin!r} is not one."
            )
    if len({urlsplit(origin).scheme for origin in found}) > 1:
        # One of http would take the protection of cookies from all others.
        raise ImproperlyConfigured(f"{name} must list origins of https alone, or of http alone, not of both.")
    return found


def mail_server(name: str) -> MailServer | None:
    """Return the server of a URL such as smtp+tls://user:password@mail.example.com; None when there is none.

    A password may hold any character when it is written as in URLs (%40 for @).
    """
    value = text(name, "")
    if not value:
        return None
    refusal = ImproperlyConfigured(
        f"{name} must be like smtp+tls://user:password@mail.example.com:587; also smtps:// and, to this machine, smtp://."
    )
    try:
        parts = urlsplit(value)
        port = parts.port or MAIL_PORTS[parts.scheme]
    except (ValueError, KeyError) as error:
        raise refusal from error
    if not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise refusal
    if parts.scheme == "smtp" and not is_loopback(value):
        raise refusal  # links that let somebody in do not cross a network in the clear
    return MailServer(
        host=parts.hostname,
        port=port,
        starttls=parts.scheme == "smtp+tls",
        tls=parts.scheme == "smtps",
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def sender(name: str) -> str:
    """Return the address that mail comes from, with or without a name; empty when there is none."""
    value = text(name, "")
    address = parseaddr(value)[1]
    if value and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", address):
        raise ImproperlyConfigured(f"{name} must be an address such as Stackport <stackport@example.com>.")
    return value


def is_origin(value: str) -> bool:
    """Tell whether a value is what browsers send as Origin: scheme, host in small letters, perhaps a port."""
    try:
        parts = urlsplit(value)
        has_host = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
    whole = value == f"{parts.scheme}://{parts.netloc}".lower() and "@" not in parts.netloc
    return has_host and whole and parts.scheme in {"http", "https"}


def host_of(origin: str) -> str:
    """Return an origin's host as Django compares it: without port, an IPv6 address in brackets."""
    host = urlsplit(origin).hostname or ""
    return f"[{host}]" if ":" in host else host


def is_loopback(url: str) -> bool:
    """Tell whether a URL points at this machine."""
    return (urlsplit(url).hostname or "") in LOOPBACK
