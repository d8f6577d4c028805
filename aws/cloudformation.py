"""CloudFormation: stacks, change sets, events.

Source: the API reference. Every submit carries a token, the service role, the events topic and the allow-list of
resource types (S2); nothing here waits for a stack.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.handlers import json_decode_template_body

from aws import rates
from aws.accounts import ProjectAccount
from aws.errors import StackNotFound, Throttled, aws_errors

CAPABILITIES = ["CAPABILITY_NAMED_IAM"]
LIVING = [
    "CREATE_IN_PROGRESS", "CREATE_FAILED", "CREATE_COMPLETE", "ROLLBACK_IN_PROGRESS", "ROLLBACK_FAILED",
    "ROLLBACK_COMPLETE", "DELETE_IN_PROGRESS", "DELETE_FAILED", "UPDATE_IN_PROGRESS",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE", "UPDATE_FAILED", "UPDATE_ROLLBACK_IN_PROGRESS",
    "UPDATE_ROLLBACK_FAILED", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE",
    "REVIEW_IN_PROGRESS", "IMPORT_IN_PROGRESS", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_IN_PROGRESS",
    "IMPORT_ROLLBACK_FAILED", "IMPORT_ROLLBACK_COMPLETE",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack as DescribeStacks tells it."""

    stack_id: str
    name: str
    status: str
    status_reason: str
    created_at: datetime
    updated_at: datetime | None
    outputs: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    topics: tuple[str, ...] = ()
    role_arn: str = ""
    termination_protection: bool = False


@dataclass(frozen=True, slots=True)
class StackSummary:
    """A stack as ListStacks tells it."""

    stack_id: str
    name: str
    status: str
    created_at: datetime
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class StackEvent:
    """One row of DescribeStackEvents; its properties are left out, they may hold anything."""

    event_id: str
    at: datetime
    logical_id: str
    physical_id: str
    resource_type: str
    status: str
    reason: str
    token: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """One resource's line of a change set."""

    logical_id: str
    resource_type: str
    action: str
    replacement: str | None
    policy_action: str | None
    scope: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """A change set as DescribeChangeSet tells it, with all its changes."""

    status: str
    execution_status: str
    reason: str
    changes: tuple[Change, ...]

    @property
    def running(self) -> bool:
        """Whether CloudFormation is still making it."""
        return self.status in {"CREATE_PENDING", "CREATE_IN_PROGRESS"}

    @property
    def empty(self) -> bool:
        """Whether it failed because nothing would change."""
        said = self.reason.lower()
        return self.status == "FAILED" and (
            "didn't contain changes" in said or "no updates are to be performed" in said
        )


