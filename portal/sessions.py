"""Who asks without a session: a page leads to the sign-in, a fragment is refused, and a sent form is kept (promise 5).

A form that comes after its session ended, or after a new sign-in changed the CSRF token, is answered with a page that
holds what was typed: sign in in another tab, then send it again. It is kept in that page alone, nowhere here. Follows
docs.djangoproject.com/en/5.2/ref/middleware/#django.contrib.auth.middleware.LoginRequiredMiddleware
"""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.csrf import csrf_failure

_TOKEN = "csrfmiddlewaretoken"  # noqa: S105 - the name of a field


class SignInRequired(LoginRequiredMiddleware):
    """Django's middleware, kinder to htmx and to forms."""

    def handle_no_permission(  # type: ignore[override]  # Django passes on any answer; its stubs know redirects only
        self, request: HttpRequest, view_func: Callable[..., Any]
    ) -> HttpResponseBase:
        """Answer who is not signed in."""
        if request.headers.get("HX-Request"):
            # Not by a redirect: the browser follows it, and the sign-in page would land inside another page.
            return HttpResponse(status=401, content_type="text/html; charset=utf-8")
        if request.method == "POST" and _may_be_kept(request):
            return _kept(request, status=401)
        return super().handle_no_permission(request, view_func)


def stale_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without the right CSRF token. One that came from a page of ours may be sent again with a new one.

    The browser says where a form comes from and no page can forge it, so another site's form is never kept: sending it
    again, with a token of ours, would be what the token is there against.
    """
    if request.headers.get("Origin") in settings.STACKPORT_ORIGINS and _may_be_kept(request):
        return _kept(request, status=403)
    return csrf_failure(request, reason=reason, template_name="403_csrf.html")


def _may_be_kept(request: HttpRequest) -> bool:
    """Tell whether a form may be shown again: one with a password never, one with files cannot, sign-out need not."""
    if request.resolver_match is None or (request.resolver_match.url_name or "").startswith("account_"):
        return False
    return bool(request.POST) and not request.FILES and not any("password" in name.lower() for name in request.POST)


def _kept(request: HttpRequest, *, status: int) -> HttpResponse:
    fields = [(name, value) for name, values in request.POST.lists() if name != _TOKEN for value in values]
    return render(request, "sent_too_late.html", {"fields": fields}, status=status)
