"""Staff pages for people."""

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Permission
from django.db.models import Q
from django.http import HttpRequest

from people.models import Person


class PersonAddForm(forms.ModelForm):  # type: ignore[type-arg]
    """A new person; the password is set on the next page."""

    class Meta:
        model = Person
        fields = ("email", "name")

    def save(self, commit: bool = True) -> Person:
        """Save without a usable password, so that nobody can sign in before staff has set one."""
        person: Person = super().save(commit=False)
        person.set_unusable_password()
        if commit:
            person.save()
        return person


def has_more_rights(person: Person, than: object) -> bool:
    """Tell whether a person may, once let in, do what another one may not."""
    if not isinstance(than, Person):
        return True
    if than.is_superuser:
        return False
    more_flags = person.is_superuser or (person.is_auditor and not than.is_auditor)
    return more_flags or bool(_rights(person) - _rights(than))


def _rights(person: Person) -> set[int]:
    """Return the rights that were given to a person, whom Django itself tells of none while switched off."""
    given = Permission.objects.filter(Q(user=person) | Q(group__user=person))
    return set(given.values_list("pk", flat=True))


@admin.register(Person)
class PersonAdmin(UserAdmin):  # type: ignore[type-arg]
    """People, by e-mail address. Rights are given by superusers; other staff looks after who has no more than they."""

    add_form = PersonAddForm
    add_fieldsets = ((None, {"fields": ("email", "name")}),)
    rights = ("is_staff", "is_auditor", "is_superuser", "groups", "user_permissions")
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        ("Rights", {"fields": ("is_active", *rights)}),
        ("Dates", {"fields": ("last_login", "joined_at")}),
    )
    filter_horizontal = ()  # Django's own widget for it names its icon in a way that screen readers may not be told
    readonly_fields = ("last_login", "joined_at")
    list_display = ["email", "name", "is_staff", "is_auditor", "is_active"]
    list_filter = ["is_staff", "is_auditor", "is_active"]
    search_fields = ["email", "name"]
    ordering = ["email"]

    def get_readonly_fields(self, request: HttpRequest, obj: Person | None = None) -> tuple[str, ...]:
        return self.readonly_fields if request.user.is_superuser else (*self.rights, *self.readonly_fields)

    def has_change_permission(self, request: HttpRequest, obj: Person | None = None) -> bool:
        """Tell who may change somebody or set their password, which lets in as them."""
        return super().has_change_permission(request, obj) and not (obj and has_more_rights(obj, request.user))

    def has_delete_permission(self, request: HttpRequest, obj: Person | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj and has_more_rights(obj, request.user))
