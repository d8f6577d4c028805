"""Home, a project's overview, its activity."""

from collections import Counter
from dataclasses import dataclass

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from notifications.topics import TOPICS_AT_MOST
from projects import bucket_pages, live
from projects.models import Operation, Project, State
from projects.posture import Posture
from projects.views.access import person_of, project_page

RECENT = 10
ACTIVITY = 50


@dataclass(frozen=True, slots=True)
class Card:
    """A project on the home page."""

    project: Project
    version: int
    under_way: int


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """My projects, and how many changes are under way in each. A page can follow so many of them live."""
    projects = list(Project.objects.visible_to(person_of(request)).order_by("name"))
    stamps = live.operations_stamps(projects)
    under_way = Counter(
        Operation.objects.filter(project__in=projects).open().order_by().values_list("project", flat=True)
    )
    cards = [
        Card(project, live.activity_version(project, stamps.get(project.pk, ())), under_way[project.pk])
        for project in projects
    ]
    context = {"cards": cards[:TOPICS_AT_MOST], "other_cards": cards[TOPICS_AT_MOST:]}
    return render(request, _template(request, "home"), context)


@require_safe
@project_page
def overview(request: HttpRequest, project: Project) -> HttpResponse:
    """What the project is, what runs in it, how its account is protected."""
    page = bucket_pages.page(project, bucket_pages.Query())
    stamp = live.operations_stamps([project]).get(project.pk, ())
    context = {
        "project": project,
        "version": live.overview_version(project, stamp, page.snapshot),
        "page": page,
        "tones": page.tones,
        "open_operations": _operations(project).filter(state__in=(State.WAITING, State.RUNNING)),
        "recent_operations": _operations(project).exclude(state__in=(State.WAITING, State.RUNNING))[:RECENT],
        "posture": Posture.of(page.snapshot),
        "members": project.memberships.select_related("person"),
    }
    return render(request, _template(request, "overview"), context)


@require_safe
@project_page
def project_closed(request: HttpRequest, project: Project) -> HttpResponse:
    """Whether nothing can be changed in the project now, and why; a part of each of its pages."""
    return render(request, "projects/_closed.html", {"project": project})


@require_safe
@project_page
def activity(request: HttpRequest, project: Project) -> HttpResponse:
    """Who changed what, newest first."""
    return _activity(request, project, _operations(project))


@require_safe
@project_page
def bucket_activity(request: HttpRequest, project: Project, name: str) -> HttpResponse:
    """Who changed one bucket, newest first, also after it was deleted."""
    found = _operations(project).filter(target=live.bucket_item(name))
    known = found.first() or bucket_pages.find(project, name)
    if known is None:
        raise Http404
    return _activity(request, project, found, bucket=name, label=known.label)


def _activity(request: HttpRequest, project: Project, found: QuerySet[Operation], **more: str) -> HttpResponse:
    stamp = live.operations_stamps([project]).get(project.pk, ())
    context = {
        "project": project,
        "version": live.activity_version(project, stamp),
        "page": Paginator(found, ACTIVITY).get_page(request.GET.get("page")),
        **more,
    }
    return render(request, _template(request, "activity"), context)


def _template(request: HttpRequest, name: str) -> str:
    """Return a page's template, or its fragment's for a live update."""
    return f"projects/{'_' if request.headers.get('HX-Request') else ''}{name}.html"


def _operations(project: Project) -> QuerySet[Operation]:
    return Operation.objects.filter(project=project).with_people().order_by("-created_at")
