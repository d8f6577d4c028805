"""AWS::KMS::Key and AWS::KMS::Alias."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from localaws.providers.base import Call, Provider, absent_is_fine, repeated_is_fine

OWNER_TAG = "aws:cloudformation:logical-resource"
"""KMS gives ids itself and takes no token: this tag lets a repeated create find the key that it made before."""


class Key(Provider):
    """A customer managed key. Deleting it schedules its deletion, as AWS does."""

    types: ClassVar = ("AWS::KMS::Key",)

    def create(self, call: Call) -> dict[str, Any]:
        kms = call.client("kms")
        owner = f"{call.scope.stack_id}/{call.logical_id}"
        key_id = call.physical_id or (_made_before(kms, owner) if call.repeated else "")
        call.plan(owner)
        if not key_id:
            tags = {**call.tag_map(), OWNER_TAG: owner}
            key_id = kms.create_key(
                **{
                    name: call.properties[name]
                    for name in ("Description", "KeyUsage", "KeySpec", "MultiRegion", "Origin")
                    if name in call.properties
                },
                **_policy(call, "Policy"),
                Tags=[{"TagKey": key, "TagValue": value} for key, value in tags.items()],
            )["KeyMetadata"]["KeyId"]
        call.made(key_id)
        _write_state(kms, call, key_id)
        return {"Arn": _arn(call, key_id), "KeyId": key_id}

    def update(self, call: Call) -> dict[str, Any]:
        kms = call.client("kms")
        key_id = call.physical_id
        if call.changed("KeyPolicy"):
            kms.put_key_policy(KeyId=key_id, PolicyName="default", **_policy(call, "Policy"))
        if call.changed("Description"):
            kms.update_key_description(KeyId=key_id, Description=call.properties.get("Description", ""))
        _write_state(kms, call, key_id)
        new, gone = call.tag_changes()
        if new:
            kms.tag_resource(KeyId=key_id, Tags=[{"TagKey": key, "TagValue": value} for key, value in new.items()])
        if gone:
            kms.untag_resource(KeyId=key_id, TagKeys=gone)
        return {"Arn": _arn(call, key_id), "KeyId": key_id}

    def delete(self, call: Call) -> None:
        kms = call.client("kms")
        with absent_is_fine():
            state = kms.describe_key(KeyId=call.physical_id)["KeyMetadata"]["KeyState"]
            if state != "PendingDeletion":
                days = call.properties.get("PendingWindowInDays", 30)
                kms.schedule_key_deletion(KeyId=call.physical_id, PendingWindowInDays=days)


class Alias(Provider):
    """A name of a key."""

    types: ClassVar = ("AWS::KMS::Alias",)

    def create(self, call: Call) -> dict[str, Any]:
        kms = call.client("kms")
        name = call.properties["AliasName"]
        call.plan(name)
        with repeated_is_fine(call, "AlreadyExistsException"):
            kms.create_alias(AliasName=name, TargetKeyId=call.properties["TargetKeyId"])
        call.made(name)
        return {}

    def update(self, call: Call) -> dict[str, Any]:
        call.client("kms").update_alias(AliasName=call.physical_id, TargetKeyId=call.properties["TargetKeyId"])
        return {}

    def delete(self, call: Call) -> None:
        with absent_is_fine():
            call.client("kms").delete_alias(AliasName=call.physical_id)


def _policy(call: Call, parameter: str) -> dict[str, str]:
    policy = call.properties.get("KeyPolicy")
    if policy is None:
        return {}
    return {parameter: policy if isinstance(policy, str) else json.dumps(policy)}


def _write_state(kms: Any, call: Call, key_id: str) -> None:
    if call.changed("EnableKeyRotation"):
        if call.properties.get("EnableKeyRotation"):
            kms.enable_key_rotation(KeyId=key_id)
        else:
            kms.disable_key_rotation(KeyId=key_id)
    if call.changed("Enabled"):
        if call.properties.get("Enabled", True):
            kms.enable_key(KeyId=key_id)
        else:
            kms.disable_key(KeyId=key_id)


def _made_before(kms: Any, owner: str) -> str:
    for page in kms.get_paginator("list_keys").paginate():
        for key in page["Keys"]:
            tags = kms.list_resource_tags(KeyId=key["KeyId"])["Tags"]
            if {"TagKey": OWNER_TAG, "TagValue": owner} in tags:
                return str(key["KeyId"])
    return ""


def _arn(call: Call, key_id: str) -> str:
    return f"arn:aws:kms:{call.scope.region}:{call.scope.account}:key/{key_id}"


PROVIDERS = (Key, Alias)
