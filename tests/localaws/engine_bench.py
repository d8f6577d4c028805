"""The engine in front of bare moto, in this process: no socket, no front door, pace 0."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.handlers import json_decode_template_body
from moto.core.base_backend import BackendDict
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from localaws import inprocess
from localaws.callers import CALLER, CREDENTIALS, Caller, Credentials
from localaws.engine import Engine
from localaws.faults import Faults

HOME = "100000000000"
REGION = "eu-west-1"
SETTLED = ("COMPLETE", "FAILED")
# Needed as soon as anything in the process has applied `localaws.repairs`: then SNS asks the queue's policy.
OPEN_TO_SNS = json.dumps(
    {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}]}
)

_moto = DomainDispatcherApplication(create_backend_app)


def data_plane(environ: dict[str, Any], start_response: Any) -> Any:
    """moto, which takes the account from a header here: the key id is the account's number."""
    words = environ.get("HTTP_AUTHORIZATION", "").split("Credential=")[-1]
    environ["HTTP_X_MOTO_ACCOUNT_ID"] = words.split("/")[0]
    return _moto(environ, start_response)


@dataclass
class Bench:
    """One engine and the clients to drive it."""

    faults: Faults = field(default_factory=Faults)
    pace_seconds: float = 0.0
    denied_roles: set[str] = field(default_factory=set)
    engine: Engine = field(init=False)

    def __post_init__(self) -> None:
        self.engine = self.make_engine()

    def make_engine(self) -> Engine:
        return Engine(
            lambda service, credentials, region: inprocess.client(data_plane, service, credentials, region),
            self.assume,
            internal=self.credentials,
            pace_seconds=self.pace_seconds,
            faults=self.faults,
        )

    def assume(self, role_arn: str, account: str, _session: str) -> Credentials:
        from localaws.errors import AccessDenied

        if role_arn in self.denied_roles:
            raise AccessDenied("not authorized to perform: sts:AssumeRole")
        return self.credentials(account)

    @staticmethod
    def credentials(account: str) -> Credentials:
        return Credentials(account, "secret")

    def app(self, environ: dict[str, Any], start_response: Any) -> Any:
        words = environ.get("HTTP_AUTHORIZATION", "").split("Credential=")[-1].split("/")
        account, region = words[0], words[2]
        if words[3] != "cloudformation":
            return data_plane(environ, start_response)
        arn = f"arn:aws:sts::{account}:assumed-role/portal/ana"
        environ[CALLER] = Caller(account, arn, "AROAEXAMPLE:ana", account, region)
        environ[CREDENTIALS] = self.credentials(account)
        return self.engine.wsgi(environ, start_response)

    def client(self, service: str, account: str = HOME, region: str = REGION) -> Any:
        return inprocess.client(self.app, service, self.credentials(account), region)

    @property
    def cloudformation(self) -> Any:
        return self.client("cloudformation")

    def raw_templates(self) -> Any:
        """Return a client that gives templates as text; boto3 would decode JSON."""
        client = self.cloudformation
        client.meta.events.unregister("after-call.cloudformation.GetTemplate", json_decode_template_body)
        return client

    def create(self, name: str, resources: dict[str, Any], **options: Any) -> str:
        body = template(resources, options.pop("sections", None))
        return str(self.cloudformation.create_stack(StackName=name, TemplateBody=body, **options)["StackId"])

    def settled(self, name: str, *, seconds: float = 20, client: Any = None) -> dict[str, Any]:
        """Wait until the stack's operation has ended and its events are out; return the stack."""
        client = client or self.cloudformation
        deadline = time.monotonic() + seconds
        while True:
            stack: dict[str, Any] = client.describe_stacks(StackName=name)["Stacks"][0]
            if stack["StackStatus"].endswith(SETTLED) and self.engine.idle():
                return stack
            assert time.monotonic() < deadline, stack
            time.sleep(0.002)

    @staticmethod
    def wait_for(condition: Callable[[], Any]) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.002)

    def made(self, name: str, resources: dict[str, Any], **options: Any) -> dict[str, Any]:
        return self.settled(self.create(name, resources, **options))

    def updated(self, name: str, resources: dict[str, Any], **options: Any) -> dict[str, Any]:
        body = template(resources, options.pop("sections", None))
        self.cloudformation.update_stack(StackName=name, TemplateBody=body, **options)
        return self.settled(name)

    def events(self, name: str) -> list[tuple[str, str]]:
        """Return logical id and status of every event, oldest first; the stack itself is `.`."""
        pages = self.cloudformation.get_paginator("describe_stack_events").paginate(StackName=name)
        rows = [event for page in pages for event in page["StackEvents"]][::-1]
        return [
            (
                "." if row["PhysicalResourceId"] == row["StackId"] else row["LogicalResourceId"],
                row["ResourceStatus"],
            )
            for row in rows
        ]

    def reason(self, name: str, logical_id: str, status: str) -> str:
        rows = self.cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        found = [row for row in rows if (row["LogicalResourceId"], row["ResourceStatus"]) == (logical_id, status)]
        return str(found[0].get("ResourceStatusReason", ""))

    def buckets(self, account: str = HOME) -> set[str]:
        return {bucket["Name"] for bucket in self.client("s3", account).list_buckets()["Buckets"]}


def template(resources: dict[str, Any], sections: dict[str, Any] | None = None) -> str:
    return json.dumps({**(sections or {}), "Resources": resources})


def bucket(name: str | None = None, **options: Any) -> dict[str, Any]:
    """Return a bucket resource; keywords with a capital are properties, `Attributes` go beside them."""
    attributes = options.pop("Attributes", {})
    properties = {**({"BucketName": name} if name else {}), **options}
    return {"Type": "AWS::S3::Bucket", "Properties": properties, **attributes}


def forget_everything() -> None:
    """Empty moto, and what it remembers of bucket names."""
    BackendDict.reset()
