"""Every resource type: what it makes, changes and removes, read back through the services' own calls."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from localaws import providers, schemas
from localaws.providers import s3 as s3_provider
from tests.localaws.engine_bench import HOME, REGION, Bench, bucket

pytest_plugins = ["tests.localaws.engine_fixtures"]

ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
DENY = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*"}]}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
NAMED = {"Capabilities": ["CAPABILITY_NAMED_IAM"]}


class Deployment:
    """One stack with one resource `X` (and what it needs), taken from state to state."""

    def __init__(self, bench: Bench, kind: str, **others: Any) -> None:
        self.bench = bench
        self.kind = kind
        self.others = others
        self.stack_id = ""

    def put(self, **properties: Any) -> str:
        """Deploy X with these properties; return its physical id."""
        resources = {"X": {"Type": self.kind, "Properties": properties}, **self.others}
        if self.stack_id:
            stack = self.bench.updated("s", resources, **NAMED)
        else:
            stack = self.bench.made("s", resources, **NAMED)
            self.stack_id = stack["StackId"]
        assert stack["StackStatus"] in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}, self.bench.events("s")
        rows = self.bench.cloudformation.describe_stack_resources(StackName="s", LogicalResourceId="X")
        return str(rows["StackResources"][0]["PhysicalResourceId"])

    def remove(self) -> None:
        self.bench.cloudformation.delete_stack(StackName=self.stack_id)
        assert self.bench.settled(self.stack_id)["StackStatus"] == "DELETE_COMPLETE"


Deploy = Callable[..., Deployment]


@pytest.fixture
def deploy(bench: Bench) -> Deploy:
    return lambda kind, **others: Deployment(bench, kind, **others)


def tags(**given: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in given.items()]


def test_every_type_is_one_that_aws_has() -> None:
    assert {name for name in providers.PROVIDERS if schemas.find(REGION, name) is None} == set()


BLOCK = dict.fromkeys(("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True)
SECTIONS: list[tuple[str, Any, Any, str, str]] = [
    ("VersioningConfiguration", {"Status": "Enabled"}, {"Status": "Suspended"}, "get_bucket_versioning", "Status"),
    (
        "PublicAccessBlockConfiguration",
        BLOCK,
        {**BLOCK, "BlockPublicAcls": False},
        "get_public_access_block",
        "PublicAccessBlockConfiguration",
    ),
    (
        "OwnershipControls",
        {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        {"Rules": [{"ObjectOwnership": "ObjectWriter"}]},
        "get_bucket_ownership_controls",
        "OwnershipControls",
    ),
    ("Tags", tags(a="1"), tags(b="2"), "get_bucket_tagging", "TagSet"),
    (
        "BucketEncryption",
        {
            "ServerSideEncryptionConfiguration": [
                {
                    "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "key"},
                    "BucketKeyEnabled": True,
                    "BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]},
                }
            ]
        },
        {"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]},
        "get_bucket_encryption",
        "ServerSideEncryptionConfiguration",
    ),
]


@pytest.mark.parametrize(("section", "first", "second", "call", "key"), SECTIONS, ids=[row[0] for row in SECTIONS])
def test_a_buckets_sections(
    bench: Bench, deploy: Deploy, section: str, first: Any, second: Any, call: str, key: str
) -> None:
    one = deploy("AWS::S3::Bucket")
    read = getattr(bench.client("s3"), call)
    seen = []
    for value in (first, second):
        one.put(BucketName="b-one", **{section: value})
        seen.append(read(Bucket="b-one")[key])
    if section == "BucketEncryption":
        rule = seen[0]["Rules"][0]
        assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "key"}
        assert rule["BucketKeyEnabled"] is True
        assert seen[1]["Rules"][0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    elif section == "VersioningConfiguration":
        assert seen == ["Enabled", "Suspended"]
    else:
        assert seen == [first, second]
    one.put(BucketName="b-one")  # without the section at all


def test_a_bucket_has_the_name_that_was_given_or_one_made_of_the_stacks(bench: Bench, deploy: Deploy) -> None:
    one = deploy("AWS::S3::Bucket")
    made = one.put()
    assert made.startswith("s-x-")
    assert bench.buckets() == {made}
    assert one.put(BucketName=f"acme-{HOME}-{REGION}-an", BucketNamespace="account-regional").endswith("-an")


def test_a_change_leaves_other_sections_alone(bench: Bench, deploy: Deploy) -> None:
    one = deploy("AWS::S3::Bucket")
    one.put(BucketName="b-one", Tags=tags(a="1"), VersioningConfiguration={"Status": "Enabled"})
    bench.client("s3").put_bucket_versioning(Bucket="b-one", VersioningConfiguration={"Status": "Suspended"})
    one.put(BucketName="b-one", Tags=tags(a="2"), VersioningConfiguration={"Status": "Enabled"})
    assert bench.client("s3").get_bucket_versioning(Bucket="b-one")["Status"] == "Suspended"


def test_lifecycle_logging_and_object_lock(bench: Bench, deploy: Deploy) -> None:
    allow = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "logging.s3.amazonaws.com"},
                "Action": "s3:PutObject",
                "Resource": "arn:aws:s3:::logs/*",
            }
        ],
    }
    bench.made(
        "logs",
        {
            "B": bucket("logs"),
            "P": {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": {"Ref": "B"}, "PolicyDocument": allow}},
        },
    )
    rules = [
        {"Id": "abort", "Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
        {"Id": "old", "Status": "Enabled", "Prefix": "a/", "NoncurrentVersionExpiration": {"NoncurrentDays": 90}},
        {"Id": "gone", "Status": "Disabled", "ExpirationInDays": 30},
    ]
    one = deploy("AWS::S3::Bucket")
    lock = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 3}}}
    one.put(
        BucketName="b-one",
        LifecycleConfiguration={"Rules": rules},
        LoggingConfiguration={"DestinationBucketName": "logs", "LogFilePrefix": "b/"},
        ObjectLockEnabled=True,
        ObjectLockConfiguration=lock,
        NotificationConfiguration={"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
    )
    s3 = bench.client("s3")
    read = {rule["ID"]: rule for rule in s3.get_bucket_lifecycle_configuration(Bucket="b-one")["Rules"]}
    assert read["abort"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert read["old"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 90}
    assert read["old"]["Filter"] == {"Prefix": "a/"}
    assert (read["gone"]["Status"], read["gone"]["Expiration"]) == ("Disabled", {"Days": 30})
    logging = s3.get_bucket_logging(Bucket="b-one")["LoggingEnabled"]
    assert (logging["TargetBucket"], logging["TargetPrefix"]) == ("logs", "b/")
    locked = s3.get_object_lock_configuration(Bucket="b-one")["ObjectLockConfiguration"]
    assert locked["Rule"]["DefaultRetention"].items() >= {"Mode": "GOVERNANCE", "Days": 3}.items()
    one.put(BucketName="b-one", ObjectLockEnabled=True, ObjectLockConfiguration=lock)
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket="b-one")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, {"Filter": {"Prefix": ""}}),
        ({"Prefix": "a/", "ObjectSizeLessThan": "5"}, {"Filter": {"And": {"Prefix": "a/", "ObjectSizeLessThan": 5}}}),
        ({"TagFilters": tags(a="1")}, {"Filter": {"Tag": {"Key": "a", "Value": "1"}}}),
        (
            {"TagFilters": tags(a="1", b="2")},
            {"Filter": {"And": {"Tags": tags(a="1", b="2")}}},
        ),
        ({"ExpiredObjectDeleteMarker": True}, {"Expiration": {"ExpiredObjectDeleteMarker": True}}),
        ({"NoncurrentVersionExpirationInDays": 3}, {"NoncurrentVersionExpiration": {"NoncurrentDays": 3}}),
        (
            {"Transition": {"TransitionInDays": 1, "StorageClass": "GLACIER"}},
            {"Transitions": [{"Days": 1, "StorageClass": "GLACIER"}]},
        ),
        (
            {"Transitions": [{"TransitionDate": "2030-01-01T00:00:00Z", "StorageClass": "GLACIER"}]},
            {"Transitions": [{"Date": "2030-01-01T00:00:00Z", "StorageClass": "GLACIER"}]},
        ),
        (
            {"NoncurrentVersionTransitions": [{"TransitionInDays": 1, "StorageClass": "GLACIER"}]},
            {"NoncurrentVersionTransitions": [{"NoncurrentDays": 1, "StorageClass": "GLACIER"}]},
        ),
    ],
)
def test_lifecycle_rules_take_the_apis_names(rule: dict[str, Any], expected: dict[str, Any]) -> None:
    made = s3_provider.lifecycle_rule({"Status": "Enabled", **rule})
    assert made.items() >= expected.items()


def test_a_bucket_policy_changes_and_goes(bench: Bench, deploy: Deploy) -> None:
    one = deploy("AWS::S3::BucketPolicy", B=bucket("b-one"))
    for document in (ALLOW, DENY):
        assert one.put(Bucket={"Ref": "B"}, PolicyDocument=document) == "b-one"
        assert json.loads(bench.client("s3").get_bucket_policy(Bucket="b-one")["Policy"]) == document
    one.remove()


def test_a_second_policy_for_a_bucket_is_refused(bench: Bench) -> None:
    policy = {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": {"Ref": "B"}, "PolicyDocument": ALLOW}}
    stack = bench.made("s", {"B": bucket("b-one"), "P": policy, "Q": {**policy, "DependsOn": "P"}})
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert bench.reason("s", "Q", "CREATE_FAILED").startswith("The bucket policy already exists on bucket b-one")


def test_a_key_and_its_alias(bench: Bench, deploy: Deploy) -> None:
    kms = bench.client("kms")
    alias = {"Type": "AWS::KMS::Alias", "Properties": {"AliasName": "alias/x", "TargetKeyId": {"Ref": "X"}}}
    one = deploy("AWS::KMS::Key", A=alias)
    key = one.put(KeyPolicy=ALLOW, Description="first", EnableKeyRotation=True, Tags=tags(a="1", b="2"))
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is True
    assert (
        one.put(KeyPolicy=DENY, Description="second", EnableKeyRotation=False, Enabled=False, Tags=tags(a="3")) == key
    )
    about = kms.describe_key(KeyId="alias/x")["KeyMetadata"]
    assert (about["KeyId"], about["Description"], about["KeyState"]) == (key, "second", "Disabled")
    assert json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]) == DENY
    own = {tag["TagKey"]: tag["TagValue"] for tag in kms.list_resource_tags(KeyId=key)["Tags"]}
    assert {name: value for name, value in own.items() if not name.startswith("aws:")} == {"a": "3"}
    one.remove()
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    assert [a for a in kms.list_aliases()["Aliases"] if a["AliasName"] == "alias/x"] == []


def test_a_role(bench: Bench, deploy: Deploy) -> None:
    iam = bench.client("iam")
    arn = iam.create_policy(PolicyName="boundary", PolicyDocument=json.dumps(ALLOW))["Policy"]["Arn"]
    one = deploy("AWS::IAM::Role")
    inline = [{"PolicyName": "p", "PolicyDocument": ALLOW}, {"PolicyName": "q", "PolicyDocument": ALLOW}]
    name = one.put(
        Path="/x/",
        AssumeRolePolicyDocument=TRUST,
        Policies=inline,
        ManagedPolicyArns=[arn],
        PermissionsBoundary=arn,
        MaxSessionDuration=7200,
        Description="first",
        Tags=tags(a="1"),
    )
    role = iam.get_role(RoleName=name)["Role"]
    assert role["Arn"] == f"arn:aws:iam::{HOME}:role/x/{name}"
    assert (role["MaxSessionDuration"], role["Description"]) == (7200, "first")
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == arn
    assert iam.list_role_policies(RoleName=name)["PolicyNames"] == ["p", "q"]
    changed = [{"PolicyName": "p", "PolicyDocument": DENY}]
    other = json.loads(json.dumps(TRUST).replace("s3.amazonaws", "sns.amazonaws"))
    assert one.put(Path="/x/", AssumeRolePolicyDocument=other, Policies=changed, Tags=tags(b="2")) == name
    role = iam.get_role(RoleName=name)["Role"]
    assert role["AssumeRolePolicyDocument"] == other
    assert "PermissionsBoundary" not in role
    assert role["Tags"] == tags(b="2")
    assert iam.list_role_policies(RoleName=name)["PolicyNames"] == ["p"]
    assert iam.get_role_policy(RoleName=name, PolicyName="p")["PolicyDocument"] == DENY
    assert iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == []
    one.remove()
    assert name not in {role["RoleName"] for role in iam.list_roles()["Roles"]}


def test_a_role_with_somebody_elses_policy_does_not_go(bench: Bench, deploy: Deploy) -> None:
    one = deploy("AWS::IAM::Role")
    name = one.put(AssumeRolePolicyDocument=TRUST)
    bench.client("iam").put_role_policy(RoleName=name, PolicyName="hand", PolicyDocument=json.dumps(ALLOW))
    bench.cloudformation.delete_stack(StackName="s")
    assert bench.settled("s")["StackStatus"] == "DELETE_FAILED"
    assert "DeleteConflict" in bench.reason("s", "X", "DELETE_FAILED")


def test_a_taken_role_name_fails_and_leaves_the_other_role(bench: Bench) -> None:
    iam = bench.client("iam")
    iam.create_role(RoleName="taken", AssumeRolePolicyDocument=json.dumps(TRUST))
    role = {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "taken", "AssumeRolePolicyDocument": TRUST}}
    assert bench.made("s", {"R": role}, **NAMED)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "HandlerErrorCode: AlreadyExists" in bench.reason("s", "R", "CREATE_FAILED")
    assert iam.get_role(RoleName="taken")["Role"]["RoleName"] == "taken"


def test_a_user_in_a_group_with_policies(bench: Bench, deploy: Deploy) -> None:
    iam = bench.client("iam")
    group = {"Type": "AWS::IAM::Group", "Properties": {"Policies": [{"PolicyName": "g", "PolicyDocument": ALLOW}]}}
    inline = {
        "Type": "AWS::IAM::Policy",
        "Properties": {"PolicyName": "i", "PolicyDocument": ALLOW, "Users": [{"Ref": "X"}], "Groups": [{"Ref": "G"}]},
    }
    one = deploy("AWS::IAM::User", G=group, I=inline)
    name = one.put(UserName="partner", Path="/stackport/", Groups=[{"Ref": "G"}], Tags=tags(a="1"))
    assert iam.get_user(UserName=name)["User"]["Path"] == "/stackport/"
    (member,) = iam.list_groups_for_user(UserName=name)["Groups"]
    assert iam.list_group_policies(GroupName=member["GroupName"])["PolicyNames"] == ["g", "i"]
    assert iam.list_user_policies(UserName=name)["PolicyNames"] == ["i"]
    one.others["I"] = {**inline, "Properties": {**inline["Properties"], "Groups": []}}  # type: ignore[dict-item] # a dict
    one.put(UserName="partner", Path="/stackport/", Tags=tags(a="1"))
    assert iam.list_groups_for_user(UserName=name)["Groups"] == []
    assert iam.list_group_policies(GroupName=member["GroupName"])["PolicyNames"] == ["g"]
    one.put(UserName="partner", Path="/stackport/", Groups=[{"Ref": "G"}])
    one.remove()
    assert iam.list_users()["Users"] == []
    assert iam.list_groups()["Groups"] == []


def test_a_managed_policy_keeps_five_versions_at_most(bench: Bench, deploy: Deploy) -> None:
    iam = bench.client("iam")
    role = {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "r", "AssumeRolePolicyDocument": TRUST}}
    one = deploy("AWS::IAM::ManagedPolicy", R=role)
    for number in range(7):
        document = {**ALLOW, "Id": str(number)}
        arn = one.put(ManagedPolicyName="p", Path="/x/", PolicyDocument=document, Roles=[{"Ref": "R"}])
    assert arn == f"arn:aws:iam::{HOME}:policy/x/p"
    versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
    assert len(versions) == 5
    default = next(v["VersionId"] for v in versions if v["IsDefaultVersion"])
    assert iam.get_policy_version(PolicyArn=arn, VersionId=default)["PolicyVersion"]["Document"]["Id"] == "6"
    assert iam.list_attached_role_policies(RoleName="r")["AttachedPolicies"][0]["PolicyArn"] == arn
    one.put(ManagedPolicyName="p", Path="/x/", PolicyDocument=document)
    assert iam.list_attached_role_policies(RoleName="r")["AttachedPolicies"] == []
    one.remove()
    assert iam.list_policies(Scope="Local")["Policies"] == []


def test_a_topic_its_policy_and_its_subscription(bench: Bench, deploy: Deploy) -> None:
    sns = bench.client("sns")
    subscription = {
        "Type": "AWS::SNS::Subscription",
        "Properties": {
            "TopicArn": {"Ref": "X"},
            "Protocol": "sqs",
            "Endpoint": {"Fn::GetAtt": ["Q", "Arn"]},
            "RawMessageDelivery": True,
        },
    }
    policy = {"Type": "AWS::SNS::TopicPolicy", "Properties": {"Topics": [{"Ref": "X"}], "PolicyDocument": ALLOW}}
    one = deploy("AWS::SNS::Topic", Q={"Type": "AWS::SQS::Queue"}, S=subscription, P=policy)
    arn = one.put(TopicName="news", DisplayName="first", Tags=tags(a="1"))
    (found,) = sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    read = sns.get_subscription_attributes(SubscriptionArn=found["SubscriptionArn"])["Attributes"]
    assert read["RawMessageDelivery"] == "true"
    assert json.loads(sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"]) == ALLOW
    one.others["S"] = {**subscription, "Properties": {**subscription["Properties"], "RawMessageDelivery": False}}  # type: ignore[dict-item] # a dict
    del one.others["P"]
    assert one.put(TopicName="news", DisplayName="second", Tags=tags(b="2")) == arn
    attributes = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    assert attributes["DisplayName"] == "second"
    assert json.loads(attributes["Policy"])["Id"] == "__default_policy_ID"
    assert sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == tags(b="2")
    read = sns.get_subscription_attributes(SubscriptionArn=found["SubscriptionArn"])["Attributes"]
    assert read["RawMessageDelivery"] == "false"
    one.remove()
    assert sns.list_topics()["Topics"] == []
    assert sns.list_subscriptions()["Subscriptions"] == []


def test_a_queue_and_its_policy(bench: Bench, deploy: Deploy) -> None:
    sqs = bench.client("sqs")
    policy = {"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": [{"Ref": "X"}], "PolicyDocument": ALLOW}}
    one = deploy("AWS::SQS::Queue", P=policy)
    url = one.put(QueueName="work", VisibilityTimeout=60, DelaySeconds=5, Tags=tags(a="1"))
    read = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (read["VisibilityTimeout"], read["DelaySeconds"], json.loads(read["Policy"])) == ("60", "5", ALLOW)
    del one.others["P"]
    assert one.put(QueueName="work", VisibilityTimeout=90, Tags=tags(b="2")) == url
    read = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (read["VisibilityTimeout"], read["DelaySeconds"], read.get("Policy", "")) == ("90", "0", "")
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"b": "2"}
    one.remove()
    assert "QueueUrls" not in sqs.list_queues()


def test_a_log_group(bench: Bench, deploy: Deploy) -> None:
    logs = bench.client("logs")
    one = deploy("AWS::Logs::LogGroup")
    one.put(LogGroupName="/x", RetentionInDays=30, Tags=tags(a="1"))
    assert logs.describe_log_groups()["logGroups"][0]["retentionInDays"] == 30
    one.put(LogGroupName="/x", Tags=tags(b="2"))
    assert "retentionInDays" not in logs.describe_log_groups()["logGroups"][0]
    arn = f"arn:aws:logs:{REGION}:{HOME}:log-group:/x"
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2"}
    one.remove()
    assert logs.describe_log_groups()["logGroups"] == []


def test_a_trail(bench: Bench, deploy: Deploy) -> None:
    cloudtrail = bench.client("cloudtrail")
    one = deploy("AWS::CloudTrail::Trail", B=bucket("trail"))
    selectors = [
        {"ReadWriteType": "WriteOnly", "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}]}
    ]
    common = {"TrailName": "t-one", "S3BucketName": {"Ref": "B"}}
    name = one.put(**common, IsLogging=True, IsMultiRegionTrail=True, EventSelectors=selectors, Tags=tags(a="1"))
    assert name == "t-one"
    assert cloudtrail.get_trail_status(Name=name)["IsLogging"] is True
    (trail,) = cloudtrail.describe_trails()["trailList"]
    assert (trail["IsMultiRegionTrail"], trail["S3BucketName"]) == (True, "trail")
    (found,) = cloudtrail.get_event_selectors(TrailName=name)["EventSelectors"]
    assert found["ReadWriteType"] == "WriteOnly"
    one.put(**common, IsLogging=False, IsMultiRegionTrail=False, EnableLogFileValidation=True, Tags=tags(b="2"))
    assert cloudtrail.get_trail_status(Name=name)["IsLogging"] is False
    (trail,) = cloudtrail.describe_trails()["trailList"]
    assert (trail["IsMultiRegionTrail"], trail["LogFileValidationEnabled"]) == (False, True)
    one.remove()
    assert cloudtrail.describe_trails()["trailList"] == []


def test_a_rule_and_its_targets(bench: Bench, deploy: Deploy) -> None:
    events = bench.client("events")
    one = deploy("AWS::Events::Rule", Q={"Type": "AWS::SQS::Queue"})
    targets = [{"Id": name, "Arn": {"Fn::GetAtt": ["Q", "Arn"]}} for name in ("a", "b")]
    one.put(Name="r", EventPattern={"source": ["aws.s3"]}, State="ENABLED", Targets=targets)
    assert json.loads(events.describe_rule(Name="r")["EventPattern"]) == {"source": ["aws.s3"]}
    one.put(Name="r", EventPattern={"source": ["aws.ec2"]}, State="DISABLED", Targets=targets[:1])
    rule = events.describe_rule(Name="r")
    assert (json.loads(rule["EventPattern"]), rule["State"]) == ({"source": ["aws.ec2"]}, "DISABLED")
    assert [target["Id"] for target in events.list_targets_by_rule(Rule="r")["Targets"]] == ["a"]
    one.remove()
    assert events.list_rules()["Rules"] == []
