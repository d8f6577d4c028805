"""`static/js/live.js` alone, in a real browser: a page of ours, a socket and a clock that the test holds in its hand."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django_htmx
import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

ROOT = Path(__file__).parents[2]
HTMX = Path(django_htmx.__file__).parent / "static/django_htmx/htmx-2.min.js"
STEP_SECONDS = 1
STEP_WAITS_MS = 40
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'"
SHELL = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>live</title>
<meta name="htmx-config" content='{{"allowEval":false,"includeIndicatorStyles":false}}'>
<script src="/htmx.js" defer></script><script src="/live.js" defer></script></head>
<body data-live-url="/ws/" data-live-topics="{topics}" {body}>
<span data-live-badge role="status"><span data-live-words>Connecting…</span></span>
<main>{main}</main><div aria-live="polite" data-live-announce></div></body></html>"""
SHELF = (
    '<div id="list" data-live-list="shelf:1" data-live-prefix="book:" data-live-seen="100" hx-get="/list"'
    ' hx-trigger="live:reload" hx-swap="outerHTML"><button type="button" data-live-new hidden></button>{rows}</div>'
)


def row(name: str, version: int, words: str = "") -> str:
    """A live element as templates write it."""
    return (
        f'<p id="{name}" data-live-topic="shelf:1" data-live-item="book:{name}" data-live-version="{version}"'
        f' hx-get="/row/{name}" hx-trigger="live:changed" hx-swap="outerHTML">{words or version}</p>'
    )


class Bench:
    """A page, its server and its socket."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.sockets: list[WebSocketRoute] = []
        self.frames: list[dict[str, Any]] = []
        self.fetched: list[str] = []
        self.loads = 0
        self.answers: dict[str, Callable[[], str] | int | str] = {}
        self.differs: list[dict[str, Any]] = []
        self.refuses: set[str] = set()
        self.news: float | None = 0.5  # how long ago news could arrive
        self.answering = True  # frames
        self.mute = False  # answers pings only
        self.accepting = True  # sockets
        self.main = row("a", 1)
        self.topics = "shelf:1"
        self.body = ""
        page.route_web_socket(re.compile("/ws/$"), self._connect)
        page.clock.install()

    def open(self, *, live: bool = True) -> "Bench":
        self.page.goto(f"{self.address}/")
        if live:
            self.shows("live")
        return self

    def _handler(bench: "Bench") -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the handler's below
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, headers, body = bench._serve(urlsplit(self.path).path)
                if not status:
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler

    def _serve(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Return status (0 for none at all), headers and body."""
        if path in {"/htmx.js", "/live.js"}:
            script = HTMX if path == "/htmx.js" else ROOT / "static/js/live.js"
            return 200, {"Content-Type": "text/javascript"}, script.read_bytes()
        html = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": POLICY}
        if self.news is not None:
            html["X-News-Seconds"] = str(self.news)
        if path == "/":
            self.loads += 1
            return 200, html, SHELL.format(topics=self.topics, body=self.body, main=self.main).encode()
        self.fetched.append(path)
        answer = self.answers.get(path, 404)
        if callable(answer):
            answer = answer()
        if isinstance(answer, int):
            return answer, html, b"no"
        if answer.startswith("/"):
            return 302, {"Location": answer}, b""
        return 200, html, answer.encode()

    def _connect(self, socket: WebSocketRoute) -> None:
        self.sockets.append(socket)
        if not self.accepting:
            socket.close(code=1012)
            return
        socket.on_message(lambda text: self._hear(socket, json.loads(text)))

    def _hear(self, socket: WebSocketRoute, frame: dict[str, Any]) -> None:
        self.frames.append(frame)
        if not self.answering:
            return
        if frame["type"] == "ping":
            socket.send(json.dumps({"type": "pong", "news": self.news}))
        elif frame["topic"] in self.refuses:
            socket.send(json.dumps({"type": "refused", "topic": frame["topic"]}))
        elif not self.mute:
            socket.send(json.dumps({"type": "subscribed", "topic": frame["topic"]}))
            snapshot = {"type": "snapshot", "topic": frame["topic"], "items": self.differs, "news": self.news}
            socket.send(json.dumps(snapshot))

    def tells(self, item: str, version: int, **more: Any) -> None:
        """Send a signal to the page."""
        signal = {"type": "changed", "topic": "shelf:1", "item": item, "version": version, "born": 0, **more}
        self.sockets[-1].send(json.dumps(signal))

    def shows(self, state: str, words: str = "") -> None:
        badge = self.page.locator("[data-live-badge]")
        expect(badge).to_have_attribute("data-state", state)
        if words:
            expect(badge).to_contain_text(re.compile(words))

    def passes(self, seconds: float) -> None:
        """Let the page's clock run, in steps: sockets and requests take real time, which a leap would not leave them."""
        for _ in range(round(seconds / STEP_SECONDS)):
            self.page.clock.run_for(int(STEP_SECONDS * 1000))
            self.page.wait_for_timeout(STEP_WAITS_MS)

    def fetches(self, count: int) -> None:
        """Wait until so many fragments were asked for; requests take real time, whatever the page's clock says."""
        for _ in range(250):
            if len(self.fetched) >= count:
                break
            self.page.wait_for_timeout(20)
        assert len(self.fetched) == count

    def subscriptions(self) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["type"] == "subscribe"]


