"""`manage.py dynamodb_cache ACTION`: make, verify, describe, sweep and copy the tables of the caches.

create, verify, template, stats, gc     of the aliases named, or of all and of DYNAMODB_CACHE_COLLECTIONS
copy SOURCE TARGET                      from one cache table into another

Beside Django's createcachetable, which it does not shadow. `--help` after an action tells its arguments.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from dynamodb_cache import aliases, copying, counting, scanning, sweeping, tables, template, verifying
from dynamodb_cache.client import client
from dynamodb_cache.errors import DynamoDBCacheError
from dynamodb_cache.refusals import explained
from dynamodb_cache.verifying import Finding, Level

_CREATING = "dynamodb:CreateTable, DescribeTable, UpdateTimeToLive, DescribeTimeToLive"


@dataclass(slots=True)
class Place:
    """One table, once, however many aliases are on it; a collection's has none."""

    table: str
    connect: Callable[[], Any]
    region: str | None = None
    definition: dict[str, Any] = field(default_factory=lambda: tables.CACHE_TABLE)
    aliases: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        """How the table is called in what the command prints."""
        return f"{', '.join(self.aliases) or 'collection'}: table {self.table}"

    def dynamodb(self) -> Any:
        """Return the client. Raises Unavailable."""
        with explained(self.table):
            return self.connect()


class Command(BaseCommand):
    """Asks no database and no system check: it must work where a check says what it is to mend."""

    help = "Make, verify, describe, sweep and copy the DynamoDB tables of the caches."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        self._of_tables(
            actions, "create", f"make missing tables, switch time to live on; safe to repeat (needs {_CREATING})"
        ).add_argument("--deletion-protection", action="store_true", help="protect the tables from deletion")
        self._of_tables(actions, "verify", "say of each table what is fit and how to mend the rest; exit 1 on a fail")
        printing = self._of_tables(actions, "template", "print a CloudFormation template: tables and two policies")
        printing.add_argument("--no-deletion-protection", action="store_true", help="delete tables with their stack")
        printing.add_argument("--kms-key", metavar="ARN", help="encrypt with this key instead of aws/dynamodb")
        counting = self._of_tables(actions, "stats", "print what the tables hold")
        counting.add_argument("--scan", action="store_true", help="count by reading all; costs read units")
        counting.add_argument("--json", action="store_true", help="print JSON")
        sweeping = self._of_tables(
            actions, "gc", "remove parts of large values that no entry names, and ended entries without timeout"
        )
        sweeping.add_argument("--dry-run", action="store_true", help="only count them")
        moving = _action(actions, "copy", "copy living entries; what the target has already stays")
        moving.add_argument("source", metavar="SOURCE", help="table name")
        moving.add_argument("target", metavar="TARGET", help="table name")
        for scanner in (counting, sweeping, moving):
            scanner.add_argument("--segments", type=_at_least_one, default=scanning.SEGMENTS, help="parallel readers")
            scanner.add_argument(
                "--units-per-second",
                type=_at_least_one,
                default=int(scanning.UNITS_PER_SECOND),
                help="bound of the capacity units that it uses",
            )

    def _of_tables(self, actions: Any, name: str, words: str) -> argparse.ArgumentParser:
        parser = _action(actions, name, words)
        parser.add_argument("alias", nargs="*", metavar="ALIAS", help="an alias of CACHES; without any, all")
        if name != "gc":
            parser.add_argument(
                "--collection",
                action="append",
                default=[],
                metavar="TABLE",
                help="a table of collections, beside those of the setting DYNAMODB_CACHE_COLLECTIONS",
            )
        return parser

    def handle(self, *_args: Any, **options: Any) -> None:
        act = getattr(self, f"_{options['action']}")
        with _refusals():
            act(options)

    # -- what is meant ----------------------------------------------------------------------------------------------

    def _places(self, options: dict[str, Any]) -> list[Place]:
        """Return the tables that the arguments mean. Raises CommandError."""
        known = aliases.names()
        unknown = [alias for alias in options["alias"] if alias not in known]
        if unknown:
            raise CommandError(
                f"No alias {', '.join(unknown)} of CACHES uses this backend; those that do: {', '.join(known) or 'none'}."
            )
        found: dict[tuple[Any, ...], Place] = {}
        for alias in options["alias"] or known:
            place = found.setdefault(aliases.place(alias), _place_of(alias))
            place.aliases.append(alias)
        named = options.get("collection", [])
        if not options["alias"] and "collection" in options:
            named = [*getattr(settings, "DYNAMODB_CACHE_COLLECTIONS", []), *named]
        collections = [Place(table, client, definition=tables.COLLECTION_TABLE) for table in dict.fromkeys(named)]
        return [*found.values(), *collections]

    def _some_places(self, options: dict[str, Any]) -> list[Place]:
        found = self._places(options)
        if not found:
            raise CommandError("No alias of CACHES uses dynamodb_cache.DynamoDBCache, and no collection is named.")
        return found

    # -- the actions ------------------------------------------------------------------------------------------------

    def _create(self, options: dict[str, Any]) -> None:
        for place in self._places(options):
            laid = tables.lay(
                place.dynamodb(), place.table, place.definition, deletion_protection=options["deletion_protection"]
            )
            if options["verbosity"]:
                self.stdout.write(f"{place.title} {'made' if laid.made else 'stands already'}")
            if laid.warning:
                self.stderr.write(f"{place.title}: warning: {laid.warning}")

    def _verify(self, options: dict[str, Any]) -> None:
        findings: list[Finding] = []
        for place in self._some_places(options):
            self.stdout.write(place.title)
            try:
                found = verifying.verify(place.dynamodb(), place.table, place.definition)
            except DynamoDBCacheError as error:
                found = [Finding(Level.FAIL, "access", str(error))]
            for line in found:
                mend = f". {line.mend}" if line.mend else ""
                self.stdout.write(f"  {line.level}  {line.subject}: {line.words}{mend}")
            findings += found
        failed = sum(finding.level is Level.FAIL for finding in findings)
        if failed:
            raise CommandError(f"{failed} of {len(findings)} lines fail; mend them and run this again.")

    def _template(self, options: dict[str, Any]) -> None:
        places = self._some_places(options)
        regions = {place.region or "boto3's default" for place in places}
        if len(regions) > 1:
            raise CommandError(f"A stack has one Region, these have {', '.join(sorted(regions))}: name some ALIAS.")
        rendered = template.render(
            [place.table for place in places if place.aliases],
            [place.table for place in places if not place.aliases],
            template.Choices(not options["no_deletion_protection"], options["kms_key"]),
        )
        self.stdout.write(json.dumps(rendered, indent=2, sort_keys=True))

    def _stats(self, options: dict[str, Any]) -> None:
        found = []
        for place in self._some_places(options):
            dynamodb = place.dynamodb()
            figures: dict[str, Any] = {"table": place.table, "aliases": place.aliases}
            figures |= counting.described(dynamodb, place.table)
            if options["scan"] and place.aliases:
                figures["scan"] = counting.scanned(_reach(dynamodb, place.table, options)).as_dict()
            found.append(figures)
            if not options["json"]:
                self.stdout.write(place.title)
                self.stdout.write("\n".join(f"  {line}" for line in _figures(figures)))
        if options["json"]:
            self.stdout.write(json.dumps(found, indent=2))

    def _gc(self, options: dict[str, Any]) -> None:
        for place in self._some_places(options):
            reach = _reach(place.dynamodb(), place.table, options)
            swept = sweeping.sweep(reach, dry_run=options["dry_run"])
            done = "none removed (dry run)" if options["dry_run"] else f"{swept.removed} removed"
            self.stdout.write(
                f"{place.title}: {swept.parts} parts, {swept.orphans} of them orphaned; "
                f"{swept.ended} entries ended and without timeout; {done}"
            )

    def _copy(self, options: dict[str, Any]) -> None:
        source, target = options["source"], options["target"]
        users = [alias for alias in aliases.names() if aliases.cache_of(alias).table in {source, target}]
        place = _place_of(users[0]) if users else Place(source, client)
        copied = copying.copy(_reach(place.dynamodb(), source, options), target)
        self.stdout.write(
            f"{copied.copied} entries copied, {copied.kept} kept as the target had them, "
            f"{copied.expired} expired, {copied.incomplete} incomplete and {copied.unreadable} unreadable left out"
        )


