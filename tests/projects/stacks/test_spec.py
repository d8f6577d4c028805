from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projects.stacks.spec import BucketSpec, InvalidSpec, Retention
from projects.stacks.templates.examples import example, specs
from tests.projects.stacks.strategies import bucket_specs

PLAIN = example()


@settings(deadline=None)
@given(bucket_specs())
def test_a_spec_survives_its_document(spec: BucketSpec) -> None:
    assert spec.validate() == {}
    assert BucketSpec.from_document(spec.to_document()) == spec


@pytest.mark.parametrize("spec", specs().values(), ids=specs().keys())
def test_ugly_but_allowed_specs_are_valid(spec: BucketSpec) -> None:
    assert spec.validate() == {}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "invoices"),
        ("name", PLAIN.name.replace("acme", "xn--acme")),
        ("name", PLAIN.name.replace("acme", "a" * 40)),
        ("name", PLAIN.name.replace("acme", "sthree")),
        ("name", PLAIN.name.replace("invoices", "orders")),
        ("name", PLAIN.name.removesuffix("-an")),
        ("label", "Invoices"),
        ("label", "in--voices"),
        ("label", ""),
        ("label", "-invoices"),
        ("label", "inv.oices"),
        ("purpose", ""),
        ("purpose", "   "),
        ("purpose", "x" * 201),
        ("purpose", "two\nlines"),
        ("purpose", "null\0"),
        ("purpose", "turned \u202e round"),
        ("purpose", "line\u2028separator"),
        ("purpose", "emoji \N{GRINNING FACE}"),
        ("purpose", "{{resolve:secretsmanager:admin}}"),
        ("purpose", "{{ RESOLVE :ssm:x}}"),
        ("purpose", "${AWS::AccountId}"),
        ("owner", "nobody"),
        ("owner", "a@b"),
        ("owner", "a b@example.com"),
        ("owner", "a@example.com\n"),
        ("owner", "{{resolve:ssm:x}}@example.com"),
        ("versions_days", 31),
        ("versions_days", 0),
        ("tags", (("", "value"),)),
        ("tags", (("a", "1"), ("a", "2"))),
        ("tags", (("aws:mine", "1"),)),
        ("tags", (("Stackport:managed", "no"),)),
        ("tags", (("k" * 129, "v"),)),
        ("tags", (("k", "v" * 257),)),
        ("tags", (("k", "{{resolve:ssm:x}}"),)),
        ("tags", (("k", "a;b"),)),
        ("tags", (("k", "line\n"),)),
        ("tags", tuple((f"k{n}", "v") for n in range(41))),
    ],
)
def test_what_breaks_a_rule_is_named_by_its_field(field: str, value: object) -> None:
    assert field in replace(PLAIN, **{field: value}).validate()  # type: ignore[arg-type]  # each value fits its field


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", None),
        ("label", 1),
        ("purpose", {"Ref": "AWS::AccountId"}),
        ("owner", ["a@example.com"]),
        ("retention", "for-ever"),
        ("retention", ["keep"]),
        ("versions_days", "30"),
        ("versions_days", True),
        ("tags", {"a": "b"}),
        ("tags", [["a"]]),
        ("tags", [["a", {"Ref": "b"}]]),
    ],
)
def test_a_document_of_other_types_is_refused(field: str, value: object) -> None:
    with pytest.raises(InvalidSpec) as refusal:
        BucketSpec.from_document(PLAIN.to_document() | {field: value})
    assert list(refusal.value.fields) == [field]


def test_missing_and_unknown_fields_are_named() -> None:
    document = PLAIN.to_document() | {"colour": "red"}
    del document["owner"]
    with pytest.raises(InvalidSpec) as refusal:
        BucketSpec.from_document(document)
    assert refusal.value.fields == {"owner": "missing", "colour": "unknown"}


@settings(deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner)))
def test_no_value_makes_reading_a_document_fail_otherwise(value: object) -> None:
    for field in PLAIN.to_document():
        try:
            spec = BucketSpec.from_document(PLAIN.to_document() | {field: value})
        except InvalidSpec:
            continue
        assert isinstance(spec.validate(), dict)


def test_retention_in_words_and_days() -> None:
    assert (Retention.KEEP.words, Retention.KEEP.days) == ("Kept until somebody deletes them", None)
    assert (Retention.DAYS_30.words, Retention.DAYS_30.days) == ("Deleted after 30 days", 30)
    assert (Retention.YEAR_1.words, Retention.YEAR_1.days) == ("Deleted after 1 year", 365)
    assert (Retention.YEARS_7.words, Retention.YEARS_7.days) == ("Deleted after 7 years", 2555)
