"""Which actions, ARNs and condition keys a request means, and what is refused because it could mean two things."""

import io
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from localaws.iam import s3
from localaws.inprocess import IN_PROCESS
from localaws.requests import Incoming

ACCOUNT = "111111111111"
REGION = "eu-west-1"
KEY = "AKIAEXAMPLEEXAMPLE00"


def scope(service: str) -> str:
    return f"{KEY}/20260101/{REGION}/{service}/aws4_request"


def authorization(service: str) -> str:
    return f"AWS4-HMAC-SHA256 Credential={scope(service)}, SignedHeaders=host;x-amz-date, Signature={'a' * 64}"


def incoming(service: str, body: bytes = b"", method: str = "POST", path: str = "/", **environ: Any) -> Incoming:
    path, _, query = path.partition("?")
    return Incoming.read(
        {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
            "HTTP_AUTHORIZATION": authorization(service),
            **environ,
        }
    )


def query(service: str, action: str, **parameters: str) -> Incoming:
    return incoming(service, urlencode({"Action": action, **parameters}).encode())


def call(service: str, action: str, **document: Any) -> Incoming:
    return incoming(service, json.dumps(document).encode(), HTTP_X_AMZ_TARGET=f"Some_20260101.{action}")


@pytest.mark.parametrize(
    ("method", "path", "action"),
    [
        ("GET", "/", "s3:ListAllMyBuckets"),
        ("PUT", "/b", "s3:CreateBucket"),
        ("DELETE", "/b", "s3:DeleteBucket"),
        ("HEAD", "/b", "s3:ListBucket"),
        ("GET", "/b?list-type=2&prefix=a%2F&x-id=ListObjectsV2", "s3:ListBucket"),
        ("GET", "/b?versions&prefix=a", "s3:ListBucketVersions"),
        ("GET", "/b?uploads", "s3:ListBucketMultipartUploads"),
        ("GET", "/b?policy", "s3:GetBucketPolicy"),
        ("PUT", "/b?policy", "s3:PutBucketPolicy"),
        ("DELETE", "/b?policy", "s3:DeleteBucketPolicy"),
        ("DELETE", "/b?lifecycle", "s3:PutLifecycleConfiguration"),
        ("PUT", "/b?publicAccessBlock", "s3:PutBucketPublicAccessBlock"),
        ("PUT", "/b?cors", "s3:PutBucketCORS"),
        ("PUT", "/b?inventory&id=1", "s3:PutInventoryConfiguration"),
        ("PUT", "/b?brandNew", "s3:Unknown-brandNew"),
        ("GET", "/b/k", "s3:GetObject"),
        ("HEAD", "/b/k", "s3:GetObject"),
        ("GET", "/b/k?versionId=1&response-content-type=a", "s3:GetObjectVersion"),
        ("PUT", "/b/k", "s3:PutObject"),
        ("PUT", "/b/k?partNumber=1&uploadId=2", "s3:PutObject"),
        ("POST", "/b/k?uploads", "s3:PutObject"),
        ("GET", "/b/k?uploadId=2", "s3:ListMultipartUploadParts"),
        ("DELETE", "/b/k?uploadId=2", "s3:AbortMultipartUpload"),
        ("DELETE", "/b/k", "s3:DeleteObject"),
        ("DELETE", "/b/k?versionId=1", "s3:DeleteObjectVersion"),
        ("PUT", "/b/k?acl", "s3:PutObjectAcl"),
        ("PUT", "/b/k?acl&versionId=1", "s3:PutObjectVersionAcl"),
        ("DELETE", "/b/k?tagging", "s3:DeleteObjectTagging"),
        ("PUT", "/b/k?retention", "s3:PutObjectRetention"),
        ("PUT", "/b/k?retention&versionId=1", "s3:PutObjectRetention"),
        ("GET", "/b/k?legal-hold", "s3:GetObjectLegalHold"),
        ("POST", "/b/k?restore", "s3:RestoreObject"),
        ("POST", "/b/k?select&select-type=2", "s3:GetObject"),
        ("GET", "/b/k?brandNew", "s3:Unknown-brandNew"),
        ("GET", "/v20180820/configuration/publicAccessBlock", "s3:GetAccountPublicAccessBlock"),
        ("DELETE", "/v20180820/configuration/publicAccessBlock", "s3:PutAccountPublicAccessBlock"),
        ("GET", "/v20180820/tags/arn%3Aaws", "s3:ListTagsForResource"),
        ("POST", "/v20180820/accesspoint/x", "s3:Unknown-control"),
    ],
)
def test_s3_actions(method: str, path: str, action: str) -> None:
    request = incoming("s3", method=method, path=path)
    assert request.action() == action
    assert request.contradiction() is None


