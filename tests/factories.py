"""Rows for tests. Specs and AWS objects are made through the product's own code, never here."""

import factory
from factory.django import DjangoModelFactory

from people.models import Person
from projects.models import Membership, Project, ProjectState, Role


class PersonFactory(DjangoModelFactory):
    """A person with the password "a long password"."""

    class Meta:
        model = Person
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@example.com")
    name = factory.Sequence(lambda n: f"Person {n}")

    @factory.post_generation
    def password(self, create: bool, extracted: str | None, **_: object) -> None:
        self.set_password(extracted or "a long password")
        if create:
            self.save(update_fields=["password"])


class ProjectFactory(DjangoModelFactory):
    """An active project of an account of its own."""

    class Meta:
        model = Project

    slug = factory.Sequence(lambda n: f"project-{n}")
    name = factory.Sequence(lambda n: f"Project {n}")
    account_id = factory.Sequence(lambda n: f"{200000000000 + n}")
    region = "eu-west-1"
    bucket_prefix = factory.Sequence(lambda n: f"p{n}")
    state = ProjectState.ACTIVE


class MembershipFactory(DjangoModelFactory):
    """A manager of a project."""

    class Meta:
        model = Membership

    project = factory.SubFactory(ProjectFactory)
    person = factory.SubFactory(PersonFactory)
    role = Role.MANAGER
