"""The cache application: holds the management command and the system checks."""

from django.apps import AppConfig


class DynamoDBCacheConfig(AppConfig):
    """Holds no models."""

    name = "dynamodb_cache"

    def ready(self) -> None:
        from dynamodb_cache import checks  # noqa: F401 - registering is its whole purpose
