"""A call as it came in: who calls, with what, and what it asks of a stack."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from botocore.exceptions import ClientError

from localaws import schemas
from localaws.errors import AccessDenied, InsufficientCapabilities, ValidationError
from localaws.stacks import Settings, Stack
from localaws.template import LARGEST_BODY_BY_URL_BYTES, LARGEST_BODY_BYTES, Template, parameter_values, parse
from localaws.world import World

if TYPE_CHECKING:
    from localaws.callers import Caller, Credentials

STACK_NAME = r"[a-zA-Z][-a-zA-Z0-9]*"
TOKEN = r"[a-zA-Z0-9][-a-zA-Z0-9]*"  # noqa: S105 - a pattern
LONGEST_NAME = 128
MOST_TOPICS = 5
MOST_TAGS = 50


@dataclass(frozen=True, slots=True)
class Request:
    """One call of the CloudFormation API."""

    action: str
    parameters: dict[str, Any]
    caller: Caller
    credentials: Credentials

    @property
    def token(self) -> str | None:
        return self.parameters.get("ClientRequestToken")

    def token_key(self, name: str) -> tuple[str, ...]:
        """Return what makes a replay: the same token on the same call for the same stack."""
        short = name.split("/")[1] if name.startswith("arn:") and name.count("/") > 1 else name
        return (self.caller.account_id, self.caller.region, self.action, short, self.token or "")


def check_name(name: str, field: str = "stackName") -> str:
    """Return a name that AWS would accept. Raises ValidationError."""
    if not re.fullmatch(STACK_NAME, name):
        raise ValidationError(
            f"1 validation error detected: Value '{name}' at '{field}' failed to satisfy constraint: "
            f"Member must satisfy regular expression pattern: {STACK_NAME}"
        )
    if len(name) > LONGEST_NAME:
        raise ValidationError(
            f"1 validation error detected: Value '{name}' at '{field}' failed to satisfy constraint: "
            f"Member must have length less than or equal to {LONGEST_NAME}"
        )
    return name


def check_token(token: str | None) -> None:
    """Raise ValidationError unless the token has AWS's form."""
    if token is not None and not (re.fullmatch(TOKEN, token) and len(token) <= LONGEST_NAME):
        raise ValidationError(
            f"1 validation error detected: Value '{token}' at 'clientRequestToken' failed to satisfy constraint: "
            f"Member must satisfy regular expression pattern: {TOKEN}"
        )


def template_text(world: World, request: Request, stack: Stack | None) -> str:
    """Return the template that a call gives, names by URL, or keeps. Raises ValidationError."""
    given = request.parameters
    sources = [name for name in ("TemplateBody", "TemplateURL") if given.get(name)]
    if given.get("UsePreviousTemplate") and stack is not None:
        if sources:
            raise ValidationError("UsePreviousTemplate cannot be given together with a template")
        return stack.settings.template
    if len(sources) != 1:
        raise ValidationError("Either Template URL or Template Body must be specified.")
    if sources == ["TemplateURL"]:
        return _read_url(world, request, given["TemplateURL"])
    body = str(given["TemplateBody"])
    if len(body.encode()) > LARGEST_BODY_BYTES:
        raise ValidationError(
            f"1 validation error detected: Value '{body[:64]}...' at 'templateBody' failed to satisfy constraint: "
            f"Member must have length less than or equal to {LARGEST_BODY_BYTES}"
        )
    return body


def _read_url(world: World, request: Request, url: str) -> str:
    bucket, key = bucket_and_key(url)
    s3 = world.clients("s3", request.credentials, request.caller.region)
    try:
        answer = s3.get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        raise ValidationError(f"S3 error: {error.response['Error'].get('Message', 'Access Denied')}") from error
    if answer["ContentLength"] > LARGEST_BODY_BY_URL_BYTES:
        raise ValidationError(f"Template may not exceed {LARGEST_BODY_BY_URL_BYTES} bytes in size.")
    return str(answer["Body"].read().decode())


def bucket_and_key(url: str) -> tuple[str, str]:
    """Return bucket and key of an S3 URL, path style or virtual-hosted; a signature in it plays no part.

    Raises ValidationError.
    """
    parts = urlsplit(url)
    host, path = parts.hostname or "", unquote(parts.path).lstrip("/")
    virtual = re.fullmatch(r"(.+)\.s3[.-][a-z0-9.-]*amazonaws\.com", host)
    bucket, key = (virtual[1], path) if virtual else path.partition("/")[::2]
    if not bucket or not key:
        raise ValidationError("TemplateURL must be a supported URL.")
    return bucket, key


def settings_of(request: Request, text: str, stack: Stack | None) -> Settings:
    """Return what a call asks of a stack; an update keeps what it does not name.

    Raises ValidationError, InsufficientCapabilities.
    """
    given = request.parameters
    check_token(request.token)
    template = parse(text)
    schemas.check_types(request.caller.region, [definition["Type"] for definition in template.resources.values()])
    _check_allowed_types(template, given.get("ResourceTypes") or [])
    old = stack.settings if stack else Settings("", {}, {}, (), (), None)
    capabilities = tuple(given.get("Capabilities") or ())
    _check_capabilities(template, capabilities)
    tags = {tag["Key"]: tag["Value"] for tag in given["Tags"]} if "Tags" in given else old.tags
    topics = tuple(topic for topic in given.get("NotificationARNs", old.notification_arns) if topic)
    if len(topics) > MOST_TOPICS or len(tags) > MOST_TAGS:
        raise ValidationError("Too many notification topics or tags")
    return Settings(
        template=text,
        parameters=parameter_values(template, _parameters(given.get("Parameters") or [], old)),
        tags=tags,
        notification_arns=topics,
        capabilities=capabilities,
        role_arn=given.get("RoleARN") or old.role_arn,
    )


def _parameters(given: list[dict[str, Any]], old: Settings) -> dict[str, str]:
    values: dict[str, str] = {}
    for parameter in given:
        name = parameter["ParameterKey"]
        if parameter.get("UsePreviousValue"):
            if name not in old.parameters:
                raise ValidationError(f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true "
                                      "for a parameter key not in the previous template")  # fmt: skip
            values[name] = old.parameters[name]
        else:
            values[name] = parameter.get("ParameterValue", "")
    return values


def _check_allowed_types(template: Template, allowed: list[str]) -> None:
    """Hold a template to the types that the call names; a caller's policy may demand such a list."""
    types = {str(definition["Type"]) for definition in template.resources.values()}
    refused = sorted(name for name in types if not any(fnmatchcase(name, pattern) for pattern in allowed))
    if allowed and refused:
        raise ValidationError(
            f"Resource type {refused[0]} is not allowed by parameter ResourceTypes [{', '.join(allowed)}]"
        )


def _check_capabilities(template: Template, given: tuple[str, ...]) -> None:
    needed, _ = template.capability()
    enough = {"": True, "CAPABILITY_IAM": bool({"CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"} & set(given))}
    if not enough.get(needed, needed in given):
        raise InsufficientCapabilities(needed)


def role_checked(world: World, request: Request, settings: Settings) -> None:
    """Raise ValidationError when CloudFormation may not assume the service role."""
    if settings.role_arn:
        try:
            world.service_role(settings.role_arn, request.caller.account_id, fresh=True)
        except (AccessDenied, ClientError) as error:
            raise ValidationError(f"Role {settings.role_arn} is invalid or cannot be assumed") from error
