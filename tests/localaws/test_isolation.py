"""Two accounts side by side: what is one's is closed to the other, until its own policy says otherwise."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from localaws import isolation
from localaws.callers import Credentials
from localaws.server import LocalAWS
from tests.localaws.test_frontdoor import PLACE, REGION, World, code, policy, trust

BUCKET = "acme-a"
ARN = f"arn:aws:s3:::{BUCKET}"


@dataclass
class Two:
    """Account a owns everything, account b wants it."""

    world: World
    a: str
    b: str
    owner: Credentials
    other: Credentials

    def of_a(self, service: str) -> Any:
        return self.world.client(service, self.owner)

    def of_b(self, service: str) -> Any:
        return self.world.client(service, self.other)


@pytest.fixture
def two(localaws: LocalAWS) -> Two:
    world = World(localaws)
    a, b = world.account("a"), world.account("b")
    return Two(world, a, b, world.admin(a), world.admin(b))


@pytest.fixture
def bucket(two: Two) -> Two:
    s3 = two.of_a("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=PLACE)
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"secret")
    return two


CORS = {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]}


@pytest.mark.parametrize(
    ("call", "parameters"),
    [
        ("head_bucket", {}),
        ("list_objects_v2", {}),
        ("list_object_versions", {}),
        ("get_object", {"Key": "k"}),
        ("head_object", {"Key": "k"}),
        ("get_object_tagging", {"Key": "k"}),
        ("put_object", {"Key": "k", "Body": b"x"}),
        ("delete_object", {"Key": "k"}),
        ("delete_objects", {"Delete": {"Objects": [{"Key": "k"}]}}),
        ("create_multipart_upload", {"Key": "k"}),
        ("get_bucket_policy", {}),
        ("put_bucket_policy", {"Policy": policy({"Principal": "*", "Action": "s3:*", "Resource": f"{ARN}/*"})}),
        ("get_bucket_versioning", {}),
        ("get_bucket_encryption", {}),
        ("put_bucket_cors", {"CORSConfiguration": CORS}),
        ("delete_bucket_cors", {}),
        ("delete_bucket", {}),
    ],
)
def test_a_bucket_is_closed_to_another_account(bucket: Two, call: str, parameters: dict[str, Any]) -> None:
    found = code(getattr(bucket.of_b("s3"), call), Bucket=BUCKET, **parameters)
    assert found == ("403" if call.startswith("head") else "AccessDenied")
    assert bucket.of_a("s3").get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"secret"


def test_nothing_is_copied_out_of_another_accounts_bucket(bucket: Two) -> None:
    s3 = bucket.of_b("s3")
    s3.create_bucket(Bucket="acme-b", CreateBucketConfiguration=PLACE)
    source = {"Bucket": BUCKET, "Key": "k"}
    assert code(s3.copy_object, Bucket="acme-b", Key="k", CopySource=source) == "AccessDenied"
    upload = s3.create_multipart_upload(Bucket="acme-b", Key="k")["UploadId"]
    part = {"Bucket": "acme-b", "Key": "k", "UploadId": upload, "PartNumber": 1, "CopySource": source}
    assert code(s3.upload_part_copy, **part) == "AccessDenied"
    assert code(bucket.of_a("s3").copy_object, Bucket=BUCKET, Key="l", CopySource=source) == ""


def test_a_name_is_taken_and_a_missing_bucket_is_missing(bucket: Two) -> None:
    s3 = bucket.of_b("s3")
    assert code(s3.create_bucket, Bucket=BUCKET, CreateBucketConfiguration=PLACE) == "BucketAlreadyExists"
    assert code(s3.head_bucket, Bucket="acme-nowhere") == "404"
    assert [one["Name"] for one in s3.list_buckets()["Buckets"]] == []


def test_a_bucket_policy_lets_another_account_in_as_far_as_it_says(bucket: Two) -> None:
    grant = policy({"Principal": {"AWS": bucket.b}, "Action": "s3:GetObject", "Resource": f"{ARN}/k"})
    bucket.of_a("s3").put_bucket_policy(Bucket=BUCKET, Policy=grant)
    s3 = bucket.of_b("s3")
    assert s3.get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"secret"
    assert code(s3.put_object, Bucket=BUCKET, Key="k", Body=b"x") == "AccessDenied"
    arn = bucket.world.role(bucket.b, policy({"Action": "sqs:*", "Resource": "*"}))
    role_without = bucket.world.client("s3", bucket.world.assume(arn))
    assert code(role_without.get_object, Bucket=BUCKET, Key="k") == "AccessDenied"


def test_a_bucket_policy_denies_its_own_account(bucket: Two) -> None:
    s3 = bucket.of_a("s3")
    deny = policy({"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"{ARN}/*"})
    s3.put_bucket_policy(Bucket=BUCKET, Policy=deny)
    assert code(s3.put_object, Bucket=BUCKET, Key="k", Body=b"x") == "AccessDenied"
    assert code(s3.get_object, Bucket=BUCKET, Key="k") == ""


def test_the_hardening_of_a_bucket_lets_ordinary_clients_through(bucket: Two) -> None:
    """Loopback counts as TLS; a wrong header is refused, a missing one is not, because of the Null guard."""
    s3 = bucket.of_a("s3")
    header = "s3:x-amz-server-side-encryption"
    everybody = {"Effect": "Deny", "Principal": "*", "Resource": [ARN, f"{ARN}/*"]}
    tls = {**everybody, "Action": "s3:*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    old_tls = {**everybody, "Action": "s3:*", "Condition": {"NumericLessThan": {"s3:TlsVersion": "1.2"}}}
    wrong = {"StringNotEquals": {header: "aws:kms"}, "Null": {header: "false"}}
    s3.put_bucket_policy(
        Bucket=BUCKET, Policy=policy(tls, old_tls, {**everybody, "Action": "s3:PutObject", "Condition": wrong})
    )
    assert code(s3.put_object, Bucket=BUCKET, Key="k", Body=b"x") == ""
    encrypted = {"Bucket": BUCKET, "Key": "k", "Body": b"x"}
    assert code(s3.put_object, ServerSideEncryption="AES256", **encrypted) == "AccessDenied"
    assert code(s3.put_object, ServerSideEncryption="aws:kms", **encrypted) == ""


def test_only_the_home_key_mends_a_bucket_policy_that_locks_everybody_out(localaws: LocalAWS) -> None:
    world = World(localaws)
    s3 = world.client("s3")
    s3.create_bucket(Bucket="acme-home", CreateBucketConfiguration=PLACE)
    deny = policy({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::acme-home*"})
    s3.put_bucket_policy(Bucket="acme-home", Policy=deny)
    user = world.client("s3", world.user("u", document=policy({"Action": "s3:*", "Resource": "*"})))
    assert code(user.delete_bucket_policy, Bucket="acme-home") == "AccessDenied"
    assert code(s3.list_objects_v2, Bucket="acme-home") == "AccessDenied"
    assert code(s3.delete_bucket_policy, Bucket="acme-home") == ""
    assert code(s3.list_objects_v2, Bucket="acme-home") == ""


def test_a_topic_is_closed_to_another_account(two: Two) -> None:
    topic = two.of_a("sns").create_topic(Name="t")["TopicArn"]
    queue = {"Protocol": "sqs", "Endpoint": f"arn:aws:sqs:{REGION}:{two.b}:q"}
    sns = two.of_b("sns")
    assert code(sns.publish, TopicArn=topic, Message="forged") == "AuthorizationError"
    assert code(sns.publish, TargetArn=topic, Message="forged") == "AuthorizationError"
    assert code(sns.subscribe, TopicArn=topic, **queue) == "AuthorizationError"
    assert code(sns.get_topic_attributes, TopicArn=topic) == "AuthorizationError"
    assert code(sns.delete_topic, TopicArn=topic) == "AuthorizationError"
    mine = two.of_a("sns").subscribe(TopicArn=topic, ReturnSubscriptionArn=True, **queue)["SubscriptionArn"]
    assert code(sns.unsubscribe, SubscriptionArn=mine) == "AuthorizationError"
    assert code(two.of_a("sns").publish, TopicArn=topic, Message="own") == ""


def test_a_topic_policy_lets_another_account_publish(two: Two) -> None:
    topic = two.of_a("sns").create_topic(Name="t")["TopicArn"]
    grant = policy({"Principal": {"AWS": two.b}, "Action": "sns:Publish", "Resource": topic})
    two.of_a("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=grant)
    assert code(two.of_b("sns").publish, TopicArn=topic, Message="allowed") == ""
    assert code(two.of_b("sns").delete_topic, TopicArn=topic) == "AuthorizationError"


def test_a_queue_is_closed_and_then_opened_by_its_policy(two: Two) -> None:
    url = two.of_a("sqs").create_queue(QueueName="q")["QueueUrl"]
    # Of the same name: moto would look here.
    own = two.of_b("sqs").create_queue(QueueName="q")["QueueUrl"]
    assert code(two.of_b("sqs").send_message, QueueUrl=url, MessageBody="x") == "AccessDeniedException"
    assert code(two.of_b("sqs").receive_message, QueueUrl=url) == "AccessDeniedException"
    grant = policy({"Principal": {"AWS": two.b}, "Action": "sqs:SendMessage", "Resource": "*"})
    two.of_a("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": grant})
    two.of_b("sqs").send_message(QueueUrl=url, MessageBody="for a")
    assert [one["Body"] for one in two.of_a("sqs").receive_message(QueueUrl=url)["Messages"]] == ["for a"]
    assert "Messages" not in two.of_b("sqs").receive_message(QueueUrl=own)
    assert code(two.of_b("sqs").purge_queue, QueueUrl=url) == "AccessDeniedException"


def test_a_key_is_closed_and_then_opened_by_its_policy(two: Two) -> None:
    key = two.of_a("kms").create_key()["KeyMetadata"]["Arn"]
    assert code(two.of_b("kms").encrypt, KeyId=key, Plaintext=b"x") == "AccessDeniedException"
    assert code(two.of_b("kms").schedule_key_deletion, KeyId=key) == "AccessDeniedException"
    grant = policy(
        {"Principal": {"AWS": two.a}, "Action": "kms:*", "Resource": "*"},
        {"Principal": {"AWS": two.b}, "Action": "kms:Encrypt", "Resource": "*"},
    )
    two.of_a("kms").put_key_policy(KeyId=key, PolicyName="default", Policy=grant)
    secret = two.of_b("kms").encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert two.of_a("kms").decrypt(CiphertextBlob=secret, KeyId=key)["Plaintext"] == b"x"
    assert code(two.of_b("kms").describe_key, KeyId=key) == "AccessDeniedException"


def test_stacks_and_tables_have_no_policy_that_would_open_them(two: Two) -> None:
    body = json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}})
    stack = two.of_a("cloudformation").create_stack(StackName="s", TemplateBody=body)["StackId"]
    assert code(two.of_b("cloudformation").describe_stacks, StackName=stack) == "AccessDenied"
    assert code(two.of_b("cloudformation").delete_stack, StackName=stack) == "AccessDenied"
    table = f"arn:aws:dynamodb:{REGION}:{two.a}:table/t"
    assert code(two.of_b("dynamodb").get_item, TableName=table, Key={"p": {"S": "x"}}) == "AccessDeniedException"


def test_users_and_roles_are_their_accounts_own(two: Two) -> None:
    two.of_a("iam").create_user(UserName="u")
    assert code(two.of_b("iam").get_user, UserName="u") == "NoSuchEntity"
    arn = two.world.role(two.a, None, trust({"AWS": two.b}))
    assert code(two.world.assume, arn, by=two.other) == ""
    assert code(two.world.assume, arn) == "AccessDenied"


@pytest.mark.parametrize(
    ("arn", "account"),
    [
        ("arn:aws:sns:eu-west-1:111111111111:t", "111111111111"),
        ("arn:aws:iam::aws:policy/ReadOnlyAccess", None),
        ("arn:aws:s3:::no-such-bucket/k", None),
        ("*", None),
        ("", None),
    ],
)
def test_owner(arn: str, account: str | None) -> None:
    assert isolation.owner(arn) == account
