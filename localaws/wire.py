"""The Query protocol of CloudFormation, read and written from botocore's own service model.

No schema is written by hand: the shapes that boto3 uses to talk are the shapes that answer it.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import botocore.session
from botocore.model import OperationModel, ServiceModel

from localaws.errors import InvalidAction, LocalAWSError, ValidationError

NAMESPACE = "http://cloudformation.amazonaws.com/doc/2010-05-15/"
LARGEST_REQUEST_BYTES = 4 * 1024 * 1024
NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


@cache
def service_model() -> ServiceModel:
    """Return botocore's model of CloudFormation."""
    return botocore.session.get_session().get_service_model("cloudformation")


def operation_model(action: str) -> OperationModel:
    """Return the model of one call. Raises InvalidAction."""
    if action not in service_model().operation_names:
        raise InvalidAction(f"Could not find operation {action} for version 2010-05-15")
    return service_model().operation_model(action)


def read_form(environ: dict[str, Any]) -> dict[str, str]:
    """Return the form fields of a request; a field of the query string counts too, as AWS has it."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if length > LARGEST_REQUEST_BYTES:
        raise ValidationError("Request is too large")
    body = environ["wsgi.input"].read(length) if length else b""
    pairs = parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    pairs += parse_qsl(body.decode("utf-8", "strict"), keep_blank_values=True)
    return dict(pairs)


def read_parameters(action: str, form: dict[str, str]) -> dict[str, Any]:
    """Return the call's parameters as boto3 takes them. Raises InvalidAction, ValidationError."""
    shape = operation_model(action).input_shape
    if shape is None:
        return {}
    tree = _tree(form.items())
    parameters = _read(shape, tree)
    for name in shape.required_members:
        if name not in parameters:
            raise ValidationError(
                f"1 validation error detected: Value null at '{_camel(name)}' failed to satisfy constraint: "
                "Member must not be null"
            )
    return dict(parameters)


def _tree(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Nest `Tags.member.1.Key=a` as {"Tags": {"member": {"1": {"Key": "a"}}}}."""
    root: dict[str, Any] = {}
    for path, value in pairs:
        node = root
        *parents, last = path.split(".")
        for name in parents:
            child = node.get(name)
            if not isinstance(child, dict):
                child = node[name] = {}
            node = child
        node.setdefault(last, value)
    return root


def _read(shape: Any, node: Any) -> Any:
    if shape.type_name == "structure":
        node = node if isinstance(node, dict) else {}
        return {name: _read(member, node[name]) for name, member in shape.members.items() if name in node}
    if shape.type_name == "list":
        members = node.get("member", {}) if isinstance(node, dict) else {}
        numbered = sorted((int(n), v) for n, v in members.items() if n.isdigit()) if isinstance(members, dict) else []
        return [_read(shape.member, value) for _, value in numbered]
    if isinstance(node, dict):
        raise ValidationError("Unexpected structure in the request")
    if shape.type_name == "boolean":
        return node.lower() == "true"
    if shape.type_name in {"integer", "long"}:
        if not node.lstrip("-").isdigit():
            raise ValidationError(f"Value '{node}' is not a number")
        return int(node)
    return node


def _camel(name: str) -> str:
    return name[:1].lower() + name[1:]


def answer_xml(action: str, result: dict[str, Any]) -> bytes:
    """Return the body of a successful answer."""
    shape = operation_model(action).output_shape
    inner = ""
    if shape is not None:
        wrapper = shape.serialization.get("resultWrapper", f"{action}Result")
        inner = f"<{wrapper}>{_members(shape, result)}</{wrapper}>"
    request_id = f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata>"
    return f'<{action}Response xmlns="{NAMESPACE}">{inner}{request_id}</{action}Response>'.encode()


def error_xml(error: LocalAWSError) -> bytes:
    """Return the body of a refusal, in AWS's shape."""
    kind = "Sender" if error.status < 500 else "Receiver"
    return (
        f'<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>{kind}</Type><Code>{escape(error.code)}</Code>'
        f"<Message>{_text(error.message)}</Message></Error><RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"
    ).encode()


def _members(shape: Any, value: dict[str, Any]) -> str:
    return "".join(_write(member, value.get(name), name) for name, member in shape.members.items())


def _write(shape: Any, value: Any, tag: str) -> str:
    if value is None:
        return ""
    if shape.type_name == "structure":
        return f"<{tag}>{_members(shape, value)}</{tag}>"
    if shape.type_name == "list":
        return f"<{tag}>{''.join(_write(shape.member, item, 'member') for item in value)}</{tag}>"
    if shape.type_name == "timestamp":
        return f"<{tag}>{timestamp(value)}</{tag}>"
    if shape.type_name == "boolean":
        return f"<{tag}>{'true' if value else 'false'}</{tag}>"
    return f"<{tag}>{_text(str(value))}</{tag}>"


def _text(value: str) -> str:
    """Escape text; a bare carriage return would reach the client as a line feed."""
    return escape(NOT_XML.sub("\ufffd", value), {"\r": "&#13;"})


def timestamp(seconds: float) -> str:
    """Return AWS's form of a time: UTC with milliseconds and Z."""
    moment = datetime.fromtimestamp(round(seconds * 1000) / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
