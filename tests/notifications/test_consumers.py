"""The live consumer behind its real middleware: sessions, origins, topics, frames."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.test import Client

from notifications import consumers, pulse, push, routing
from notifications.topics import group
from people.models import Person
from tests.factories import PersonFactory

pytestmark = pytest.mark.django_db(transaction=True)

ORIGIN = b"http://testserver"


class Shelf:
    """A topic of versions; some people may listen."""

    def __init__(self) -> None:
        self.versions: dict[str, int] = {}
        self.may: set[int] = set()
        self.in_snapshot: Any = None

    def may_subscribe(self, person: Person, key: str) -> bool:
        return key == "1" and person.pk in self.may

    def snapshot(self, person: Person, key: str, have: Mapping[str, int]) -> list[dict[str, Any]]:
        if self.in_snapshot:
            self.in_snapshot()
        newer = [{"item": item, "version": v} for item, v in self.versions.items() if have.get(item, -1) < v]
        return newer + [{"item": item, "gone": True} for item in have if item not in self.versions]


class Page(WebsocketCommunicator):
    """A page's socket."""

    def __init__(self, cookie: str, origin: bytes | None = ORIGIN) -> None:
        headers = [(b"cookie", f"{settings.SESSION_COOKIE_NAME}={cookie}".encode())]
        super().__init__(routing.application(), "/ws/", headers + ([(b"origin", origin)] if origin else []))

    async def say(self, **frame: Any) -> None:
        await self.send_to(text_data=json.dumps(frame))

    async def hears(self) -> dict[str, Any]:
        return dict(json.loads(await self.receive_from(timeout=5)))

    async def hears_pong(self) -> float | None:
        """Return how long ago news could arrive."""
        frame = await self.hears()
        assert set(frame) == {"type", "news"}
        assert frame["type"] == "pong"
        return frame["news"]

    async def closes(self) -> int:
        """Return the code that it is closed with."""
        event = await self.receive_output(timeout=5)
        assert event["type"] == "websocket.close", event
        return int(event["code"])

    async def subscribes(self, topic: str = "shelf:1", **have: int) -> list[dict[str, Any]]:
        """Subscribe and return the snapshot's items."""
        await self.say(type="subscribe", topic=topic, have=have)
        assert await self.hears() == {"type": "subscribed", "topic": topic}
        snapshot = await self.hears()
        assert (snapshot["type"], snapshot["topic"]) == ("snapshot", topic)
        return list(snapshot["items"])


@pytest.fixture
def shelf(kinds: dict[str, Any]) -> Shelf:
    kinds["shelf"] = Shelf()
    return kinds["shelf"]


@pytest.fixture
def ana(transactional_db: None, settings: Any, shelf: Shelf) -> Person:
    # The product's sessions lie in the cache too; only the tests that end one need that.
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.db"
    person = PersonFactory(name="Ana")
    shelf.may.add(person.pk)
    return person


