"""One operation: who, why, what, how far. Its address is permanent."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from projects.actions import obstacles, operations
from projects.actions.obstacles import Obstacle, WaysOn
from projects.errors import MirrorUnreachable, ProjectError
from projects.models import Action, Operation, OperationStep, Project, State
from projects.stacks.changes import in_words
from projects.stacks.spec import BucketSpec
from projects.stacks.steps import WORDS
from projects.views.access import changing_page, person_of, project_page


@require_safe
@project_page
def operation_detail(request: HttpRequest, project: Project, pk: UUID) -> HttpResponse:
    """The operation with its timeline."""
    operation = _operation(project, pk)
    context = {
        "project": project,
        "operation": operation,
        **_timeline(operation),
        "asked": _asked(operation),
        "before_it": _before_it(operation),
        "ways_on": _ways_on(operation) if operation.state == State.FAILED else None,
    }
    template = "projects/_operation.html" if request.headers.get("HX-Request") else "projects/operation.html"
    return render(request, template, context)


def _timeline(operation: Operation) -> dict[str, Any]:
    """Return the steps of the present attempt with their words, and those of each earlier one, newest first."""
    attempts: dict[int, list[tuple[str, OperationStep]]] = {number: [] for number in range(operation.attempt, 0, -1)}
    for step in operation.steps.all():
        attempts[step.attempt].append((WORDS[step.name], step))
    return {"steps": attempts.pop(operation.attempt), "earlier": list(attempts.items())}


def _asked(operation: Operation) -> list[str]:
    """Return what was asked for, in words."""
    if operation.action == Action.CHANGE and operation.before and operation.after:
        return in_words(BucketSpec.from_document(operation.before), BucketSpec.from_document(operation.after))
    if operation.action == Action.CREATE and operation.after:
        spec = BucketSpec.from_document(operation.after)
        return [
            f"Purpose: {spec.purpose}",
            f"Owner: {spec.owner}",
            f"Files: {spec.retention.words.lower()}",
            f"Old versions: kept {spec.versions_days} days",
            *(f"Tag {key}: {value}" for key, value in spec.tags),
        ]
    return []


def _ways_on(operation: Operation) -> WaysOn:
    """Return what is offered after a failure; while nobody knows what stands, another try is."""
    try:
        closed = operation.project.why_closed
        obstacle = Obstacle(closed) if closed else obstacles.against_retry(operation)
    except MirrorUnreachable:
        obstacle = None
    return obstacles.ways_on(operation.action, operation.cause, obstacle)


def _before_it(operation: Operation) -> Operation | None:
    """Return the operation that this one waits for."""
    if operation.state != State.WAITING:
        return None
    same_target = Operation.objects.filter(project=operation.project, target=operation.target)
    first = same_target.open().shown_first().with_people().first()
    return first if first is not None and first.pk != operation.pk else None


@require_POST
@changing_page
def operation_retry(request: HttpRequest, project: Project, pk: UUID) -> HttpResponse:
    """Try a failed operation again with everything that was typed."""
    return _acted(request, _operation(project, pk), operations.retry)


@require_POST
@changing_page
def operation_cancel(request: HttpRequest, project: Project, pk: UUID) -> HttpResponse:
    """Cancel an operation that waits."""
    return _acted(request, _operation(project, pk), operations.cancel)


@require_POST
@changing_page
def operation_remove(request: HttpRequest, project: Project, pk: UUID) -> HttpResponse:
    """Take a failed creation off the list of buckets."""
    return _acted(request, _operation(project, pk), operations.take_off_list)


def _acted(request: HttpRequest, operation: Operation, act: Callable[..., Operation]) -> HttpResponse:
    """Do something with an operation, or say why not; either way its page is next."""
    try:
        act(operation, by=person_of(request))
    except ProjectError as refusal:
        messages.error(request, str(refusal))
    return redirect(operation)


def _operation(project: Project, pk: UUID) -> Operation:
    return get_object_or_404(Operation.objects.all().with_people(), project=project, pk=pk)
