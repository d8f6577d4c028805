"""One table from AWS's codes to our classes, each code through a real client; the common ones from the local AWS."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ParamValidationError, ReadTimeoutError
from botocore.stub import Stubber

from aws import clients, errors, sts
from aws.accounts import ProjectAccount, Role
from aws.cloudformation import Stacks
from aws.errors import AWSError, aws_errors
from localaws.server import LocalAWS
from portal.launcher import free_port
from tests.aws.conftest import ALL

CODES: dict[type[AWSError], list[str]] = {
    errors.AccessDenied: [
        "AccessDenied",
        "AccessDeniedException",
        "403",
        "UnauthorizedOperation",
        "AuthorizationError",
        "InvalidClientTokenId",
        "InvalidAccessKeyId",
        "UnrecognizedClientException",
        "SignatureDoesNotMatch",
    ],
    errors.AlreadyExists: [
        "AlreadyExistsException",
        "BucketAlreadyOwnedByYou",
        "BucketAlreadyExists",
        "EntityAlreadyExists",
    ],
    errors.BucketNotFound: ["NoSuchBucket"],
    errors.ChangeSetNotFound: ["ChangeSetNotFound", "ChangeSetNotFoundException"],
    errors.ChangeSetObsolete: ["InvalidChangeSetStatus", "InvalidChangeSetStatusException"],
    errors.ExpiredCredentials: ["ExpiredToken", "ExpiredTokenException", "RequestExpired"],
    errors.InsufficientCapabilities: ["InsufficientCapabilitiesException", "InsufficientCapabilities"],
    errors.InvalidTemplate: ["ValidationError"],
    errors.LimitExceeded: ["LimitExceededException", "LimitExceeded"],
    errors.NotFound: [
        "NoSuchEntity",
        "TrailNotFoundException",
        "NoSuchPublicAccessBlockConfiguration",
        "AWSOrganizationsNotInUseException",
        "404",
    ],
    errors.QueueNotFound: ["QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"],
    errors.StackBusy: ["OperationInProgressException"],
    errors.Throttled: [
        "Throttling",
        "ThrottlingException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "SlowDown",
    ],
    errors.TokenAlreadyUsed: ["TokenAlreadyExistsException"],
    errors.Unreachable: ["ServiceUnavailable", "InternalFailure", "InternalError", "500", "503"],
}
WORDS = [
    ("Stack with id acme does not exist", errors.StackNotFound),
    ("Stack [acme] does not exist", errors.StackNotFound),
    ("S3 error: The specified key does not exist.", errors.InvalidTemplate),
    ("No updates are to be performed.", errors.NoUpdates),
    ("Stack:arn:aws:x is in UPDATE_IN_PROGRESS state and can not be updated.", errors.StackBusy),
    ("Stack:arn:aws:x is in DELETE_IN_PROGRESS state", errors.StackBusy),
    ("Stack [acme] cannot be deleted while in status UPDATE_IN_PROGRESS", errors.StackBusy),
    ("Stack [acme] cannot be deleted while TerminationProtection is enabled", errors.InvalidTemplate),
    ("Stack:arn:aws:x is in ROLLBACK_COMPLETE state and can not be updated.", errors.InvalidTemplate),
    ("Template format error: unsupported structure.", errors.InvalidTemplate),
]


Raised = Callable[..., AWSError]


@pytest.fixture(scope="module")
def raised() -> Raised:
    """Return what a client's call ends with when AWS answers a code."""
    client = boto3.client("cloudformation", aws_access_key_id="a", aws_secret_access_key="b", region_name="eu-west-1")

    def ask(code: str, message: str = "no") -> AWSError:
        with Stubber(client) as stubber:
            stubber.add_client_error("describe_stacks", service_error_code=code, service_message=message)
            with pytest.raises(AWSError) as caught, aws_errors():
                client.describe_stacks(StackName="acme")
        assert caught.value.__cause__ is not None
        return caught.value

    return ask


@pytest.mark.parametrize(("code", "cls"), [(code, cls) for cls, codes in CODES.items() for code in codes])
def test_a_code_becomes_its_class(raised: Raised, code: str, cls: type[AWSError]) -> None:
    error = raised(code)
    assert type(error) is cls
    assert (error.code, error.message, error.operation) == (code, "no", "DescribeStacks")
    assert str(error) == f"DescribeStacks: no ({code})"
    assert error.words == f"AWS refused DescribeStacks: no ({code})."


