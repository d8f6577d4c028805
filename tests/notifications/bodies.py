"""Message bodies for tests: the files of `tests/data`, and event texts with any field replaced."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from localaws.signing import signer

DATA = Path(__file__).parents[1] / "data"
ACCOUNT = "210987654321"
STACK_NAME = "portal-bucket-invoices-k3x9q2"
STACK_ID = f"arn:aws:cloudformation:eu-west-1:{ACCOUNT}:stack/{STACK_NAME}/6d1f0a52-9c3e-4c7a-8a7b-0f1d2c3b4a59"
TOPIC = f"arn:aws:sns:eu-west-1:{ACCOUNT}:stackport-events"
TOKEN = "0d9f3c1e-5b1a-4a54-9d0b-6a2f6f1c7e11-1-submit"
SECRET = "MARKER-OF-A-SECRET"

FIELDS = {
    "StackId": STACK_ID,
    "Timestamp": "2026-11-23T10:00:00.123Z",
    "EventId": "1f0f0b60-c857-11f0-9d3c-0a1b2c3d4e5f",
    "LogicalResourceId": "Bucket",
    "Namespace": ACCOUNT,
    "PhysicalResourceId": "acme-invoices",
    "PrincipalId": "AROAEXAMPLE:42",
    "ResourceProperties": "null",
    "ResourceStatus": "CREATE_IN_PROGRESS",
    "ResourceStatusReason": "Resource creation Initiated",
    "ResourceType": "AWS::S3::Bucket",
    "StackName": STACK_NAME,
    "ClientRequestToken": TOKEN,
}


def body(name: str) -> str:
    """Return a file of `tests/data` as the queue hands it out."""
    return (DATA / name).read_text()


def message(name: str) -> str:
    """Return the message inside a recorded envelope."""
    return str(json.loads(body(name))["Message"])


def text(*, without: tuple[str, ...] = (), **fields: str) -> str:
    """Return an event's text as CloudFormation writes it."""
    held = {**FIELDS, **fields}
    return "".join(f"{key}='{value}'\n" for key, value in held.items() if key not in without)


def stack_text(stack_id: str, name: str, status: str) -> str:
    """Return the text of an event of now about a stack itself."""
    return text(
        StackId=stack_id,
        PhysicalResourceId=stack_id,
        StackName=name,
        LogicalResourceId=name,
        ResourceType="AWS::CloudFormation::Stack",
        ResourceStatus=status,
        Timestamp=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    )


def signed(body: str) -> str:
    """Return a body as SNS hands it out, if it is an envelope. Asked for late: the local AWS chooses who signs."""
    try:
        document = json.loads(body)
    except ValueError:
        return body
    if not isinstance(document, dict) or "Signature" not in document:
        return body
    return json.dumps({**document, **signer().signed({k: v for k, v in document.items() if isinstance(v, str)})})


def envelope(inner: str, *, topic: str = TOPIC) -> str:
    """Return SNS's envelope around a message."""
    held: dict[str, Any] = json.loads(body("sns_stack_event.json"))
    return json.dumps({**held, "Message": inner, "TopicArn": topic})
