"""Events in, pushes out."""

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    """Holds no models."""

    name = "notifications"