def sign_in(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def client(ana: Person) -> Client:
    """Ana's browser."""
    return sign_in(ana)


@pytest.fixture
def cookie(client: Client) -> str:
    return client.cookies[settings.SESSION_COOKIE_NAME].value


@pytest.fixture
async def page(cookie: str) -> Any:
    """Ana's open page; pushes go onto this test's loop."""
    await get_channel_layer().flush()
    push.bind(asyncio.get_running_loop())
    opened = Page(cookie)
    assert (await opened.connect())[0]
    yield opened
    await opened.disconnect()
    push.bind(None)


async def test_a_page_gets_exactly_what_differs(page: Page, shelf: Shelf) -> None:
    shelf.versions = {"same": 3, "newer": 5, "unknown": 1}
    items = await page.subscribes(same=3, newer=4, gone=9)
    assert sorted(items, key=lambda item: item["item"]) == [
        {"item": "gone", "gone": True},
        {"item": "newer", "version": 5},
        {"item": "unknown", "version": 1},
    ]


async def test_a_signal_reaches_the_page(page: Page) -> None:
    await page.subscribes()
    await sync_to_async(push.publish)("shelf:1", "a", version=7, born=3)
    assert await page.hears() == {"type": "changed", "topic": "shelf:1", "item": "a", "version": 7, "born": 3}


async def test_nothing_falls_between_joining_and_the_snapshot(page: Page, shelf: Shelf) -> None:
    # The change comes while the snapshot is being read, too late to be in it.
    shelf.in_snapshot = lambda: push.publish("shelf:1", "a", version=7)
    assert await page.subscribes() == []
    assert (await page.hears())["version"] == 7


async def test_after_unsubscribing_nothing_comes(page: Page) -> None:
    await page.subscribes()
    await page.say(type="unsubscribe", topic="shelf:1")
    await page.say(type="ping")
    await page.hears_pong()
    push.publish("shelf:1", "a", version=7)
    assert await page.receive_nothing(timeout=0.3)


@pytest.mark.parametrize("topic", ["shelf:2", "other:1", "shelf", "", "shelf:1 ", "shelf:../1", "x" * 5000, "\ud800"])
async def test_a_refused_topic_looks_like_one_that_is_not_there(page: Page, topic: str) -> None:
    await page.say(type="subscribe", topic=topic)
    assert await page.hears() == {"type": "refused", "topic": topic[:200]}
    await page.subscribes()


@pytest.mark.parametrize(
    "frame",
    [
        "not JSON",
        "[]",
        "7",
        "null",
        "{}",
        '{"type": "subscribe"}',
        '{"type": "subscribe", "topic": 7}',
        '{"type": "subscribe", "topic": "shelf:1", "have": []}',
        '{"type": "unsubscribe", "topic": "shelf:1"}',
        '{"type": "live.withdraw", "topic": "shelf:1"}',
        '{"type": ["ping"]}',
        "[" * 100_000,
        json.dumps({"type": "ping", "more": "x" * consumers.FRAME_AT_MOST}),
        json.dumps({"type": "subscribe", "topic": "shelf:1", "have": {str(n): 1 for n in range(2001)}}),
    ],
)
async def test_a_bad_frame_gets_an_error_and_the_socket_lives(page: Page, frame: str) -> None:
    await page.send_to(text_data=frame)
    assert (await page.hears())["type"] == "error"
    await page.say(type="ping")
    await page.hears_pong()


@pytest.mark.parametrize("content", [{"bytes": b'{"type": "ping"}'}, {"text": ""}])
async def test_a_binary_or_empty_frame_gets_an_error(page: Page, content: dict[str, Any]) -> None:
    await page.send_input({"type": "websocket.receive", **content})
    assert (await page.hears())["type"] == "error"


async def test_odd_versions_are_left_out(page: Page, shelf: Shelf) -> None:
    shelf.versions = {"a": 1}
    have = {"a": "1", "b": None, "c": True, "d": 1.5, "x" * 201: 1}
    await page.say(type="subscribe", topic="shelf:1", have=have)
    assert (await page.hears())["type"] == "subscribed"
    assert (await page.hears())["items"] == [{"item": "a", "version": 1}]


async def test_a_socket_has_so_many_topics(page: Page, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shelf, "may_subscribe", lambda *_: True)
    for number in range(consumers.TOPICS_AT_MOST):
        await page.subscribes(f"shelf:{number}")
    await page.subscribes("shelf:0")  # one it has already
    await page.say(type="subscribe", topic="shelf:99")
    assert (await page.hears())["type"] == "refused"


async def test_a_failure_closes_in_order_and_leaves_no_group(page: Page, shelf: Shelf) -> None:
    def fail() -> None:
        raise RuntimeError("the mirror is away")

    shelf.in_snapshot = fail
    await page.say(type="subscribe", topic="shelf:1")
    assert await page.closes() == consumers.FAILED
    await page.disconnect()
    assert group("shelf:1") not in get_channel_layer().groups


async def test_a_signal_that_cannot_be_judged_closes_in_order_and_leaves_no_group(
    page: Page, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> bool:
        raise RuntimeError("the database is away")

    await page.subscribes()
    monkeypatch.setattr(consumers, "CHECK_AGAIN_SECONDS", 0)
    monkeypatch.setattr(shelf, "may_subscribe", fail)
    await sync_to_async(push.publish)("shelf:1", "a", version=7)
    assert await page.closes() == consumers.FAILED
    await page.disconnect()
    assert group("shelf:1") not in get_channel_layer().groups


async def test_a_person_has_so_many_sockets(page: Page, cookie: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "SOCKETS_AT_MOST", 2)
    second, third = Page(cookie), Page(cookie)
    assert (await second.connect())[0]
    await second.subscribes()
    assert (await third.connect())[0]
    assert await third.closes() == consumers.TOO_MANY
    for closed in (third, second):
        await closed.disconnect()
    again = Page(cookie)
    assert (await again.connect())[0]
    await again.subscribes()
    await again.disconnect()
    await page.subscribes()


@pytest.mark.usefixtures("ana")
async def test_nobody_signed_in_is_told_so_after_the_handshake() -> None:
    stranger = Page("no-such-session")
    assert (await stranger.connect())[0]
    assert await stranger.closes() == 4401


@pytest.mark.parametrize(
    "origin",
    [
        None,
        b"http://evil.example",
        b"http://testserver:8001",
        b"https://testserver",
        b"http://testserver.evil.example",
        b"null",
    ],
)
async def test_only_the_listed_origins_may_connect(cookie: str, origin: bytes | None) -> None:
    foreign = Page(cookie, origin)
    assert not (await foreign.connect())[0]


async def test_signing_out_closes_the_sockets_of_that_session_only(page: Page, client: Client, ana: Person) -> None:
    elsewhere = await sync_to_async(sign_in)(ana)
    other = Page(elsewhere.cookies[settings.SESSION_COOKIE_NAME].value)
    await other.connect()
    await sync_to_async(client.logout)()
    assert await page.closes() == 4401
    await other.say(type="ping")
    await other.hears_pong()
    await other.disconnect()


async def test_a_session_that_ended_unheard_is_noticed(
    page: Page, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sync_to_async(client.session.flush)()
    await page.say(type="ping")
    await page.hears_pong()  # not looked at with each ping
    monkeypatch.setattr(consumers, "CHECK_AGAIN_SECONDS", 0)
    await page.say(type="ping")
    assert await page.closes() == 4401


async def test_a_session_kept_in_the_cache_ends_too(portal: None, shelf: Shelf) -> None:
    assert settings.SESSION_ENGINE.endswith("cached_db")
    person = await sync_to_async(PersonFactory)()
    shelf.may.add(person.pk)
    browser = await sync_to_async(sign_in)(person)
    opened = Page(browser.cookies[settings.SESSION_COOKIE_NAME].value)
    await opened.connect()
    await opened.subscribes()
    await sync_to_async(browser.session.flush)()
    await opened.say(type="subscribe", topic="shelf:1")
    assert await opened.closes() == 4401


async def test_an_ended_session_may_not_subscribe(page: Page, client: Client) -> None:
    await sync_to_async(client.session.flush)()
    await page.say(type="subscribe", topic="shelf:1")
    assert await page.closes() == 4401


async def test_who_may_no_longer_sign_in_is_out(page: Page, ana: Person) -> None:
    await Person.objects.filter(pk=ana.pk).aupdate(is_active=False)
    await page.say(type="subscribe", topic="shelf:1")
    assert await page.closes() == 4401


async def test_a_changed_password_ends_the_socket(page: Page, ana: Person) -> None:
    ana.set_password("another long password")
    await ana.asave()
    await page.say(type="subscribe", topic="shelf:1")
    assert await page.closes() == 4401


async def test_a_withdrawn_person_hears_no_more_and_the_others_do(page: Page, shelf: Shelf, ana: Person) -> None:
    ben = await sync_to_async(PersonFactory)(name="Ben")
    shelf.may.add(ben.pk)
    browser = await sync_to_async(sign_in)(ben)
    other = Page(browser.cookies[settings.SESSION_COOKIE_NAME].value)
    await other.connect()
    for each in (page, other):
        await each.subscribes()
    push.withdraw("shelf:1", ana.pk)
    assert await page.hears() == {"type": "withdrawn", "topic": "shelf:1"}
    push.publish("shelf:1", "a", version=7)
    assert (await other.hears())["version"] == 7
    assert await page.receive_nothing(timeout=0.3)
    await other.disconnect()


async def test_a_withdrawal_that_got_lost_is_noticed(
    page: Page, shelf: Shelf, ana: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    await page.subscribes()
    shelf.may.clear()
    monkeypatch.setattr(consumers, "CHECK_AGAIN_SECONDS", 0)
    await page.say(type="ping")
    assert await page.hears() == {"type": "withdrawn", "topic": "shelf:1"}
    await page.hears_pong()
    assert group("shelf:1") not in get_channel_layer().groups


async def test_a_page_that_never_pings_hears_nothing_of_what_it_may_not(
    page: Page, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    await page.subscribes()
    shelf.may.clear()
    monkeypatch.setattr(consumers, "CHECK_AGAIN_SECONDS", 0)
    await sync_to_async(push.publish)("shelf:1", "a", version=7)
    assert await page.hears() == {"type": "withdrawn", "topic": "shelf:1"}
    assert await page.receive_nothing(timeout=0.5)


async def test_a_page_of_an_ended_session_is_closed_by_the_next_signal(
    page: Page, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await page.subscribes()
    await client.session.aflush()
    monkeypatch.setattr(consumers, "CHECK_AGAIN_SECONDS", 0)
    await sync_to_async(push.publish)("shelf:1", "a", version=7)
    assert await page.closes() == 4401


async def test_a_page_is_told_how_long_ago_news_could_arrive(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    beating = pulse.Pulse(lambda: now)
    monkeypatch.setattr(pulse, "age_seconds", beating.age_seconds)
    await page.say(type="ping")
    assert await page.hears_pong() is None  # this process has no intake, as far as it knows
    beating.beat()
    now += 12.3
    await page.say(type="ping")
    assert await page.hears_pong() == 12.3
    await page.say(type="subscribe", topic="shelf:1")
    await page.hears()
    assert (await page.hears())["news"] == 12.3
