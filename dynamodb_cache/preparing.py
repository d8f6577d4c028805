"""What a call says, made ready for the network: key, expiry, groups, value. Runs where Django runs synchronous code."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.cache.backends.base import MEMCACHE_MAX_KEY_LENGTH, BaseCache

from dynamodb_cache import generations
from dynamodb_cache.calls import Calls
from dynamodb_cache.items import FOR_EVER, Draft, Place, checked_expiry, place_of
from dynamodb_cache.leases import DEFAULT_LEASE_SECONDS
from dynamodb_cache.options import Options, options_of

MOST_TAGS = 32


class Prepared(BaseCache):
    """The base of `DynamoDBCache`. Cheap to make and offline."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self.options: Options = options_of(location, params.get("OPTIONS") or {})
        self.table = location
        self._calls = Calls(location, self.options, self.key_prefix, type(self))
        self._codec = self._calls.entries.codec
        # Most keys can be seen to warn of nothing; whoever checks keys in a way of their own still does.
        self._checks_as_django = type(self).validate_key is BaseCache.validate_key
        self._grouped = self.options.namespace_clear or bool(self.options.prefixes)

    def _place(self, key: str, version: int | None) -> Place:
        made = self.make_key(key, version)
        if not (self._checks_as_django and is_unremarkable(made)):
            self.validate_key(made)
        return place_of(made, self._groups(key, version)) if self._grouped else place_of(made)

    def _groups(self, key: str, version: int | None) -> tuple[str, ...]:
        """Return the names of the generations that a key belongs to."""
        names = [self._namespace()] if self.options.namespace_clear else []
        names += [
            generations.name("p", self.make_key(prefix, version))
            for prefix in self.options.prefixes
            if str(key).startswith(prefix)
        ]
        return tuple(names)

    def _namespace(self) -> str:
        return generations.name("n", self.key_prefix)

    def _prefix_name(self, prefix: str, version: int | None) -> str:
        if prefix not in self.options.prefixes:
            raise ValueError(
                f"{prefix!r} is not declared. Entries belong only to declared prefixes: add it to OPTIONS PREFIXES, "
                f"now {list(self.options.prefixes)}."
            )
        return generations.name("p", self.make_key(prefix, version))

    def _tag_names(self, tags: Iterable[str], version: int | None) -> tuple[str, ...]:
        if isinstance(tags, str):
            raise TypeError("Tags are a list of texts, not one text.")
        names = tuple(dict.fromkeys(generations.name("t", self.make_key(tag, version)) for tag in tags))
        if len(names) > MOST_TAGS:
            raise ValueError(f"An entry takes at most {MOST_TAGS} tags, not {len(names)}.")
        return names

    def _expires_at(self, timeout: Any) -> float | None:
        try:
            return checked_expiry(self.get_backend_timeout(timeout))
        except OverflowError as error:
            raise ValueError("A timeout must be a finite number of seconds; None keeps an entry for ever.") from error

    def _draft(self, key: str, value: Any, timeout: Any, version: int | None, tags: Iterable[str] = ()) -> Draft:
        place = self._place(key, version)
        names = self._tag_names(tags, version) if tags else ()
        return self._codec.draft(place, value, self._expires_at(timeout), names)

    def _leased(self, place: Place, value: Any, timeout: Any, tags: tuple[str, ...], stale: float | None) -> Draft:
        """Return a draft of what was computed; it may be served for `stale` seconds after it has expired."""
        until = self._expires_at(timeout)
        stale_until = None if until is None or stale is None else min(until + stale, FOR_EVER)
        return self._codec.draft(place, value, until, tags, stale_until)

    def _drafts(
        self, data: Mapping[str, Any], timeout: Any, version: int | None, tags: Iterable[str]
    ) -> dict[str, Draft]:
        tags = tuple(tags)
        return {key: self._draft(key, value, timeout, version, tags) for key, value in data.items()}

    def _places(self, keys: Iterable[str], version: int | None) -> dict[str, Place]:
        return {key: self._place(key, version) for key in keys}


def is_unremarkable(made: str) -> bool:
    """Whether Django has nothing to say about a key; cheaper than asking it. Whatever is doubtful is remarkable."""
    return (
        type(made) is str
        and len(made) <= MEMCACHE_MAX_KEY_LENGTH
        and made.isascii()
        and made.isprintable()
        and " " not in made
    )


def lease_seconds(lease: float | None, stale: float | None) -> float:
    """Return how long a lease lasts. Raises ValueError."""
    for name, seconds in (("lease", lease), ("stale", stale)):
        if seconds is not None and not 0 < seconds < math.inf:
            raise ValueError(f"{name} must be a number of seconds above 0, not {seconds!r}.")
    return DEFAULT_LEASE_SECONDS if lease is None else lease
