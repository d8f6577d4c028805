"""What an account must show: no public buckets, a trail with every read and write of objects, and strict passwords."""

from dataclasses import replace
from typing import Any

import pytest

from aws.cloudtrail import Trail
from aws.protection import PUBLIC_ACCESS_BLOCK
from projects.stacks.account_rules import (
    PASSWORDS,
    password_problem,
    public_access_problem,
    records_objects,
    suffices,
)

OBJECTS = {"Field": "resources.type", "Equals": ["AWS::S3::Object"]}
DATA = {"Field": "eventCategory", "Equals": ["Data"]}
LOGS = "arn:aws:s3:::stackport-logs-111122223333-eu-west-1-an/"


def advanced(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"AdvancedEventSelectors": [{"FieldSelectors": list(fields)}]}


def basic(*values: str, how: str = "All", kind: str = "AWS::S3::Object") -> dict[str, Any]:
    return {"EventSelectors": [{"ReadWriteType": how, "DataResources": [{"Type": kind, "Values": list(values)}]}]}


def trail(selectors: dict[str, Any], *, logging: bool = True) -> Trail:
    basics, others = selectors.get("EventSelectors", []), selectors.get("AdvancedEventSelectors", [])
    return Trail("arn:aws:cloudtrail:eu-west-1:111122223333:trail/t", False, logging, tuple(basics), tuple(others))


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
    assert records_objects(trail(selectors))


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
    assert not records_objects(trail(selectors))


def test_a_trail_that_is_stopped_does_not_count() -> None:
    assert suffices(trail(basic("arn:aws:s3")))
    assert not suffices(trail(basic("arn:aws:s3"), logging=False))
    assert not suffices(trail({}))


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({}, ""),
        ({"minimum_length": 16, "expire_after_days": 30}, ""),
        ({"minimum_length": 8}, "set minimum length as strictly"),
        ({"symbols": False, "reuse_prevention": 5}, "set symbols, reuse prevention as strictly"),
        ({"expire_after_days": 0}, "set expire after days as strictly"),
        ({"expire_after_days": 365}, "set expire after days as strictly"),
    ],
)
def test_what_is_weaker_than_asked_is_named(other: dict[str, Any], words: str) -> None:
    found = password_problem(replace(PASSWORDS, **other))
    assert words in found
    assert bool(found) is bool(words)
    assert "there is none" in password_problem(None)


@pytest.mark.parametrize("switch", PUBLIC_ACCESS_BLOCK)
def test_one_switch_of_public_access_that_is_off_is_named(switch: str) -> None:
    assert switch in public_access_problem(frozenset(PUBLIC_ACCESS_BLOCK.keys() - {switch}))
    assert public_access_problem(frozenset(PUBLIC_ACCESS_BLOCK)) == ""
