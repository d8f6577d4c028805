"""Sign-in rules for allauth, and its mail."""

import logging
import threading
from smtplib import SMTPException
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.core.mail import EmailMessage
from django.http import HttpRequest
from django.urls import reverse

from people.models import Person

logger = logging.getLogger(__name__)


class StaffMakesPeople(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Nobody signs up, and mail tells a stranger nothing."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return False, always."""
        return False

    def get_reset_password_from_key_url(self, key: str) -> str:
        """Return the link of a mail, on the portal's own origin whatever Host the request named (S19)."""
        uid, _, token = key.partition("-")
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": uid, "key": token})
        return f"{settings.PUBLIC_BASE_URL}{path}"

    def send_password_reset_mail(self, user: Person, email: str, context: dict[str, Any]) -> None:
        """Send the link beside the request: its answer takes as long for an address that nobody has.

        Who has no password gets no link, since staff did not let them in yet.
        """
        if not user.has_usable_password():
            return
        context |= {"hours": settings.PASSWORD_RESET_TIMEOUT // 3600}
        message = self.render_mail("account/email/password_reset_key", user.email, context)
        threading.Thread(target=_send, args=(message,), name="mail").start()


def _send(message: EmailMessage) -> None:
    try:
        message.send()
    except (SMTPException, OSError):
        logger.exception("a mail was not sent: subject=%s", message.subject)