def test_s3_resources_are_bucket_or_object() -> None:
    assert incoming("s3", method="GET", path="/b").asks(ACCOUNT) == [("s3:ListBucket", ("arn:aws:s3:::b",))]
    assert incoming("s3", method="GET", path="/b/a/b").asks(ACCOUNT) == [("s3:GetObject", ("arn:aws:s3:::b/a/b",))]
    assert incoming("s3", method="GET", path="/").asks(ACCOUNT) == [("s3:ListAllMyBuckets", ("*",))]


@pytest.mark.parametrize(
    ("header", "also"),
    [
        ("b/a%20b", ("s3:GetObject", ("arn:aws:s3:::b/a b",))),
        ("/b/k?versionId=7", ("s3:GetObjectVersion", ("arn:aws:s3:::b/k",))),
        ("b/k%3FversionId%3D7", ("s3:GetObject", ("arn:aws:s3:::b/k?versionId=7",))),
        ("//x/b/k", ("s3:GetObject", ("arn:aws:s3:::b/k",))),
        ("http://x/b/k", ("s3:GetObject", ("arn:aws:s3:::b/k",))),
    ],
)
def test_a_copy_reads_its_source(header: str, also: s3.Ask) -> None:
    request = incoming("s3", method="PUT", path="/mine/k", HTTP_X_AMZ_COPY_SOURCE=header)
    assert request.asks(ACCOUNT) == [("s3:PutObject", ("arn:aws:s3:::mine/k",)), also]


def test_headers_bring_their_own_actions() -> None:
    request = incoming(
        "s3", method="PUT", path="/b/k", HTTP_X_AMZ_TAGGING="a=b", HTTP_X_AMZ_OBJECT_LOCK_MODE="COMPLIANCE"
    )
    assert [action for action, _ in request.asks(ACCOUNT)] == [
        "s3:PutObject",
        "s3:PutObjectRetention",
        "s3:PutObjectTagging",
    ]


def test_a_batch_delete_asks_for_every_key() -> None:
    body = (
        b'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object><Key>a</Key></Object>'
        b"<Object><Key>b</Key><VersionId>1</VersionId></Object></Delete>"
    )
    request = incoming("s3", body, path="/b?delete", HTTP_X_AMZ_BYPASS_GOVERNANCE_RETENTION="true")
    assert request.asks(ACCOUNT) == [
        ("s3:DeleteObject", ("arn:aws:s3:::b/a",)),
        ("s3:DeleteObjectVersion", ("arn:aws:s3:::b/b",)),
        ("s3:BypassGovernanceRetention", ("arn:aws:s3:::b/a", "arn:aws:s3:::b/b")),
    ]
    assert incoming("s3", b"no xml", path="/b?delete").asks(ACCOUNT) == [("s3:DeleteObject", ("arn:aws:s3:::b",))]


HERE = f"{REGION}:{ACCOUNT}"
STACK = f"arn:aws:cloudformation:{HERE}:stack/s/0"


