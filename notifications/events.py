"""Read what arrives in the events queue: SNS envelopes, CloudFormation's text messages, EventBridge entries.

A stack event is text of `Key='value'` lines, and a reason may hold any text, quotes and line breaks included. One
anchored expression reads the whole body: the head from its start, the tail from its end, so that no reason can pass
itself off as another field. Resource properties may hold secrets: they are not even captured.
Source: samples of CloudFormation's SNS messages of 2015 to 2023; EventBridge reference, "CloudFormation events".
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from notifications.errors import MalformedEvent, UntrustedMessage
from notifications.signatures import Proof, proof_of

STACK_TYPE = "AWS::CloudFormation::Stack"
STACK_ARN = re.compile(
    r"arn:aws[a-z-]*:cloudformation:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):stack/(?P<name>[A-Za-z][A-Za-z0-9-]*)/[0-9a-f-]{36}"
)
_RESOURCE_CHANGE = "CloudFormation Resource Status Change"
_STACK_CHANGE = "CloudFormation Stack Status Change"
_SHORT = r"[^'\n\r]*"
_MESSAGE = re.compile(
    rf"StackId='(?P<stack_id>{_SHORT})'\n"
    rf"Timestamp='(?P<at>{_SHORT})'\n"
    rf"EventId='(?P<event_id>{_SHORT})'\n"
    rf"LogicalResourceId='(?P<logical_id>{_SHORT})'\n"
    rf"(?:Namespace='(?P<namespace>{_SHORT})'\n)?"
    rf"(?:PhysicalResourceId='(?P<physical_id>{_SHORT})'\n)?"
    rf"(?:PrincipalId='(?P<principal>{_SHORT})'\n)?"
    # Atomic: the first status line after the properties is the true one, whatever a reason below it imitates.
    rf"(?>(?:ResourceProperties='[\s\S]*?'\n(?=ResourceStatus='))?)"
    rf"ResourceStatus='(?P<status>[A-Z_]+)'\n"
    rf"(?:ResourceStatusReason='(?P<reason>[\s\S]*)'\n)?"
    rf"ResourceType='(?P<resource_type>{_SHORT})'\n"
    rf"StackName='(?P<stack_name>{_SHORT})'"
    rf"(?:\nClientRequestToken='(?P<token>{_SHORT})')?\n?"
)


@dataclass(frozen=True, slots=True)
class StackEvent:
    """One event of a stack or of one of its resources, without properties. `at` is AWS's time, UTC."""

    stack_id: str
    stack_name: str
    account_id: str
    region: str
    at: datetime
    event_id: str
    logical_id: str
    physical_id: str
    resource_type: str
    status: str
    reason: str
    token: str | None
    principal: str | None

    @property
    def is_stack(self) -> bool:
        """Whether it tells of the stack itself: a nested stack has the same type but another physical id."""
        named = self.physical_id or (self.stack_id if self.logical_id == self.stack_name else "")
        return self.resource_type == STACK_TYPE and named == self.stack_id


@dataclass(frozen=True, slots=True)
class Notification:
    """An SNS notification; true only once its proof is."""

    topic_arn: str
    message: str
    proof: Proof


@dataclass(frozen=True, slots=True)
class SubscriptionConfirmation:
    """SNS asks whether a subscription is wanted, if its proof is true."""

    topic_arn: str
    token: str
    proof: Proof


@dataclass(frozen=True, slots=True)
class Announcement:
    """What another process of the portal asks to be pushed, still signed."""

    signed: str


Envelope = Notification | SubscriptionConfirmation | Announcement


