"""Who may do what, as predicates behind `person.has_perm(permission, project)`.

Follows github.com/dfunckt/django-rules. A project that a person may not view answers like one that does not exist:
views look it up through `Project.objects.visible_to`, so these rules only part viewers from managers and owners.
"""

import rules

from people.models import Person
from projects.models import Membership, Project, Role


def remember_role(person: Person, project: Project) -> None:
    """Keep the role that `visible_to` found with the project, so that a page asks once."""
    if "role" in project.__dict__:
        person.roles[project.pk] = project.__dict__["role"]


def role_of(person: Person, project: Project) -> str | None:
    """Return the person's role in the project, remembered on the person for the length of a request."""
    if project.pk not in person.roles:
        found = Membership.objects.filter(person=person, project=project).values_list("role", flat=True).first()
        person.roles[project.pk] = found
    return person.roles[project.pk]


@rules.predicate  # type: ignore[untyped-decorator]  # rules has no types
def manages_project(person: Person, project: Project | None) -> bool:
    """Managers and owners may change buckets, both alike; so may superusers. Who works on a project says staff."""
    if project is None:
        return False
    return person.is_superuser or role_of(person, project) in {Role.MANAGER, Role.OWNER}


rules.add_perm("projects.change_bucket", manages_project)
