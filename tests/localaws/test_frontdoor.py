"""Who asks, and may they: keys, signatures, roles, sessions, policies, through the real port with boto3.

Among them the golden cases of an independent enforcing emulator: wrong secret, missing ExternalId, other prefix, other
account, inactive key, presigned links.
"""

import json
import sys
import threading
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.error import HTTPError

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as BotoCredentials
from botocore.exceptions import ClientError
from moto.iam.models import iam_backends

from localaws import inprocess
from localaws.callers import Credentials
from localaws.errors import AccessDenied
from localaws.server import LocalAWS

HOME = "100000000000"
REGION = "eu-west-1"
FIRST = "OrganizationAccountAccessRole"
PLACE = {"LocationConstraint": REGION}
_session = boto3.session.Session()


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **one} for one in statements]})


def trust(principal: Any = None, **condition: dict[str, Any]) -> str:
    named = principal or {"AWS": f"arn:aws:iam::{HOME}:root"}
    return policy({"Principal": named, "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"], "Condition": condition})


class World:
    """A local AWS with an organisation, and quick ways to its accounts and roles."""

    def __init__(self, aws: LocalAWS) -> None:
        self.aws = aws
        self.home = aws.home
        self.client("organizations").create_organization(FeatureSet="ALL")

    def client(self, service: str, keys: Credentials | None = None, **config: Any) -> Any:
        keys = keys or self.home
        make: Any = _session.client
        return make(
            service,
            region_name=REGION,
            endpoint_url=f"http://127.0.0.1:{self.aws.port}",
            aws_access_key_id=keys.access_key_id,
            aws_secret_access_key=keys.secret_access_key,
            aws_session_token=keys.session_token,
            config=Config(retries={"total_max_attempts": 1}, **config),
        )

    def account(self, name: str) -> str:
        made = self.client("organizations").create_account(AccountName=name, Email=f"{name}@example.com")
        return str(made["CreateAccountStatus"]["AccountId"])

    def assume(self, arn: str, by: Credentials | None = None, **parameters: Any) -> Credentials:
        wanted = {"RoleSessionName": "ana@example.com", **parameters}
        found = self.client("sts", by).assume_role(RoleArn=arn, **wanted)["Credentials"]
        return Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])

    def admin(self, account: str, **parameters: Any) -> Credentials:
        return self.assume(f"arn:aws:iam::{account}:role/{FIRST}", **parameters)

    def role(self, account: str, document: str | None, trusting: str | None = None, **more: Any) -> str:
        iam = self.client("iam", self.admin(account))
        role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trusting or trust(), **more)["Role"]
        if document:
            iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=document)
        return str(role["Arn"])

    def user(self, name: str, *, document: str | None = None, account: Credentials | None = None) -> Credentials:
        iam = self.client("iam", account)
        iam.create_user(UserName=name)
        if document:
            iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return Credentials(key["AccessKeyId"], key["SecretAccessKey"])

    def send(self, keys: Credentials, method: str, path: str, service: str, body: bytes = b"", **headers: str) -> int:
        """Send a request that boto3 would not make, signed right; return its status."""
        url = f"http://127.0.0.1:{self.aws.port}{path}"
        prepared = AWSRequest(method, url, {name.replace("_", "-"): value for name, value in headers.items()}, body)
        if service.startswith("s3"):
            prepared.headers["X-Amz-Content-SHA256"] = "UNSIGNED-PAYLOAD"
        found = BotoCredentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
        SigV4Auth(found, service, REGION).add_auth(prepared)
        return fetch(urllib.request.Request(prepared.url, body or None, dict(prepared.headers), method=method))[0]


