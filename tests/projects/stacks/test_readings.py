"""What becomes of a message that names stacks to read: its parts, its delays, and stacks that cannot be read."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from aws import sqs
from aws.errors import AccessDenied, RateLimited, Throttled, Unreachable
from dynamodb_cache.errors import Unavailable
from projects.models import Project
from projects.stacks import reading, readings

Sent = list[tuple[str, dict[str, Any], int]]
Refuse = Callable[[str, Exception], None]
LONGEST_ID = f"arn:aws:cloudformation:ap-southeast-1:{'0' * 12}:stack/{'n' * 128}/{'0' * 36}"


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Sent:
    """What is sent: to which queue, what, and after how many seconds."""
    settings.STACKPORT_LOOK_AGAIN_SCALE = 1
    found: Sent = []

    def send(queue: sqs.Queue, body: str, *, delay_seconds: int = 0) -> str:
        found.append((queue.name, json.loads(body), delay_seconds))
        return ""

    monkeypatch.setattr(sqs.Queue, "send", send)
    return found


@pytest.fixture(name="read", autouse=True)
def stacks_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stacks that were read, without an account."""
    found: list[str] = []
    monkeypatch.setattr(reading, "refresh", lambda _project, stack_id: found.append(stack_id))
    return found


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch, read: list[str]) -> Refuse:
    """Let one stack fail whenever it is read."""

    def refuse(odd: str, error: Exception) -> None:
        def refresh(_project: Project, stack_id: str) -> None:
            if stack_id == odd:
                raise error
            read.append(stack_id)

        monkeypatch.setattr(reading, "refresh", refresh)

    return refuse


def the_one(sent: Sent) -> tuple[dict[str, Any], int]:
    """Return the only message that was sent, and take it."""
    ((name, body, seconds),) = sent
    sent.clear()
    assert name == "stackport-readings"
    return body, seconds


def named(count: int) -> list[str]:
    return [f"stack-{number}" for number in range(count)]


def test_one_message_after_the_other_reads_all(project: Project, sent: Sent, read: list[str]) -> None:
    stacks = named(3 * readings.PIECE + 1)
    readings.later(project, stacks)
    messages = 0
    while sent:
        body, seconds = the_one(sent)
        assert seconds == 0
        before = len(read)
        readings.read_some(body["read"])
        assert len(read) - before <= readings.PIECE
        messages += 1
    assert (read, messages) == (stacks, 4)


@pytest.mark.parametrize(
    ("error", "seconds"),
    [(RateLimited("DescribeStacks", 0.3), 1), (RateLimited("DescribeStacks", 1.2), 2), (Throttled("slow down"), 5)],
)
def test_when_the_turn_has_not_come_the_rest_comes_later(
    project: Project, sent: Sent, read: list[str], refuse: Refuse, error: Exception, seconds: int
) -> None:
    refuse("stack-2", error)
    readings.read_some({"project": project.pk, "stacks": named(4)})
    assert read == ["stack-0", "stack-1"]
    body, delay = the_one(sent)
    assert (body["read"]["stacks"], body["read"]["failed"], delay) == (["stack-2", "stack-3"], [], seconds)


def test_who_asks_in_vain_asks_less_often(project: Project, sent: Sent, refuse: Refuse) -> None:
    refuse("stack-0", RateLimited("DescribeStacks", 0.3))
    delays = []
    body: dict[str, Any] = {"read": {"project": project.pk, "stacks": named(2)}}
    for _ in range(30):
        readings.read_some(body["read"])
        body, seconds = the_one(sent)
        delays.append(seconds)
    assert delays[:4] == [1, 2, 3, 4]
    assert delays[-1] == readings.PUT_OFF_SECONDS_AT_MOST

    refuse("stack-1", RateLimited("DescribeStacks", 0.3))
    readings.read_some(body["read"])
    assert the_one(sent)[1] == 1, "a stack was read meanwhile"


def test_a_stack_that_cannot_be_read_keeps_nobody_and_ends_in_the_dead_letters(
    project: Project, sent: Sent, read: list[str], refuse: Refuse
) -> None:
    refuse("stack-1", KeyError("StackStatus"))
    readings.read_some({"project": project.pk, "stacks": named(readings.PIECE + 2)})
    body, _ = the_one(sent)
    readings.read_some(body["read"])
    assert read == [one for one in named(readings.PIECE + 2) if one != "stack-1"]

    for _ in range(readings.TRIES - 1):
        body, seconds = the_one(sent)
        assert (body["read"]["stacks"], seconds) == (["stack-1"], readings.FAILED_SECONDS)
        readings.read_some(body["read"])
    ((name, body, _),) = sent
    assert (name, body["read"]["failed"]) == ("stackport-dead-letters", ["stack-1"])


def test_a_stack_that_can_be_read_the_next_time_is_no_dead_letter(
    project: Project, sent: Sent, read: list[str], refuse: Refuse
) -> None:
    refuse("stack-0", KeyError("StackStatus"))
    readings.read_some({"project": project.pk, "stacks": named(2)})
    refuse("none", KeyError())
    readings.read_some(the_one(sent)[0]["read"])
    assert (read, sent) == (["stack-1", "stack-0"], [])


def test_a_stack_of_which_no_answer_comes_lets_the_others_go_first(
    project: Project, sent: Sent, read: list[str], refuse: Refuse
) -> None:
    refuse("stack-0", Unreachable("timed out"))
    readings.read_some({"project": project.pk, "stacks": named(3)})
    assert read == [], "in an account that does not answer each try takes long"
    body, seconds = the_one(sent)
    assert seconds == readings.PUT_OFF_SECONDS
    readings.read_some(body["read"])
    assert read == ["stack-1", "stack-2"]
    assert the_one(sent)[0]["read"]["stacks"] == ["stack-0"]


@pytest.mark.parametrize("error", [AccessDenied("no"), Unavailable("no answer")])
def test_what_is_no_stacks_fault_brings_the_whole_message_back(
    project: Project, sent: Sent, refuse: Refuse, error: Exception
) -> None:
    refuse("stack-1", error)
    with pytest.raises(type(error)):
        readings.read_some({"project": project.pk, "stacks": named(3)})
    assert sent == []


def test_where_there_is_more_the_project_is_compared_again(project: Project, sent: Sent, refuse: Refuse) -> None:
    readings.read_some({"project": project.pk, "stacks": named(2), "more": True})
    assert the_one(sent)[0] == {"rebuild": project.pk}

    refuse("stack-0", KeyError())
    readings.read_some({"project": project.pk, "stacks": named(1), "more": True, "tries": readings.TRIES})
    assert [body for _, body, _ in sent][1:] == [{"rebuild": project.pk}]


def test_where_nearly_all_failed_it_is_not_compared_for_ever(project: Project, sent: Sent, refuse: Refuse) -> None:
    refuse("stack-0", KeyError())
    last = {"tries": readings.TRIES, "failed": named(readings.CARRIED // 2), "more": True}
    readings.read_some({"project": project.pk, "stacks": ["stack-0"], **last})
    assert [name for name, _, _ in sent] == ["stackport-dead-letters"]


def test_the_longest_message_fits(project: Project, sent: Sent) -> None:
    readings.later(project, [LONGEST_ID] * readings.CARRIED, more=True)
    assert len(json.dumps(sent[0][1])) < 128 * 1024
