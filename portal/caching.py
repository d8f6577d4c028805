"""What browsers may keep of a page: nothing. A page is the present, so going Back asks for it again.

The answer to a sent form is the exception: without it, Back would be the browser's own warning about sending twice.

One address answers a whole page, or the part of it that htmx puts into one: `Vary` tells the two apart. What is kept
nowhere is also not shown to the next person at a shared computer. Source:
docs.djangoproject.com/en/5.2/ref/utils/#module-django.utils.cache
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_cache_control, patch_vary_headers


class PresentPages:
    """Middleware: marks every HTML answer that says nothing of its own. Files of WhiteNoise never come this far."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        if response.headers.get("Content-Type", "").startswith("text/html"):
            patch_vary_headers(response, ["HX-Request"])
            if "Cache-Control" not in response:
                kept = {"no_store": True} if request.method in {"GET", "HEAD"} else {"no_cache": True}
                patch_cache_control(response, private=True, **kept)
        return response
