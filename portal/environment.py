"""Read typed settings from the environment; a missing or odd value stops the start and says how to mend it.

Follows django-environ. Every name the portal reads stands in `portal/settings.py`; docs/settings are its comments.
"""

import re
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

LOOPBACK = {"127.0.0.1", "localhost", "::1"}

_env = environ.Env()


def _read(kind: str, name: str, default: Any, expected: str) -> Any:
    try:
        return getattr(_env, kind)(name, default=default)
    except (ValueError, TypeError) as error:
        raise ImproperlyConfigured(f"{name} must be {expected}; set it in the environment or leave it out.") from error


def text(name: str, default: str | None = None, *, pattern: str = "", hint: str = "") -> str:
    """Return a text setting. Without a default the setting is required; `pattern` must match it whole."""
    value: str = _env.str(name, default=default if default is not None else "")
    if default is None and not value:
        raise ImproperlyConfigured(f"{name} is not set. {hint}".strip())
    if value and pattern and not re.fullmatch(pattern, value):
        raise ImproperlyConfigured(f"{name} has an odd value. {hint}".strip())
    return value


def flag(name: str, default: bool = False) -> bool:
    """Return a yes/no setting."""
    value = _env.str(name, default="yes" if default else "no").strip().lower()
    if value in {"1", "yes", "true", "on"}:
        return True
    if value in {"0", "no", "false", "off", ""}:
        return False
    raise ImproperlyConfigured(f"{name} must be yes or no.")


def number(name: str, default: float, *, least: float = 0) -> float:
    """Return a number that is at least `least`."""
    value: float = _read("float", name, default, "a number")
    if value < least:
        raise ImproperlyConfigured(f"{name} must be at least {least:g}.")
    return value


def words(name: str, default: list[str] | None = None) -> list[str]:
    """Return a comma-separated list."""
    value: list[str] = _env.list(name, default=default or [])
    return [word.strip() for word in value if word.strip()]


def origins(name: str, default: list[str] | None = None) -> list[str]:
    """Return full web origins (scheme, host, port), the exact list for pages and sockets."""
    found = words(name, default)
    for origin in found:
        parts = urlsplit(origin)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query:
            raise ImproperlyConfigured(
                f"{name} must list full origins such as https://portal.example.com; {origin!r} is not one."
            )
    return found


def is_loopback(url: str) -> bool:
    """Tell whether a URL points at this machine."""
    return (urlsplit(url).hostname or "") in LOOPBACK
