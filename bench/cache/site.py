"""The page that `pages.py` measures: a list of 50 rows read from the cache and rendered, on Django's own ASGI handler.

A process of its own; BENCH_CACHE_ALIAS says which cache is its default one. Nothing here may touch the cache outside a
request: a cache object made in the main thread is inherited by every request's context, and none is made in a request.
"""

from bench.cache import peers

TEMPLATE = """<!doctype html><title>Buckets</title><table>
{% for row in rows %}<tr><td>{{ row.name }}<td>{{ row.purpose }}<td>{{ row.status }}<td>{{ row.size }}
{% endfor %}</table>"""

peers.set_up(
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF="bench.cache.site",
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "loaders": [("django.template.loaders.locmem.Loader", {"page.html": TEMPLATE})],
            },
        }
    ],
)

# After Django is set up.
from django.core.asgi import get_asgi_application  # noqa: E402
from django.core.cache import cache  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.shortcuts import render  # noqa: E402
from django.urls import path  # noqa: E402

from bench.cache.values import LIST  # noqa: E402


def page(request: HttpRequest) -> HttpResponse:
    """Show the rows, cached by the first one who asks."""
    rows = cache.get("list")
    if rows is None:
        rows = LIST
        cache.set("list", rows, timeout=None)
    return render(request, "page.html", {"rows": rows})


urlpatterns = [path("", page)]
application = get_asgi_application()
