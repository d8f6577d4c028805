"""Person, the portal's user model: somebody who signs in with an e-mail address.

"User" alone means a partner's technical user in this product, never this class.
"""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.functional import cached_property

from people.text import HIDDEN_WORDS, has_hidden_signs


class PersonManager(BaseUserManager["Person"]):
    """Makes people."""

    use_in_migrations = True

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "Person":
        """Make a person; without a password they cannot sign in until staff sets one."""
        if not email:
            raise ValueError("A person needs an e-mail address.")
        person = self.model(email=email.strip().lower(), **fields)
        person.set_password(password)
        person.save(using=self._db)
        return person

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "Person":
        """Make a person with every staff right."""
        return self.create_user(email, password, **{"is_staff": True, "is_superuser": True, **fields})

    def get_by_natural_key(self, username: str | None) -> "Person":
        return self.get(email__iexact=username or "")


class Person(AbstractBaseUser, PermissionsMixin):
    """Somebody who signs in: a manager, an owner, an auditor or staff."""

    email = models.EmailField("e-mail", unique=True)
    name = models.CharField(max_length=120, help_text="As colleagues know them; shown beside each change.")
    is_active = models.BooleanField("may sign in", default=True)
    is_staff = models.BooleanField("staff", default=False, help_text="May open the staff pages.")
    is_auditor = models.BooleanField("auditor", default=False, help_text="May read every project, change none.")
    joined_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[PersonManager] = PersonManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    class Meta:
        verbose_name_plural = "people"
        ordering = ["name", "email"]

    def __str__(self) -> str:
        return self.name or self.email

    @cached_property
    def roles(self) -> dict[int, str | None]:
        """Roles by project that a request has looked up already. Behind Django's lazy `request.user` too."""
        return {}

    def clean(self) -> None:
        self.email = self.email.strip().lower()
        if has_hidden_signs(self.name):
            raise ValidationError({"name": HIDDEN_WORDS})

    def get_full_name(self) -> str:
        """Return the name, for Django's own templates."""
        return str(self)

    def get_short_name(self) -> str:
        """Return the first word of the name."""
        return str(self).split(" ", 1)[0]
