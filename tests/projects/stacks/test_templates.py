import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projects.stacks.naming import Kind
from projects.stacks.spec import PURPOSE_MAXIMUM, TAG_VALUE_MAXIMUM, TAGS_MAXIMUM, BucketSpec, Retention, resolves
from projects.stacks.templates import RESOURCE_TYPES, Parsed, Template, UnknownTemplate, body, fingerprint, read, render
from projects.stacks.templates.document import BODY_MAXIMUM_BYTES
from projects.stacks.templates.examples import example, templates
from tests.projects.stacks.strategies import CONTEXT, bucket_specs

PLAIN = example()


def plain() -> Template:
    """A template that a test may change."""
    return json.loads(body(render(Kind.BUCKET, PLAIN, CONTEXT)))


@settings(deadline=None)
@given(bucket_specs(), st.booleans())
def test_reading_gives_back_what_was_rendered(spec: BucketSpec, deleting: bool) -> None:
    template = render(Kind.BUCKET, spec, CONTEXT, deleting=deleting)
    expected = Parsed(Kind.BUCKET, 1, spec, CONTEXT, deleting)
    assert read(template) == expected
    assert read(body(template)) == expected


@settings(deadline=None)
@given(bucket_specs())
def test_no_text_of_a_spec_becomes_more_than_text(spec: BucketSpec) -> None:
    """Whatever was typed, the template has the same intrinsics in the same places, and nothing is resolved (S4)."""
    template = render(Kind.BUCKET, spec, CONTEXT)
    assert list(intrinsics(template)) == list(intrinsics(render(Kind.BUCKET, PLAIN, CONTEXT)))
    assert not resolves(body(template))
    assert template.keys() == {"AWSTemplateFormatVersion", "Description", "Resources", "Outputs"}


