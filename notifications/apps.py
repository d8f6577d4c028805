"""Events in, pushes out."""

from typing import Any

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_out
from django.http import HttpRequest


class NotificationsConfig(AppConfig):
    """Holds no models."""

    name = "notifications"

    def ready(self) -> None:
        """Close a session's sockets when it is signed out."""
        user_logged_out.connect(_on_signed_out, dispatch_uid="notifications")


def _on_signed_out(sender: object, *, request: HttpRequest | None, **_: Any) -> None:
    """Say that a session ended; the signal comes before its key is thrown away."""
    from notifications import push  # the app registry must be ready before models are imported

    key = getattr(getattr(request, "session", None), "session_key", None)
    if key:
        push.session_ended(key)
