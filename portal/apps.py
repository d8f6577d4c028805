"""The wiring application: system checks and the commands that start the portal's processes."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    """Registers the checks of `portal/checks.py`."""

    name = "portal"

    def ready(self) -> None:
        from portal import checks  # noqa: F401 - registering is its whole purpose