@pytest.mark.parametrize(
    ("request_", "action", "resources"),
    [
        (query("cloudformation", "CreateStack", StackName="s"), "cloudformation:CreateStack", {f"{STACK[:-1]}by-name"}),
        (query("cloudformation", "DescribeStacks", StackName=STACK), "cloudformation:DescribeStacks", {STACK}),
        (query("cloudformation", "ListStacks"), "cloudformation:ListStacks", {"*"}),
        (
            query("iam", "CreateRole", RoleName="r", Path="/stackport/"),
            "iam:CreateRole",
            {f"arn:aws:iam::{ACCOUNT}:role/stackport/r"},
        ),
        (
            query("iam", "AttachGroupPolicy", GroupName="g", PolicyArn="arn:aws:iam::aws:policy/P"),
            "iam:AttachGroupPolicy",
            {f"arn:aws:iam::{ACCOUNT}:group/g"},
        ),
        (
            query("iam", "PutRolePolicy", RoleName="r", PolicyName="p"),
            "iam:PutRolePolicy",
            {f"arn:aws:iam::{ACCOUNT}:role/r"},
        ),
        (
            query("iam", "CreatePolicy", PolicyName="p", Path="/x/"),
            "iam:CreatePolicy",
            {f"arn:aws:iam::{ACCOUNT}:policy/x/p"},
        ),
        (
            query("iam", "GetPolicy", PolicyArn="arn:aws:iam::aws:policy/P"),
            "iam:GetPolicy",
            {"arn:aws:iam::aws:policy/P"},
        ),
        (query("sts", "AssumeRole", RoleArn="arn:r"), "sts:AssumeRole", {"arn:r"}),
        (query("sns", "CreateTopic", Name="t"), "sns:CreateTopic", {f"arn:aws:sns:{HERE}:t"}),
        (query("sns", "Publish", TopicArn="arn:a", TargetArn="arn:b"), "sns:Publish", {"arn:a", "arn:b"}),
        (query("sns", "Unsubscribe", SubscriptionArn="arn:s"), "sns:Unsubscribe", {"arn:s"}),
        (call("sqs", "CreateQueue", QueueName="q"), "sqs:CreateQueue", {f"arn:aws:sqs:{HERE}:q"}),
        (
            call("sqs", "SendMessage", QueueUrl="http://127.0.0.1:1/222222222222/q"),
            "sqs:SendMessage",
            {f"arn:aws:sqs:{REGION}:222222222222:q"},
        ),
        (
            query("sqs", "GetQueueUrl", QueueName="q", QueueOwnerAWSAccountId="222222222222"),
            "sqs:GetQueueUrl",
            {f"arn:aws:sqs:{REGION}:222222222222:q"},
        ),
        (call("kms", "Decrypt", KeyId="1"), "kms:Decrypt", {f"arn:aws:kms:{HERE}:key/1"}),
        (
            call("kms", "CreateAlias", AliasName="alias/a", TargetKeyId="1"),
            "kms:CreateAlias",
            {f"arn:aws:kms:{HERE}:alias/a", f"arn:aws:kms:{HERE}:key/1"},
        ),
        (call("dynamodb", "PutItem", TableName="t"), "dynamodb:PutItem", {f"arn:aws:dynamodb:{HERE}:table/t"}),
        (
            call("dynamodb", "Query", TableName="t", IndexName="i"),
            "dynamodb:Query",
            {f"arn:aws:dynamodb:{HERE}:table/t/index/i"},
        ),
        (
            call("dynamodb", "BatchWriteItem", RequestItems={"t": [], "u": []}),
            "dynamodb:BatchWriteItem",
            {f"arn:aws:dynamodb:{HERE}:table/{name}" for name in "tu"},
        ),
        (
            call("dynamodb", "TransactWriteItems", TransactItems=[{"Put": {"TableName": "t"}}]),
            "dynamodb:PutItem",
            {f"arn:aws:dynamodb:{HERE}:table/t"},
        ),
        (call("cloudtrail", "StopLogging", Name="t"), "cloudtrail:StopLogging", {f"arn:aws:cloudtrail:{HERE}:trail/t"}),
        (
            call("cloudtrail", "GetEventSelectors", TrailName="arn:aws:cloudtrail:us-east-1:9:trail/t"),
            "cloudtrail:GetEventSelectors",
            {"arn:aws:cloudtrail:us-east-1:9:trail/t"},
        ),
        (call("cloudtrail", "DescribeTrails"), "cloudtrail:DescribeTrails", {"*"}),
        (call("logs", "CreateLogGroup", logGroupName="l"), "logs:CreateLogGroup", {"*"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_calls(request_: Incoming, action: str, resources: set[str]) -> None:
    assert request_.contradiction() is None
    [(asked, arns)] = request_.asks(ACCOUNT)
    assert (asked, set(arns)) == (action, resources)


def test_a_transaction_needs_the_right_to_each_of_its_parts() -> None:
    parts = [{"Update": {"TableName": "t"}}, {"ConditionCheck": {"TableName": "t"}}, {"Update": {"TableName": "u"}}]
    tables = tuple(f"arn:aws:dynamodb:{HERE}:table/{name}" for name in "tu")
    assert call("dynamodb", "TransactWriteItems", TransactItems=parts).asks(ACCOUNT) == [
        ("dynamodb:ConditionCheckItem", tables),
        ("dynamodb:UpdateItem", tables),
    ]


def test_a_batch_of_messages_needs_the_right_to_one() -> None:
    queue = f"http://127.0.0.1:1/{ACCOUNT}/q"
    asked = call("sqs", "DeleteMessageBatch", QueueUrl=queue, Entries=[]).asks(ACCOUNT)
    assert asked == [("sqs:DeleteMessage", (f"arn:aws:sqs:{HERE}:q",))]


def test_a_service_role_must_be_passed() -> None:
    request = query(
        "cloudformation", "CreateStack", StackName="s", RoleARN="arn:role", **{"ResourceTypes.member.1": "T"}
    )
    assert request.asks(ACCOUNT)[1] == ("iam:PassRole", ("arn:role",))
    context = request.context(ACCOUNT)
    assert context["cloudformation:RoleArn"] == "arn:role"
    assert context["cloudformation:ResourceTypes"] == ["T"]
    assert context["iam:PassedToService"] == "cloudformation.amazonaws.com"


def test_condition_keys() -> None:
    s3_request = incoming("s3", method="GET", path="/b?prefix=a%2F&delimiter=%2F", HTTP_X_AMZ_ACL="private")
    context = s3_request.context(ACCOUNT)
    assert (context["s3:prefix"], context["s3:delimiter"], context["s3:x-amz-acl"]) == ("a/", "/", "private")
    assert (context["aws:SecureTransport"], context["aws:RequestedRegion"]) == ("true", REGION)
    assert (context["aws:ViaAWSService"], context["aws:CalledVia"]) == ("false", [])
    by_engine = incoming("s3", method="GET", path="/b", **{IN_PROCESS: True}).context(ACCOUNT)
    assert (by_engine["aws:ViaAWSService"], by_engine["aws:CalledVia"]) == ("true", ["cloudformation.amazonaws.com"])
    iam = query("iam", "CreateUser", UserName="u", PermissionsBoundary="arn:b", PolicyArn="arn:p").context(ACCOUNT)
    assert (iam["iam:PermissionsBoundary"], iam["iam:PolicyARN"]) == ("arn:b", "arn:p")


@pytest.mark.parametrize(
    "request_",
    [
        incoming("s3express", method="GET", path="/b/k"),
        incoming("s3-object-lambda", method="GET", path="/b/k"),
        incoming("lambda"),
        incoming("s3", method="PUT", path="/b?acl&policy"),
        incoming("s3", method="GET", path="//b/k"),
        incoming("s3", method="GET", path="/b", HTTP_X_AMZ_TARGET="x.GetCallerIdentity"),
        incoming("sts", b"Action=AssumeRole", HTTP_X_AMZ_TARGET="x.GetCallerIdentity"),
        incoming("sts", path="/?Action=AssumeRole"),
        incoming("sts", method="GET", path="/?Action=AssumeRole"),
        incoming("iam", b"Action=ListUsers", path="/?Action=CreateUser"),
        incoming("iam", b"Action=ListUsers&Action=CreateUser"),
        incoming("dynamodb", b"Action=ListTables"),
        incoming("sqs", b"Action=DeleteQueue", HTTP_X_AMZ_TARGET="AmazonSQS.ListQueues"),
    ],
    ids=lambda request: f"{request.service} {request.environ['PATH_INFO']} {request.body.decode()}",
)
def test_what_could_be_read_in_two_ways_is_refused(request_: Incoming) -> None:
    assert request_.contradiction()


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer x",
        authorization("s3") + ", X=AKIAVICTIMVICTIM0000/",
        "X " + authorization("s3"),
        authorization("s3").replace("SignedHeaders", "Signed"),
        "AWS AKIAEXAMPLEEXAMPLE00:signature",
    ],
)
def test_a_header_that_is_not_to_the_letter_is_nobody(header: str) -> None:
    """moto takes the last thing that looks like a key for the caller's; more than one must not pass."""
    assert incoming("s3", HTTP_AUTHORIZATION=header).access_key_id == ""


def test_one_request_is_signed_in_one_way() -> None:
    presigned = urlencode({"X-Amz-Credential": scope("s3"), "X-Amz-SignedHeaders": "host", "X-Amz-Signature": "b" * 64})
    request = incoming("s3", method="GET", path=f"/b/k?{presigned}")
    assert request.access_key_id == ""
    request.environ.pop("HTTP_AUTHORIZATION")
    alone = Incoming.read(request.environ)
    assert (alone.access_key_id, alone.presigned, alone.signed_headers) == (KEY, True, ["host"])


@pytest.mark.parametrize(("text", "seconds"), [("900", 900), ("-1", 0), ("", 0), ("9999999", 0), ("1e3", 0)])
def test_how_long_a_link_is_good(text: str, seconds: int) -> None:
    assert incoming("s3", path=f"/b/k?X-Amz-Expires={text}").good_for_seconds == seconds
