"""Templates as plain dicts from pure functions; what was rendered can be read back (DESIGN P2)."""

from projects.stacks.templates.bucket import protection
from projects.stacks.templates.context import RenderContext
from projects.stacks.templates.document import Template, body, fingerprint, indented
from projects.stacks.templates.reading import Parsed, UnknownTemplate, read
from projects.stacks.templates.rendering import LOGICAL_IDS, RESOURCE_TYPES, render

__all__ = [
    "LOGICAL_IDS",
    "RESOURCE_TYPES",
    "Parsed",
    "RenderContext",
    "Template",
    "UnknownTemplate",
    "body",
    "fingerprint",
    "indented",
    "protection",
    "read",
    "render",
]
