"""Times with their zone, durations, and addresses that keep the rest of the query."""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from django import template
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from tablericons.templatetags import tablericons

from projects import live, queues
from projects.models import Project

register = template.Library()


@register.simple_tag
def icon(name: str, classes: str = "") -> str:
    """Return one of Tabler's icons, beside words that say the same and so hidden from screen readers."""
    return _icon(str(name), str(classes))


@lru_cache(maxsize=64)
def _icon(name: str, classes: str) -> str:
    attributes: dict[str, Any] = {"class": f"icon {classes}".strip(), "aria_hidden": "true"}
    return tablericons.icon(name, **attributes)


@register.filter
def moment(value: Any) -> str:
    """Return a time as an element: unambiguous, with its zone."""
    if isinstance(value, int | float):
        value = datetime.fromtimestamp(value, tz=timezone.get_current_timezone())
    if not isinstance(value, datetime):
        return ""
    local = timezone.localtime(value)
    return format_html(
        '<time datetime="{}">{}</time>', local.isoformat(timespec="seconds"), local.strftime("%d %b %Y %H:%M:%S %Z")
    )


@register.filter
def clock(value: Any) -> str:
    """Return the time of day with its zone."""
    if not isinstance(value, datetime):
        return ""
    local = timezone.localtime(value)
    return format_html('<time datetime="{}">{}</time>', local.isoformat(timespec="seconds"), local.strftime("%H:%M %Z"))


@register.simple_tag
def duration(start: datetime | None, end: datetime | None) -> str:
    """Return how long something took: "under 1 s", "12 s", "3 min 5 s".

    What has not ended is counted up to now, and on in the page (static/js/elapsed.js).
    """
    if start is None:
        return ""
    seconds = max(((end or timezone.now()) - start) / timedelta(seconds=1), 0)
    minutes, rest = divmod(int(seconds), 60)
    words = "under 1 s" if seconds < 1 else f"{minutes} min {rest} s" if minutes else f"{rest} s"
    return words if end else format_html('<span data-elapsed="{}">{}</span>', f"{seconds:.1f}", words)


@register.simple_tag(takes_context=True)
def with_query(context: template.Context, **changes: Any) -> str:
    """Return the present address's query with some parameters changed; empty ones are left out."""
    request: HttpRequest = context["request"]
    query = {name: value for name, value in {**request.GET.dict(), **changes}.items() if value not in {None, ""}}
    return f"?{urlencode(query)}" if query else request.path


@register.simple_tag
def next_sort(column: str, sort: str, descending: bool) -> str:
    """Return the sort that a click on a column asks for."""
    return f"-{column}" if sort == column and not descending else column


@register.simple_tag
def aria_sort(column: str, sort: str, descending: bool) -> str:
    """Return a column's aria-sort."""
    if sort != column:
        return "none"
    return "descending" if descending else "ascending"


@register.simple_tag
def dead_letters() -> queues.DeadLetters | None:
    """Return how many messages nobody could handle, as a worker counted them last."""
    return queues.dead_letters()


@register.filter
def project_version(project: Project) -> int:
    """Return the version of whether a project can be changed, for its live update."""
    return live.project_version(project)


@register.filter
def may_change(person: Any, project: Any) -> bool:
    """Tell whether a person may change a project's buckets."""
    return bool(person.has_perm("projects.change_bucket", project))