def fetch(request: urllib.request.Request | str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read()


def code(act: Callable[..., Any], *arguments: Any, **parameters: Any) -> str:
    """Return the error code that a call ends with; "" when it is allowed."""
    try:
        act(*arguments, **parameters)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


@pytest.fixture
def world(localaws: LocalAWS) -> World:
    return World(localaws)


# -- keys and signatures ----------------------------------------------------------------------------------------------

CALLS = {
    "sts": "get_caller_identity",
    "s3": "list_buckets",
    "sqs": "list_queues",
    "sns": "list_topics",
    "dynamodb": "list_tables",
    "kms": "list_keys",
    "iam": "list_users",
    "logs": "describe_log_groups",
    "events": "list_rules",
    "cloudtrail": "list_trails",
    "organizations": "list_accounts",
    "cloudformation": "list_stacks",
}


@pytest.mark.parametrize("service", sorted(CALLS))
def test_unknown_keys_wrong_secrets_and_wrong_tokens(world: World, service: str) -> None:
    unknown = "InvalidAccessKeyId" if service == "s3" else "InvalidClientTokenId"

    def ask(key: str, secret: str, token: str | None = None) -> str:
        return code(getattr(world.client(service, Credentials(key, secret, token)), CALLS[service]))

    own = world.home
    assert ask("AKIAUNKNOWNUNKNOWN00", "x") == unknown
    assert ask("ASIAUNKNOWNUNKNOWN00", "x", "y") == unknown
    assert ask(own.access_key_id, own.secret_access_key, "made-up") == unknown
    assert ask(own.access_key_id, "wrong") == "SignatureDoesNotMatch"
    assert ask(own.access_key_id, own.secret_access_key) == ""


def test_a_session_without_its_token_or_with_anothers_is_nobody(world: World) -> None:
    account = world.account("a")
    first, second = world.admin(account), world.admin(account)
    bare = Credentials(first.access_key_id, first.secret_access_key)
    crossed = Credentials(first.access_key_id, first.secret_access_key, second.session_token)
    assert code(world.client("sts", bare).get_caller_identity) == "InvalidClientTokenId"
    assert code(world.client("sts", crossed).get_caller_identity) == "InvalidClientTokenId"


def test_an_inactive_and_a_deleted_key_are_refused(world: World) -> None:
    keys, iam = world.user("u"), world.client("iam")
    ask = world.client("sts", keys).get_caller_identity
    assert ask()["Arn"] == f"arn:aws:iam::{HOME}:user/u"
    iam.update_access_key(UserName="u", AccessKeyId=keys.access_key_id, Status="Inactive")
    assert code(ask) == "InvalidClientTokenId"
    iam.update_access_key(UserName="u", AccessKeyId=keys.access_key_id, Status="Active")
    assert code(ask) == ""
    iam.delete_access_key(UserName="u", AccessKeyId=keys.access_key_id)
    assert code(ask) == "InvalidClientTokenId"


def test_sessions_expire(world: World) -> None:
    keys = world.admin(world.account("a"), DurationSeconds=900)
    front, now = world.aws.front, front_clock(world)
    assert code(inprocess.client(front, "sts", keys, REGION).get_caller_identity) == ""
    now[0] += timedelta(seconds=901)
    assert code(inprocess.client(front, "sts", keys, REGION).get_caller_identity) == "ExpiredToken"
    assert code(inprocess.client(front, "dynamodb", keys, REGION).list_tables) == "ExpiredTokenException"
    assert code(inprocess.client(front, "s3", keys, REGION).list_buckets) == "ExpiredToken"


def front_clock(world: World) -> list[datetime]:
    """Give the front door a clock that the test sets; the fixture `settable_clock` takes it back."""
    now = [datetime.now(UTC)]
    world.aws.front._clock = lambda: now[0]
    return now


@pytest.fixture(autouse=True)
def settable_clock(localaws: LocalAWS) -> Any:
    kept = localaws.front._clock
    yield
    localaws.front._clock = kept


def test_old_signatures_are_refused(world: World) -> None:
    now = front_clock(world)
    for minutes, wanted in ((14, ("", "")), (16, ("SignatureDoesNotMatch", "RequestTimeTooSkewed"))):
        now[0] = datetime.now(UTC) + timedelta(minutes=minutes)
        assert code(world.client("sts").get_caller_identity) == wanted[0]
        assert code(world.client("s3").list_buckets) == wanted[1]
    now[0] = datetime.now(UTC) - timedelta(minutes=16)
    assert code(world.client("sts").get_caller_identity) == "SignatureDoesNotMatch"


def test_no_key_at_all_is_refused_in_s3s_words(world: World) -> None:
    world.client("s3").create_bucket(Bucket="acme-open", CreateBucketConfiguration=PLACE)
    status, body = fetch(f"http://127.0.0.1:{world.aws.port}/acme-open/k")
    assert status == 403
    assert body.startswith(b"<Error><Code>AccessDenied</Code>")


def test_the_services_own_identity_is_good_in_process_only(world: World) -> None:
    keys = world.aws.front.internal_credentials(world.account("a"))
    assert code(inprocess.client(world.aws.front, "sns", keys, REGION).list_topics) == ""
    assert code(world.client("sns", keys).list_topics) == "InvalidClientTokenId"


def test_nobody_chooses_an_account_by_header(world: World) -> None:
    account = world.account("a")
    sts = world.client("sts")
    sts.meta.events.register(
        "before-sign", lambda request, **_: request.headers.add_header("x-moto-account-id", account)
    )
    assert sts.get_caller_identity()["Account"] == HOME


@pytest.mark.parametrize("name", ["plain", "a b/ü+&%=?*.txt", "x//y", "~-_."])
def test_awkward_names_are_signed_right(world: World, name: str) -> None:
    s3 = world.client("s3")
    s3.create_bucket(Bucket="acme-names", CreateBucketConfiguration=PLACE)
    s3.put_object(Bucket="acme-names", Key=name, Body=b"x")
    assert s3.get_object(Bucket="acme-names", Key=name)["Body"].read() == b"x"
    assert [one["Key"] for one in s3.list_objects_v2(Bucket="acme-names", Prefix=name[:3])["Contents"]] == [name]


def test_presigned_links_work_until_they_expire(world: World) -> None:
    s3 = world.client("s3", signature_version="s3v4")
    s3.create_bucket(Bucket="acme-links", CreateBucketConfiguration=PLACE)

    def link(call: str) -> str:
        return str(s3.generate_presigned_url(call, {"Bucket": "acme-links", "Key": "k"}, ExpiresIn=60))

    put = urllib.request.Request(link("put_object"), b"news", {"Content-Type": "text/plain"}, method="PUT")
    assert fetch(put)[0] == 200
    get = link("get_object")
    assert fetch(get) == (200, b"news")
    assert fetch(get.replace("/k?", "/other?"))[0] == 403
    assert fetch(get.replace("X-Amz-Expires=60", "X-Amz-Expires=600"))[0] == 403
    now = front_clock(world)
    now[0] += timedelta(seconds=61)
    status, body = fetch(get)
    assert status == 403
    assert b"<Code>AccessDenied</Code>" in body


# -- ways around ------------------------------------------------------------------------------------------------------


def test_a_stray_target_does_not_skip_role_trust(world: World) -> None:
    body = b"Action=AssumeRole&Version=2011-06-15&RoleSessionName=ana&RoleArn=arn:aws:iam::222222222222:role/none"
    kind = {"Content_Type": "application/x-www-form-urlencoded"}
    assert world.send(world.home, "POST", "/", "sts", body, X_Amz_Target="X.GetCallerIdentity", **kind) == 400
    assert world.send(world.home, "POST", "/", "sts", body, **kind) == 403


@pytest.mark.parametrize("service", ["s3express", "s3-object-lambda", "execute-api"])
def test_another_services_scope_does_not_open_a_bucket(world: World, service: str) -> None:
    owner, other = (world.admin(world.account(name)) for name in "ab")
    s3 = world.client("s3", owner)
    s3.create_bucket(Bucket="acme-a", CreateBucketConfiguration=PLACE)
    s3.put_object(Bucket="acme-a", Key="k", Body=b"secret")
    assert world.send(other, "GET", "/acme-a/k", service) == 400
    assert world.send(owner, "GET", "/acme-a/k", "s3") == 200


# -- roles ------------------------------------------------------------------------------------------------------------


def test_a_role_must_exist_and_trust_the_caller(world: World) -> None:
    account = world.account("a")
    assert code(world.assume, f"arn:aws:iam::{account}:role/none") == "AccessDenied"
    assert code(world.assume, "arn:aws:iam::999999999999:role/none") == "AccessDenied"
    assert code(world.assume, "no-arn-but-long-enough") == "AccessDenied"
    stranger = world.role(account, None, trust({"AWS": "arn:aws:iam::999999999999:root"}))
    assert code(world.assume, stranger) == "AccessDenied"


@pytest.mark.parametrize(
    ("principal", "allowed"),
    [
        ({"AWS": f"arn:aws:iam::{HOME}:root"}, True),
        ({"AWS": HOME}, True),
        ({"AWS": f"arn:aws:iam::{HOME}:user/stackport-portal"}, True),
        ({"AWS": f"arn:aws:iam::{HOME}:user/other"}, False),
        ({"Service": "cloudformation.amazonaws.com"}, False),
    ],
)
def test_trust_names_an_account_or_a_user(world: World, principal: dict[str, str], allowed: bool) -> None:
    arn = world.role(world.account("a"), None, trust(principal))
    assert code(world.assume, arn) == ("" if allowed else "AccessDenied")


def test_the_external_id_must_be_right(world: World) -> None:
    arn = world.role(world.account("a"), None, trust(StringEquals={"sts:ExternalId": "right-one"}))
    assert code(world.assume, arn) == "AccessDenied"
    assert code(world.assume, arn, ExternalId="wrong-one") == "AccessDenied"
    assert code(world.assume, arn, ExternalId="right-one") == ""


def test_a_user_needs_a_right_of_his_own_to_assume(world: World) -> None:
    arn = world.role(world.account("a"), None)
    without = world.user("without")
    with_right = world.user("with", document=policy({"Action": "sts:AssumeRole", "Resource": arn}))
    assert code(world.assume, arn, by=without) == "AccessDenied"
    assert code(world.assume, arn, by=with_right) == ""


@pytest.mark.parametrize("name", ["ana maria", "änne", "a/b", "a" * 65 + " "])
def test_session_names_have_letters_of_their_own(world: World, name: str) -> None:
    arn = world.role(world.account("a"), None)
    sts = world.client("sts", parameter_validation=False)
    assert code(sts.assume_role, RoleArn=arn, RoleSessionName=name) == "ValidationError"
    assert code(world.assume, arn, RoleSessionName="ana+maria=x,y.z@example-1") == ""


def test_how_long_a_session_may_be(world: World) -> None:
    account = world.account("a")
    arn = world.role(account, policy({"Action": "sts:*", "Resource": "*"}), MaxSessionDuration=7200)
    assert code(world.assume, arn, DurationSeconds=7200) == ""
    assert code(world.assume, arn, DurationSeconds=7201) == "ValidationError"
    iam = world.client("iam", world.admin(account))
    iam.update_assume_role_policy(RoleName="r", PolicyDocument=trust({"AWS": [HOME, account]}))
    chained = world.assume(arn)
    assert code(world.assume, arn, by=chained, DurationSeconds=3601) == "ValidationError"
    assert code(world.assume, arn, by=chained, DurationSeconds=3600) == ""


def test_the_source_identity_is_kept_and_stays(world: World) -> None:
    account = world.account("a")
    only_ana = policy(
        {"Action": "sqs:ListQueues", "Resource": "*", "Condition": {"StringEquals": {"aws:SourceIdentity": "ana"}}},
        {"Action": "sts:*", "Resource": "*"},
    )
    arn = world.role(account, only_ana, trust({"AWS": [HOME, account]}))
    ana, nobody = world.assume(arn, SourceIdentity="ana"), world.assume(arn)
    assert code(world.client("sqs", ana).list_queues) == ""
    assert code(world.client("sqs", nobody).list_queues) == "AccessDeniedException"
    assert code(world.assume, arn, by=ana, SourceIdentity="bob") == "AccessDenied"
    assert code(world.client("sqs", world.assume(arn, by=ana)).list_queues) == ""


def test_setting_a_source_identity_needs_trust_only_when_it_is_set(world: World) -> None:
    arn = world.role(world.account("a"), None, policy({"Principal": {"AWS": HOME}, "Action": "sts:AssumeRole"}))
    assert code(world.assume, arn) == ""
    assert code(world.assume, arn, SourceIdentity="ana") == "AccessDenied"


def test_a_service_role_is_for_its_service_and_account(world: World) -> None:
    account = world.account("a")
    service = trust({"Service": "cloudformation.amazonaws.com"}, StringEquals={"aws:SourceAccount": account})
    arn = world.role(account, policy({"Action": "sqs:ListQueues", "Resource": "*"}), service)
    assume = world.aws.front.identities.assume_for_service
    keys = assume(arn, account, "AWSCloudFormation")
    assert code(inprocess.client(world.aws.front, "sqs", keys, REGION).list_queues) == ""
    assert code(inprocess.client(world.aws.front, "sns", keys, REGION).list_topics) == "AuthorizationError"
    with pytest.raises(AccessDenied):
        assume(arn, HOME, "AWSCloudFormation")
    with pytest.raises(AccessDenied):
        assume(f"arn:aws:iam::{account}:role/{FIRST}", account, "AWSCloudFormation")
    assert code(world.assume, arn) == "AccessDenied"


# -- policies ---------------------------------------------------------------------------------------------------------


def test_a_role_may_do_what_its_policies_say(world: World) -> None:
    document = policy(
        {"Action": "s3:*", "Resource": ["arn:aws:s3:::acme-in", "arn:aws:s3:::acme-in/open/*"]},
        {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::acme-in/open/closed/*"},
    )
    account = world.account("a")
    s3 = world.client("s3", world.assume(world.role(account, document)))
    s3.create_bucket(Bucket="acme-in", CreateBucketConfiguration=PLACE)
    s3.put_object(Bucket="acme-in", Key="open/closed/k", Body=b"x")
    assert code(s3.put_object, Bucket="acme-in", Key="other/k", Body=b"x") == "AccessDenied"
    assert code(s3.get_object, Bucket="acme-in", Key="open/closed/k") == "AccessDenied"
    assert code(s3.list_buckets) == "AccessDenied"
    assert code(s3.delete_objects, Bucket="acme-in", Delete={"Objects": [{"Key": "other/k"}]}) == "AccessDenied"
    assert code(s3.delete_objects, Bucket="acme-in", Delete={"Objects": [{"Key": "open/k"}]}) == ""
    source = {"Bucket": "acme-in", "Key": "open/closed/k"}
    assert code(s3.copy_object, Bucket="acme-in", Key="open/copy", CopySource=source) == "AccessDenied"


def test_only_the_first_user_at_home_is_not_judged(world: World) -> None:
    second = world.user("second")
    assert code(world.client("s3", second).list_buckets) == "AccessDenied"
    assert code(world.client("s3").list_buckets) == ""


def test_group_and_managed_policies_count(world: World) -> None:
    keys, iam = world.user("u"), world.client("iam")
    sqs = world.client("sqs", keys)
    iam.create_group(GroupName="g")
    iam.add_user_to_group(GroupName="g", UserName="u")
    iam.put_group_policy(
        GroupName="g", PolicyName="p", PolicyDocument=policy({"Action": "sqs:ListQueues", "Resource": "*"})
    )
    assert code(sqs.list_queues) == ""
    deny = iam.create_policy(
        PolicyName="stop", PolicyDocument=policy({"Effect": "Deny", "Action": "*", "Resource": "*"})
    )["Policy"]["Arn"]
    iam.attach_user_policy(UserName="u", PolicyArn=deny)
    assert code(sqs.list_queues) == "AccessDeniedException"


def test_a_boundary_bounds(world: World) -> None:
    account = world.account("a")
    admin = world.client("iam", world.admin(account))
    sqs_only = policy({"Action": "sqs:*", "Resource": "*"})
    boundary = admin.create_policy(PolicyName="boundary", PolicyDocument=sqs_only)["Policy"]["Arn"]
    everything = policy({"Action": "*", "Resource": "*"})
    keys = world.assume(world.role(account, everything, PermissionsBoundary=boundary))
    assert code(world.client("sqs", keys).list_queues) == ""
    assert code(world.client("sns", keys).list_topics) == "AuthorizationError"


@pytest.mark.parametrize("first_role", [True, False])
def test_a_session_policy_bounds_every_session(world: World, first_role: bool) -> None:
    account = world.account("a")
    everything = policy({"Action": "*", "Resource": "*"})
    arn = f"arn:aws:iam::{account}:role/{FIRST}" if first_role else world.role(account, everything)
    narrow = policy({"Action": "sqs:ListQueues", "Resource": "*"})
    keys = world.assume(arn, Policy=narrow)
    assert code(world.client("sqs", keys).list_queues) == ""
    assert code(world.client("sns", keys).list_topics) == "AuthorizationError"
    assert code(world.client("sns", world.assume(arn)).list_topics) == ""
    assert code(world.assume, arn, Policy="no json") == "MalformedPolicyDocument"
    managed = [{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}]
    assert code(world.assume, arn, PolicyArns=managed) == "ValidationError"


def test_the_boundary_that_a_role_has_counts_for_later_calls(world: World) -> None:
    account = world.account("a")
    admin = world.client("iam", world.admin(account))
    boundary = admin.create_policy(PolicyName="b", PolicyDocument=policy({"Action": "s3:*", "Resource": "*"}))[
        "Policy"
    ]["Arn"]
    condition = {"StringEquals": {"iam:PermissionsBoundary": boundary}}
    document = policy(
        {
            "Action": ["iam:CreateRole", "iam:PutRolePolicy"],
            "Resource": "arn:aws:iam::*:role/x/*",
            "Condition": condition,
        }
    )
    iam = world.client("iam", world.assume(world.role(account, document)))
    made = {"Path": "/x/", "AssumeRolePolicyDocument": trust()}
    admin.create_role(RoleName="free", **made)
    assert code(iam.create_role, RoleName="unbound", **made) == "AccessDenied"
    assert code(iam.create_role, RoleName="bound", PermissionsBoundary=boundary, **made) == ""
    assert code(iam.create_role, RoleName="r2", PermissionsBoundary=boundary, **{**made, "Path": "/"}) == "AccessDenied"
    inline = {"PolicyName": "p", "PolicyDocument": policy({"Action": "s3:*", "Resource": "*"})}
    assert code(iam.put_role_policy, RoleName="bound", **inline) == ""
    assert code(iam.put_role_policy, RoleName="free", **inline) == "AccessDenied"


def test_only_the_right_role_is_passed_to_cloudformation(world: World) -> None:
    account = world.account("a")
    service = f"arn:aws:iam::{account}:role/service"
    document = policy(
        {"Action": "cloudformation:*", "Resource": f"arn:aws:cloudformation:*:{account}:stack/portal-*/*"},
        {
            "Action": "iam:PassRole",
            "Resource": service,
            "Condition": {"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}},
        },
        {
            "Effect": "Deny",
            "Action": "cloudformation:CreateStack",
            "Resource": "*",
            "Condition": {"StringNotEquals": {"cloudformation:RoleArn": service}},
        },
    )
    admin = world.client("iam", world.admin(account))
    for name in ("service", "powerful"):
        admin.create_role(RoleName=name, AssumeRolePolicyDocument=trust({"Service": "cloudformation.amazonaws.com"}))
    create = world.client("cloudformation", world.assume(world.role(account, document))).create_stack
    body = json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}})
    assert code(create, StackName="portal-1", TemplateBody=body) == "AccessDenied"
    powerful = service.replace("service", "powerful")
    assert code(create, StackName="portal-1", TemplateBody=body, RoleARN=powerful) == "AccessDenied"
    assert code(create, StackName="other-1", TemplateBody=body, RoleARN=service) == "AccessDenied"
    assert code(create, StackName="portal-1", TemplateBody=body, RoleARN=service) == ""


