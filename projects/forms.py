"""Forms of buckets. They only read what was typed; the rules are the spec's and the actions'."""

import secrets
from typing import Any

from django import forms

from people.text import HIDDEN_WORDS, has_hidden_signs
from projects.models import Membership, Project
from projects.stacks.naming import bucket_name, label_limit
from projects.stacks.spec import PURPOSE_MAXIMUM, VERSIONS_DAYS, BucketSpec, InvalidSpec, Retention

_VERSIONS_WORDS = {7: "a week", 30: "30 days", 90: "90 days", 365: "a year"}
REASON_MAXIMUM = 300
# Nothing to find fault with: it stands in for a field that was refused, so that all others are judged with it.
_UNJUDGED = {
    "label": "a",
    "purpose": "-",
    "owner": "a@example.com",
    "retention": "keep",
    "versions_days": 90,
    "tags": (),
}


def new_request_key() -> str:
    """Return a key for one rendered form: sending it twice makes one change."""
    return secrets.token_hex(16)


class KeyedForm(forms.Form):
    """A form that makes one change however often it is sent."""

    request_key = forms.CharField(widget=forms.HiddenInput, max_length=64)
    reason = forms.CharField(
        label="Why? (optional)",
        max_length=REASON_MAXIMUM,
        required=False,
        help_text="Shown beside the change, such as a ticket number.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            # A browser cuts what is pasted to it without a word; we say what is too long, and by how much.
            field.widget.attrs.pop("maxlength", None)

    def clean_reason(self) -> str:
        """Return the reason, a line that shows what was typed."""
        reason = str(self.cleaned_data["reason"])
        if has_hidden_signs(reason):
            raise forms.ValidationError(HIDDEN_WORDS)
        return reason

    def renew(self, **values: Any) -> None:
        """Let the form as it is shown again be sent as a new one; the fields of `values` show them from now on."""
        self.data = {**self.data.dict(), "request_key": new_request_key(), **values}  # type: ignore[attr-defined]


class BucketForm(KeyedForm):
    """What a manager decides about a bucket."""

    label = forms.CharField(
        label="Name",
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    purpose = forms.CharField(
        label="Purpose", max_length=PURPOSE_MAXIMUM, help_text="What is exchanged here, and with whom."
    )
    owner = forms.ChoiceField(label="Owner", help_text="The member who answers for it.")
    retention = forms.ChoiceField(
        label="How long are files kept?", choices=[(found.value, found.words) for found in Retention]
    )
    versions_days = forms.TypedChoiceField(
        label="Overwritten and deleted files can be brought back for",
        coerce=int,
        choices=[(days, _VERSIONS_WORDS[days]) for days in VERSIONS_DAYS],
        initial=90,
    )
    tags = forms.CharField(
        label="Tags (optional)",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="One a line, as key = value. They appear in cost reports.",
    )
    base = forms.CharField(required=False, widget=forms.HiddenInput, max_length=64)
    before = forms.JSONField(required=False, widget=forms.HiddenInput)

    field_order = ("label", "purpose", "owner", "retention", "versions_days", "tags", "reason")

    def __init__(self, *args: Any, project: Project, standing: BucketSpec | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.project = project
        self.standing = standing
        self.based_on: BucketSpec | None = standing  # what the form was rendered from
        limit = label_limit(project.bucket_prefix, project.account_id, project.region)
        self.fields["label"].help_text = f"Up to {limit} small letters, digits and hyphens. It cannot be changed later."
        owners = [
            (member.person.email, f"{member.person} ({member.person.email})")
            for member in Membership.objects.filter(project=project).select_related("person")
        ]
        if standing is not None:
            del self.fields["label"]
            if standing.owner not in dict(owners):
                owners.append((standing.owner, f"{standing.owner} (no longer a member)"))
        self.fields["owner"].choices = owners  # type: ignore[attr-defined]  # it is a ChoiceField

    @staticmethod
    def initial_of(spec: BucketSpec) -> dict[str, Any]:
        """Return what the form shows of a spec."""
        return {
            "label": spec.label,
            "purpose": spec.purpose,
            "owner": spec.owner,
            "retention": spec.retention.value,
            "versions_days": spec.versions_days,
            "tags": "\n".join(f"{key} = {value}" for key, value in spec.tags),
        }

    def clean_tags(self) -> tuple[tuple[str, str], ...]:
        """Read the lines. Odd ones are named."""
        pairs = []
        for line in self.cleaned_data["tags"].splitlines():
            if not line.strip():
                continue
            key, sign, value = line.partition("=")
            if not sign:
                raise forms.ValidationError(f"“{line.strip()}” is not of the form key = value.")
            pairs.append((key.strip(), value.strip()))
        return tuple(pairs)

    def clean(self) -> dict[str, Any]:
        """Judge the whole by the spec's own rules and put each problem at its field."""
        cleaned: dict[str, Any] = super().clean() or {}
        if self.standing is not None and "before" in cleaned:
            self._judge_before(cleaned["before"], self.standing)
        problems = self._spec_of(_UNJUDGED | cleaned).validate()
        if "label" in problems:
            problems.pop("name", None)  # made from it, so the words would only be said twice
        for name, problem in problems.items():
            field = "label" if name == "name" else name
            if field not in self.errors:
                self.add_error(field if field in self.fields else None, problem)
        return cleaned

    @property
    def name(self) -> str:
        """The final name that was typed, also while other fields are wrong; empty when it cannot be one."""
        return self._spec_of(_UNJUDGED | self.cleaned_data).name if "label" in self.cleaned_data else ""

    def spec(self) -> BucketSpec:
        """Return what was typed as a spec."""
        return self._spec_of(self.cleaned_data)

    def _spec_of(self, data: dict[str, Any]) -> BucketSpec:
        if self.standing is not None:
            label, name = self.standing.label, self.standing.name
        else:
            label = data["label"].strip()
            name = bucket_name(self.project.bucket_prefix, label, self.project.account_id, self.project.region)
        return BucketSpec(
            name=name,
            label=label,
            purpose=data["purpose"].strip(),
            owner=data["owner"],
            retention=Retention(data["retention"]),
            versions_days=data["versions_days"],
            tags=data["tags"],
        )

    def _judge_before(self, before: Any, standing: BucketSpec) -> None:
        """Read what the form was rendered from: it came from the browser, so it may be anything."""
        try:
            self.based_on = BucketSpec.from_document(before) if before else standing
        except InvalidSpec:
            self.based_on = None
        if self.based_on is None or (self.based_on.name, self.based_on.label) != (standing.name, standing.label):
            self.add_error(None, "The form was sent incomplete. Open it again from the bucket's page.")


class DeleteForm(KeyedForm):
    """Deletion is confirmed by typing the bucket's short name."""

    confirmation = forms.CharField(label="Type the bucket's name to confirm", max_length=63)

    field_order = ("confirmation", "reason")

    def __init__(self, *args: Any, label: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label = label
        self.fields["confirmation"].help_text = f"Type {label}"
        self.fields["confirmation"].widget.attrs |= {"autocomplete": "off", "spellcheck": "false"}

    def clean_confirmation(self) -> str:
        """Compare with the name, exactly."""
        typed: str = self.cleaned_data["confirmation"].strip()
        if typed != self.label:
            raise forms.ValidationError(f"That is not its name. Type {self.label} to delete it.")
        return typed
