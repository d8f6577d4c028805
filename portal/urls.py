"""Every address of the portal."""

from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path

from people.urls import account_urls
from portal import health

admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.site_title = "Stackport staff"
admin.site.site_header = "Stackport staff"
admin.site.index_title = "People, projects, operations"
admin.site.enable_nav_sidebar = False  # three kinds of rows; the lists need the width
admin.site.unregister(EmailAddress)  # a person's address is on the person's own page

urlpatterns = [
    path("healthz", login_not_required(health.alive), name="healthz"),
    path("readyz", login_not_required(health.ready), name="readyz"),
    path("accounts/", include(account_urls(with_mail=settings.MAIL_CONFIGURED))),
    path("admin/", admin.site.urls),
    path("", include("projects.urls")),
]
