"""What every page shows about the installation."""

from django.conf import settings
from django.http import HttpRequest


def installation(_request: HttpRequest) -> dict[str, object]:
    """Return what every page says of the installation: label, demo, live channel, zone of times, whom to ask."""
    return {
        "environment_label": settings.ENVIRONMENT_LABEL,
        "is_demo": settings.DEMO,
        "live_url": "/ws/",
        "time_zone": settings.TIME_ZONE,
        "mail_is_configured": settings.MAIL_CONFIGURED,
        "staff_contact": settings.STAFF_CONTACT,
    }
