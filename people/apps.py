"""People who sign in."""

from django.apps import AppConfig


class PeopleConfig(AppConfig):
    """Holds the user model."""

    name = "people"
    verbose_name = "People"
