"""From a template back to its spec.

The spec stands in the Metadata of the *resource*: CloudFormation cannot change a template's Metadata section alone.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from projects.stacks.naming import Kind
from projects.stacks.spec import BucketSpec, InvalidSpec
from projects.stacks.templates.context import RenderContext
from projects.stacks.templates.rendering import LOGICAL_IDS, SCHEMAS


class UnknownTemplate(ValueError):
    """A template that the portal did not write, or cannot read any more; the message is fit for the manager."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a template says."""

    kind: Kind
    schema_version: int
    spec: BucketSpec
    context: RenderContext
    deleting: bool = False


def read(template: str | Mapping[str, Any]) -> Parsed:
    """Return what a template was rendered from. Raises UnknownTemplate."""
    document = _loaded(template)
    resources = document.get("Resources")
    if not isinstance(resources, dict):
        raise UnknownTemplate("The template holds no resources.")
    bucket = resources.get("Bucket")
    mark = _at(bucket, "Metadata", "Stackport")
    if not isinstance(mark, dict) or mark.get("Kind") not in [kind.value for kind in SCHEMAS]:
        raise UnknownTemplate("The template carries no mark of the portal.")
    kind = Kind(mark["Kind"])
    schema = mark.get("Schema")
    if type(schema) is not int or not 1 <= schema <= SCHEMAS[kind]:
        raise UnknownTemplate(f"The template's schema {schema} is not one that this portal knows.")
    _expect_resources(kind, resources)
    return Parsed(kind, schema, _spec(mark, bucket), _context(bucket), mark.get("Deleting") is True)


def _loaded(template: str | Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(template, str):
        return template
    try:
        document = json.loads(template)
    except ValueError as error:
        raise UnknownTemplate("The template is not JSON, so the portal did not write it.") from error
    if not isinstance(document, dict):
        raise UnknownTemplate("The template is not a JSON object.")
    return document


def _at(document: Any, *path: str | int) -> Any:
    """Return what stands at a path; None where it ends early."""
    for step in path:
        if isinstance(document, dict) and isinstance(step, str):
            document = document.get(step)
        elif isinstance(document, list) and isinstance(step, int) and step < len(document):
            document = document[step]
        else:
            return None
    return document


def _expect_resources(kind: Kind, resources: Mapping[str, Any]) -> None:
    """Refuse resources that the portal did not put there, and missing ones."""
    found = {logical_id: _at(resource, "Type") for logical_id, resource in resources.items()}
    expected = LOGICAL_IDS[kind]
    odd = sorted(
        logical_id for logical_id in found.keys() | expected if found.get(logical_id) != expected.get(logical_id)
    )
    if odd:
        raise UnknownTemplate(f"These resources are not as the portal makes them: {', '.join(odd)}.")


def _spec(mark: Mapping[str, Any], bucket: Any) -> BucketSpec:
    document = mark.get("Spec")
    if not isinstance(document, dict):
        raise UnknownTemplate("The template's mark holds no spec.")
    try:
        spec = BucketSpec.from_document(document)
    except InvalidSpec as error:
        raise UnknownTemplate(f"The template's spec cannot be read: {error}") from error
    if _at(bucket, "Properties", "BucketName") != spec.name:
        raise UnknownTemplate("The template's spec is of another bucket.")
    return spec


def _context(bucket: Any) -> RenderContext:
    key_arn = _at(
        bucket,
        *("Properties", "BucketEncryption", "ServerSideEncryptionConfiguration", 0),
        *("ServerSideEncryptionByDefault", "KMSMasterKeyID"),
    )
    log_bucket = _at(bucket, "Properties", "LoggingConfiguration", "DestinationBucketName")
    if not isinstance(key_arn, str) or not isinstance(log_bucket, str) or key_arn.count(":") < 5:
        raise UnknownTemplate("The bucket's key or log bucket is not a literal value.")
    return RenderContext(key_arn, log_bucket)
