"""Operation: one change that somebody asked for. The row is the queue; SQS only rings the bell (DESIGN P4)."""

import uuid
from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone

from people.models import Person
from projects.models.project import Project, ProjectState


class Action(models.TextChoices):
    """What is done to the target."""

    CREATE = "create", "Create"
    CHANGE = "change", "Change"
    DELETE = "delete", "Delete"


class State(models.TextChoices):
    """Where an operation stands. Waiting and running are open; the others are settled."""

    WAITING = "waiting", "Waiting"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


OPEN_STATES = (State.WAITING, State.RUNNING)
_ASKED_AT = Coalesce("retried_at", "created_at")


class OperationQuerySet(models.QuerySet["Operation"]):
    """Operations, by where they stand."""

    def open(self) -> "OperationQuerySet":
        """Return what has not settled."""
        return self.filter(state__in=OPEN_STATES)

    def of_actor(self, person: Person) -> "OperationQuerySet":
        """Return those whose present attempt a person asked for."""
        return self.filter(models.Q(retried_by=person) | models.Q(retried_by__isnull=True, author=person))

    def with_people(self) -> "OperationQuerySet":
        """Fetch with each what a page says of it: who asked, in which project."""
        return self.select_related("author", "retried_by", "project")

    def shown_first(self) -> "OperationQuerySet":
        """Order a target's operations as pages show them: the one that runs, those that wait in order, the newest."""
        turn = models.Case(
            models.When(state=State.RUNNING, then=0), models.When(state=State.WAITING, then=1), default=2
        )
        asked = models.Case(models.When(state=State.WAITING, then=_ASKED_AT))
        return self.order_by(turn, asked, "-version")

    def in_turn(self) -> "OperationQuerySet":
        """Order by when the present attempt was asked for: who tries again goes to the end of the queue."""
        return self.order_by(_ASKED_AT)

    def of_thawed_projects(self) -> "OperationQuerySet":
        """Leave out those of projects that staff has frozen."""
        return self.exclude(project__state=ProjectState.FROZEN)


class Operation(models.Model):
    """One asked-for change to one target, with everything typed, until and after it has settled."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Made when the form was rendered: a double click or a browser's resubmit finds the first row.
    request_key = models.CharField(max_length=64, unique=True)
    # SHA-256 of what the form held. `before` and `after` follow the base when that moves; this stays.
    request_digest = models.CharField(max_length=64, blank=True)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="operations")
    action = models.CharField(max_length=8, choices=Action)
    # "bucket:<final name>": one operation of a target runs at a time, others wait in order.
    target = models.CharField(max_length=140)
    before = models.JSONField(null=True, blank=True, help_text="The spec that the form was based on.")
    after = models.JSONField(null=True, blank=True, help_text="The spec that was asked for.")
    base_fingerprint = models.CharField(
        max_length=64, blank=True, help_text="SHA-256 of the template that `before` came from."
    )
    author = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="operations")
    reason = models.CharField(max_length=300, blank=True)
    retried_by = models.ForeignKey(
        Person,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Who asked for this attempt.",
    )
    retried_at = models.DateTimeField(null=True, blank=True)
    depends_on = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="dependents")

    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    attempt = models.PositiveSmallIntegerField(default=1)
    step = models.CharField(max_length=20, blank=True)
    # When the sweep should ring again, if nothing else has by then.
    step_due_at = models.DateTimeField(null=True, blank=True)
    # A worker's hold on the step; after it, the worker counts as dead and another may repeat the step.
    leased_until = models.DateTimeField(null=True, blank=True)
    rebases = models.PositiveSmallIntegerField(default=0, help_text="How often the base moved under this attempt.")
    faults = models.PositiveSmallIntegerField(
        default=0, help_text="How often the portal itself failed in this attempt."
    )
    stack_name = models.CharField(max_length=128, blank=True)
    stack_id = models.CharField(max_length=300, blank=True)
    change_set_id = models.CharField(max_length=400, blank=True)
    cause = models.TextField(blank=True, help_text="Why it failed, in words, the root cause first.")
    outcome = models.TextField(blank=True, help_text="What was done, in words.")
    # Grows with every change of this row and never repeats for a target: open pages compare it.
    version = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager["Operation"]] = OperationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "target"], condition=models.Q(state="running"), name="one_running_per_target"
            ),
            models.UniqueConstraint(
                fields=["project", "target"],
                condition=models.Q(action="create", state__in=["waiting", "running"]),
                name="one_open_creation_per_target",
            ),
        ]
        indexes = [
            models.Index(fields=["project", "target", "-version"]),
            models.Index(fields=["state", "step_due_at"]),
            models.Index(fields=["stack_id"]),
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()} {self.label}"

    def get_absolute_url(self) -> str:
        return reverse("operation", kwargs={"slug": self.project.slug, "pk": self.pk})

    @property
    def is_open(self) -> bool:
        """Whether it waits or runs."""
        return self.state in OPEN_STATES

    @property
    def actor(self) -> Person:
        """Who asked for the present attempt: the author, or who tried again."""
        return self.retried_by or self.author

    @property
    def asked_at(self) -> datetime:
        """When the present attempt was asked for."""
        return self.retried_at or self.created_at

    @property
    def target_name(self) -> str:
        """The name in `target`, without its kind."""
        return self.target.split(":", 1)[-1]

    @property
    def label(self) -> str:
        """The target's short name, which people typed; its final one while only that is known."""
        return (self.after or self.before or {}).get("label") or self.target_name

    @property
    def topic(self) -> str:
        """The live topic that its changes are announced on: its project's."""
        return f"project:{self.project_id}"

    @property
    def live_item(self) -> str:
        """The operation's own name among the live items of its project."""
        return f"operation:{self.pk}"

    def token(self, step: str) -> str:
        """Return the ClientRequestToken of a step: the same on every repeat, another for each attempt."""
        return f"{self.pk}-{self.attempt}-{step}"

    @staticmethod
    def id_of_token(token: str | None) -> uuid.UUID | None:
        """Return the operation that a stack event's ClientRequestToken names, if it is one of ours."""
        try:
            return uuid.UUID((token or "")[:36])
        except ValueError:
            return None


class OperationStep(models.Model):
    """One step of an attempt, for the timeline."""

    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="steps")
    attempt = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=20)
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    note = models.TextField(blank=True)
    failed = models.BooleanField(default=False)

    class Meta:
        ordering = ["attempt", "started_at", "pk"]
        constraints = [models.UniqueConstraint(fields=["operation", "attempt", "name"], name="one_row_per_step")]

    def __str__(self) -> str:
        return f"{self.name} of {self.operation_id}"