class Stacks:
    """The stacks of one account and Region, as one role may use them. Every method raises AWSError."""

    def __init__(self, client: Any, account: ProjectAccount | None = None) -> None:
        self._client = client
        self._account = account
        self._where = f"{account.account_id if account else 'home'}/{client.meta.region_name}"

    def _call(self, operation: str, kind: str, **arguments: Any) -> Any:
        rates.acquire(self._where, kind)
        try:
            with aws_errors():
                return getattr(self._client, operation)(**arguments)
        except Throttled:
            rates.slow_down(self._where, kind)
            raise

    def _submit(self, resource_types: Sequence[str]) -> dict[str, Any]:
        """Return what every submit to a project's account carries."""
        if self._account is None:
            return {"Capabilities": CAPABILITIES}
        return {
            "Capabilities": CAPABILITIES,
            "RoleARN": self._account.service_role_arn,
            "NotificationARNs": [self._account.topic_arn],
            "ResourceTypes": list(resource_types),
        }

    def create(
        self, name: str, body: str, *, token: str, resource_types: Sequence[str], tags: Mapping[str, str]
    ) -> str:
        """Start creating a stack; return its id. Raises AlreadyExists. Source: CreateStack."""
        answer = self._call(
            "create_stack",
            "write",
            StackName=name,
            TemplateBody=body,
            ClientRequestToken=token,
            OnFailure="ROLLBACK",
            Tags=_tags(tags),
            **self._submit(resource_types),
        )
        return str(answer["StackId"])

    def create_with_parameters(self, name: str, body: str, *, token: str, parameters: Mapping[str, str]) -> str:
        """Start creating a stack from a template with parameters; return its id. Only the baseline has them."""
        answer = self._call(
            "create_stack",
            "write",
            StackName=name,
            TemplateBody=body,
            ClientRequestToken=token,
            Capabilities=CAPABILITIES,
            EnableTerminationProtection=True,
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in sorted(parameters.items())],
        )
        return str(answer["StackId"])

    def describe(self, name_or_id: str) -> Stack:
        """Return a stack; a deleted one only by its id. Raises StackNotFound."""
        found = self._call("describe_stacks", "DescribeStacks", StackName=name_or_id)["Stacks"]
        if not found:
            raise StackNotFound(f"Stack {name_or_id} does not exist", operation="DescribeStacks")
        return _stack(found[0])

    def page(self, token: str = "") -> tuple[Sequence[StackSummary], str]:
        """Return a page of the stacks that are not deleted, and the token of the next one; empty after the last."""
        more = {"NextToken": token} if token else {}
        page = self._call("list_stacks", "ListStacks", StackStatusFilter=LIVING, **more)
        return [_summary(row) for row in page["StackSummaries"]], page.get("NextToken") or ""

    def list(self) -> Iterator[StackSummary]:
        """Yield every stack that is not deleted, page by page."""
        found, token = self.page()
        yield from found
        while token:
            found, token = self.page(token)
            yield from found

    def events(self, name_or_id: str, *, limit: int = 100) -> Iterator[StackEvent]:
        """Yield a stack's events, newest first, at most `limit`. Raises StackNotFound."""
        arguments: dict[str, Any] = {"StackName": name_or_id}
        left = limit
        while left > 0:
            page = self._call("describe_stack_events", "DescribeStackEvents", **arguments)
            for row in page["StackEvents"][:left]:
                yield _event(row)
            left -= len(page["StackEvents"])
            if not page.get("NextToken"):
                return
            arguments["NextToken"] = page["NextToken"]

    def newest_events(self, name_or_id: str) -> tuple[StackEvent, ...]:
        """Return a stack's newest events, newest first, as many as one call gives. Raises StackNotFound."""
        page = self._call("describe_stack_events", "DescribeStackEvents", StackName=name_or_id)
        return tuple(_event(row) for row in page["StackEvents"])

    def template(self, name_or_id: str) -> str:
        """Return the template's body as it was submitted, byte for byte. Raises StackNotFound."""
        # boto3 would turn a JSON body into a dict in its own key order.
        self._client.meta.events.unregister("after-call.cloudformation.GetTemplate", json_decode_template_body)
        answer = self._call("get_template", "GetTemplate", StackName=name_or_id, TemplateStage="Original")
        return str(answer["TemplateBody"])

    def create_change_set(
        self,
        stack_id: str,
        name: str,
        body: str,
        *,
        token: str,
        resource_types: Sequence[str],
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Ask for a change set of an existing stack; return its id. Without `tags` the stack keeps those that it has."""
        answer = self._call(
            "create_change_set",
            "write",
            StackName=stack_id,
            ChangeSetName=name,
            ChangeSetType="UPDATE",
            TemplateBody=body,
            ClientToken=token,
            **({} if tags is None else {"Tags": _tags(tags)}),
            **self._submit(resource_types),
        )
        return str(answer["Id"])

    def describe_change_set(self, stack_id: str, change_set: str) -> ChangeSet:
        """Return a change set with all its changes. Raises ChangeSetNotFound."""
        changes: list[Change] = []
        arguments: dict[str, Any] = {"StackName": stack_id, "ChangeSetName": change_set}
        while True:
            page = self._call("describe_change_set", "read", **arguments)
            changes += [_change(row["ResourceChange"]) for row in page.get("Changes", []) if "ResourceChange" in row]
            if not page.get("NextToken"):
                break
            arguments["NextToken"] = page["NextToken"]
        return ChangeSet(page["Status"], page.get("ExecutionStatus", ""), page.get("StatusReason", ""), tuple(changes))

    def execute_change_set(self, stack_id: str, change_set: str, *, token: str) -> None:
        """Start executing a change set. Raises ChangeSetObsolete, ChangeSetNotFound, TokenAlreadyUsed."""
        self._call(
            "execute_change_set", "write", StackName=stack_id, ChangeSetName=change_set, ClientRequestToken=token
        )

    def delete_change_set(self, stack_id: str, change_set: str) -> None:
        """Drop a change set; one that is gone already is no error to CloudFormation."""
        self._call("delete_change_set", "write", StackName=stack_id, ChangeSetName=change_set)

    def delete(self, stack_id: str, *, token: str) -> None:
        """Start deleting a stack; its DELETE_COMPLETE event says when it is gone."""
        role = {"RoleARN": self._account.service_role_arn} if self._account else {}
        self._call("delete_stack", "write", StackName=stack_id, ClientRequestToken=token, **role)

    def set_termination_protection(self, name_or_id: str, *, on: bool) -> None:
        """Switch termination protection."""
        self._call("update_termination_protection", "write", StackName=name_or_id, EnableTerminationProtection=on)


def _summary(row: Mapping[str, Any]) -> StackSummary:
    return StackSummary(
        row["StackId"], row["StackName"], row["StackStatus"], row["CreationTime"], row.get("LastUpdatedTime")
    )


def _stack(row: Mapping[str, Any]) -> Stack:
    return Stack(
        stack_id=row["StackId"],
        name=row["StackName"],
        status=row["StackStatus"],
        status_reason=row.get("StackStatusReason", ""),
        created_at=row["CreationTime"],
        updated_at=row.get("LastUpdatedTime"),
        outputs={output["OutputKey"]: output["OutputValue"] for output in row.get("Outputs", [])},
        tags={tag["Key"]: tag["Value"] for tag in row.get("Tags", [])},
        topics=tuple(row.get("NotificationARNs", [])),
        role_arn=row.get("RoleARN", ""),
        termination_protection=bool(row.get("EnableTerminationProtection")),
    )


def _event(row: Mapping[str, Any]) -> StackEvent:
    return StackEvent(
        event_id=row["EventId"],
        at=row["Timestamp"],
        logical_id=row.get("LogicalResourceId", ""),
        physical_id=row.get("PhysicalResourceId", ""),
        resource_type=row.get("ResourceType", ""),
        status=row.get("ResourceStatus", ""),
        reason=row.get("ResourceStatusReason", ""),
        token=row.get("ClientRequestToken"),
    )


def _change(row: Mapping[str, Any]) -> Change:
    return Change(
        logical_id=row["LogicalResourceId"],
        resource_type=row["ResourceType"],
        action=row["Action"],
        replacement=row.get("Replacement"),
        policy_action=row.get("PolicyAction"),
        scope=tuple(row.get("Scope", [])),
    )


def _tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
