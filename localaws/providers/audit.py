"""AWS::CloudTrail::Trail, AWS::Logs::LogGroup and AWS::Events::Rule."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from botocore.exceptions import ClientError

from localaws.errors import ResourceFailed
from localaws.providers.base import Call, Provider, absent_is_fine, repeated_is_fine

TRAIL_SETTINGS = {
    "S3BucketName": "S3BucketName",
    "S3KeyPrefix": "S3KeyPrefix",
    "SnsTopicName": "SnsTopicName",
    "IncludeGlobalServiceEvents": "IncludeGlobalServiceEvents",
    "IsMultiRegionTrail": "IsMultiRegionTrail",
    "IsOrganizationTrail": "IsOrganizationTrail",
    "EnableLogFileValidation": "EnableLogFileValidation",
    "CloudWatchLogsLogGroupArn": "CloudWatchLogsLogGroupArn",
    "CloudWatchLogsRoleArn": "CloudWatchLogsRoleArn",
    "KMSKeyId": "KmsKeyId",
}


class Trail(Provider):
    """A trail with its event selectors, logging or not."""

    types: ClassVar = ("AWS::CloudTrail::Trail",)

    def create(self, call: Call) -> dict[str, Any]:
        cloudtrail = call.client("cloudtrail")
        name = call.name(call.properties.get("TrailName"), longest=128)
        if not call.physical_id:
            call.plan(name)
            with repeated_is_fine(call, "TrailAlreadyExistsException"):
                cloudtrail.create_trail(Name=name, **_trail_settings(call), TagsList=call.tag_list())
            call.made(name)
        self._write(cloudtrail, call, name)
        return _trail_answer(call, name)

    def update(self, call: Call) -> dict[str, Any]:
        cloudtrail = call.client("cloudtrail")
        name = call.physical_id
        if call.changed(*TRAIL_SETTINGS):
            cloudtrail.update_trail(Name=name, **_trail_settings(call))
        self._write(cloudtrail, call, name)
        new, gone = call.tag_changes()
        arn = _trail_answer(call, name)["Arn"]
        if new:
            tags = [{"Key": key, "Value": value} for key, value in new.items()]
            cloudtrail.add_tags(ResourceId=arn, TagsList=tags)
        if gone:
            cloudtrail.remove_tags(ResourceId=arn, TagsList=[{"Key": key} for key in gone])
        return _trail_answer(call, name)

    def delete(self, call: Call) -> None:
        with absent_is_fine():
            call.client("cloudtrail").delete_trail(Name=call.physical_id)

    def _write(self, cloudtrail: Any, call: Call, name: str) -> None:
        for section in ("EventSelectors", "AdvancedEventSelectors"):
            if call.changed(section) and call.properties.get(section):
                cloudtrail.put_event_selectors(TrailName=name, **{section: _selectors(call.properties[section])})
        if call.changed("IsLogging"):
            if call.properties.get("IsLogging"):
                cloudtrail.start_logging(Name=name)
            else:
                cloudtrail.stop_logging(Name=name)


def _trail_settings(call: Call) -> dict[str, Any]:
    return {api: call.properties[name] for name, api in TRAIL_SETTINGS.items() if name in call.properties}


def _selectors(selectors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A template leaves out the values of a data resource that means all objects."""
    return [
        {**selector, "DataResources": [{"Values": [], **item} for item in selector["DataResources"]]}
        if "DataResources" in selector
        else selector
        for selector in selectors
    ]


def _trail_answer(call: Call, name: str) -> dict[str, Any]:
    answer = {"Arn": f"arn:aws:cloudtrail:{call.scope.region}:{call.scope.account}:trail/{name}"}
    if "SnsTopicName" in call.properties:
        topic = str(call.properties["SnsTopicName"]).rpartition(":")[2]
        answer["SnsTopicArn"] = f"arn:aws:sns:{call.scope.region}:{call.scope.account}:{topic}"
    return answer


