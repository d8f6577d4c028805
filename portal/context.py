"""What every page shows about the installation."""

from django.conf import settings
from django.http import HttpRequest


def installation(_request: HttpRequest) -> dict[str, object]:
    """Return the environment label, whether this is the demo, and where the live channel is."""
    return {"environment_label": settings.ENVIRONMENT_LABEL, "is_demo": settings.DEMO, "live_url": "/ws/"}