def test_every_code_of_the_table_is_tested() -> None:
    assert errors._CLASSES.keys() == {code for codes in CODES.values() for code in codes}


@pytest.mark.parametrize(("words", "cls"), WORDS)
def test_a_validation_error_is_told_apart_by_its_words(raised: Raised, words: str, cls: type[AWSError]) -> None:
    assert type(raised("ValidationError", words)) is cls


def test_the_words_count_for_validation_errors_only(raised: Raised) -> None:
    assert type(raised("AccessDenied", "The role does not exist")) is errors.AccessDenied


def test_an_unknown_code_is_an_error_of_the_base_class(raised: Raised) -> None:
    error = raised("SomethingNew", "")
    assert type(error) is AWSError
    assert error.message == "SomethingNew"


def test_a_call_that_does_not_get_through_is_unreachable(local_aws: LocalAWS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    clients.reset()
    with pytest.raises(errors.Unreachable) as caught:
        sts.whoami()
    assert caught.value.code == "EndpointConnectionError"


def test_an_answer_that_does_not_come_in_time_is_unreachable(local_aws: LocalAWS) -> None:
    client = boto3.client(
        "sts",
        endpoint_url=f"http://127.0.0.1:{local_aws.port}",
        config=Config(read_timeout=0.2, retries={"total_max_attempts": 1}),
    )
    local_aws.faults.set_delay("sts", 1)
    try:
        with pytest.raises(errors.Unreachable) as caught, aws_errors():
            client.get_caller_identity()
    finally:
        local_aws.faults.control({"fault": "clear"})
    assert isinstance(caught.value.__cause__, ReadTimeoutError)


def test_without_credentials_everything_is_denied(
    local_aws: LocalAWS, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    clients.reset()
    with pytest.raises(errors.AccessDenied) as caught:
        sts.whoami()
    assert caught.value.code == "NoCredentials"


def test_a_call_that_boto3_does_not_send_is_ours_too(local_aws: LocalAWS) -> None:
    with pytest.raises(AWSError) as caught, aws_errors():
        clients.home("sqs").create_queue()
    assert isinstance(caught.value.__cause__, ParamValidationError)


def test_an_error_of_ours_passes_as_it_is() -> None:
    with pytest.raises(KeyError), aws_errors():
        raise KeyError("ours")


# -- what the local AWS itself answers ---------------------------------------------------------------------------------

TOPIC = json.dumps({"Resources": {"A": {"Type": "AWS::SNS::Topic"}}})


class Estate:
    """A member account, asked for things that cannot be."""

    def __init__(self, account: ProjectAccount, other: ProjectAccount) -> None:
        self.account = account
        self.s3 = clients.member(account, Role.DEPLOY, "s3", actor="tests")
        self.iam = clients.member(account, Role.DEPLOY, "iam", actor="tests")
        self.cloudformation = clients.member(account, Role.DEPLOY, "cloudformation", actor="tests")
        self.stacks = Stacks(self.cloudformation)
        self.others_s3 = clients.member(other, Role.DEPLOY, "s3", actor="tests")
        self.place = {"CreateBucketConfiguration": {"LocationConstraint": account.region}}


@pytest.fixture
def estate(account: ProjectAccount, other_account: ProjectAccount) -> Estate:
    return Estate(account, other_account)


@pytest.fixture
def bucket(estate: Estate, fresh_name: str) -> Iterator[str]:
    """A bucket of the first account."""
    estate.s3.create_bucket(Bucket=fresh_name, **estate.place)
    yield fresh_name
    estate.s3.delete_bucket(Bucket=fresh_name)


def iam_template() -> str:
    document = {"Version": "2012-10-17", "Statement": []}
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": document}}
    return json.dumps({"Resources": {"R": role}})


REFUSED: dict[str, tuple[Callable[[Estate, str], Any], type[AWSError], str]] = {
    "no bucket": (lambda e, _: e.s3.list_objects_v2(Bucket="t-none-here"), errors.BucketNotFound, "NoSuchBucket"),
    "no bucket, head": (lambda e, _: e.s3.head_bucket(Bucket="t-none-here"), errors.NotFound, "404"),
    "bucket of another": (lambda e, name: e.others_s3.head_bucket(Bucket=name), errors.AccessDenied, "403"),
    "bucket of another, list": (
        lambda e, name: e.others_s3.list_objects_v2(Bucket=name),
        errors.AccessDenied,
        "AccessDenied",
    ),
    "bucket twice": (
        lambda e, name: e.s3.create_bucket(Bucket=name, **e.place),
        errors.AlreadyExists,
        "BucketAlreadyOwnedByYou",
    ),
    "name taken": (
        lambda e, name: e.others_s3.create_bucket(Bucket=name, **e.place),
        errors.AlreadyExists,
        "BucketAlreadyExists",
    ),
    "no user": (lambda e, _: e.iam.get_user(UserName="nobody"), errors.NotFound, "NoSuchEntity"),
    "role twice": (
        lambda e, _: e.iam.create_role(
            RoleName=Role.READ.value, AssumeRolePolicyDocument=json.dumps(ALL | {"Statement": []})
        ),
        errors.AlreadyExists,
        "EntityAlreadyExists",
    ),
    "no stack": (lambda e, _: e.stacks.describe("none"), errors.StackNotFound, "ValidationError"),
    "no change set": (
        lambda e, _: e.stacks.describe_change_set("none", "none"),
        (errors.ChangeSetNotFound, errors.StackNotFound),
        "",
    ),
    "bad template": (
        lambda e, name: e.cloudformation.create_stack(StackName=name, TemplateBody="{"),
        errors.InvalidTemplate,
        "ValidationError",
    ),
    "no capability": (
        lambda e, name: e.cloudformation.create_stack(StackName=name, TemplateBody=iam_template()),
        errors.InsufficientCapabilities,
        "InsufficientCapabilitiesException",
    ),
    "no queue": (
        lambda e, _: clients.home("sqs").get_queue_url(QueueName="none"),
        errors.QueueNotFound,
        "",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_the_local_aws_refuses_becomes_ours(estate: Estate, bucket: str, kind: str) -> None:
    ask, cls, code = REFUSED[kind]
    with pytest.raises(cls) as caught, aws_errors():
        ask(estate, bucket)
    assert code in {"", caught.value.code}
    assert caught.value.operation


def test_a_throttled_call_is_ours(local_aws: LocalAWS) -> None:
    client = boto3.client("cloudformation", config=Config(retries={"total_max_attempts": 1}))
    local_aws.faults.set_throttle("ListStacks", 1)
    try:
        with pytest.raises(errors.Throttled):
            list(Stacks(client).list())
    finally:
        local_aws.faults.control({"fault": "clear"})


def test_a_stack_twice_is_ours(estate: Estate, fresh_name: str) -> None:
    made = {"resource_types": [], "tags": {}}
    estate.stacks.create(fresh_name, TOPIC, token="a", **made)
    with pytest.raises(errors.AlreadyExists):
        estate.stacks.create(fresh_name, TOPIC, token="b", **made)


@pytest.mark.parametrize("service", ["sts", "s3", "sqs", "dynamodb", "cloudformation"])
def test_keys_that_stand_nowhere_are_denied_whatever_the_service_calls_it(local_aws: LocalAWS, service: str) -> None:
    calls = {
        "sts": "get_caller_identity",
        "s3": "list_buckets",
        "sqs": "list_queues",
        "dynamodb": "list_tables",
        "cloudformation": "list_stacks",
    }
    unknown = boto3.client(service, aws_access_key_id="AKIAUNKNOWNUNKNOWN00", aws_secret_access_key="s")
    with pytest.raises(errors.AccessDenied), aws_errors():
        getattr(unknown, calls[service])()


def test_another_external_id_is_denied(account: ProjectAccount) -> None:
    with pytest.raises(errors.AccessDenied) as caught:
        sts.whoami(clients.member(replace(account, external_id="x" * 40), Role.READ, "sts", actor="tests"))
    assert (caught.value.code, caught.value.operation) == ("AccessDenied", "AssumeRole")
