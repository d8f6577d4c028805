"""The ARNs that a call is about, from its parameters. What is not read here is "*", which a narrower Allow does not match.

IAM's calls name users and roles without their path, so the path is looked up in moto's store.
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from moto.iam.models import iam_backends

Parameters = Mapping[str, Any]
_TRANSACTED = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}
_IAM_NAMES = {"UserName": "user", "RoleName": "role", "GroupName": "group", "PolicyName": "policy"}


def of_call(service: str, parameters: Parameters, account_id: str, region: str) -> tuple[str, ...]:
    """Return the ARNs that a call of a Query or JSON service is about."""
    reader = _READERS.get(service)
    return (reader(parameters, account_id, region) if reader else ()) or ("*",)


def permissions(service: str, operation: str, parameters: Parameters) -> list[str]:
    """Return the actions that must be allowed for a call: SQS's batches and DynamoDB's transactions have none of their own.

    Source: "Actions, resources, and condition keys for Amazon SQS", and "Using IAM with DynamoDB transactions".
    """
    if service == "sqs":
        return [f"sqs:{operation.removesuffix('Batch')}"]
    if service == "dynamodb" and operation.startswith("Transact"):
        kinds = {kind for item in parameters.get("TransactItems") or () for kind in item}
        return sorted(f"dynamodb:{_TRANSACTED.get(kind, operation)}" for kind in kinds) or [f"dynamodb:{operation}"]
    return [f"{service}:{operation}"]


def iam_context(parameters: Parameters, account_id: str) -> dict[str, str | list[str]]:
    """Return IAM's own condition keys: the boundary in the call, or the one that the user or role has now."""
    found: dict[str, str | list[str]] = {}
    if parameters.get("PolicyArn"):
        found["iam:PolicyARN"] = parameters["PolicyArn"]
    boundary = parameters.get("PermissionsBoundary") or _boundary(parameters, account_id)
    if boundary:
        found["iam:PermissionsBoundary"] = boundary
    return found


def _stack(parameters: Parameters, account_id: str, region: str) -> tuple[str, ...]:
    name = parameters.get("StackName") or ""
    if name.startswith("arn:"):
        return (name,)
    # A call by name is about the living stack of that name, whatever its id.
    return (f"arn:aws:cloudformation:{region}:{account_id}:stack/{name}/by-name",) if name else ()


def _iam(parameters: Parameters, account_id: str, _region: str) -> tuple[str, ...]:
    for field, kind in _IAM_NAMES.items():
        name = parameters.get(field)
        if name:
            thing = _find(kind, name, account_id)
            path = (thing.path if thing else parameters.get("Path")) or "/"
            return (f"arn:aws:iam::{account_id}:{kind}{path}{name}",)
    return (parameters["PolicyArn"],) if parameters.get("PolicyArn") else ()


def _find(kind: str, name: str, account_id: str) -> Any:
    backend = iam_backends[account_id]["aws"]
    stores: dict[str, dict[str, Any]] = {"user": backend.users, "role": backend.roles, "group": backend.groups}
    things = stores.get(kind, {})
    return next((thing for thing in list(things.values()) if thing.name == name), None)


def _boundary(parameters: Parameters, account_id: str) -> str | None:
    for field in ("UserName", "RoleName"):
        if parameters.get(field):
            holder = _find(_IAM_NAMES[field], parameters[field], account_id)
            return getattr(holder, "permissions_boundary_arn", None)
    return None


def _role(parameters: Parameters, _account_id: str, _region: str) -> tuple[str, ...]:
    return (parameters["RoleArn"],) if parameters.get("RoleArn") else ()


def _sns(parameters: Parameters, account_id: str, region: str) -> tuple[str, ...]:
    fields = ("TopicArn", "TargetArn", "SubscriptionArn", "ResourceArn")
    named = tuple(parameters[field] for field in fields if parameters.get(field))
    name = parameters.get("Name")
    return named or ((f"arn:aws:sns:{region}:{account_id}:{name}",) if name else ())


def _sqs(parameters: Parameters, account_id: str, region: str) -> tuple[str, ...]:
    owner, name = parameters.get("QueueOwnerAWSAccountId") or account_id, parameters.get("QueueName")
    if parameters.get("QueueUrl"):
        path = urlsplit(unquote(str(parameters["QueueUrl"]))).path
        owner, name = ["", "", *path.rstrip("/").split("/")][-2:]
    return (f"arn:aws:sqs:{region}:{owner or account_id}:{name}",) if name else ()


def _kms(parameters: Parameters, account_id: str, region: str) -> tuple[str, ...]:
    here = f"arn:aws:kms:{region}:{account_id}:"
    named = [str(parameters[field]) for field in ("KeyId", "TargetKeyId", "AliasName") if parameters.get(field)]
    return tuple(
        name if name.startswith("arn:") else here + (name if name.startswith("alias/") else f"key/{name}")
        for name in named
    )


def _tables(parameters: Parameters, account_id: str, region: str) -> tuple[str, ...]:
    names = {str(parameters["TableName"])} if "TableName" in parameters else set(parameters.get("RequestItems") or ())
    for item in parameters.get("TransactItems") or ():
        names |= {str(part.get("TableName", "")) for part in item.values()}
    here = f"arn:aws:dynamodb:{region}:{account_id}:table/"
    index = f"/index/{parameters['IndexName']}" if parameters.get("IndexName") else ""
    return tuple((name if name.startswith("arn:") else here + name) + index for name in sorted(names))


def _trail(parameters: Parameters, account_id: str, region: str) -> tuple[str, ...]:
    name = str(parameters.get("TrailName") or parameters.get("Name") or parameters.get("ResourceId") or "")
    if not name:
        return ()
    return (name if name.startswith("arn:") else f"arn:aws:cloudtrail:{region}:{account_id}:trail/{name}",)


_READERS: dict[str, Callable[[Parameters, str, str], tuple[str, ...]]] = {
    "cloudformation": _stack,
    "cloudtrail": _trail,
    "dynamodb": _tables,
    "iam": _iam,
    "kms": _kms,
    "sns": _sns,
    "sqs": _sqs,
    "sts": _role,
}