@pytest.fixture
def bench(browser: Browser) -> Iterator[Bench]:
    context = browser.new_context()
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: "Content Security" in message.text and problems.append(message.text))
    opened = Bench(page)
    yield opened
    context.close()
    opened.server.shutdown()
    opened.server.server_close()
    assert problems == []


def test_a_newer_version_is_fetched_once_and_announced(bench: Bench) -> None:
    bench.main = row("a", 1) + row("b", 1)
    bench.answers = {"/row/a": row("a", 2, "second")}
    bench.open()
    assert bench.subscriptions() == [{"type": "subscribe", "topic": "shelf:1", "have": {"book:a": 1, "book:b": 1}}]
    for _ in range(5):
        bench.tells("book:a", 2)
    expect(bench.page.locator("#a")).to_have_text("second")
    expect(bench.page.locator("[data-live-announce]")).to_have_text("1 book updated")
    assert bench.fetched == ["/row/a"]
    bench.tells("book:a", 2)  # what the page shows already
    bench.passes(2)
    assert bench.fetched == ["/row/a"]
    bench.shows("live", "^Live$")


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1012, 4000])
def test_every_close_is_followed_by_a_new_socket_with_the_versions_shown(bench: Bench, code: int) -> None:
    bench.answers = {"/row/a": row("a", 3, "third")}
    bench.open()
    bench.differs = [{"item": "book:a", "version": 3}]
    bench.sockets[-1].close(code=code)
    bench.shows("reconnecting")
    bench.passes(3)
    bench.shows("live")
    assert bench.subscriptions()[-1]["have"] == {"book:a": 1}
    expect(bench.page.locator("#a")).to_have_text("third")


def test_signed_out_is_said_and_ends_the_trying(bench: Bench) -> None:
    bench.open()
    bench.sockets[-1].close(code=4401)
    bench.shows("stale", "Signed out")
    bench.passes(120)
    assert len(bench.sockets) == 1


def test_who_signs_in_elsewhere_and_comes_back_is_live_again(bench: Bench) -> None:
    bench.answers = {"/row/a": row("a", 2, "missed")}
    bench.open()
    bench.sockets[-1].close(code=4401)
    bench.shows("stale", "Signed out")
    bench.differs = [{"item": "book:a", "version": 2}]
    bench.page.evaluate("window.dispatchEvent(new Event('focus'))")
    bench.passes(2)
    bench.shows("live")
    expect(bench.page.locator("#a")).to_have_text("missed")
    assert bench.loads == 1


def test_a_fragment_without_a_session_changes_nothing_and_is_admitted(bench: Bench) -> None:
    bench.main = row("a", 1) + '<p id="hint" data-hint hx-get="/hint" hx-trigger="ask">typed</p>'
    bench.answers = {"/hint": 401}
    bench.open()
    bench.page.evaluate("htmx.trigger('#hint', 'ask')")
    bench.shows("stale", "Signed out")
    expect(bench.page.locator("#hint")).to_have_text("It cannot be looked up right now.")
    bench.passes(60)
    assert (bench.loads, bench.fetched) == (1, ["/hint"])


def test_a_silent_socket_is_left_at_once(bench: Bench) -> None:
    bench.open()
    bench.answering = False
    bench.passes(27)
    bench.shows("reconnecting")
    assert len(bench.sockets) > 1
    bench.answering = True
    bench.passes(15)  # the next one opened in the silence: it is given up as well
    bench.shows("live")


def test_after_a_sleep_it_is_not_live_before_it_has_heard(bench: Bench) -> None:
    bench.open()
    bench.answering = False
    bench.page.clock.fast_forward("01:00:00")
    bench.shows("reconnecting", r"showing state of \d")


