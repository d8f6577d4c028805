"""The cache application: holds the management command."""

from django.apps import AppConfig


class DynamoDBCacheConfig(AppConfig):
    """Holds no models."""

    name = "dynamodb_cache"