class LogGroup(Provider):
    """A log group with its retention and key."""

    types: ClassVar = ("AWS::Logs::LogGroup",)

    def create(self, call: Call) -> dict[str, Any]:
        logs = call.client("logs")
        name = call.name(call.properties.get("LogGroupName"), longest=512)
        if not call.physical_id:
            call.plan(name)
            key = {"kmsKeyId": call.properties["KmsKeyId"]} if "KmsKeyId" in call.properties else {}
            tags = {"tags": call.tag_map()} if call.tag_map() else {}
            with repeated_is_fine(call, "ResourceAlreadyExistsException"):
                logs.create_log_group(logGroupName=name, **key, **tags)
            call.made(name)
        _write_retention(logs, call, name)
        return {"Arn": f"{_log_group_arn(call, name)}:*"}

    def update(self, call: Call) -> dict[str, Any]:
        logs = call.client("logs")
        name = call.physical_id
        _write_retention(logs, call, name)
        if call.changed("KmsKeyId"):
            if "KmsKeyId" in call.properties:
                logs.associate_kms_key(logGroupName=name, kmsKeyId=call.properties["KmsKeyId"])
            else:
                logs.disassociate_kms_key(logGroupName=name)
        new, gone = call.tag_changes()
        if new:
            logs.tag_resource(resourceArn=_log_group_arn(call, name), tags=new)
        if gone:
            logs.untag_resource(resourceArn=_log_group_arn(call, name), tagKeys=gone)
        return {"Arn": f"{_log_group_arn(call, name)}:*"}

    def delete(self, call: Call) -> None:
        with absent_is_fine():
            call.client("logs").delete_log_group(logGroupName=call.physical_id)


def _write_retention(logs: Any, call: Call, name: str) -> None:
    if not call.changed("RetentionInDays"):
        return
    if "RetentionInDays" in call.properties:
        logs.put_retention_policy(logGroupName=name, retentionInDays=call.properties["RetentionInDays"])
    else:
        logs.delete_retention_policy(logGroupName=name)


def _log_group_arn(call: Call, name: str) -> str:
    return f"arn:aws:logs:{call.scope.region}:{call.scope.account}:log-group:{name}"


class Rule(Provider):
    """An EventBridge rule with its targets; putting a rule or a target again changes nothing."""

    types: ClassVar = ("AWS::Events::Rule",)

    def create(self, call: Call) -> dict[str, Any]:
        name = call.name(call.properties.get("Name"))
        if not call.repeated:
            self._must_be_free(call, name)
            call.plan(name)
        return self._write(call, name)

    def update(self, call: Call) -> dict[str, Any]:
        return self._write(call, call.physical_id)

    def delete(self, call: Call) -> None:
        events = call.client("events")
        with absent_is_fine():
            self._remove_targets(call, call.physical_id, {t["Id"] for t in call.properties.get("Targets") or []})
            events.delete_rule(Name=call.physical_id, **_bus(call.properties))

    def _must_be_free(self, call: Call, name: str) -> None:
        try:
            call.client("events").describe_rule(Name=name, **_bus(call.properties))
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return
            raise
        raise ResourceFailed(f"{name} already exists")

    def _write(self, call: Call, name: str) -> dict[str, Any]:
        events = call.client("events")
        request: dict[str, Any] = {
            key: call.properties[key]
            for key in ("Description", "RoleArn", "ScheduleExpression", "State")
            if key in call.properties
        }
        if "EventPattern" in call.properties:
            pattern = call.properties["EventPattern"]
            request["EventPattern"] = pattern if isinstance(pattern, str) else json.dumps(pattern)
        arn = events.put_rule(Name=name, **request, **_bus(call.properties), Tags=call.tag_list())["RuleArn"]
        call.made(name)
        targets = call.properties.get("Targets") or []
        if call.changed("Targets") and targets:
            events.put_targets(Rule=name, Targets=targets, **_bus(call.properties))
        gone = {t["Id"] for t in call.old.get("Targets") or []} - {t["Id"] for t in targets}
        self._remove_targets(call, name, gone)
        return {"Arn": arn, "RuleName": name}

    def _remove_targets(self, call: Call, name: str, ids: set[str]) -> None:
        if ids:
            call.client("events").remove_targets(Rule=name, Ids=sorted(ids), **_bus(call.properties))


def _bus(properties: dict[str, Any]) -> dict[str, str]:
    return {"EventBusName": properties["EventBusName"]} if "EventBusName" in properties else {}


PROVIDERS = (Trail, LogGroup, Rule)
