"""Read typed settings from the environment; a missing or odd value stops the start and says how to mend it.

A name that is set but empty counts as left out. Every name the portal reads stands in `portal/settings.py`;
docs/settings are its comments. django-environ is not used: it takes a value that begins with $, as a random key may,
for the name of another variable.
"""

import math
import os
import re
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.core.exceptions import ImproperlyConfigured

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


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
    return found


def is_origin(value: str) -> bool:
    """Tell whether a value is what browsers send as Origin: scheme, host in small letters, perhaps a port."""
    try:
        parts = urlsplit(value)
        has_host = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
    whole = value == f"{parts.scheme}://{parts.netloc}".lower() and "@" not in parts.netloc
    return has_host and whole and parts.scheme in {"http", "https"}


def is_loopback(url: str) -> bool:
    """Tell whether a URL points at this machine."""
    return (urlsplit(url).hostname or "") in LOOPBACK
