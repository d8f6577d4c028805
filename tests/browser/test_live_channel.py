"""The page never lies about its age: sockets die, processes die, and every page ends right without a reload."""

import re
import secrets
from collections.abc import Callable

from playwright.sync_api import Page, expect

from portal.launcher import Launcher
from tests.browser.test_two_managers import BUCKETS, PATIENCE, create, wait_live

KILLABLE = """
(() => {
  const Native = window.WebSocket;
  window.__sockets = [];
  window.WebSocket = function (...given) {
    const made = new Native(...given);
    window.__sockets.push(made);
    return made;
  };
  Object.assign(window.WebSocket, { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 });
})();
"""


def badge(page: Page) -> str:
    found = page.get_attribute("[data-live-badge]", "data-state")
    assert found is not None
    return found


def test_a_killed_socket_reconnects_and_tells_what_was_missed(sign_in: Callable[..., Page]) -> None:
    ana, ben = sign_in("ana"), sign_in("ben")
    ben.add_init_script(KILLABLE)
    ben.goto(BUCKETS)
    wait_live(ben)
    label = f"kill-{secrets.token_hex(3)}"
    create(ana, label)
    for _ in range(5):
        ben.evaluate("window.__sockets.at(-1).close()")
        expect(ben.locator("[data-live-badge]")).not_to_have_attribute("data-state", "live")
        expect(ben.locator("[data-live-badge]")).to_contain_text(re.compile("Reconnecting|Updating"))
        wait_live(ben)

    expect(ana.locator("#operation")).to_have_attribute("data-state", "succeeded", timeout=PATIENCE)
    row = ben.locator("tr", has=ben.get_by_role("link", name=label, exact=True))
    offered = ben.locator("[data-live-new]:not([hidden])")
    expect(row.or_(offered).first).to_be_visible(timeout=PATIENCE)  # after three failures a poll may have shown it
    if offered.is_visible():
        offered.click()
    expect(row).to_have_attribute("data-state", "ready", timeout=PATIENCE)


def test_a_web_process_that_dies_is_admitted_and_survived(sign_in: Callable[..., Page], product: Launcher) -> None:
    ana = sign_in("ana")
    ana.goto(BUCKETS)
    wait_live(ana)
    ana.evaluate("window.__same = true")

    product.kill_child("web")
    expect(ana.locator("[data-live-badge]")).to_contain_text(re.compile(r"(Reconnecting|as of).*\d"), timeout=PATIENCE)
    assert badge(ana) != "live"
    product.start_web()
    product.wait_for_web()

    expect(ana.locator("[data-live-badge]")).to_have_attribute("data-state", "live", timeout=60_000)
    assert ana.evaluate("window.__same") is True


def test_a_worker_killed_in_the_middle_loses_nothing(sign_in: Callable[..., Page], product: Launcher) -> None:
    ana = sign_in("ana")
    create(ana, f"work-{secrets.token_hex(3)}")
    ana.wait_for_url(re.compile("/operations/"))
    product.kill_child("worker")
    product.start_worker()

    expect(ana.locator("#operation")).to_have_attribute("data-state", "succeeded", timeout=60_000)


def test_back_shows_the_present_status(sign_in: Callable[..., Page]) -> None:
    ana, ben = sign_in("ana"), sign_in("ben")
    label = f"back-{secrets.token_hex(3)}"
    create(ana, label)
    expect(ana.locator("#operation")).to_have_attribute("data-state", "succeeded", timeout=PATIENCE)
    ben.goto(BUCKETS)
    ben.get_by_role("link", name=label, exact=True).click()
    wait_live(ben)
    ben.goto("/")
    ana.goto(BUCKETS)
    ana.get_by_role("link", name=label, exact=True).click()
    ana.get_by_role("link", name="Change", exact=True).click()
    ana.fill("#id_purpose", "Changed while Ben was away")
    ana.click("text=See what will change")
    ana.click("text=Change the bucket")
    expect(ana.locator("#operation")).to_have_attribute("data-state", "succeeded", timeout=PATIENCE)

    ben.go_back()

    expect(ben.locator("#bucket")).to_contain_text("Changed while Ben was away", timeout=PATIENCE)


def test_signing_out_elsewhere_ends_the_live_channel(sign_in: Callable[..., Page]) -> None:
    ana = sign_in("ana")
    ana.add_init_script(KILLABLE)
    ana.goto(BUCKETS)
    wait_live(ana)
    other = ana.context.new_page()
    other.goto("/accounts/logout/")
    other.click("main button[type=submit]")

    ana.evaluate("window.__sockets.at(-1).close()")

    expect(ana.locator("[data-live-badge]")).to_contain_text("Signed out", timeout=PATIENCE)


def test_an_aws_that_dies_in_the_middle_is_waited_for(sign_in: Callable[..., Page], product: Launcher) -> None:
    ana = sign_in("ana")
    create(ana, f"dark-{secrets.token_hex(3)}")
    ana.wait_for_url(re.compile("/operations/"))
    product.kill_child("aws")
    product.start_aws()  # on the same port, from what it had saved

    expect(ana.locator("#operation")).to_have_attribute("data-state", "succeeded", timeout=90_000)


def test_who_leaves_a_project_is_cut_off_at_once(sign_in: Callable[..., Page]) -> None:
    vera, sam = sign_in("vera"), sign_in("sam")
    vera.goto(BUCKETS)
    wait_live(vera)

    sam.goto("/admin/projects/membership/?q=vera")
    sam.click("#result_list tbody th a")
    sam.click("text=Delete")
    sam.click("input[type=submit]")

    expect(vera.get_by_role("heading", name="There is no such page")).to_be_visible(timeout=PATIENCE)

    sam.goto("/admin/projects/membership/add/")
    sam.select_option("#id_person", label="Vera Vogel")
    sam.select_option("#id_project", label="Acme invoices")
    sam.select_option("#id_role", label="Viewer")
    sam.click("input[name=_save]")
    vera.goto(BUCKETS)
    wait_live(vera)
