"""Staff pages for projects: everything to look at, little to change, three actions."""

from types import MappingProxyType

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe

from people.models import Person
from projects.actions import operations
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


class MembershipInline(admin.TabularInline):  # type: ignore[type-arg]
    """Who works on the project."""

    model = Membership
    form = MembershipForm
    extra = 1
    can_delete = False  # who leaves is removed among the memberships, by name


@admin.register(Project)
class ProjectAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Projects; account and ExternalId stay as they are made."""

    list_display = ["name", "slug", "account_id", "region", "state"]
    list_filter = ["state", "region"]
    search_fields = ["name", "slug", "account_id"]
    inlines = [MembershipInline]
    actions = ["resync"]

    def get_readonly_fields(self, request: HttpRequest, obj: Project | None = None) -> tuple[str, ...]:
        return ("created_at", "account_id", "slug", "bucket_prefix") if obj else ("created_at",)

    @admin.action(description="Compare the mirror with CloudFormation now")
    def resync(self, request: HttpRequest, queryset: QuerySet[Project]) -> None:
        """Ask a worker to compare each project's mirror."""
        for project in queryset:
            rebuild.ask(project, at_once=True)
        self.message_user(request, "A worker compares them now; pages follow by themselves.", messages.SUCCESS)


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Who may do what."""

    list_display = ["person", "project", "role"]
    list_filter = ["role", "project"]
    search_fields = ["person__email", "person__name", "project__name"]
    list_select_related = ["person", "project"]
    actions = ["delete_selected"]


@admin.register(Operation)
class OperationAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Operations, to read; retry and cancel go the same way as a manager's."""

    list_display = ["created_at", "project", "action", "target", "state", "step", "author"]
    list_filter = ["state", "action", "project"]
    search_fields = ["target", "author__email", "stack_id", "id"]
    list_select_related = ["project", "author"]
    readonly_fields = ["timeline"]
    actions = ["retry", "cancel"]

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

    @admin.action(description="Try again", permissions=["view"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Operation]) -> None:
        """Try failed operations again."""
        self._each(request, queryset, operations.retry, "tried again")

    @admin.action(description="Cancel what has not started", permissions=["view"])
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
