"""Staff pages for projects: everything to look at, little to change, and actions that go the ways of `actions`."""

from collections.abc import Callable
from functools import partial
from types import MappingProxyType
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe

from people.models import Person
from projects.actions import operations, projects
from projects.errors import ProjectError
from projects.models import Membership, Operation, Project
from projects.stacks import rebuild


class MembershipForm(forms.ModelForm):  # type: ignore[type-arg]
    """A line of a table, so its fields are named for screen readers."""

    class Meta:
        model = Membership
        fields = ("person", "role")
        widgets = MappingProxyType(
            {name: forms.Select(attrs={"aria-label": name.capitalize()}) for name in ("person", "role")}
        )

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        # Of one that stands only the role changes: somebody else's is a membership of its own.
        self.fields["person"].disabled = self.instance.pk is not None


class MembershipInline(admin.TabularInline):  # type: ignore[type-arg]
    """Who works on the project."""

    model = Membership
    form = MembershipForm
    extra = 1
    can_delete = False  # who leaves is removed among the memberships, by name


class FreezeForm(ActionForm):
    """What is chosen above the list of projects: an action, and why when they are to be frozen."""

    reason = forms.CharField(
        label="Why freeze it:",
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"size": 30}),
    )


@admin.register(Project)
class ProjectAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Projects. What its buckets hang on stays as it was made; its state moves by onboarding, freezing and thawing."""

    list_display = ["name", "slug", "account_id", "region", "state"]
    list_filter = ["state", "region"]
    search_fields = ["name", "slug", "account_id"]
    inlines = [MembershipInline]
    action_form = FreezeForm
    actions = ["resync", "freeze", "thaw"]
    made_once = ("slug", "account_id", "region", "bucket_prefix")
    by_actions = ("state", "frozen_reason", "created_at")
    fields = ("name", "purpose", *made_once, *by_actions)

    def get_readonly_fields(self, request: HttpRequest, obj: Project | None = None) -> tuple[str, ...]:
        return (*self.made_once, *self.by_actions) if obj else self.by_actions

    @admin.action(description="Freeze", permissions=["change"])
    def freeze(self, request: HttpRequest, queryset: QuerySet[Project]) -> None:
        """Freeze projects for the reason that was typed."""
        reason = request.POST.get("reason", "")
        self._each(request, queryset, partial(projects.freeze, reason=reason), f"Frozen: {reason}")

    @admin.action(description="Thaw", permissions=["change"])
    def thaw(self, request: HttpRequest, queryset: QuerySet[Project]) -> None:
        """Thaw frozen projects."""
        self._each(request, queryset, projects.thaw, "Thawed")

    def _each(
        self, request: HttpRequest, queryset: QuerySet[Project], action: Callable[[Project], Project], done: str
    ) -> None:
        for project in queryset:
            try:
                action(project)
            except ProjectError as refusal:
                self.message_user(request, f"{project}: {refusal}", messages.ERROR)
            else:
                self.log_change(request, project, done)
                self.message_user(request, f"{project}: {done}", messages.SUCCESS)

    @admin.action(description="Compare the mirror with CloudFormation now", permissions=["change"])
    def resync(self, request: HttpRequest, queryset: QuerySet[Project]) -> None:
        """Ask a worker to compare each project's mirror, at most every half minute."""
        for project in queryset:
            rebuild.ask(project)
        self.message_user(request, "A worker compares them now; pages follow by themselves.", messages.SUCCESS)


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Who may do what."""

    list_display = ["person", "project", "role"]
    list_filter = ["role", "project"]
    search_fields = ["person__email", "person__name", "project__name"]
    list_select_related = ["person", "project"]
    actions = ["delete_selected"]

    def get_readonly_fields(self, request: HttpRequest, obj: Membership | None = None) -> tuple[str, ...]:
        return ("person", "project") if obj else ()


@admin.register(Operation)
class OperationAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Operations, to read; retry and cancel go the same way as a manager's."""

    list_display = ["created_at", "project", "what", "state", "step", "author"]
    list_filter = ["state", "action", "project"]
    search_fields = ["target", "author__email", "stack_id", "id"]
    list_select_related = ["project", "author"]
    readonly_fields = ["timeline"]
    actions = ["retry", "cancel"]

    @admin.display(description="change", ordering="target")
    def what(self, operation: Operation) -> str:
        """What is done to which bucket."""
        return str(operation)

    @admin.display(description="Timeline")
    def timeline(self, operation: Operation) -> str:
        """The steps of every attempt, with times and notes."""
        return format_html_join(
            mark_safe("<br>"),
            "{} attempt {}: {}{} {}",
            (
                (
                    timezone.localtime(step.started_at).strftime("%d %b %Y %H:%M:%S %Z"),
                    step.attempt,
                    step.name,
                    " (failed)" if step.failed else "",
                    step.note,
                )
                for step in operation.steps.all()
            ),
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Operation | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Operation | None = None) -> bool:
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Who may change operations may let them change AWS; nobody edits their rows."""
        return request.user.has_perm("projects.change_operation")

    @admin.action(description="Try again", permissions=["operate"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Operation]) -> None:
        """Try failed operations again."""
        self._each(request, queryset, operations.retry, "tried again")

    @admin.action(description="Cancel what has not started", permissions=["operate"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Operation]) -> None:
        """Cancel waiting operations."""
        self._each(request, queryset, operations.cancel, "cancelled")

    def _each(self, request: HttpRequest, queryset: QuerySet[Operation], action: object, done: str) -> None:
        person = request.user
        if not isinstance(person, Person) or not callable(action):
            return
        for operation in queryset.select_related("project"):
            try:
                action(operation, by=person)
            except ProjectError as refusal:
                self.message_user(request, f"{operation}: {refusal}", messages.ERROR)
            else:
                self.message_user(request, f"{operation}: {done}", messages.SUCCESS)
