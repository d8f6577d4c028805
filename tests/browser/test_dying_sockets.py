"""Sockets die at random during twenty changes: every page ends right without a reload, and no badge ever lies."""

import random
import re
import secrets
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.test_live_channel import KILLABLE
from tests.browser.test_two_managers import BUCKETS, PATIENCE, wait_live

CHANGES = 20
SETTLED = 120_000
LABELS = ["contracts", "invoices", "payment-advice", "test-exchange"]
# A badge is read ten times a second; it may say "Live" only while the page's newest socket is open and has been answered.
WATCH = """
(() => {
  const Kept = window.WebSocket;
  const heard = new WeakSet();
  window.WebSocket = function (...given) {
    const made = new Kept(...given);
    made.addEventListener("message", (event) => event.data.includes("subscribed") && heard.add(made));
    return made;
  };
  Object.assign(window.WebSocket, { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 });
  Object.assign(window, { __lied: 0, __lying: 0, __reads: 0, __live: 0 });
  setInterval(() => {
    const badge = document.querySelector("[data-live-badge]");
    const newest = window.__sockets.at(-1);
    if (!badge || !newest) return;
    const claims = badge.dataset.state === "live";
    window.__reads += 1;
    window.__live += claims;
    const lies = claims && !(newest.readyState === 1 && heard.has(newest));
    window.__lying = lies ? window.__lying + 1 : 0;
    // The first reading may fall between close and its event. While the server has not answered the close that this
    // test asked for, no event comes: the page notices within its second.
    if (window.__lying > (newest.readyState === 2 ? 10 : 1)) window.__lied += 1;
  }, 100);
})();
"""
KILL = """
() => {
  window.__kills = 0;
  const kill = () => {
    const socket = window.__sockets.at(-1);
    if (socket && socket.readyState <= 1) {
      socket.close();
      window.__kills += 1;
    }
    window.__killer = setTimeout(kill, 200 + Math.random() * 2500);
  };
  kill();
}
"""


def change(page: Page, label: str, purpose: str) -> None:
    """Change a bucket's purpose through the pages."""
    page.goto(BUCKETS)
    page.get_by_role("link", name=label, exact=True).click()
    expect(page.locator("#bucket")).to_have_attribute("data-state", "ready", timeout=PATIENCE)
    page.get_by_role("link", name="Change", exact=True).click()
    page.fill("#id_purpose", purpose)
    page.click("text=See what will change")
    page.click("text=Change the bucket")
    page.wait_for_url(re.compile("/operations/"))


def rows(page: Page) -> list[str]:
    """Return the rows that a list shows."""
    return [" ".join(text.split()) for text in page.locator("tbody tr").all_inner_texts()]


def test_twenty_changes_while_sockets_die(sign_in: Callable[..., Page]) -> None:
    ana, first = sign_in("ana"), sign_in("ben")
    run = secrets.token_hex(2)
    change(ana, LABELS[0], f"before {run}")
    addresses = {"list": BUCKETS, "overview": "/projects/acme-invoices/", "operation": ana.url}
    first.goto(BUCKETS)
    first.get_by_role("link", name=LABELS[0], exact=True).click()
    addresses["bucket"] = first.url
    first.context.add_init_script(KILLABLE)
    first.context.add_init_script(WATCH)
    pages: dict[str, Page] = {}
    for name, address in addresses.items():
        pages[name] = first.context.new_page()
        pages[name].goto(address)
        wait_live(pages[name])
        pages[name].evaluate("() => { window.__same = true; }")
        pages[name].evaluate(KILL)

    expected = {}
    for number in range(CHANGES):
        label = random.choice(LABELS)
        expected[label] = f"change {number} of {run}"
        change(ana, label, expected[label])

    ana.goto("/projects/acme-invoices/")
    expect(ana.locator("#overview")).to_contain_text("Nobody is changing anything right now", timeout=SETTLED)
    ana.goto(BUCKETS)
    for label, purpose in expected.items():
        # A worker may end an operation before the intake heard of its stack: the list follows by itself.
        row = ana.locator("tr", has=ana.get_by_role("link", name=label, exact=True))
        expect(row).to_contain_text(purpose, timeout=PATIENCE)
    truth = rows(ana)
    for name, page in pages.items():
        page.evaluate("() => clearTimeout(window.__killer)")
        wait_live(page)
        assert page.evaluate("window.__kills") > 3, name
    expect(pages["overview"].locator("#overview")).to_contain_text("Nobody is changing anything right now")
    expect(pages["operation"].locator("#operation")).to_have_attribute("data-state", "succeeded")
    expect(pages["bucket"].locator("#bucket")).to_contain_text(expected.get(LABELS[0], f"before {run}"))
    pages["list"].wait_for_function(
        "(truth) => [...document.querySelectorAll('tbody tr')]"
        ".map((row) => row.innerText.split(/\\s+/).filter(Boolean).join(' ')).join('|') === truth",
        arg="|".join(truth),
    )
    for name, page in pages.items():
        told = page.evaluate("({same: window.__same, lied: window.__lied, reads: window.__reads, live: window.__live})")
        assert told["same"], f"{name} was reloaded"
        assert told["reads"] > 100, name
        assert told["live"] > 0, name
        assert told["lied"] == 0, f"{name} said Live {told['lied']} times while it could hear nothing: {told}"