def parse_envelope(body: str) -> Envelope:
    """Read a queue message's outer form. Raises UntrustedMessage for raw deliveries and anything unknown."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UntrustedMessage("not JSON: a raw delivery, or no message of ours") from error
    if not isinstance(document, dict):
        raise UntrustedMessage("not a JSON object")
    match document:
        case {"Type": "Notification", "TopicArn": str(topic), "Message": str(message)}:
            return Notification(topic, message, proof_of(document))
        case {"Type": "SubscriptionConfirmation", "TopicArn": str(topic), "Token": str(token)}:
            return SubscriptionConfirmation(topic, token, proof_of(document))
        case {"stackport": str(signed)}:
            return Announcement(signed)
    raise UntrustedMessage("neither an SNS envelope nor an announcement of the portal")


def parse_event(text: str) -> StackEvent:
    """Read a notification's message: CloudFormation's text, or an EventBridge entry. Raises MalformedEvent."""
    if text.lstrip().startswith("{"):
        return _of_eventbridge(text)
    match = _MESSAGE.fullmatch(text)
    if match is None:
        raise MalformedEvent("not a stack event", _hint(text))
    found = match.groupdict()
    return _event(found, at=_time(found["at"], found["stack_id"]))


def _of_eventbridge(text: str) -> StackEvent:
    try:
        entry = json.loads(text)
        stack_id = entry["detail"]["stack-id"]
        kind = entry["detail-type"]
        if entry["source"] != "aws.cloudformation" or kind not in {_STACK_CHANGE, _RESOURCE_CHANGE}:
            raise MalformedEvent("an EventBridge entry of another kind")
        found = _fields(entry, stack_id, is_stack=kind == _STACK_CHANGE)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise MalformedEvent("an EventBridge entry that is no stack event") from error
    if not all(isinstance(value, str) for value in found.values()):
        raise MalformedEvent("an EventBridge entry whose fields are no text")
    return _event({**found, "principal": None}, at=_time(found["at"], stack_id))


def _fields(entry: Mapping[str, Any], stack_id: str, *, is_stack: bool) -> dict[str, Any]:
    """Return an entry's fields under the names of the text message. It carries neither principal nor properties."""
    detail, name = entry["detail"], stack_id.split("/")[1]
    return {
        "stack_id": stack_id,
        "stack_name": name,
        "at": entry["time"],
        "event_id": entry["id"],
        "logical_id": name if is_stack else detail["logical-resource-id"],
        "physical_id": stack_id if is_stack else detail.get("physical-resource-id") or "",
        "resource_type": STACK_TYPE if is_stack else detail["resource-type"],
        "status": detail["status-details"]["status"],
        "reason": detail["status-details"].get("status-reason") or "",
        "token": detail.get("client-request-token") or "",
    }


def _event(found: Mapping[str, Any], *, at: datetime) -> StackEvent:
    stack = STACK_ARN.fullmatch(found["stack_id"])
    if stack is None or stack["name"] != found["stack_name"]:
        raise MalformedEvent("the stack's id and name do not belong together", _hint_id(found["stack_id"]))
    token = found["token"]
    return StackEvent(
        stack_id=found["stack_id"],
        stack_name=found["stack_name"],
        account_id=stack["account"],
        region=stack["region"],
        at=at,
        event_id=found["event_id"],
        logical_id=found["logical_id"],
        physical_id=found["physical_id"] or "",
        resource_type=found["resource_type"],
        status=found["status"],
        reason=found["reason"] or "",
        token=None if token in {None, "", "null", "None"} else token,
        principal=found["principal"],
    )


def _time(text: str, stack_id: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:  # the first and the last day reach out of the calendar in other zones
        raise MalformedEvent("an odd time", _hint_id(stack_id)) from error


def _hint(text: str) -> str | None:
    first = re.match(rf"StackId='({_SHORT})'", text)
    return _hint_id(first[1]) if first else None


def _hint_id(stack_id: str) -> str | None:
    return stack_id if STACK_ARN.fullmatch(stack_id) else None


def account_of_arn(arn: str) -> str:
    """Return the account in an ARN; empty when it is none."""
    parts = arn.split(":")
    return parts[4] if len(parts) > 5 else ""
