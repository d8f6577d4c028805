"""Sign-in rules for allauth."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class ClosedSignup(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Nobody signs up: staff makes people."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return False, always."""
        return False
