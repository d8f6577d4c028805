"""Which trails record an account: those of all Regions, logging, with every read and write of objects."""

from typing import Any

import pytest

from aws import cloudtrail

OBJECTS = {"Field": "resources.type", "Equals": ["AWS::S3::Object"]}
DATA = {"Field": "eventCategory", "Equals": ["Data"]}
LOGS = "arn:aws:s3:::stackport-logs-111122223333-eu-west-1-an/"


def advanced(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"AdvancedEventSelectors": [{"FieldSelectors": list(fields)}]}


def basic(*values: str, how: str = "All", kind: str = "AWS::S3::Object") -> dict[str, Any]:
    return {"EventSelectors": [{"ReadWriteType": how, "DataResources": [{"Type": kind, "Values": list(values)}]}]}


@pytest.mark.parametrize(
    "selectors",
    [
        basic("arn:aws:s3"),
        basic("arn:aws:s3:::", "arn:aws:s3:::one/"),
        advanced(DATA, OBJECTS),
        advanced(DATA, OBJECTS, {"Field": "resources.ARN", "NotStartsWith": [LOGS]}),
    ],
)
def test_every_object_is_recorded(selectors: dict[str, Any]) -> None:
    assert cloudtrail.records_objects(selectors)


@pytest.mark.parametrize(
    "selectors",
    [
        {},
        {"EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": []}]},
        basic("arn:aws:s3:::one/"),
        basic("arn:aws:s3", how="WriteOnly"),
        basic("arn:aws:lambda", kind="AWS::Lambda::Function"),
        advanced({"Field": "eventCategory", "Equals": ["Management"]}),
        advanced(DATA, {"Field": "resources.type", "Equals": ["AWS::Lambda::Function"]}),
        advanced(DATA, OBJECTS, {"Field": "readOnly", "Equals": ["false"]}),
        advanced(DATA, OBJECTS, {"Field": "eventName", "Equals": ["PutObject"]}),
        advanced(DATA, OBJECTS, {"Field": "resources.ARN", "StartsWith": [LOGS]}),
        advanced(DATA, OBJECTS, {"Field": "resources.ARN", "NotStartsWith": ["arn:aws:s3"]}),
    ],
)
def test_what_takes_only_some_of_them_does_not_count(selectors: dict[str, Any]) -> None:
    assert not cloudtrail.records_objects(selectors)