def intrinsics(value: Any, path: str = "") -> Iterator[str]:
    """Every place where CloudFormation would compute something, outside the mark."""
    if isinstance(value, dict):
        for key, inner in sorted(value.items()):
            if key == "Ref" or key.startswith("Fn::"):
                yield f"{path}/{key}"
            elif key != "Metadata":
                yield from intrinsics(inner, f"{path}/{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from intrinsics(inner, f"{path}/{number}")


@pytest.mark.parametrize("template", templates().values(), ids=templates().keys())
def test_every_body_travels_in_a_request_in_plain_ascii(template: Template) -> None:
    text = body(template)
    assert len(text) < BODY_MAXIMUM_BYTES
    assert text.isascii()


def test_the_largest_spec_that_is_let_through_travels_in_a_request() -> None:
    def tagged(value_length: int) -> BucketSpec:
        tags = [[f"\u4e00{number}", "\u4e00" * value_length] for number in range(TAGS_MAXIMUM)]
        return BucketSpec.from_document(PLAIN.to_document() | {"tags": tags, "purpose": "\u4e00" * PURPOSE_MAXIMUM})

    fitting = [tagged(length) for length in range(TAG_VALUE_MAXIMUM) if not tagged(length).validate()]
    assert BODY_MAXIMUM_BYTES * 0.8 < len(body(render(Kind.BUCKET, fitting[-1], CONTEXT))) < BODY_MAXIMUM_BYTES
    assert "too long" in tagged(TAG_VALUE_MAXIMUM).validate()["tags"]


def test_a_spec_is_rendered_to_the_same_body_each_time() -> None:
    tagged = PLAIN.to_document() | {"tags": [["b", "2"], ["a", "1"]]}
    one, two = (body(render(Kind.BUCKET, BucketSpec.from_document(tagged), CONTEXT)) for _ in range(2))
    assert one == two


def test_the_kind_says_which_types_a_submit_may_touch() -> None:
    types = {resource["Type"] for resource in plain()["Resources"].values()}
    assert types == set(RESOURCE_TYPES[Kind.BUCKET])


def test_the_lifecycle_is_as_asked_for() -> None:
    rules = render(Kind.BUCKET, example(), CONTEXT)["Resources"]["Bucket"]["Properties"]["LifecycleConfiguration"][
        "Rules"
    ]
    assert [rule["Id"] for rule in rules] == ["abort-unfinished-uploads", "expire-old-versions"]
    kept = BucketSpec.from_document(PLAIN.to_document() | {"retention": "7-years", "versions_days": 365})
    rules = render(Kind.BUCKET, kept, CONTEXT)["Resources"]["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert rules[1]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 365}
    assert rules[2] == {"Id": "retention", "Status": "Enabled", "ExpirationInDays": Retention.YEARS_7.days}


def test_deleting_lets_go_of_the_bucket_only_and_changes_its_metadata() -> None:
    kept, going = (render(Kind.BUCKET, PLAIN, CONTEXT, deleting=flag)["Resources"] for flag in (False, True))
    assert kept["Bucket"]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert going["Bucket"]["DeletionPolicy"] == "Delete"
    assert going["Bucket"]["Metadata"] != kept["Bucket"]["Metadata"]
    assert going["BucketPolicy"] == kept["BucketPolicy"]


def test_the_fingerprint_ignores_form_and_sees_content() -> None:
    template = plain()
    spread = json.dumps(dict(reversed(template.items())), indent=3)
    assert fingerprint(spread) == fingerprint(template) == fingerprint(body(template))
    template["Resources"]["Bucket"]["Properties"]["VersioningConfiguration"]["Status"] = "Suspended"
    assert fingerprint(template) != fingerprint(spread)
    assert fingerprint("Resources: {}") != fingerprint("Resources: []")


def _without_mark(template: Template) -> None:
    del template["Resources"]["Bucket"]["Metadata"]


def _newer(template: Template) -> None:
    template["Resources"]["Bucket"]["Metadata"]["Stackport"]["Schema"] = 2


def _other_kind(template: Template) -> None:
    template["Resources"]["Bucket"]["Metadata"]["Stackport"]["Kind"] = "castle"


def _kind_without_template(template: Template) -> None:
    template["Resources"]["Bucket"]["Metadata"]["Stackport"]["Kind"] = "probe"


def _kind_of_odd_type(template: Template) -> None:
    template["Resources"]["Bucket"]["Metadata"]["Stackport"]["Kind"] = ["bucket"]


def _extra(template: Template) -> None:
    template["Resources"]["Backdoor"] = {"Type": "AWS::IAM::User"}


def _missing(template: Template) -> None:
    del template["Resources"]["BucketPolicy"]


def _other_type(template: Template) -> None:
    template["Resources"]["BucketPolicy"]["Type"] = "AWS::SNS::TopicPolicy"


def _unreadable_spec(template: Template) -> None:
    template["Resources"]["Bucket"]["Metadata"]["Stackport"]["Spec"]["retention"] = "never"


def _no_spec(template: Template) -> None:
    template["Resources"]["Bucket"]["Metadata"]["Stackport"]["Spec"] = "invoices"


def _other_bucket(template: Template) -> None:
    template["Resources"]["Bucket"]["Properties"]["BucketName"] = "another"


def _computed_key(template: Template) -> None:
    rule = template["Resources"]["Bucket"]["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
    rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] = {"Fn::ImportValue": "key"}


def _no_encryption(template: Template) -> None:
    template["Resources"]["Bucket"]["Properties"]["BucketEncryption"] = {"ServerSideEncryptionConfiguration": []}


def _no_resources(template: Template) -> None:
    template["Resources"] = []


@pytest.mark.parametrize(
    "spoil",
    [
        _without_mark,
        _newer,
        _other_kind,
        _kind_without_template,
        _kind_of_odd_type,
        _extra,
        _missing,
        _other_type,
        _unreadable_spec,
        _no_spec,
        _other_bucket,
        _computed_key,
        _no_encryption,
        _no_resources,
    ],
)
def test_what_the_portal_did_not_write_is_unknown(spoil: Any) -> None:
    template = plain()
    assert read(template)
    spoil(template)
    with pytest.raises(UnknownTemplate):
        read(body(template))


@pytest.mark.parametrize("text", ["", "Resources:\n  Bucket:\n", "[]", "null", '"text"'])
def test_what_is_no_json_object_is_unknown(text: str) -> None:
    with pytest.raises(UnknownTemplate):
        read(text)
    assert len(fingerprint(text)) == 64