def test_after_three_failures_it_polls_and_says_when(bench: Bench) -> None:
    bench.main = SHELF.format(rows=row("a", 1))
    bench.answers = {"/list": lambda: SHELF.format(rows=row("a", 2, "polled"))}
    bench.open()
    bench.accepting = False
    bench.sockets[-1].close(code=1012)
    bench.passes(10)
    bench.shows("polling", r"Updating every 30 s, as of \d")
    expect(bench.page.locator("#a")).to_have_text("polled")
    bench.fetches(1)
    for polls in (2, 3):
        bench.passes(31)
        bench.fetches(polls)
    bench.accepting = True
    bench.passes(31)
    bench.shows("live")
    bench.passes(1)  # what was asked for by the last poll
    polls = len(bench.fetched)
    bench.passes(61)
    assert len(bench.fetched) == polls


@pytest.mark.parametrize("answer", [0, 500, 503])
def test_a_poll_that_fails_is_no_update(bench: Bench, answer: int) -> None:
    bench.answers = {"/row/a": answer}
    bench.open()
    bench.accepting = False
    bench.sockets[-1].close(code=1012)
    bench.passes(60)
    bench.shows("stale", r"showing state of \d")
    bench.answers = {"/row/a": row("a", 2, "well")}
    bench.passes(31)
    bench.shows("polling", "Updating")


@pytest.mark.parametrize("news", [16, None])
def test_a_poll_of_a_server_that_hears_nothing_is_no_update(bench: Bench, news: float | None) -> None:
    bench.answers = {"/row/a": row("a", 1)}
    bench.open()
    bench.accepting = False
    bench.news = news
    bench.sockets[-1].close(code=1012)
    bench.passes(60)
    bench.shows("stale", r"Showing state of \d.*: news from AWS does not arrive")
    bench.news = 0.5
    bench.passes(31)
    bench.shows("polling", "Updating")


def test_it_is_not_live_while_a_change_cannot_be_fetched(bench: Bench) -> None:
    bench.answers = {"/row/a": 503}
    bench.open()
    bench.tells("book:a", 2)
    bench.shows("stale", r"Showing state of \d")
    bench.answers = {"/row/a": row("a", 2, "well")}
    bench.passes(40)
    expect(bench.page.locator("#a")).to_have_text("well")
    bench.shows("live")


def test_a_refused_topic_neither_reloads_for_ever_nor_passes_for_live(bench: Bench) -> None:
    bench.topics, bench.refuses = "shelf:1 shelf:2", {"shelf:2"}
    bench.open(live=False)
    bench.shows("stale", r"Showing state of \d")
    bench.passes(60)
    assert bench.loads == 1


def test_a_withdrawn_topic_reloads_the_page(bench: Bench) -> None:
    bench.open()
    with bench.page.expect_event("load"):
        bench.sockets[-1].send(json.dumps({"type": "withdrawn", "topic": "shelf:1"}))
    assert bench.loads == 2


def test_a_page_that_cannot_change_promises_nothing(bench: Bench) -> None:
    bench.main = "<p>a form</p>"
    bench.open(live=False)
    bench.shows("still", r"Showing state of \d")
    bench.passes(5)
    assert bench.sockets == []


def test_an_expired_session_puts_no_sign_in_form_into_a_row(bench: Bench) -> None:
    bench.answers = {"/row/a": "/sign-in", "/sign-in": "<form>who are you</form>"}
    bench.open()
    bench.tells("book:a", 2)
    bench.shows("stale", "Signed out")
    expect(bench.page.locator("#a")).to_have_text("1")


def whole(version: int) -> str:
    """An element that shows its topic as a whole."""
    return (
        f'<p id="any" data-live-any="shelf:1" data-live-topic="shelf:1" data-live-item="all" data-live-version="{version}"'
        f' hx-get="/any" hx-trigger="live:changed" hx-swap="outerHTML">{version}</p>'
    )


def test_an_overview_is_fetched_on_any_change_and_after_a_gap_that_hid_one(bench: Bench) -> None:
    bench.main = whole(1)
    bench.answers = {"/any": lambda: whole(1 + bench.fetched.count("/any"))}
    bench.open()
    assert bench.subscriptions()[-1]["have"] == {"all": 1}
    bench.tells("book:z", 1)
    expect(bench.page.locator("#any")).to_have_text("2")
    bench.sockets[-1].close(code=1012)
    bench.passes(3)
    bench.shows("live")
    bench.differs = [{"item": "all", "version": 99}]
    bench.sockets[-1].close(code=1012)
    bench.passes(3)
    expect(bench.page.locator("#any")).to_have_text("3")
    assert bench.fetched.count("/any") == 2
    expect(bench.page.locator("[data-live-announce]")).to_have_text("")


