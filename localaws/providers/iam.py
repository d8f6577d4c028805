"""AWS::IAM::Role, ManagedPolicy, Policy, User and Group. IAM is global: the Region plays no part."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from localaws.providers.base import Call, Provider, absent_is_fine, repeated_is_fine

EXISTS = "EntityAlreadyExists"


class Principal(Provider):
    """What roles, users and groups have in common: a name, inline and attached policies, a boundary, tags."""

    kind: ClassVar[str]
    """`role`, `user` or `group`, as it stands in IAM's calls."""

    @property
    def _argument(self) -> str:
        return f"{self.kind.capitalize()}Name"

    def _request(self, call: Call) -> dict[str, Any]:
        """Return the create call's arguments besides the name."""
        request: dict[str, Any] = {"Path": call.properties.get("Path", "/")}
        if self.kind != "group":
            request["Tags"] = call.tag_list()
            if "PermissionsBoundary" in call.properties:
                request["PermissionsBoundary"] = call.properties["PermissionsBoundary"]
        return request

    def create(self, call: Call) -> dict[str, Any]:
        iam = call.client("iam")
        name = call.name(call.properties.get(self._argument))
        if not call.physical_id:
            call.plan(name)
            with repeated_is_fine(call, EXISTS):
                getattr(iam, f"create_{self.kind}")(**{self._argument: name}, **self._request(call))
            call.made(name)
        self._write_policies(iam, call, name)
        return self._attributes(iam, name)

    def update(self, call: Call) -> dict[str, Any]:
        iam = call.client("iam")
        name = call.physical_id
        self._write_policies(iam, call, name)
        if self.kind != "group":
            self._write_boundary(iam, call, name)
            new, gone = call.tag_changes()
            if new:
                tags = [{"Key": key, "Value": value} for key, value in new.items()]
                getattr(iam, f"tag_{self.kind}")(**{self._argument: name}, Tags=tags)
            if gone:
                getattr(iam, f"untag_{self.kind}")(**{self._argument: name}, TagKeys=gone)
        return self._attributes(iam, name)

    def delete(self, call: Call) -> None:
        iam = call.client("iam")
        name = {self._argument: call.physical_id}
        with absent_is_fine():
            # only what the template gave it: a policy that somebody else attached makes the delete fail, as on AWS
            for policy in call.properties.get("Policies") or []:
                with absent_is_fine():
                    getattr(iam, f"delete_{self.kind}_policy")(**name, PolicyName=policy["PolicyName"])
            for arn in call.properties.get("ManagedPolicyArns") or []:
                with absent_is_fine():
                    getattr(iam, f"detach_{self.kind}_policy")(**name, PolicyArn=arn)
            getattr(iam, f"delete_{self.kind}")(**name)

    def _write_policies(self, iam: Any, call: Call, name: str) -> None:
        argument = {self._argument: name}
        new, old = (
            {p["PolicyName"]: p["PolicyDocument"] for p in properties.get("Policies") or []}
            for properties in (call.properties, call.old)
        )
        for policy, document in new.items():
            if old.get(policy) != document:
                getattr(iam, f"put_{self.kind}_policy")(**argument, PolicyName=policy, PolicyDocument=_json(document))
        for policy in old.keys() - new.keys():
            with absent_is_fine():
                getattr(iam, f"delete_{self.kind}_policy")(**argument, PolicyName=policy)
        wanted, had = (set(properties.get("ManagedPolicyArns") or []) for properties in (call.properties, call.old))
        for arn in sorted(wanted - had):
            getattr(iam, f"attach_{self.kind}_policy")(**argument, PolicyArn=arn)
        for arn in sorted(had - wanted):
            with absent_is_fine():
                getattr(iam, f"detach_{self.kind}_policy")(**argument, PolicyArn=arn)

    def _write_boundary(self, iam: Any, call: Call, name: str) -> None:
        if not call.changed("PermissionsBoundary"):
            return
        boundary = call.properties.get("PermissionsBoundary")
        if boundary:
            put = getattr(iam, f"put_{self.kind}_permissions_boundary")
            put(**{self._argument: name}, PermissionsBoundary=boundary)
        else:
            getattr(iam, f"delete_{self.kind}_permissions_boundary")(**{self._argument: name})

    def _attributes(self, iam: Any, name: str) -> dict[str, Any]:
        found = getattr(iam, f"get_{self.kind}")(**{self._argument: name})[self.kind.capitalize()]
        return {"Arn": found["Arn"]}


class Role(Principal):
    """A role with its trust policy."""

    types: ClassVar = ("AWS::IAM::Role",)
    kind: ClassVar = "role"

    def _request(self, call: Call) -> dict[str, Any]:
        request = super()._request(call)
        request["AssumeRolePolicyDocument"] = _json(call.properties["AssumeRolePolicyDocument"])
        for name in ("Description", "MaxSessionDuration"):
            if name in call.properties:
                request[name] = call.properties[name]
        return request

    def update(self, call: Call) -> dict[str, Any]:
        iam = call.client("iam")
        if call.changed("AssumeRolePolicyDocument"):
            document = _json(call.properties["AssumeRolePolicyDocument"])
            iam.update_assume_role_policy(RoleName=call.physical_id, PolicyDocument=document)
        if call.changed("Description", "MaxSessionDuration"):
            iam.update_role(
                RoleName=call.physical_id,
                Description=call.properties.get("Description", ""),
                MaxSessionDuration=call.properties.get("MaxSessionDuration", 3600),
            )
        return super().update(call)

    def _attributes(self, iam: Any, name: str) -> dict[str, Any]:
        role = iam.get_role(RoleName=name)["Role"]
        return {"Arn": role["Arn"], "RoleId": role["RoleId"]}


