"""Each rule is proven able to fail: a template weakened in one place breaks exactly the rules named."""

import json
from typing import Any

import pytest
from hypothesis import given, settings

from projects.stacks.invariants import RULES, check
from projects.stacks.naming import Kind
from projects.stacks.spec import BucketSpec
from projects.stacks.templates import Template, body, render
from projects.stacks.templates.examples import CONTEXT as EXAMPLE_CONTEXT
from projects.stacks.templates.examples import example
from tests.projects.stacks.strategies import CONTEXT, bucket_specs

BUCKET = ("Resources", "Bucket", "Properties")
POLICY = ("Resources", "BucketPolicy", "Properties", "PolicyDocument", "Statement")
ENCRYPTION = (*BUCKET, "BucketEncryption", "ServerSideEncryptionConfiguration", 0)
GONE = object()
PUBLIC = "All four public access blocks are on."
TRANSPORT = "The policy denies unencrypted transport, to the bucket and its objects."
TLS = "The policy denies TLS before 1.2."
HEADER = "The policy denies a wrong encryption header, and only a wrong one."
KEY = "The policy denies another encryption key, and only another one."
OWN_KEY = "Objects are encrypted with the account's own key by default."
NAME = "The bucket's name is of the account-regional namespace."
LOGGED = "Access is logged to another bucket."
RETAINED = "What holds data is retained."
ACL = "The bucket owner owns all objects, and access lists are off."
UPLOADS = "Unfinished uploads are removed."
VERSIONS = "Old versions expire after one of the offered times."
VERSIONING = "Versioning is on."
LITERAL = "No dynamic reference anywhere."
SECTIONS = "No Parameters, Transform or other section beside Resources and Outputs."
EVENTS = "S3 tells EventBridge of new objects."
PRINTABLE = "No control character anywhere."
CLIENT_KEYS = "Encryption with the client's keys is blocked."
GRANTS = "The bucket's policy grants nothing."
BOUNDED = "Users and roles have their permissions boundary and path."
BUCKET_KEY = "The bucket key is on."

