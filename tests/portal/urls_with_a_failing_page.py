"""The portal's addresses and a page that breaks with a secret in its hands."""

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.urls import path

from portal.urls import urlpatterns as portal_urlpatterns

SECRET = "wJalrXUtnFEMI-the-secret"


@login_not_required
def failing(request: HttpRequest) -> HttpResponse:
    """Break while a secret is at hand."""
    secret_access_key = SECRET
    raise RuntimeError(f"AWS said no to {secret_access_key}")


@login_not_required
def suspicious(request: HttpRequest) -> HttpResponse:
    """Break as Django does on a damaged request."""
    raise SuspiciousOperation(SECRET)


urlpatterns = [path("failing/", failing), path("suspicious/", suspicious), *portal_urlpatterns]
