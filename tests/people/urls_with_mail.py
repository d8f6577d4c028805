"""The portal's addresses as they are where mail is configured."""

from django.urls import include, path

from people.urls import account_urls
from portal.urls import urlpatterns as without_mail

urlpatterns = [path("accounts/", include(account_urls(with_mail=True))), *without_mail]