WEAKENED: list[tuple[tuple[str | int, ...], Any, set[str]]] = [
    *[
        ((*BUCKET, "PublicAccessBlockConfiguration", block), value, {PUBLIC})
        for block in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
        for value in (False, GONE)
    ],
    ((*BUCKET, "PublicAccessBlockConfiguration"), GONE, {PUBLIC}),
    ((*BUCKET, "OwnershipControls", "Rules", 0, "ObjectOwnership"), "ObjectWriter", {ACL}),
    ((*BUCKET, "OwnershipControls"), GONE, {ACL}),
    ((*BUCKET, "AccessControl"), "Private", {ACL}),
    ((*ENCRYPTION, "ServerSideEncryptionByDefault", "SSEAlgorithm"), "AES256", {OWN_KEY}),
    (
        (*ENCRYPTION, "ServerSideEncryptionByDefault", "KMSMasterKeyID"),
        GONE,
        {OWN_KEY, NAME, TRANSPORT, TLS, HEADER, KEY},
    ),
    ((*ENCRYPTION, "BucketKeyEnabled"), False, {BUCKET_KEY}),
    ((*ENCRYPTION, "BlockedEncryptionTypes"), GONE, {CLIENT_KEYS}),
    ((*BUCKET, "VersioningConfiguration", "Status"), "Suspended", {VERSIONING}),
    ((*BUCKET, "VersioningConfiguration"), GONE, {VERSIONING}),
    ((*BUCKET, "LifecycleConfiguration", "Rules", 0, "Status"), "Disabled", {UPLOADS}),
    ((*BUCKET, "LifecycleConfiguration", "Rules", 0, "Prefix"), "tmp/", {UPLOADS}),
    ((*BUCKET, "LifecycleConfiguration", "Rules", 1, "NoncurrentVersionExpiration", "NoncurrentDays"), 1, {VERSIONS}),
    ((*BUCKET, "LifecycleConfiguration", "Rules", 1, "ExpiredObjectDeleteMarker"), GONE, {VERSIONS}),
    ((*BUCKET, "LifecycleConfiguration"), GONE, {UPLOADS, VERSIONS}),
    ((*BUCKET, "LoggingConfiguration"), GONE, {LOGGED}),
    ((*BUCKET, "LoggingConfiguration", "DestinationBucketName"), example().name, {LOGGED}),
    ((*BUCKET, "NotificationConfiguration"), GONE, {EVENTS}),
    ((*BUCKET, "BucketNamespace"), GONE, {NAME}),
    ((*BUCKET, "BucketName"), "acme-in-999999999999-eu-central-1-an", {NAME}),
    ((*POLICY, 0), GONE, {TRANSPORT}),
    ((*POLICY, 0, "Resource", 1), GONE, {TRANSPORT}),
    ((*POLICY, 0, "Resource", 1), {"Fn::Sub": "${Bucket.Arn}/*"}, {TRANSPORT, LITERAL}),
    ((*POLICY, 0, "Condition", "Bool", "aws:SecureTransport"), "true", {TRANSPORT}),
    ((*POLICY, 0, "Principal"), {"AWS": "111122223333"}, {TRANSPORT}),
    ((*POLICY, 1, "Condition", "NumericLessThan", "s3:TlsVersion"), "1.1", {TLS}),
    ((*POLICY, 2, "Condition", "Null"), GONE, {HEADER}),
    ((*POLICY, 3, "Condition", "Null"), GONE, {KEY}),
    ((*POLICY, 3, "Effect"), "Allow", {KEY, GRANTS}),
    ((*POLICY, 3), {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}, {KEY, GRANTS}),
    (("Resources", "BucketPolicy"), GONE, {TRANSPORT, TLS, HEADER, KEY}),
    (("Resources", "Bucket", "DeletionPolicy"), GONE, {RETAINED}),
    (("Resources", "Bucket", "DeletionPolicy"), "Delete", {RETAINED}),
    (("Resources", "Bucket", "UpdateReplacePolicy"), GONE, {RETAINED}),
    (("Resources", "BucketPolicy", "DeletionPolicy"), GONE, {RETAINED}),
    (("Resources", "Bucket", "Metadata", "Stackport", "Spec", "purpose"), "{{resolve:ssm:x}}", {LITERAL}),
    (("Outputs", "{{resolve:ssm:x}}"), {"Value": "x"}, {LITERAL}),
    (("Resources", "Bucket", "Metadata", "Stackport", "Spec", "purpose"), "two\nlines", {PRINTABLE}),
    (("Parameters",), {"Name": {"Type": "String"}}, {SECTIONS}),
    (("Transform",), "AWS::Serverless-2016-10-31", {SECTIONS}),
    (("Metadata",), {"Stackport": {}}, {SECTIONS}),
    (("Resources",), {}, {SECTIONS}),
    (("Resources", "User"), {"Type": "AWS::IAM::User", "Properties": {"Path": "/stackport/"}}, {BOUNDED}),
    (
        ("Resources", "Role"),
        {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "Path": "/",
                "PermissionsBoundary": "arn:aws:iam::111122223333:policy/stackport-baseline/stackport-role-boundary",
            },
        },
        {BOUNDED},
    ),
    (
        ("Resources", "Role"),
        {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "Path": "/stackport/",
                "PermissionsBoundary": "arn:aws:iam::111122223333:policy/AdministratorAccess",
            },
        },
        {BOUNDED},
    ),
]


def weakened(path: tuple[str | int, ...], value: Any) -> Template:
    """An example with one value changed or removed."""
    template = json.loads(body(render(Kind.BUCKET, example(), EXAMPLE_CONTEXT)))
    *way, last = path
    place = template
    for step in way:
        place = place[step]
    if value is GONE:
        del place[last]
    else:
        place[last] = value
    return template


@settings(deadline=None)
@given(bucket_specs())
def test_every_rendered_bucket_holds(spec: BucketSpec) -> None:
    assert check(render(Kind.BUCKET, spec, CONTEXT)) == []
    assert check(render(Kind.BUCKET, spec, CONTEXT, deleting=True)) == []


@pytest.mark.parametrize(("path", "value", "broken"), WEAKENED)
def test_a_weakened_template_breaks_its_rule(path: tuple[str | int, ...], value: Any, broken: set[str]) -> None:
    assert set(check(weakened(path, value))) == broken


def test_each_rule_can_fail() -> None:
    assert set().union(*(broken for _path, _value, broken in WEAKENED)) == {words for words, _holds in RULES}


def test_a_template_of_another_shape_breaks_rules_instead_of_raising() -> None:
    assert check({}) != []
    assert check({"Resources": {"Bucket": None}}) != []
