"""The evaluator of IAM policies, case by case: what AWS's own pages say a statement means."""

import json
from typing import Any

import pytest

from localaws.policies import Request, allowed, arn_like, explicitly_denied, like

BUCKET = "arn:aws:s3:::acme-in"
OBJECT = f"{BUCKET}/invoices/1.csv"
ROLE = "arn:aws:iam::111111111111:role/portal"


def document(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def holds(condition: dict[str, Any], context: dict[str, Any], effect: str = "Allow") -> bool:
    """Tell whether a statement with this condition applies."""
    text = document(Effect=effect, Action="*", Resource="*", Condition=condition)
    request = Request("s3:GetObject", (OBJECT,), context)
    return (explicitly_denied if effect == "Deny" else allowed)([text], request)


@pytest.mark.parametrize(
    ("action", "asked", "matches"),
    [
        ("s3:GetObject", "s3:GetObject", True),
        ("S3:getobject", "s3:GetObject", True),
        ("s3:Get*", "s3:GetObject", True),
        ("s3:Get?bject", "s3:GetObject", True),
        (["s3:PutObject", "s3:GetObject"], "s3:GetObject", True),
        ("*", "s3:GetObject", True),
        ("s3:GetObject", "s3:GetObjectVersion", False),
        ("s3:*", "sts:AssumeRole", False),
        ("s3.GetObject", "s3:GetObject", False),
        ([], "s3:GetObject", False),
    ],
)
def test_actions(action: Any, asked: str, matches: bool) -> None:
    assert allowed([document(Action=action, Resource="*")], Request(asked, (OBJECT,))) is matches
    assert allowed([document(NotAction=action, Resource="*")], Request(asked, (OBJECT,))) is not matches


@pytest.mark.parametrize(
    ("resource", "matches"),
    [
        (OBJECT, True),
        (f"{BUCKET}/*", True),
        (f"{BUCKET}/invoices/?.csv", True),
        (f"{BUCKET}*", True),
        ("*", True),
        (BUCKET, False),
        (f"{BUCKET}/Invoices/*", False),
        (f"{BUCKET}/invoice/*", False),
    ],
)
def test_resources(resource: str, matches: bool) -> None:
    request = Request("s3:GetObject", (OBJECT,))
    assert allowed([document(Action="*", Resource=resource)], request) is matches
    assert allowed([document(Action="*", NotResource=resource)], request) is not matches


def test_every_resource_must_be_allowed_and_one_denied_is_enough() -> None:
    request = Request("s3:DeleteObject", (f"{BUCKET}/a/1", f"{BUCKET}/b/1"))
    first, second = (document(Action="*", Resource=f"{BUCKET}/{prefix}/*") for prefix in "ab")
    assert not allowed([first], request)
    assert allowed([first, second], request)
    assert explicitly_denied([document(Effect="Deny", Action="*", Resource=f"{BUCKET}/b/*")], request)


def test_nothing_is_allowed_by_default() -> None:
    assert not allowed([], Request("s3:GetObject"))
    assert not allowed(['{"Statement": []}'], Request("s3:GetObject"))
    assert not explicitly_denied([document(Action="*", Resource="*")], Request("s3:GetObject"))


@pytest.mark.parametrize(
    ("principal", "counts_as", "matches"),
    [
        ("*", set(), True),
        ({"AWS": "*"}, set(), True),
        ({"AWS": ROLE}, {ROLE, "111111111111"}, True),
        ({"AWS": ["arn:aws:iam::2:root", ROLE]}, {ROLE}, True),
        ({"AWS": "111111111111"}, {ROLE, "111111111111"}, True),
        ({"Service": "cloudformation.amazonaws.com"}, {"cloudformation.amazonaws.com"}, True),
        ({"Service": "transfer.amazonaws.com"}, {"cloudformation.amazonaws.com"}, False),
        ({"AWS": "222222222222"}, {ROLE, "111111111111"}, False),
        ({"AWS": ROLE + "2"}, {ROLE}, False),
    ],
)
def test_principals(principal: Any, counts_as: set[str], matches: bool) -> None:
    request = Request("sts:AssumeRole", (ROLE,), {}, frozenset(counts_as))
    assert allowed([document(Action="sts:AssumeRole", Principal=principal)], request) is matches


def test_not_principal_excepts_who_it_names() -> None:
    text = document(Effect="Deny", Action="*", NotPrincipal={"AWS": ROLE})
    assert not explicitly_denied([text], Request("s3:GetObject", principals=frozenset({ROLE})))
    assert explicitly_denied([text], Request("s3:GetObject", principals=frozenset({"arn:aws:iam::1:user/x"})))


@pytest.mark.parametrize(
    ("operator", "wanted", "found", "matches"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", ["a", "b"], "b", True),
        ("StringEquals", "a", "A", False),
        ("StringEquals", "a*", "ab", False),
        ("StringEqualsIgnoreCase", "a", "A", True),
        ("StringNotEquals", "a", "b", True),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringNotEqualsIgnoreCase", "A", "a", False),
        ("StringLike", "a*", "ab", True),
        ("StringLike", "a?", "a", False),
        ("StringNotLike", "a*", "ab", False),
        ("ArnLike", "arn:aws:iam::*:role/portal", ROLE, True),
        ("ArnEquals", "arn:aws:iam::111111111111:role/*", ROLE, True),
        ("ArnLike", "arn:aws:*:role/portal", ROLE, False),
        ("ArnNotLike", "arn:aws:iam::*:role/*", ROLE, False),
        ("ArnNotEquals", "arn:aws:iam::2:role/portal", ROLE, True),
        ("Bool", "true", "true", True),
        ("Bool", "false", "true", False),
        ("Bool", True, "true", True),
        ("NumericEquals", "1", "1.0", True),
        ("NumericNotEquals", "1", "2", True),
        ("NumericLessThan", "10", "9", True),
        ("NumericLessThan", "10", "10", False),
        ("NumericLessThanEquals", "10", "10", True),
        ("NumericGreaterThan", 1.2, "1.3", True),
        ("NumericGreaterThanEquals", "1.3", "1.2", False),
        ("DateEquals", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", True),
        ("DateNotEquals", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", True),
        ("DateLessThan", "2026-01-01T00:00:00Z", "2025-12-31T23:59:59Z", True),
        ("DateLessThan", "2026-01-01T00:00:00Z", "2025-12-31T23:59:59", True),
        ("DateLessThanEquals", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", True),
        ("DateGreaterThan", "1767225600", "2026-01-01T00:00:01Z", True),
        ("DateGreaterThanEquals", "2026-01-01T00:00:00Z", "2025-01-01T00:00:00Z", False),
        ("IpAddress", "10.0.0.0/8", "10.1.2.3", True),
        ("IpAddress", ["10.0.0.0/8", "2001:db8::/32"], "2001:db8::1", True),
        ("IpAddress", "10.0.0.0/8", "11.1.2.3", False),
        ("NotIpAddress", "10.0.0.0/8", "11.1.2.3", True),
        ("NotIpAddress", ["10.0.0.0/8", "11.0.0.0/8"], "11.1.2.3", False),
    ],
)
@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_operators(operator: str, wanted: Any, found: str, matches: bool, effect: str) -> None:
    wanted = str(wanted).lower() if isinstance(wanted, bool) else wanted
    assert holds({operator: {"aws:Key": wanted}}, {"aws:Key": found}, effect) is matches


@pytest.mark.parametrize(
    ("operator", "matches"),
    [
        ("StringEquals", False),
        ("StringEqualsIfExists", True),
        ("StringNotEquals", True),
        ("ArnNotLike", True),
        ("Bool", False),
        ("BoolIfExists", True),
        ("ForAllValues:StringEquals", True),
        ("ForAnyValue:StringEquals", False),
        ("ForAnyValue:StringNotEquals", False),
    ],
)
@pytest.mark.parametrize("context", [{}, {"aws:Key": []}])
def test_an_absent_key(operator: str, matches: bool, context: dict[str, Any]) -> None:
    assert holds({operator: {"aws:Key": "x"}}, context) is matches


@pytest.mark.parametrize(
    ("operator", "wanted", "found", "matches"),
    [
        ("ForAllValues:StringEquals", ["a", "b"], ["a", "b"], True),
        ("ForAllValues:StringEquals", ["a", "b"], ["a", "c"], False),
        ("ForAllValues:StringLike", ["AWS::S3::*"], ["AWS::S3::Bucket", "AWS::S3::BucketPolicy"], True),
        ("ForAnyValue:StringEquals", ["a", "b"], ["c", "a"], True),
        ("ForAnyValue:StringEquals", ["a", "b"], ["c", "d"], False),
        ("ForAnyValue:StringNotEquals", ["a", "b"], ["a", "c"], True),
        ("ForAnyValue:StringNotEquals", ["a", "b"], ["a", "b"], False),
        ("ForAllValues:StringNotEquals", ["a", "b"], ["c"], True),
        ("ForAllValues:StringNotEquals", ["a", "b"], ["c", "a"], False),
    ],
)
def test_many_values(operator: str, wanted: list[str], found: list[str], matches: bool) -> None:
    assert holds({operator: {"aws:Key": wanted}}, {"aws:Key": found}) is matches


@pytest.mark.parametrize(("wanted", "absent", "present"), [("true", True, False), ("false", False, True)])
def test_null(wanted: str, absent: bool, present: bool) -> None:
    assert holds({"Null": {"aws:Key": wanted}}, {}) is absent
    assert holds({"Null": {"aws:Key": wanted}}, {"aws:Key": "x"}) is present


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEqualz": {"aws:Key": "x"}},
        {"ForSomeValues:StringEquals": {"aws:Key": "x"}},
        {"BinaryEquals": {"aws:Absent": "x"}},
        {"NumericLessThan": {"aws:Key": "many"}},
        {"DateLessThan": {"aws:Key": "soon"}},
        {"IpAddress": {"aws:Key": "10.0.0.0/99"}},
    ],
)
def test_what_is_not_understood_closes(condition: dict[str, Any]) -> None:
    assert not holds(condition, {"aws:Key": "x"}, "Allow")
    assert holds(condition, {"aws:Key": "x"}, "Deny")


def test_keys_fold_and_all_conditions_must_hold() -> None:
    assert holds({"StringEquals": {"AWS:sourceaccount": "1"}}, {"aws:SourceAccount": "1"})
    both = {"StringEquals": {"aws:A": "1", "aws:B": "2"}, "Bool": {"aws:C": "true"}}
    assert holds(both, {"aws:A": "1", "aws:B": "2", "aws:C": "true"})
    assert not holds(both, {"aws:A": "1", "aws:B": "3", "aws:C": "true"})
    assert not holds(both, {"aws:A": "1", "aws:B": "2", "aws:C": "false"})


@pytest.mark.parametrize(
    ("user", "key", "matches"),
    [
        ("ana", "ana/1", True),
        ("ana", "bob/1", False),
        ("*", "bob/1", False),
        ("*", "*/1", True),
        ("a?a", "ana/1", False),
    ],
)
def test_variables_are_values_and_no_patterns(user: str, key: str, matches: bool) -> None:
    text = document(Action="*", Resource=f"{BUCKET}/${{aws:username}}/*")
    request = Request("s3:GetObject", (f"{BUCKET}/{key}",), {"aws:username": user})
    assert allowed([text], request) is matches
    like_key = {"StringLike": {"s3:prefix": "${aws:username}/*"}}
    assert holds(like_key, {"aws:username": user, "s3:prefix": key}) is matches


def test_an_unknown_variable_matches_nothing_and_escapes_are_literal() -> None:
    assert not allowed([document(Action="*", Resource=f"{BUCKET}/${{aws:username}}")], Request("s3:X", (f"{BUCKET}/",)))
    star = document(Action="*", Resource=f"{BUCKET}/${{*}}")
    assert allowed([star], Request("s3:GetObject", (f"{BUCKET}/*",)))
    assert not allowed([star], Request("s3:GetObject", (OBJECT,)))
    assert holds({"StringEquals": {"aws:Key": "${*}"}}, {"aws:Key": "*"})


def test_the_null_guard_decides_whether_a_header_deny_hits_ordinary_clients() -> None:
    """A wrong-encryption Deny without the guard refuses requests that carry no header at all."""
    header = "s3:x-amz-server-side-encryption"
    unguarded = {"StringNotEquals": {header: "aws:kms"}}
    guarded = {**unguarded, "Null": {header: "false"}}
    assert holds(unguarded, {}, "Deny")
    assert not holds(guarded, {}, "Deny")
    assert holds(guarded, {header: "AES256"}, "Deny")
    assert not holds(guarded, {header: "aws:kms"}, "Deny")


def test_wildcards() -> None:
    assert like("a\nb", "a*b")
    assert not like("axb", "a.b")
    assert not like("[a]", "[ab]")
    assert arn_like("arn:aws:sns:eu-west-1:1:a:b", "arn:aws:sns:*:1:a:*")
    assert not arn_like("no-arn", "arn:aws:sns:*:1:a:*")
