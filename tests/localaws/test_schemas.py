"""AWS's own schemas refuse what moto would take."""

from typing import Any

import pytest

from localaws import schemas
from localaws.errors import ResourceFailed, ValidationError


def schema(name: str) -> schemas.Schema:
    found = schemas.find("eu-west-1", name)
    assert found is not None
    return found


BUCKET = "AWS::S3::Bucket"


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"Nope": 1}, r"#: extraneous key \[Nope\] is not permitted"),
        ({"VersioningConfiguration": {"Status": "Bogus"}}, "#/VersioningConfiguration/Status: 'Bogus' is not one of"),
        ({"VersioningConfiguration": {}}, r"#/VersioningConfiguration: required key \[Status\] not found"),
        ({"BucketName": "BAD NAME"}, "'BAD NAME' does not match"),
        ({"Arn": "arn:aws:s3:::x"}, r"#: extraneous key \[Arn\] is not permitted"),
        ({"Tags": "text"}, "#/Tags: 'text' is not of type 'array'"),
    ],
)
def test_wrong_properties_are_refused(properties: dict[str, Any], words: str) -> None:
    with pytest.raises(ResourceFailed, match="(?s)Properties validation failed for resource B with message:.*" + words):
        schema(BUCKET).coerced("B", properties)


def test_text_becomes_the_type_that_the_schema_asks_for() -> None:
    given = {
        "PublicAccessBlockConfiguration": {"BlockPublicAcls": "true", "BlockPublicPolicy": "False"},
        "LifecycleConfiguration": {"Rules": [{"Status": "Enabled", "ExpirationInDays": "90"}]},
        "Tags": [{"Key": "a", "Value": 1}, {"Key": "b", "Value": True}],
    }
    assert schema(BUCKET).coerced("B", given) == {
        "PublicAccessBlockConfiguration": {"BlockPublicAcls": True, "BlockPublicPolicy": False},
        "LifecycleConfiguration": {"Rules": [{"Status": "Enabled", "ExpirationInDays": 90}]},
        "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "true"}],
    }
    assert given["PublicAccessBlockConfiguration"] == {"BlockPublicAcls": "true", "BlockPublicPolicy": "False"}


@pytest.mark.parametrize("value", ["many", "", [], {}])
def test_what_cannot_be_turned_is_refused(value: Any) -> None:
    rules = {"Rules": [{"Status": "Enabled", "ExpirationInDays": value}]}
    with pytest.raises(ResourceFailed, match="is not of type 'integer'"):
        schema(BUCKET).coerced("B", {"LifecycleConfiguration": rules})


def test_create_only_properties_replace() -> None:
    bucket = schema(BUCKET)
    assert bucket.replaced_by({"BucketName": "a"}, {"BucketName": "b"}) == ["BucketName"]
    assert bucket.replaced_by({"BucketName": "a"}, {}) == ["BucketName"]
    assert bucket.replaced_by({"BucketName": "a", "Tags": []}, {"BucketName": "a"}) == []


def test_tags_go_to_types_that_take_them() -> None:
    assert schema(BUCKET).tags_property == "Tags"
    assert schema("AWS::S3::BucketPolicy").tags_property == ""
    assert schema("AWS::KMS::Key").tags_property == "Tags"


def test_unknown_types_are_refused_in_awss_words() -> None:
    assert schemas.find("eu-west-1", "AWS::Nope::Thing") is None
    with pytest.raises(ValidationError) as refusal:
        schemas.check_types("eu-west-1", [BUCKET, "AWS::Nope::Thing", "AWS::A::B", "AWS::Nope::Thing"])
    assert str(refusal.value) == "Template format error: Unrecognized resource types: [AWS::A::B, AWS::Nope::Thing]"
