"""Projects, their buckets and the changes made to them."""

from django.apps import AppConfig
from django.conf import settings

from aws import rates


class ProjectsConfig(AppConfig):
    """Connects the project's receivers, topics and trusted event sources to `notifications`."""

    name = "projects"

    def ready(self) -> None:
        from projects import permissions, receivers  # noqa: F401 - permissions register themselves

        rates.configure(settings.STACKPORT_RATE_SCALE)
        receivers.connect()
