"""The resource types that localaws can deploy, by public boto3 calls alone."""

from __future__ import annotations

from localaws.errors import ResourceFailed
from localaws.providers import audit, iam, kms, messaging, s3
from localaws.providers.base import Provider

PROVIDERS: dict[str, Provider] = {
    name: provider()
    for module in (audit, iam, kms, messaging, s3)
    for provider in module.PROVIDERS
    for name in provider.types
}


def find(resource_type: str) -> Provider:
    """Return the provider of a type. Raises ResourceFailed when AWS has the type and localaws has not."""
    if resource_type not in PROVIDERS:
        raise ResourceFailed(f"localaws cannot deploy {resource_type}")
    return PROVIDERS[resource_type]