def test_what_is_new_is_offered_and_never_makes_rows_jump(bench: Bench) -> None:
    bench.main = SHELF.format(rows=row("a", 1))
    bench.answers = {"/list": lambda: SHELF.format(rows=row("a", 1) + row("b", 1)).replace("100", "300")}
    bench.open()
    assert bench.subscriptions()[-1]["have"] == {"book:a": 1, "*": 100}
    bench.tells("book:old", 5, born=50)  # on another page of the list
    bench.tells("book:b", 1, born=200)
    bench.tells("book:b", 1, born=200)
    button = bench.page.locator("[data-live-new]")
    expect(button).to_have_text("1 new: show it")
    assert bench.fetched == []
    button.click()
    expect(bench.page.locator("#b")).to_have_text("1")
    expect(button).to_be_hidden()


def test_a_change_while_the_list_is_fetched_is_not_lost(bench: Bench) -> None:
    bench.main = SHELF.format(rows=row("a", 1))
    bench.answers = {"/row/a": row("a", 3, "third")}

    def slow() -> str:
        bench.differs = [{"item": "book:a", "version": 3}]
        return SHELF.format(rows=row("a", 2, "second"))

    bench.answers["/list"] = slow
    bench.open()
    bench.page.evaluate("htmx.trigger('#list', 'live:reload')")
    expect(bench.page.locator("#a")).to_have_text("third")


def test_all_is_fetched_when_its_topic_as_a_whole_has_changed(bench: Bench) -> None:
    bench.main = SHELF.format(rows=row("a", 1)) + row("b", 1)
    bench.answers = {"/list": lambda: SHELF.format(rows=row("a", 1, "rebuilt")), "/row/b": row("b", 1, "frozen")}
    bench.open()
    bench.tells("shelf:1", 7)
    expect(bench.page.locator("#a")).to_have_text("rebuilt")
    expect(bench.page.locator("#b")).to_have_text("frozen")
    assert sorted(bench.fetched) == ["/list", "/row/b"], "a list's rows come with it"


def test_what_is_gone_goes(bench: Bench) -> None:
    bench.main = row("a", 1) + row("b", 1)
    bench.answers = {"/row/a": ""}
    bench.differs = [{"item": "book:a", "gone": True}]
    bench.open()
    expect(bench.page.locator("#a")).to_have_count(0)
    expect(bench.page.locator("#b")).to_have_count(1)


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "null", '{"message": "Forbidden", "connectionId": "x"}'])
def test_frames_of_a_gateway_are_ignored(bench: Bench, text: str) -> None:
    bench.open()
    bench.sockets[-1].send(text)
    bench.tells("book:a", 1)
    bench.shows("live")


def test_it_is_not_live_while_no_news_can_arrive(bench: Bench) -> None:
    bench.open()
    bench.news = 16
    bench.passes(6)
    bench.shows("stale", r"Showing state of \d.*: news from AWS does not arrive")
    bench.passes(60)
    bench.shows("stale", "news from AWS")
    assert len(bench.sockets) == 1


def test_a_server_that_does_not_know_of_news_is_not_taken_for_live(bench: Bench) -> None:
    bench.news = None
    bench.open(live=False)
    bench.shows("stale", "it is not known here whether news from AWS arrives")
    bench.news = 0.2
    bench.passes(6)
    bench.shows("live")


def test_it_is_not_live_again_before_it_was_told_what_it_missed(bench: Bench) -> None:
    bench.answers = {"/row/a": row("a", 2, "missed")}
    bench.open()
    bench.news = 20
    bench.passes(6)
    bench.shows("stale")
    asked = len(bench.subscriptions())
    bench.differs = [{"item": "book:a", "version": 2}]
    bench.news = 0.1
    bench.mute = True  # pongs only
    bench.passes(6)
    assert bench.page.locator("[data-live-badge]").get_attribute("data-state") != "live"
    assert len(bench.subscriptions()) > asked
    bench.mute = False
    bench.passes(15)
    bench.shows("live")
    expect(bench.page.locator("#a")).to_have_text("missed")


def test_a_lost_signal_is_found_within_a_minute_or_so(bench: Bench) -> None:
    bench.answers = {"/row/a": row("a", 2, "found")}
    bench.open()
    bench.differs = [{"item": "book:a", "version": 2}]
    bench.passes(66)
    expect(bench.page.locator("#a")).to_have_text("found")
    bench.shows("live")
    assert len(bench.sockets) == 1


def test_a_page_that_misses_nothing_fetches_nothing(bench: Bench) -> None:
    bench.open()
    bench.passes(130)
    assert bench.fetched == []
    assert 3 <= len(bench.subscriptions()) <= 4


