"""The addresses of signing in: only those of allauth's that the product has.

Left out on purpose: sign-up (staff makes people), and every page that changes an address. Staff says whose an address
is; buckets name their owners by it. Source: allauth/account/urls.py.
"""

from allauth.account import views
from django.urls import URLPattern, path, re_path


def account_urls(*, with_mail: bool) -> list[URLPattern]:
    """Return the addresses; a password can be reset only where mail can be sent."""
    found = [
        path("login/", views.login, name="account_login"),
        path("logout/", views.logout, name="account_logout"),
        path("inactive/", views.account_inactive, name="account_inactive"),
        path("password/change/", views.password_change, name="account_change_password"),
    ]
    if with_mail:
        found += [
            path("password/reset/", views.password_reset, name="account_reset_password"),
            path("password/reset/sent/", views.password_reset_done, name="account_reset_password_done"),
            re_path(
                r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
                views.password_reset_from_key,
                name="account_reset_password_from_key",
            ),
            path(
                "password/reset/done/", views.password_reset_from_key_done, name="account_reset_password_from_key_done"
            ),
        ]
    return found
