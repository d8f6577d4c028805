"""Logs: one line an event, JSON unless a person watches. Source: structlog.org/en/stable/standard-library.html"""

from typing import Any

import structlog

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
]


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
                "processor": renderer,
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
