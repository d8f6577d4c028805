"""Logs: one line an event, JSON unless a person watches. Source: structlog.org/en/stable/standard-library.html

The address of a password reset holds the key that sets a new password, so no line shows it.
"""

import re
from typing import Any

import structlog
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
]

# As it stands in an address, and quoted inside another one. A key ends where the address does.
_RESET_KEY = re.compile(r"""(/password/reset/key/|%2Fpassword%2Freset%2Fkey%2F)[^\s"'\\]+""", re.IGNORECASE)


def without_reset_keys(_logger: object, _method: str, line: str) -> str:
    """Blank the keys of password resets in a whole line: in addresses, messages, nested values and tracebacks."""
    return _RESET_KEY.sub(r"\1[key]", line)


def configuration(level: str, *, for_a_person: bool) -> dict[str, Any]:
    """Set structlog up and return what Django's LOGGING takes."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer = structlog.dev.ConsoleRenderer(colors=False) if for_a_person else structlog.processors.JSONRenderer()
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    renderer,
                    without_reset_keys,
                ],
                "foreign_pre_chain": _SHARED,
            }
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # At DEBUG botocore logs whole answers, secrets among them: never below WARNING.
            "botocore": {"level": "WARNING"},
            # Says with a traceback what it raises as well, which whoever asked puts into words.
            "botocore.credentials": {"level": "ERROR"},
            "boto3": {"level": "WARNING"},
            "urllib3": {"level": "WARNING"},
            "daphne": {"level": "WARNING"},
            "django_structlog": {"level": "WARNING" if for_a_person else level},
        },
    }


def bind_address(request: HttpRequest, **_: Any) -> None:
    """Put the client's address into every line of its request, the one that limits on signing in count by.

    None when there is none, or when fewer proxies wrote theirs than STACKPORT_PROXIES says.
    """
    from allauth.account.adapter import get_adapter  # the settings, which import this module, must stand first

    try:
        found = get_adapter().get_client_ip(request)
    except (PermissionDenied, ImproperlyConfigured):
        found = None
    structlog.contextvars.bind_contextvars(ip=found)
