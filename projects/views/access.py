"""Who may open a page. Another project's page answers exactly like one that does not exist (S7)."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from people.models import Person
from projects.errors import MirrorUnreachable
from projects.models import Project
from projects.permissions import remember_role
from projects.stacks import ahead, mirror

View = Callable[..., HttpResponse]


def person_of(request: HttpRequest) -> Person:
    """Return who asks; the middleware lets nobody else through."""
    if not isinstance(request.user, Person):
        raise PermissionDenied
    return request.user


def project_page(view: View) -> View:
    """Hand the view the project that the address names, when the person may see it."""

    @wraps(view)
    def with_project(request: HttpRequest, slug: str, **named: Any) -> HttpResponse:
        person = person_of(request)
        project = get_object_or_404(Project.objects.visible_to(person), slug=slug)
        remember_role(person, project)
        ahead.remember(request, mirror.partition(project))
        try:
            return view(request, project, **named)
        except MirrorUnreachable as error:
            response = render(request, "503.html", {"words": str(error)}, status=503)
            response["Retry-After"] = "10"
            return response

    return with_project


def changing_page(view: View) -> View:
    """The same, for managers and owners; a viewer gets 403 with words."""

    @wraps(view)
    def with_right(request: HttpRequest, project: Project, **named: Any) -> HttpResponse:
        if not person_of(request).has_perm("projects.change_bucket", project):
            raise PermissionDenied(
                f"Viewers may look at {project.name}, but not change it. Staff can change your role."
            )
        return view(request, project, **named)

    return project_page(with_right)
