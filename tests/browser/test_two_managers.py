"""Two managers side by side: one changes something, both see every state without a reload."""

import re
import secrets
from collections.abc import Callable

from playwright.sync_api import Page, expect

BUCKETS = "/projects/acme-invoices/buckets/"
PATIENCE = 30_000


def wait_live(page: Page) -> None:
    expect(page.locator("[data-live-badge]")).to_have_attribute("data-state", "live", timeout=PATIENCE)


def create(page: Page, label: str) -> None:
    page.goto("/projects/acme-invoices/new-bucket/")
    page.fill("#id_label", label)
    expect(page.locator("#name-check")).to_contain_text("Free in this project")
    page.fill("#id_purpose", "Made in a browser")
    page.click("text=Create bucket")


def test_both_pages_show_every_state_of_a_creation(sign_in: Callable[..., Page]) -> None:
    ana, ben = sign_in("ana"), sign_in("ben")
    ben.goto(BUCKETS)
    wait_live(ben)
    ben.evaluate("window.__same = true")
    label = f"pair-{secrets.token_hex(3)}"

    create(ana, label)

    ana.wait_for_url(re.compile("/operations/"))
    expect(ana.locator("#operation")).to_have_attribute("data-state", "running")
    ben.get_by_role("button", name="1 new: show it").click(timeout=PATIENCE)
    row = ben.locator("tr", has=ben.get_by_role("link", name=label, exact=True))
    expect(row).to_contain_text("Ana Almeida")
    expect(row).to_have_attribute("data-state", "ready", timeout=PATIENCE)
    expect(ana.locator("#operation")).to_have_attribute("data-state", "succeeded", timeout=PATIENCE)
    expect(ana.locator("#operation")).to_contain_text("with every protection read back from S3")
    assert ben.evaluate("window.__same") is True


def test_a_change_says_what_it_will_do_and_shows_who_does_it(sign_in: Callable[..., Page]) -> None:
    ana, ben = sign_in("ana"), sign_in("ben")
    ana.goto(BUCKETS)
    ana.get_by_role("link", name="contracts", exact=True).click()
    wait_live(ana)
    ben.goto(BUCKETS)
    ben.get_by_role("link", name="contracts", exact=True).click()
    ben.get_by_role("link", name="Change", exact=True).click()
    ben.fill("#id_purpose", f"Contracts {secrets.token_hex(2)}")
    ben.click("text=See what will change")
    expect(ben.locator("main")).to_contain_text("Purpose:")
    ben.click("text=Change the bucket")

    expect(ana.locator("#bucket")).to_contain_text("Ben Brandt", timeout=PATIENCE)
    expect(ana.locator("#bucket")).to_have_attribute("data-state", "ready", timeout=PATIENCE)
    expect(ana.locator("#bucket")).to_contain_text("Contracts ")


def test_a_deletion_needs_the_name_and_removes_the_row(sign_in: Callable[..., Page]) -> None:
    ana, ben = sign_in("ana"), sign_in("ben")
    label = f"gone-{secrets.token_hex(3)}"
    create(ana, label)
    expect(ana.locator("#operation")).to_have_attribute("data-state", "succeeded", timeout=PATIENCE)
    ben.goto(BUCKETS)
    wait_live(ben)
    expect(ben.get_by_role("link", name=label, exact=True)).to_be_visible()

    ana.goto(BUCKETS)
    ana.get_by_role("link", name=label, exact=True).click()
    ana.get_by_role("link", name="Delete", exact=True).click()
    ana.fill("#id_confirmation", "something else")
    ana.click("text=Delete the bucket")
    expect(ana.locator("main")).to_contain_text("That is not its name")
    ana.fill("#id_confirmation", label)
    ana.click("text=Delete the bucket")

    expect(ana.locator("#operation")).to_have_attribute("data-state", "succeeded", timeout=PATIENCE)
    expect(ben.get_by_role("link", name=label, exact=True)).to_have_count(0, timeout=PATIENCE)


def test_a_refused_form_loses_nothing(sign_in: Callable[..., Page]) -> None:
    ana = sign_in("ana")
    ana.goto("/projects/acme-invoices/new-bucket/")
    ana.fill("#id_label", "Not A Name!")
    ana.fill("#id_purpose", "Kept as typed")
    ana.fill("#id_tags", "department = finance")
    ana.click("text=Create bucket")

    expect(ana.locator("main")).to_contain_text("Small letters, digits and single hyphens")
    assert ana.input_value("#id_label") == "Not A Name!"
    assert ana.input_value("#id_purpose") == "Kept as typed"
    assert ana.input_value("#id_tags") == "department = finance"


def test_a_viewer_looks_but_finds_no_controls(sign_in: Callable[..., Page]) -> None:
    vera = sign_in("vera")
    vera.goto(BUCKETS)
    expect(vera.get_by_role("link", name="New bucket")).to_have_count(0)
    vera.get_by_role("link", name="contracts", exact=True).click()
    expect(vera.locator("main")).to_contain_text("You are a viewer")
    answer = vera.goto("/projects/acme-invoices/new-bucket/")
    assert answer is not None
    assert answer.status == 403
    expect(vera.locator("main")).to_contain_text("An owner can give you the right")
