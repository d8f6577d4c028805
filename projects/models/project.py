"""A project: one isolated AWS account, its Region and the people who work on it."""

import secrets
from typing import TYPE_CHECKING, ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.urls import reverse
from django.utils import timezone

from aws.accounts import ProjectAccount
from aws.names import KEPT_BY_AWS, is_kept_by_aws
from people.models import Person
from people.text import HIDDEN_WORDS, has_hidden_signs

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


def new_external_id() -> str:
    """Return a fresh ExternalId: random, unique, never reused (S6)."""
    return secrets.token_hex(24)


class ProjectState(models.TextChoices):
    """Where a project stands."""

    ONBOARDING = "onboarding", "Being set up"
    ACTIVE = "active", "Active"
    FROZEN = "frozen", "Frozen by staff"


class ProjectQuerySet(models.QuerySet["Project"]):
    """Projects, by who may see them."""

    def visible_to(self, person: "Person | AnonymousUser") -> "ProjectQuerySet":
        """Return the projects that a person may open: their own, with their `role`, or all for staff and auditors."""
        if not isinstance(person, Person) or not person.is_active:
            return self.none()
        if person.is_superuser or person.is_staff or person.is_auditor:
            return self
        return self.filter(memberships__person=person).annotate(role=models.F("memberships__role"))


class Project(models.Model):
    """A tenant: one AWS account in one Region."""

    slug = models.SlugField(max_length=40, unique=True, help_text="In addresses; cannot be changed later.")
    name = models.CharField(max_length=80, unique=True)
    purpose = models.CharField(max_length=200, blank=True)
    account_id = models.CharField(
        "AWS account",
        max_length=12,
        unique=True,
        validators=[RegexValidator(r"^\d{12}$", "An account id has 12 digits.")],
    )
    region = models.CharField(
        max_length=24,
        default="eu-west-1",
        validators=[RegexValidator(r"^[a-z]{2}(-[a-z]+)+-\d$", "Such as eu-west-1.")],
    )
    external_id = models.CharField(max_length=64, unique=True, default=new_external_id, editable=False)
    bucket_prefix = models.CharField(
        max_length=20,
        validators=[RegexValidator(r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", "Small letters, digits and single hyphens.")],
        help_text="Every bucket's name starts with it.",
    )
    state = models.CharField(max_length=12, choices=ProjectState, default=ProjectState.ONBOARDING)
    frozen_reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[models.Manager["Project"]] = ProjectQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("project", kwargs={"slug": self.slug})

    def clean(self) -> None:
        problems = {name: HIDDEN_WORDS for name in ("name", "purpose") if has_hidden_signs(getattr(self, name))}
        if self._state.adding and is_kept_by_aws(f"{self.bucket_prefix}-"):
            problems["bucket_prefix"] = KEPT_BY_AWS
        if problems:
            raise ValidationError(problems)
        if self.pk and Project.objects.filter(pk=self.pk).exclude(account_id=self.account_id).exists():
            raise ValidationError({"account_id": "A project keeps its account for life."})

    @property
    def account(self) -> ProjectAccount:
        """The project's AWS account, as the gateways know it."""
        return ProjectAccount(account_id=self.account_id, region=self.region, external_id=self.external_id)

    @property
    def why_frozen(self) -> str:
        """Why staff keeps everybody from changing anything in it, themselves included; empty when they do not."""
        if self.state != ProjectState.FROZEN:
            return ""
        return f"Staff has frozen this project: {self.frozen_reason or 'no reason given'}."

    @property
    def why_closed(self) -> str:
        """Why nothing can be changed in it right now; empty when it can."""
        if self.why_frozen:
            return self.why_frozen
        if self.state != ProjectState.ACTIVE:
            return "The project's AWS account is still being set up. Staff finishes that first."
        return ""

    @property
    def topic(self) -> str:
        """The live topic of everything in this project."""
        return f"project:{self.pk}"
