"""Faults: off by default, counted down, repeatable by seed, and felt through the port."""

import json
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.faults import Faults
from localaws.server import LocalAWS
from tests.localaws.conftest import HOME, Process, connect, until
from tests.localaws.test_restart import letting_sns_send

TOPICS = json.dumps({"Resources": {"First": {"Type": "AWS::SNS::Topic"}}})


@pytest.fixture
def client(localaws: LocalAWS) -> Callable[[str], Any]:
    port = localaws.port
    return lambda service: connect(port, localaws.home, service)


def settled(cloudformation: Any, name: str) -> str:
    def status() -> str:
        found = str(cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])
        return "" if found.endswith("IN_PROGRESS") else found

    return str(until(status))


# -- alone ------------------------------------------------------------------------------------------------------------


def test_by_default_nothing_goes_wrong() -> None:
    faults = Faults()
    assert not faults.throttle("CreateStack")
    assert faults.resource_failure("A", "AWS::S3::Bucket") is None
    assert (faults.slow("AWS::S3::Bucket"), faults.delay("dynamodb")) == (0, 0)
    assert faults.on_publish("m") == [(0, "m")]
    assert not faults.hold("CREATE_IN_PROGRESS")
    assert not any(faults.shown().values())


def test_counts_go_down() -> None:
    faults = Faults()
    faults.set_throttle("CreateStack", 2)
    faults.fail("AWS::S3::Bucket", "no", times=1)
    assert [faults.throttle("CreateStack") for _ in range(3)] == [True, True, False]
    assert [faults.resource_failure("A", "AWS::S3::Bucket") for _ in range(2)] == ["no", None]


def test_a_logical_id_fails_before_its_type() -> None:
    faults = Faults()
    faults.fail("A", "this one")
    faults.fail("AWS::S3::Bucket", "any")
    assert faults.resource_failure("B", "AWS::S3::Bucket") == "any"
    assert faults.resource_failure("A", "AWS::S3::Bucket") == "this one"


@pytest.mark.parametrize(
    ("wish", "copies", "delays"),
    [
        ({"drop": 1}, 0, ()),
        ({"double": 1}, 2, (0, 0)),
        ({"delay_seconds": 0.5}, 1, (0.5,)),
    ],
)
def test_messages_are_lost_doubled_and_delayed(wish: dict[str, float], copies: int, delays: tuple[float, ...]) -> None:
    faults = Faults()
    faults.set_publishing(**wish)
    found = faults.on_publish("m")
    assert [message for _, message in found] == ["m"] * copies
    assert tuple(delay for delay, _ in found) == delays


def test_the_same_seed_does_the_same() -> None:
    def run(seed: int) -> list[list[tuple[float, str]]]:
        faults = Faults()
        faults.set_publishing(drop=0.3, double=0.3, shuffle_seconds=1, seed=seed)
        return [faults.on_publish(str(number)) for number in range(40)]

    assert run(7) == run(7)
    assert run(7) != run(8)
    order = [message for _, message in sorted(chain.from_iterable(run(7)))]
    assert order != sorted(order, key=int)
    assert {len(found) for found in run(7)} == {0, 1, 2}


def test_clear_switches_all_off() -> None:
    faults = Faults()
    for wish in (
        {"fault": "throttle", "action": "CreateStack", "times": 3},
        {"fault": "fail", "what": "A", "words": "no", "times": 3},
        {"fault": "slow", "resource_type": "T", "seconds": 1},
        {"fault": "delay", "service": "dynamodb", "seconds": 1},
        {"fault": "publishing", "drop": 1},
        {"fault": "hold", "status": "CREATE_IN_PROGRESS"},
        {"fault": "stall", "actions": "cloudformation:"},
        {"fault": "skew", "seconds": 1},
    ):
        faults.control(wish)
    assert all(faults.shown().values())
    faults.control({"fault": "clear"})
    assert not any(faults.shown().values())


# -- through the port -------------------------------------------------------------------------------------------------


def test_a_throttled_call_is_refused_as_aws_does(localaws: LocalAWS, client: Callable[[str], Any]) -> None:
    localaws.faults.set_throttle("ListStacks", 2)
    for _ in range(2):
        with pytest.raises(ClientError, match="Throttling"):
            client("cloudformation").list_stacks()
    assert client("cloudformation").list_stacks()["StackSummaries"] == []


def test_a_resource_fails_with_the_words(localaws: LocalAWS, client: Callable[[str], Any]) -> None:
    localaws.faults.fail("First", "Simulated: no luck", times=1)
    cloudformation = client("cloudformation")
    cloudformation.create_stack(StackName="s", TemplateBody=TOPICS)
    assert settled(cloudformation, "s") == "ROLLBACK_COMPLETE"
    reasons = [
        one.get("ResourceStatusReason", "")
        for one in cloudformation.describe_stack_events(StackName="s")["StackEvents"]
    ]
    assert any("Simulated: no luck" in reason for reason in reasons)