class User(Principal):
    """A user, member of the groups that the template names."""

    types: ClassVar = ("AWS::IAM::User",)
    kind: ClassVar = "user"

    def _write_policies(self, iam: Any, call: Call, name: str) -> None:
        super()._write_policies(iam, call, name)
        wanted, had = (set(properties.get("Groups") or []) for properties in (call.properties, call.old))
        for group in sorted(wanted - had):
            iam.add_user_to_group(GroupName=group, UserName=name)
        for group in sorted(had - wanted):
            with absent_is_fine():
                iam.remove_user_from_group(GroupName=group, UserName=name)

    def delete(self, call: Call) -> None:
        for group in call.properties.get("Groups") or []:
            with absent_is_fine():
                call.client("iam").remove_user_from_group(GroupName=group, UserName=call.physical_id)
        super().delete(call)


class Group(Principal):
    """A group of users."""

    types: ClassVar = ("AWS::IAM::Group",)
    kind: ClassVar = "group"


class ManagedPolicy(Provider):
    """A customer managed policy; its physical id is its ARN."""

    types: ClassVar = ("AWS::IAM::ManagedPolicy",)

    def create(self, call: Call) -> dict[str, Any]:
        iam = call.client("iam")
        properties = call.properties
        path = properties.get("Path", "/")
        name = call.name(properties.get("ManagedPolicyName"), longest=128)
        arn = f"arn:aws:iam::{call.scope.account}:policy{path}{name}"
        if not call.physical_id:
            call.plan(name)
            with repeated_is_fine(call, EXISTS):
                iam.create_policy(
                    PolicyName=name,
                    Path=path,
                    PolicyDocument=_json(properties["PolicyDocument"]),
                    **({"Description": properties["Description"]} if "Description" in properties else {}),
                )
            call.made(arn)
        _attach(iam, call, arn)
        return {"PolicyArn": arn}

    def update(self, call: Call) -> dict[str, Any]:
        iam = call.client("iam")
        if call.changed("PolicyDocument"):
            _make_room(iam, call.physical_id)
            iam.create_policy_version(
                PolicyArn=call.physical_id, PolicyDocument=_json(call.properties["PolicyDocument"]), SetAsDefault=True
            )
        _attach(iam, call, call.physical_id)
        return {"PolicyArn": call.physical_id}

    def delete(self, call: Call) -> None:
        iam = call.client("iam")
        with absent_is_fine():
            _detach(iam, call.properties, call.physical_id)
            for version in iam.list_policy_versions(PolicyArn=call.physical_id)["Versions"]:
                if not version["IsDefaultVersion"]:
                    iam.delete_policy_version(PolicyArn=call.physical_id, VersionId=version["VersionId"])
            iam.delete_policy(PolicyArn=call.physical_id)


class InlinePolicy(Provider):
    """AWS::IAM::Policy: one document written into roles, users and groups."""

    types: ClassVar = ("AWS::IAM::Policy",)

    def create(self, call: Call) -> dict[str, Any]:
        self._write(call)
        call.made(call.name(None))
        return {}

    def update(self, call: Call) -> dict[str, Any]:
        self._write(call)
        return {}

    def delete(self, call: Call) -> None:
        for kind, name in _targets(call.properties):
            _remove_inline(call.client("iam"), kind, name, call.properties["PolicyName"])

    def _write(self, call: Call) -> None:
        iam = call.client("iam")
        name = call.properties["PolicyName"]
        targets = _targets(call.properties)
        for kind, target in targets:
            put = getattr(iam, f"put_{kind}_policy")
            put(
                **{f"{kind.capitalize()}Name": target},
                PolicyName=name,
                PolicyDocument=_json(call.properties["PolicyDocument"]),
            )
        for kind, target in _targets(call.old):
            if (kind, target) not in targets or call.changed("PolicyName"):
                _remove_inline(iam, kind, target, call.old["PolicyName"])


def _targets(properties: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (kind, name) for kind in ("role", "user", "group") for name in properties.get(f"{kind.capitalize()}s") or []
    ]


def _remove_inline(iam: Any, kind: str, target: str, policy: str) -> None:
    with absent_is_fine():
        getattr(iam, f"delete_{kind}_policy")(**{f"{kind.capitalize()}Name": target}, PolicyName=policy)


def _attach(iam: Any, call: Call, arn: str) -> None:
    targets, old = _targets(call.properties), _targets(call.old)
    for kind, target in targets:
        if (kind, target) not in old:
            getattr(iam, f"attach_{kind}_policy")(**{f"{kind.capitalize()}Name": target}, PolicyArn=arn)
    gone = {f"{kind.capitalize()}s": [t for k, t in old if k == kind and (k, t) not in targets] for kind, _ in old}
    _detach(iam, gone, arn)


def _detach(iam: Any, properties: dict[str, Any], arn: str) -> None:
    for kind, target in _targets(properties):
        with absent_is_fine():
            getattr(iam, f"detach_{kind}_policy")(**{f"{kind.capitalize()}Name": target}, PolicyArn=arn)


def _make_room(iam: Any, arn: str) -> None:
    """A policy keeps five versions: drop the oldest one that is not in force."""
    versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
    if len(versions) >= 5:
        oldest = min((v for v in versions if not v["IsDefaultVersion"]), key=lambda v: int(v["VersionId"][1:]))
        iam.delete_policy_version(PolicyArn=arn, VersionId=oldest["VersionId"])


def _json(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document)


PROVIDERS = (Role, User, Group, ManagedPolicy, InlinePolicy)
