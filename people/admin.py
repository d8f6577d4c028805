"""Staff pages for people."""

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin

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


@admin.register(Person)
class PersonAdmin(UserAdmin):  # type: ignore[type-arg]
    """People, by e-mail address."""

    add_form = PersonAddForm
    add_fieldsets = ((None, {"fields": ("email", "name")}),)
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_auditor", "is_superuser", "groups", "user_permissions")}),
        ("Dates", {"fields": ("last_login", "joined_at")}),
    )
    filter_horizontal = ()  # Django's own widget for it names its icon in a way that screen readers may not be told
    readonly_fields = ["last_login", "joined_at"]
    list_display = ["email", "name", "is_staff", "is_auditor", "is_active"]
    list_filter = ["is_staff", "is_auditor", "is_active"]
    search_fields = ["email", "name"]
    ordering = ["email"]
