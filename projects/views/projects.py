"""Home, a project's overview, its activity."""

from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from projects import bucket_pages
from projects.models import Operation, Project, State
from projects.posture import Posture
from projects.stacks import rebuild
from projects.views.access import person_of, project_page

RECENT = 10
ACTIVITY = 100


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """My projects."""
    projects = (
        Project.objects.visible_to(person_of(request))
        .annotate(
            running=Count("operations", filter=Q(operations__state__in=(State.WAITING, State.RUNNING)), distinct=True)
        )
        .order_by("name")
    )
    return render(request, "projects/home.html", {"projects": projects})


@require_safe
@project_page
def overview(request: HttpRequest, project: Project) -> HttpResponse:
    """What the project is, what runs in it, how its account is protected."""
    page = bucket_pages.page(project, bucket_pages.Query())
    if not page.complete:
        rebuild.ask(project)
    context = {
        "project": project,
        "page": page,
        "tones": page.tones,
        "open_operations": _operations(project).filter(state__in=(State.WAITING, State.RUNNING)),
        "recent_operations": _operations(project).exclude(state__in=(State.WAITING, State.RUNNING))[:RECENT],
        "posture": Posture.of(page.snapshot),
        "members": project.memberships.select_related("person"),
    }
    template = "projects/_overview.html" if request.headers.get("HX-Request") else "projects/overview.html"
    return render(request, template, context)


@require_safe
@project_page
def activity(request: HttpRequest, project: Project) -> HttpResponse:
    """Who changed what, newest first."""
    return render(
        request, "projects/activity.html", {"project": project, "operations": _operations(project)[:ACTIVITY]}
    )


def _operations(project: Project) -> QuerySet[Operation]:
    return Operation.objects.filter(project=project).with_people().order_by("-created_at")