def test_a_search_offers_only_what_fits_it(bench: Bench) -> None:
    bench.main = SHELF.format(rows=row("a", 1)).replace("data-live-list", "data-live-filtered data-live-list")
    bench.answers = {"/list": lambda: SHELF.format(rows=row("a", 1) + row("fits", 1))}
    bench.open()
    bench.tells("book:other", 1, born=200)
    bench.passes(2)
    bench.fetches(1)
    button = bench.page.locator("[data-live-new]")
    expect(button).to_be_hidden()
    bench.tells("book:fits", 1, born=200)
    bench.passes(2)
    expect(button).to_have_text("1 new: show it")
    assert bench.page.locator("#fits").count() == 0


LINK = '<a id="{id}" href="/elsewhere">{words}</a>'


def test_the_focus_stays_where_it_was(bench: Bench) -> None:
    bench.main = row("a", 1, LINK.format(id="link", words="first"))
    bench.answers = {"/row/a": row("a", 2, LINK.format(id="link", words="second"))}
    bench.open()
    bench.page.focus("#link")
    bench.tells("book:a", 2)
    expect(bench.page.locator("#link")).to_have_text("second")
    expect(bench.page.locator("#link")).to_be_focused()


def test_the_focus_of_what_is_gone_stays_near(bench: Bench) -> None:
    bench.main = row("a", 1, LINK.format(id="link", words="first"))
    bench.answers = {"/row/a": row("a", 2, "no link")}
    bench.open()
    bench.page.focus("#link")
    bench.tells("book:a", 2)
    expect(bench.page.locator("#a")).to_have_text("no link")
    expect(bench.page.locator("#a")).to_be_focused()


def test_a_press_that_an_update_meets_is_still_a_click(bench: Bench) -> None:
    bench.main = row("a", 1, '<a href="#taken">take</a>') + row("b", 1)
    bench.answers = {"/row/a": row("a", 2, '<a href="#taken">take it</a>'), "/row/b": row("b", 2, "two")}
    bench.open()
    bench.page.get_by_role("link").hover()
    bench.page.mouse.down()
    bench.tells("book:a", 2)
    bench.tells("book:b", 2)
    expect(bench.page.locator("#b")).to_have_text("two")  # what is not pressed follows at once
    bench.page.wait_for_timeout(300)
    expect(bench.page.locator("#a")).to_have_text("take")
    bench.shows("stale")

    bench.page.mouse.up()

    expect(bench.page).to_have_url(re.compile("#taken$"))
    expect(bench.page.locator("#a")).to_have_text("take it")
    bench.shows("live")


def test_a_press_that_ends_elsewhere_holds_nothing_up(bench: Bench) -> None:
    bench.answers = {"/row/a": row("a", 2, "two")}
    bench.open()
    bench.page.locator("#a").hover()
    bench.page.mouse.down()
    bench.tells("book:a", 2)
    bench.page.wait_for_timeout(300)
    expect(bench.page.locator("#a")).to_have_text("1")
    bench.page.mouse.move(0, 0)
    bench.page.mouse.up()
    expect(bench.page.locator("#a")).to_have_text("two")


def test_a_press_whose_end_is_not_told_holds_up_for_seconds_only(bench: Bench) -> None:
    bench.answers = {"/row/a": row("a", 2, "two")}
    bench.open()
    bench.page.locator("#a").dispatch_event("pointerdown")
    bench.tells("book:a", 2)
    bench.shows("stale")
    bench.passes(4)
    expect(bench.page.locator("#a")).to_have_text("two")
    bench.shows("live")


def test_a_page_that_is_live_in_part_says_so(bench: Bench) -> None:
    bench.main = row("a", 1) + '<p data-live-part="Live for the first 20 projects">the others</p>'
    bench.open()
    bench.shows("live", "^Live for the first 20 projects$")


def test_times_are_in_the_zone_of_the_page(bench: Bench) -> None:
    bench.body = 'data-time-zone="Asia/Tokyo" data-time-zone-name="JST"'
    bench.main = "<p>a form</p>"
    bench.page.clock.set_fixed_time("2026-11-26T20:05:00Z")
    bench.open(live=False)
    bench.shows("still", "^Showing state of 05:05 JST$")


def test_a_page_out_of_the_browsers_memory_compares_its_versions(bench: Bench) -> None:
    bench.answers = {"/row/a": row("a", 2, "present")}
    bench.open()
    bench.differs = [{"item": "book:a", "version": 2}]
    bench.page.evaluate("window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    expect(bench.page.locator("#a")).to_have_text("present")
    assert len(bench.subscriptions()) == 2