def _action(actions: Any, name: str, words: str) -> argparse.ArgumentParser:
    """Add an action that takes Django's own options after its name too."""
    parser: argparse.ArgumentParser = actions.add_parser(name, help=words, description=words)
    # Without a default of their own: those before the name count.
    parser.add_argument("-v", "--verbosity", type=int, choices=[0, 1, 2, 3], default=argparse.SUPPRESS)
    for text in ("--settings", "--pythonpath"):
        parser.add_argument(text, default=argparse.SUPPRESS)
    parser.add_argument("--traceback", action="store_true", default=argparse.SUPPRESS)
    return parser


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _place_of(alias: str) -> Place:
    table, region = aliases.cache_of(alias).table, aliases.option(alias, "region")
    return Place(table, lambda: aliases.client_of(alias), region)


def _reach(dynamodb: Any, table: str, options: dict[str, Any]) -> scanning.Reach:
    return scanning.Reach(dynamodb, table, scanning.Pace(options["units_per_second"]), options["segments"])


def _figures(figures: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a table's figures."""
    yield f"{figures['items']} items, {figures['bytes']} bytes, as DynamoDB counted within the last six hours"
    if "scan" not in figures:
        return
    scan = figures["scan"]
    for prefix, count in scan["entries_by_prefix"].items():
        yield f"{count} entries with prefix {prefix!r}"
    yield f"{scan['endless']} of the entries without timeout"
    yield f"{scan['expired']} expired entries not yet deleted"
    yield f"{scan['parts']} parts, {scan['generations']} generations, {scan['others']} other items"
    yield f"{scan['read_units']} read units used"


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (DynamoDBCacheError, ImproperlyConfigured) as error:
        raise CommandError(str(error)) from error
