"""The template is sound by cfn-lint, and its policies let a process do exactly what it must (judged by localaws)."""

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from cfnlint import api
from cfnlint.config import ManualArgs
from django.core.cache import caches
from django.core.management import call_command
from django.core.management.base import CommandError

from dynamodb_cache import tables, template
from dynamodb_cache.collections import Collection, forget_everything
from dynamodb_cache.errors import DynamoDBCacheError, Unavailable
from tests.dynamodb_cache import operating

KEY = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"
CHOICES = [
    template.Choices(),
    template.Choices(deletion_protection=False),
    template.Choices(kms_key_arn=KEY),
]
CACHE, ROWS = "ops-cache", "ops-rows"


@pytest.mark.parametrize("choices", CHOICES, ids=["plain", "deletable", "own key"])
@pytest.mark.parametrize(
    ("caches", "collections"), [([CACHE], []), ([], [ROWS]), ([CACHE, "a.b_c-d"], [ROWS])], ids=["1", "0+1", "2+1"]
)
def test_cfn_lint_finds_nothing(caches: list[str], collections: list[str], choices: template.Choices) -> None:
    rendered = template.render(caches, collections, choices)
    found = api.lint(json.dumps(rendered), config=ManualArgs(regions=["eu-central-1", "us-east-1"]))
    assert [f"{match.rule.id} {match.message}" for match in found] == []
    assert len(rendered["Resources"]) == len(caches) + len(collections) + 2


def test_cfn_lint_would_find_a_mistake() -> None:
    rendered = template.render([CACHE], [])
    rendered["Resources"]["OpsCacheTable"]["Properties"]["BillingMode"] = "FREE"
    assert api.lint(json.dumps(rendered), config=ManualArgs(regions=["eu-central-1"]))


def test_a_table_in_the_template_is_the_one_that_create_makes() -> None:
    properties = template.render([CACHE], [ROWS])["Resources"]
    for name, definition in (("OpsCacheTable", tables.CACHE_TABLE), ("OpsRowsTable", tables.COLLECTION_TABLE)):
        made = properties[name]["Properties"]
        assert {part: made[part] for part in definition} == definition
        assert made["TimeToLiveSpecification"] == {"AttributeName": "t", "Enabled": True}
        assert made["SSESpecification"]["SSEEnabled"] is True


def test_protection_keeps_the_table_when_its_stack_goes() -> None:
    kept = template.render([CACHE], [])["Resources"]["OpsCacheTable"]
    assert (kept["DeletionPolicy"], kept["Properties"]["DeletionProtectionEnabled"]) == ("Retain", True)
    free = template.render([CACHE], [], template.Choices(deletion_protection=False))["Resources"]["OpsCacheTable"]
    assert (free["DeletionPolicy"], free["Properties"]["DeletionProtectionEnabled"]) == ("Delete", False)


def test_another_table_does_not_rename_this_one() -> None:
    """A changed logical id would replace the table."""
    alone, together = template.render(["bbb"], []), template.render(["aaa", "bbb", "ccc"], ["ddd"])
    assert alone["Resources"]["BbbTable"] == together["Resources"]["BbbTable"]


def test_tables_of_one_name_in_a_template_are_refused() -> None:
    with pytest.raises(DynamoDBCacheError, match="a-b, a_b"):
        template.render(["a-b"], ["a_b"])


def test_a_table_of_another_account_is_not_made() -> None:
    with pytest.raises(DynamoDBCacheError, match="no table name"):
        template.render(["arn:aws:dynamodb:eu-west-1:111122223333:table/theirs"], [])


def test_the_command_prints_tables_of_aliases_and_collections(settings) -> None:
    settings.CACHES = {"default": operating.alias(), "other": operating.alias("ops-other")}
    settings.DYNAMODB_CACHE_COLLECTIONS = [ROWS]
    resources = _printed()["Resources"]
    assert {"OpsCacheTable", "OpsOtherTable", "OpsRowsTable"} < resources.keys()
    assert _printed("other", "--no-deletion-protection", "--kms-key", KEY)["Resources"].keys() == {
        "OpsOtherTable",
        "RuntimePolicy",
        "MaintenancePolicy",
    }


def test_one_template_for_two_regions_is_refused(settings) -> None:
    settings.CACHES = {"default": operating.alias(REGION="eu-west-1"), "far": operating.alias(REGION="us-east-1")}
    with pytest.raises(CommandError, match="eu-west-1, us-east-1"):
        _printed()


