"""What a local AWS knows after `kill -9`: one test a service, all on one process that was killed once."""

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.callers import Credentials
from tests.localaws.conftest import HOME, Process, until

TEMPLATE = {
    "Resources": {
        "Bucket": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "Properties": {"BucketName": "acme-stack"}}
    }
}


def policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def trust(account: str) -> str:
    return policy({"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"})


def letting_sns_send(queue_arn: str) -> str:
    sns = {"Service": "sns.amazonaws.com"}
    return policy({"Effect": "Allow", "Principal": sns, "Action": "sqs:SendMessage", "Resource": queue_arn})


def member_of(process: Process, account: str) -> Credentials:
    found = process.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole", RoleSessionName="ana@example.com"
    )["Credentials"]
    return Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])


@dataclass
class Killed:
    """A process that did something with every service, was killed, and runs again."""

    process: Process
    account: str = ""
    member: Credentials = field(default_factory=lambda: Credentials("", ""))
    facts: dict[str, Any] = field(default_factory=dict)

    def as_member(self, service: str) -> Any:
        return self.process.client(service, self.member)

    def as_home(self, service: str) -> Any:
        return self.process.client(service)


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killed]:
    process = Process(tmp_path_factory.mktemp("localaws") / "state")
    with process.ended():
        process.start()
        killed = Killed(process)
        for prepare in (accounts, users, stacks, objects, messages, items, keys, logs):
            prepare(killed)
        process.save()
        process.end(signal.SIGKILL)
        process.start()
        yield killed


# -- before the kill --------------------------------------------------------------------------------------------------


def accounts(killed: Killed) -> None:
    organizations = killed.as_home("organizations")
    organizations.create_organization(FeatureSet="ALL")
    status = organizations.create_account(AccountName="Acme", Email="acme@example.com")["CreateAccountStatus"]
    killed.account = status["AccountId"]
    killed.member = member_of(killed.process, killed.account)


def users(killed: Killed) -> None:
    iam = killed.as_member("iam")
    iam.create_user(UserName="partner")
    iam.put_user_policy(
        UserName="partner",
        PolicyName="look",
        PolicyDocument=policy({"Effect": "Allow", "Action": "iam:GetUser", "Resource": "*"}),
    )
    key = iam.create_access_key(UserName="partner")["AccessKey"]
    killed.facts["partner"] = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
    iam.create_role(RoleName="deployer", AssumeRolePolicyDocument=trust(HOME))
    found = killed.as_home("sts").assume_role(
        RoleArn=f"arn:aws:iam::{killed.account}:role/deployer", RoleSessionName="before"
    )["Credentials"]
    killed.facts["session"] = Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])


def stacks(killed: Killed) -> None:
    cloudformation = killed.as_member("cloudformation")
    made = cloudformation.create_stack(StackName="acme", TemplateBody=json.dumps(TEMPLATE), ClientRequestToken="once")
    killed.facts["stack"] = made["StackId"]
    until(lambda: status_of(cloudformation, "acme") == "CREATE_COMPLETE")


def status_of(cloudformation: Any, name: str) -> str:
    return str(cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])


def objects(killed: Killed) -> None:
    s3 = killed.as_member("s3")
    s3.create_bucket(Bucket="acme-in", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="acme-in", Key="early.txt", Body=b"before versioning")
    s3.put_bucket_versioning(Bucket="acme-in", VersioningConfiguration={"Status": "Enabled"})
    for body in (b"one", b"two"):
        s3.put_object(Bucket="acme-in", Key="a/b.txt", Body=body)
    s3.delete_object(Bucket="acme-in", Key="early.txt")
    killed.as_member("s3control").put_public_access_block(
        AccountId=killed.account,
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        },
    )
    killed.as_member("cloudtrail").create_trail(Name="acme", S3BucketName="acme-in")


