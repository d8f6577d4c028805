"""The ASGI application: pages through Django, `/ws/` through the live consumer."""

import os

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
_pages = get_asgi_application()

from notifications import routing  # noqa: E402 - Django's applications must be loaded first

application = ProtocolTypeRouter({"http": _pages, "websocket": routing.application()})
