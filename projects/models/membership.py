"""Who works on a project, and as what."""

from django.db import models

from people.models import Person
from projects.models.project import Project


class Role(models.TextChoices):
    """What a member may do: look, or change buckets, which managers and owners may alike. Staff makes members."""

    VIEWER = "viewer", "Viewer"
    MANAGER = "manager", "Manager"
    OWNER = "owner", "Owner"


class Membership(models.Model):
    """One person's role in one project."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=8, choices=Role, default=Role.MANAGER)

    class Meta:
        ordering = ["project", "person"]
        constraints = [models.UniqueConstraint(fields=["project", "person"], name="one_role_per_member")]

    def __str__(self) -> str:
        return f"{self.person}, {self.get_role_display().lower()} of {self.project}"