def messages(killed: Killed) -> None:
    sqs = killed.as_home("sqs")
    url = sqs.create_queue(QueueName="events")["QueueUrl"]
    arn = f"arn:aws:sqs:eu-west-1:{HOME}:events"
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": letting_sns_send(arn)})
    sns = killed.as_member("sns")
    topic = sns.create_topic(Name="stacks")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    [asked] = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    sns.confirm_subscription(TopicArn=topic, Token=json.loads(asked["Body"])["Token"])
    sqs.delete_message(QueueUrl=url, ReceiptHandle=asked["ReceiptHandle"])
    for text in ("waiting", "in flight"):
        sqs.send_message(QueueUrl=url, MessageBody=text)
    [taken] = sqs.receive_message(QueueUrl=url, VisibilityTimeout=600)["Messages"]
    killed.facts.update(queue=url, topic=topic, taken=taken)


def items(killed: Killed) -> None:
    dynamodb = killed.as_home("dynamodb")
    dynamodb.create_table(
        TableName="cache",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.put_item(TableName="cache", Item={"k": {"S": "a"}, "v": {"B": b"\x00\xff"}})


def keys(killed: Killed) -> None:
    kms = killed.as_member("kms")
    key = kms.create_key(Description="acme")["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/acme", TargetKeyId=key)
    signing = kms.create_key(KeyUsage="SIGN_VERIFY", KeySpec="RSA_2048")["KeyMetadata"]["KeyId"]
    killed.facts["secret"] = kms.encrypt(KeyId=key, Plaintext=b"hidden")["CiphertextBlob"]
    killed.facts["signing"] = signing
    killed.facts["signature"] = kms.sign(KeyId=signing, Message=b"m", SigningAlgorithm="RSASSA_PSS_SHA_256")[
        "Signature"
    ]


def logs(killed: Killed) -> None:
    killed.as_member("logs").create_log_group(logGroupName="/acme")
    killed.as_member("events").put_rule(Name="acme", EventPattern='{"source": ["aws.s3"]}')


# -- after it ---------------------------------------------------------------------------------------------------------


def test_organizations_know_their_accounts(killed: Killed) -> None:
    organizations = killed.as_home("organizations")
    assert killed.account in {one["Id"] for one in organizations.list_accounts()["Accounts"]}
    assert organizations.create_account(AccountName="B", Email="b@example.com")["CreateAccountStatus"]["AccountId"]
    seen = killed.as_member("organizations").describe_organization()["Organization"]
    assert seen["MasterAccountId"] == HOME


def test_iam_knows_users_roles_and_keys(killed: Killed) -> None:
    partner = killed.process.client("iam", killed.facts["partner"])
    assert partner.get_user(UserName="partner")["User"]["UserName"] == "partner"
    with pytest.raises(ClientError, match="AccessDenied"):
        partner.list_users()
    assert killed.as_member("iam").get_role(RoleName="deployer")


def test_sts_knows_sessions_of_before(killed: Killed) -> None:
    who = killed.process.client("sts", killed.facts["session"]).get_caller_identity()
    assert who["Arn"] == f"arn:aws:sts::{killed.account}:assumed-role/deployer/before"
    assert member_of(killed.process, killed.account)


def test_cloudformation_knows_stacks_events_and_tokens(killed: Killed) -> None:
    cloudformation = killed.as_member("cloudformation")
    assert status_of(cloudformation, "acme") == "CREATE_COMPLETE"
    assert len(cloudformation.describe_stack_events(StackName="acme")["StackEvents"]) == 5
    again = cloudformation.create_stack(StackName="acme", TemplateBody=json.dumps(TEMPLATE), ClientRequestToken="once")
    assert again["StackId"] == killed.facts["stack"]
    assert killed.as_member("s3").head_bucket(Bucket="acme-stack")


def test_s3_knows_every_version(killed: Killed) -> None:
    s3 = killed.as_member("s3")
    found = s3.list_object_versions(Bucket="acme-in")
    bodies = {
        (one["Key"], s3.get_object(Bucket="acme-in", Key=one["Key"], VersionId=one["VersionId"])["Body"].read())
        for one in found["Versions"]
    }
    assert bodies == {("a/b.txt", b"one"), ("a/b.txt", b"two"), ("early.txt", b"before versioning")}
    assert [one["Key"] for one in found["DeleteMarkers"]] == ["early.txt"]
    assert s3.get_object(Bucket="acme-in", Key="a/b.txt")["Body"].read() == b"two"


def test_s3_knows_that_a_name_is_taken(killed: Killed) -> None:
    s3 = killed.as_home("s3")
    with pytest.raises(ClientError, match="BucketAlreadyExists"):
        s3.create_bucket(Bucket="acme-in", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    with pytest.raises(ClientError, match="403"):
        s3.head_bucket(Bucket="acme-in")


def test_s3control_knows_the_public_access_block(killed: Killed) -> None:
    found = killed.as_member("s3control").get_public_access_block(AccountId=killed.account)
    assert all(found["PublicAccessBlockConfiguration"].values())


def test_cloudtrail_knows_trails(killed: Killed) -> None:
    assert killed.as_member("cloudtrail").get_trail(Name="acme")["Trail"]["S3BucketName"] == "acme-in"


def test_sqs_and_sns_know_messages_and_confirmed_subscriptions(killed: Killed) -> None:
    sqs, url = killed.as_home("sqs"), killed.facts["queue"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=killed.facts["taken"]["ReceiptHandle"])
    [waiting] = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert {waiting["Body"], killed.facts["taken"]["Body"]} == {"waiting", "in flight"}
    sqs.delete_message(QueueUrl=url, ReceiptHandle=waiting["ReceiptHandle"])
    killed.as_member("sns").publish(TopicArn=killed.facts["topic"], Message="news")
    [news] = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    assert json.loads(news["Body"])["Message"] == "news"


def test_dynamodb_knows_items(killed: Killed) -> None:
    item = killed.as_home("dynamodb").get_item(TableName="cache", Key={"k": {"S": "a"}})["Item"]
    assert item["v"]["B"] == b"\x00\xff"


def test_kms_knows_keys(killed: Killed) -> None:
    kms = killed.as_member("kms")
    assert kms.decrypt(CiphertextBlob=killed.facts["secret"])["Plaintext"] == b"hidden"
    assert kms.describe_key(KeyId="alias/acme")["KeyMetadata"]["Description"] == "acme"
    assert kms.verify(
        KeyId=killed.facts["signing"],
        Message=b"m",
        Signature=killed.facts["signature"],
        SigningAlgorithm="RSASSA_PSS_SHA_256",
    )["SignatureValid"]


def test_logs_and_events_know_groups_and_rules(killed: Killed) -> None:
    assert [one["logGroupName"] for one in killed.as_member("logs").describe_log_groups()["logGroups"]] == ["/acme"]
    assert [one["Name"] for one in killed.as_member("events").list_rules()["Rules"]] == ["acme"]


def test_the_home_key_stays(killed: Killed) -> None:
    assert killed.as_home("sts").get_caller_identity()["Account"] == HOME


# -- others -----------------------------------------------------------------------------------------------------------


def test_a_stack_half_way_goes_on_after_a_kill(process: Any, tmp_path: Path) -> None:
    found: Process = process("--pace=1.5")
    chain = {
        name: {"Type": "AWS::S3::Bucket", "DependsOn": after, "Properties": {"BucketName": f"half-{name.lower()}"}}
        for name, after in (("A", []), ("B", ["A"]), ("C", ["B"]))
    }
    found.client("cloudformation").create_stack(StackName="half", TemplateBody=json.dumps({"Resources": chain}))

    def first_made() -> bool:
        listed = found.client("cloudformation").describe_stack_resources(StackName="half")["StackResources"]
        return "CREATE_COMPLETE" in {one["ResourceStatus"] for one in listed}

    until(first_made)
    found.end(signal.SIGKILL)
    found.start()
    until(lambda: status_of(found.client("cloudformation"), "half") == "CREATE_COMPLETE")
    names = {one["Name"] for one in found.client("s3").list_buckets()["Buckets"]}
    assert names == {"half-a", "half-b", "half-c"}
    events = found.client("cloudformation").describe_stack_events(StackName="half")["StackEvents"]
    settled = sorted(one["LogicalResourceId"] for one in events if one["ResourceStatus"] == "CREATE_COMPLETE")
    assert settled == ["A", "B", "C", "half"]


def test_sigterm_loses_nothing(process: Any) -> None:
    found: Process = process()
    sqs = found.client("sqs")
    for number in range(20):
        sqs.create_queue(QueueName=f"q{number}")
    assert found.end(signal.SIGTERM) == (0, "")
    found.start()
    assert len(found.client("sqs").list_queues()["QueueUrls"]) == 20
