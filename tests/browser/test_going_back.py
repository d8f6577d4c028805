"""Going Back shows the present page, whole and live, also after fragments were fetched under its address."""

import re
import secrets
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.test_dying_sockets import change
from tests.browser.test_two_managers import BUCKETS, PATIENCE, create, wait_live

PROJECT = "/projects/acme-invoices/"


def test_back_shows_the_present_page_after_live_changes(sign_in: Callable[..., Page]) -> None:
    ana, ben = sign_in("ana"), sign_in("ben")
    label = f"back-{secrets.token_hex(3)}"
    create(ana, label)
    ana.wait_for_url(re.compile("/operations/"))
    pages = {"#operation": ana}
    for place, address in {"#overview": PROJECT, "#buckets": BUCKETS}.items():
        pages[place] = ana.context.new_page()
        pages[place].goto(address)
    address = ana.locator("#bucket-link").get_attribute("href")
    assert address is not None
    pages["#bucket"] = ana.context.new_page()
    pages["#bucket"].goto(address)
    for page in pages.values():
        wait_live(page)
    expect(pages["#operation"].locator("#operation")).to_have_attribute("data-state", "succeeded", timeout=PATIENCE)
    expect(pages["#bucket"].locator("#bucket")).to_have_attribute("data-state", "ready", timeout=PATIENCE)
    purpose = f"Changed {secrets.token_hex(3)}"
    change(ben, label, purpose)
    for place in ("#bucket", "#buckets"):
        expect(pages[place].locator(place)).to_contain_text(purpose, timeout=PATIENCE)
    expect(pages["#overview"].locator("#overview")).to_contain_text("Ben Brandt", timeout=PATIENCE)
    expect(ben.locator("#operation")).to_have_attribute("data-state", "succeeded", timeout=PATIENCE)
    for place in ("#bucket", "#buckets"):
        expect(pages[place].locator(place)).not_to_contain_text("Being changed", timeout=PATIENCE)

    for page in pages.values():
        page.get_by_role("link", name="Stackport").click()
        expect(page.get_by_role("heading", name="My projects")).to_be_visible()
    later = f"Later {secrets.token_hex(3)}"
    change(ben, label, later)
    expect(ben.locator("#operation")).to_have_attribute("data-state", "succeeded", timeout=PATIENCE)

    for place, page in pages.items():
        page.go_back()
        expect(page.locator("header.navbar")).to_be_visible()
        expect(page.locator(place)).to_be_visible()
        assert page.evaluate("getComputedStyle(document.querySelector('header.navbar')).display") == "flex", place
        wait_live(page)
    for place in ("#bucket", "#buckets"):
        expect(pages[place].locator(place)).to_contain_text(later, timeout=2_000)
    expect(pages["#operation"].locator("#operation")).to_have_attribute("data-state", "succeeded")


def test_back_from_what_a_form_made_is_no_warning_of_the_browser(sign_in: Callable[..., Page]) -> None:
    ana = sign_in("ana")
    purpose = f"Sent {secrets.token_hex(3)}"
    change(ana, "invoices", purpose)

    ana.go_back()

    expect(ana.get_by_role("heading", name="What will change")).to_be_visible()
    expect(ana.locator("main")).to_contain_text(purpose)
    wait_live(ana)