def test_condition_keys_name_the_role_not_the_session(world: World) -> None:
    account = world.account("a")
    principal = f"arn:aws:iam::{account}:role/r"
    condition = {"ArnEquals": {"aws:PrincipalArn": principal}, "StringEquals": {"aws:PrincipalAccount": account}}
    issued = {"DateLessThanEquals": {"aws:TokenIssueTime": "2999-01-01T00:00:00Z"}}
    document = policy({"Action": "sqs:*", "Resource": "*", "Condition": {**condition, **issued}})
    keys = world.assume(world.role(account, document))
    assert code(world.client("sqs", keys).list_queues) == ""


def test_sessions_issued_before_a_moment_can_be_stopped(world: World) -> None:
    account = world.account("a")
    arn = world.role(account, policy({"Action": "sqs:*", "Resource": "*"}))
    before = world.assume(arn)
    now = front_clock(world)
    now[0] += timedelta(seconds=10)
    stop = {"DateLessThan": {"aws:TokenIssueTime": now[0].isoformat()}}
    world.client("iam", world.admin(account)).put_role_policy(
        RoleName="r",
        PolicyName="stop",
        PolicyDocument=policy({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": stop}),
    )
    now[0] += timedelta(seconds=10)
    after = world.assume(arn)
    assert code(world.client("sqs", before).list_queues) == "AccessDeniedException"
    assert code(world.client("sqs", after).list_queues) == ""


def test_judging_is_quick(world: World) -> None:
    """The budget is a millisecond a request; this fails only when it is far beyond it."""
    keys = world.assume(world.role(world.account("a"), policy({"Action": "sqs:ListQueues", "Resource": "*"})))
    sqs = world.client("sqs", keys)
    spent: list[float] = []
    front = world.aws.front
    identify, authorise = front.identify, front.authorise

    def timed(act: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            start = datetime.now(UTC)
            found = act(*arguments)
            spent.append((datetime.now(UTC) - start).total_seconds())
            return found

        return call

    front.identify, front.authorise = timed(identify), timed(authorise)  # type: ignore[method-assign]
    try:
        for _ in range(50):
            sqs.list_queues()
    finally:
        del front.identify, front.authorise
    assert sorted(spent)[len(spent) // 2] < 0.005
    print(f"median {sorted(spent)[len(spent) // 2] * 1000:.2f} ms, sum a request {sum(spent) / 50 * 1000:.2f} ms")


def test_a_caller_is_found_while_others_make_roles(world: World) -> None:
    account = world.account("acme")
    backend = iam_backends[account]["aws"]
    first = next(iter(backend.roles.values()))
    backend.roles.update({f"earlier-{number}": first for number in range(2_000)})
    last = world.assume(world.role(account, None))
    done = threading.Event()

    def make_roles() -> None:
        while not done.is_set():
            for number in range(50):
                backend.roles[f"later-{number}"] = first
            for number in range(50):
                del backend.roles[f"later-{number}"]

    pause = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    other = threading.Thread(target=make_roles)
    other.start()
    try:
        for _ in range(500):
            assert world.aws.front.identities.find(last.access_key_id, in_process=False)
    finally:
        done.set()
        other.join()
        sys.setswitchinterval(pause)