def test_a_slow_type_takes_longer(localaws: LocalAWS, client: Callable[[str], Any]) -> None:
    localaws.faults.set_slow("AWS::SNS::Topic", 0.6)
    began = time.perf_counter()
    client("cloudformation").create_stack(StackName="s", TemplateBody=TOPICS)
    assert settled(client("cloudformation"), "s") == "CREATE_COMPLETE"
    assert time.perf_counter() - began > 0.6


def test_a_held_status_stays_until_it_is_released(localaws: LocalAWS, client: Callable[[str], Any]) -> None:
    localaws.faults.set_hold("CREATE_IN_PROGRESS")
    cloudformation = client("cloudformation")
    cloudformation.create_stack(StackName="s", TemplateBody=TOPICS)
    time.sleep(0.5)
    assert cloudformation.describe_stacks(StackName="s")["Stacks"][0]["StackStatus"] == "CREATE_IN_PROGRESS"
    localaws.faults.set_hold("CREATE_IN_PROGRESS", on=False)
    assert settled(cloudformation, "s") == "CREATE_COMPLETE"


@pytest.mark.parametrize(("service", "call"), [("dynamodb", "list_tables"), ("cloudformation", "list_stacks")])
def test_a_service_can_be_slow(localaws: LocalAWS, client: Callable[[str], Any], service: str, call: str) -> None:
    localaws.faults.set_delay(service, 0.3)
    ask = getattr(client(service), call)
    began = time.perf_counter()
    ask()
    assert time.perf_counter() - began >= 0.3
    assert localaws.faults.delay("sts") == 0


def test_doubled_events_arrive_twice(localaws: LocalAWS, client: Callable[[str], Any]) -> None:
    sqs, sns = client("sqs"), client("sns")
    arn = f"arn:aws:sqs:eu-west-1:{HOME}:events"
    url = sqs.create_queue(QueueName="events", Attributes={"Policy": letting_sns_send(arn)})["QueueUrl"]
    topic = sns.create_topic(Name="t")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    localaws.faults.set_publishing(double=1)
    cloudformation = client("cloudformation")
    cloudformation.create_stack(StackName="s", TemplateBody=TOPICS, NotificationARNs=[topic])
    assert settled(cloudformation, "s") == "CREATE_COMPLETE"
    until(localaws.engine.idle)
    count = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]
    made = len(cloudformation.describe_stack_events(StackName="s")["StackEvents"])
    assert int(count["ApproximateNumberOfMessages"]) == 2 * made


def test_another_process_sets_faults_by_a_control_call(process: Any) -> None:
    found: Process = process()
    assert found.control("faults", fault="throttle", action="ListStacks", times=1) == (200, {})
    with pytest.raises(ClientError, match="Throttling"):
        found.client("cloudformation").list_stacks()
    assert found.control("faults", fault="delay", service="dynamodb", seconds=0.3)[0] == 200
    assert found.control("info")[1]["faults"]["delays"] == {"dynamodb": 0.3}
    assert found.control("faults", fault="clear")[0] == 200
    assert found.client("cloudformation").list_stacks()["StackSummaries"] == []


def test_a_stalled_call_waits_until_it_is_let_through(process: Any) -> None:
    found: Process = process('--fault={"fault": "stall", "actions": "cloudformation:List"}')
    cloudformation = found.client("cloudformation")
    cloudformation.describe_stacks()
    user = found.client("sts").get_caller_identity()["Arn"]
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(cloudformation.list_stacks) for _ in range(2)]
        until(lambda: len(found.control("waiting")[1]) == 2)
        first, second = found.control("waiting")[1].items()
        assert first[1] == second[1] == f"cloudformation:ListStacks * by {user}"

        assert found.control("faults", fault="let", calls=[int(first[0])]) == (200, {})
        until(lambda: any(one.done() for one in asked))
        assert found.control("waiting")[1] == dict([second])

        assert found.control("faults", fault="clear") == (200, {})
        assert [one.result()["StackSummaries"] for one in asked] == [[], []]


def test_what_cloudformation_does_itself_is_not_stalled(localaws: LocalAWS, client: Callable[[str], Any]) -> None:
    localaws.faults.set_stall("sns:")
    cloudformation = client("cloudformation")
    cloudformation.create_stack(StackName="s", TemplateBody=TOPICS)
    assert settled(cloudformation, "s") == "CREATE_COMPLETE"


def test_a_stalled_call_keeps_nobody_from_stopping(process: Any) -> None:
    found: Process = process('--fault={"fault": "stall", "actions": "cloudformation:"}')
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(found.client("cloudformation").list_stacks)
        until(lambda: found.control("waiting")[1])
        began = time.perf_counter()
        assert found.end(signal.SIGTERM)[0] == 0
        assert time.perf_counter() - began < 5
        asked.exception()
