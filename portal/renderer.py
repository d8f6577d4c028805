"""How forms look: Django's own renderer with the classes of the style sheet; errors and help are tied to their fields."""

from django.forms import BoundField
from django.forms.renderers import TemplatesSetting
from django.forms.widgets import CheckboxInput, Input, RadioSelect, Select, Textarea, Widget


class PortalBoundField(BoundField):
    """A field whose widget carries the style sheet's classes, and is marked when it is wrong."""

    def build_widget_attrs(self, attrs: dict[str, str | bool], widget: Widget | None = None) -> dict[str, str | bool]:
        """Return Django's attributes with the classes added."""
        widget = widget or self.field.widget
        built = super().build_widget_attrs(attrs, widget)
        base = ""
        if isinstance(widget, CheckboxInput | RadioSelect):
            base = "form-check-input"
        elif isinstance(widget, Select):
            base = "form-select"
        elif isinstance(widget, Input | Textarea):
            base = "form-control"
        wrong = " is-invalid" if self.errors else ""
        built["class"] = f"{built.get('class', '')} {base}{wrong}".strip()
        return built


class PortalRenderer(TemplatesSetting):
    """Finds form templates where pages are found."""

    bound_field_class = PortalBoundField
    form_template_name = "forms/form.html"
    field_template_name = "forms/field.html"
