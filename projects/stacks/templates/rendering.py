"""From a spec to a template."""

from typing import Any

from projects.stacks.naming import Kind
from projects.stacks.spec import BucketSpec
from projects.stacks.templates import bucket
from projects.stacks.templates.context import RenderContext
from projects.stacks.templates.document import Template

SCHEMAS = {Kind.BUCKET: bucket.SCHEMA}
# What a stack of a kind holds, by logical id. Anything else in it was not put there by the portal.
LOGICAL_IDS: dict[Kind, dict[str, str]] = {Kind.BUCKET: bucket.RESOURCES}
# What a submit of a kind may touch: the ResourceTypes of CreateStack and CreateChangeSet (S2).
RESOURCE_TYPES: dict[Kind, tuple[str, ...]] = {
    Kind.BUCKET: tuple(bucket.RESOURCES.values()),
    Kind.PROBE: ("AWS::SNS::Topic",),
}


def render(kind: Kind, spec: BucketSpec, context: RenderContext, *, deleting: bool = False) -> Template:
    """Return the template of a spec.

    `deleting` lets CloudFormation delete what it otherwise retains, and marks that in the Metadata: a changed
    DeletionPolicy alone is "no updates" (DESIGN P3).
    """
    mark: dict[str, Any] = {"Schema": SCHEMAS[kind], "Kind": kind.value, "Spec": spec.to_document()}
    if deleting:
        mark["Deleting"] = True
    return bucket.render(spec, context, mark, deleting=deleting)
