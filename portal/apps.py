"""The wiring application: system checks and the commands that start the portal's processes."""

from django.apps import AppConfig
from django_structlog.signals import bind_extra_request_metadata

from portal import logs


class PortalConfig(AppConfig):
    """Registers the checks of `portal/checks.py`, and what lines of the log say of a request."""

    name = "portal"

    def ready(self) -> None:
        from portal import checks  # noqa: F401 - registering is its whole purpose

        bind_extra_request_metadata.connect(logs.bind_address)
