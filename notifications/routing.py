"""Where sockets go: `/ws/`, behind the session and an exact list of origins."""

from typing import Any

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from channels.security.websocket import OriginValidator
from django.conf import settings
from django.urls import path

from notifications.consumers import LiveConsumer

websocket_urlpatterns = [path("ws/", LiveConsumer.as_asgi())]


def application() -> Any:
    """Return the application of sockets; full origins, since a host alone would let another port or scheme in."""
    return OriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns)), settings.STACKPORT_ORIGINS)
