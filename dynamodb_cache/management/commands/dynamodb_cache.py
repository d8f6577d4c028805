"""`manage.py dynamodb_cache create`: make the tables of every alias that uses this backend."""

from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.core.management.base import BaseCommand, CommandParser

from dynamodb_cache import tables
from dynamodb_cache.backend import DynamoDBCache


class Command(BaseCommand):
    """Does not shadow Django's createcachetable."""

    help = "Make the DynamoDB tables of the caches; safe to repeat."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["create"])

    def handle(self, *_args: Any, **options: Any) -> None:
        for alias in settings.CACHES:
            cache = caches[alias]
            if isinstance(cache, DynamoDBCache):
                made = tables.create(cache.table, None, tables.CACHE_TABLE)
                if options["verbosity"]:
                    self.stdout.write(f"{alias}: table {cache.table} {'made' if made else 'stands already'}")