def _printed(*arguments: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("dynamodb_cache", "template", *arguments, stdout=out)
    return json.loads(out.getvalue())


# -- the policies, judged -------------------------------------------------------------------------------------------


def _policy(name: str, *, without: str = "") -> dict[str, Any]:
    """A policy of the template with its functions resolved, perhaps without one action or resource."""
    document = template.render([CACHE], [ROWS])["Resources"][name]["Properties"]["PolicyDocument"]
    here = f"arn:aws:dynamodb:eu-west-1:{boto3.client('sts').get_caller_identity()['Account']}:table"
    arns = {
        json.dumps({"Fn::GetAtt": ["OpsCacheTable", "Arn"]}): f"{here}/{CACHE}",
        json.dumps({"Fn::GetAtt": ["OpsRowsTable", "Arn"]}): f"{here}/{ROWS}",
        json.dumps({"Fn::Sub": "${OpsRowsTable.Arn}/index/changes"}): f"{here}/{ROWS}/index/changes",
    }
    for statement in document["Statement"]:
        resolved = [arns[json.dumps(resource)] for resource in statement["Resource"]]
        statement["Resource"] = [arn for arn in resolved if not (without and arn.endswith(without))]
        statement["Action"] = [action for action in statement["Action"] if action != without]
    document["Statement"] = [one for one in document["Statement"] if one["Resource"] and one["Action"]]
    return document


CALLS: dict[str, Callable[[Any], Any]] = {
    "dynamodb:GetItem": lambda cache: cache.get("a"),
    "dynamodb:BatchGetItem": lambda cache: cache.get_many(["a", "b"]),
    "dynamodb:PutItem": lambda cache: cache.set("a", 1),
    "dynamodb:UpdateItem": lambda cache: cache.incr("n"),
    "dynamodb:DeleteItem": lambda cache: cache.delete("a"),
    "dynamodb:BatchWriteItem": lambda cache: cache.set_many({"a": 1, "b": 2}),
}


@pytest.fixture
def judged(aws, settings) -> Iterator[pytest.MonkeyPatch]:
    """Both tables, with something in them, and an environment to become somebody else in."""
    settings.CACHES = {"default": operating.alias(CACHE)}
    tables.create(CACHE, None, tables.CACHE_TABLE)
    rows = Collection(ROWS)
    rows.create_table()
    operating.put_part(CACHE, "gone", "token", 0)
    rows.partition("p", owner="o").put("r", {}, observed_at="1")
    caches["default"].set("n", 1)
    with operating.environment() as patch:
        yield patch
    forget_everything()


def test_the_run_time_policy_is_enough(judged) -> None:
    operating.act_as(judged, operating.make_user("web", _policy("RuntimePolicy")))
    cache = caches["default"]
    for call in CALLS.values():
        call(cache)
    assert cache.add("free", 1) is True
    assert cache.touch("free", 60) is True
    cache.delete_many(["free"])
    forget_everything()
    assert Collection(ROWS).partition("p", owner="o").snapshot().rows.keys() == {"r"}


@pytest.mark.parametrize("action", CALLS)
def test_each_action_of_the_run_time_policy_is_needed(judged, action: str) -> None:
    operating.act_as(judged, operating.make_user("web", _policy("RuntimePolicy", without=action)))
    with pytest.raises(Unavailable, match=f"not authorized to perform: {action}"):
        CALLS[action](caches["default"])


def test_the_index_of_a_collection_is_needed(judged) -> None:
    operating.act_as(judged, operating.make_user("web", _policy("RuntimePolicy", without="/index/changes")))
    forget_everything()
    with pytest.raises(Unavailable, match="not authorized to perform: dynamodb:Query"):
        Collection(ROWS).partition("p", owner="o").snapshot()


def test_clear_and_gc_need_the_maintenance_policy(judged) -> None:
    runtime, maintenance = _policy("RuntimePolicy"), _policy("MaintenancePolicy")
    web, cleaner = operating.make_user("web", runtime), operating.make_user("cleaner", maintenance)
    operating.act_as(judged, web)
    with pytest.raises(Unavailable, match="dynamodb:Scan"):
        caches["default"].clear()
    with pytest.raises(CommandError, match="dynamodb:Scan"):
        call_command("dynamodb_cache", "gc")
    operating.act_as(judged, cleaner)
    for action in (("gc",), ("stats", "--scan", "--collection", ROWS), ("verify", "--collection", ROWS)):
        call_command("dynamodb_cache", *action)
    assert not any(key.startswith("#part:") for key in operating.keys(CACHE))
    caches["default"].clear()
    with pytest.raises(Unavailable, match="dynamodb:PutItem"):
        caches["default"].set("a", 1)


@pytest.mark.parametrize("action", template.MAINTENANCE)
def test_each_action_of_the_maintenance_policy_is_needed(judged, action: str) -> None:
    policy = _policy("MaintenancePolicy", without=f"dynamodb:{action}")
    operating.act_as(judged, operating.make_user("cleaner", policy))
    with pytest.raises((CommandError, Unavailable), match=f"not authorized to perform: dynamodb:{action} "):
        _sweep_and_clear()


def _sweep_and_clear() -> None:
    call_command("dynamodb_cache", "gc")
    caches["default"].clear()
