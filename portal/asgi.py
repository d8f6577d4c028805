"""The ASGI application: pages through Django, `/ws/` through the live consumer."""

import os

from channels.routing import ProtocolTypeRouter
from django.core.wsgi import get_wsgi_application

from portal.threads import ThreadedPages

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
_pages = ThreadedPages(get_wsgi_application())

from notifications import routing  # noqa: E402 - Django's applications must be loaded first

application = ProtocolTypeRouter({"http": _pages, "websocket": routing.application()})
