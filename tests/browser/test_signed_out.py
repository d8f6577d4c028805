"""A session that ends under an open form: nothing typed is lost, and the sign-in page lands in no other page."""

import re
import secrets
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from portal.launcher import Launcher
from tests.browser.conftest import PASSWORD
from tests.browser.test_two_managers import PATIENCE

FORM = "/projects/acme-invoices/new-bucket/"


def end_session(context: BrowserContext) -> None:
    """Sign out in another tab."""
    other = context.new_page()
    other.goto("/accounts/logout/")
    other.click("main button[type=submit]")
    other.close()


def type_form(page: Page, label: str) -> None:
    page.goto(FORM)
    page.fill("#id_label", label)
    page.fill("#id_purpose", "Typed before the session ended")
    page.fill("#id_tags", "team = typed\nstage = late")


def sign_in_at(page: Page) -> None:
    page.fill("input[name=login]", "ana@example.com")
    page.fill("input[name=password]", PASSWORD)
    page.click("main button[type=submit]")
    expect(page.get_by_role("heading", name="My projects")).to_be_visible(timeout=PATIENCE)


def test_a_form_whose_session_ended_is_sent_after_signing_in_elsewhere(sign_in: Callable[..., Page]) -> None:
    ana = sign_in("ana")
    label = f"late-{secrets.token_hex(3)}"
    type_form(ana, label)
    end_session(ana.context)

    ana.fill("#id_label", f"{label}x")  # the name is looked up while typing
    expect(ana.locator("[data-live-badge]")).to_contain_text("Signed out", timeout=PATIENCE)
    expect(ana.get_by_role("link", name="Sign in", exact=True)).to_be_visible()
    expect(ana.locator("#name-check")).to_have_text("It cannot be looked up right now.")
    assert ana.input_value("#id_purpose") == "Typed before the session ended"

    ana.click("text=Create bucket")
    expect(ana.get_by_role("heading", name="Not sent yet, and nothing is lost")).to_be_visible()
    with ana.expect_popup() as opened:
        ana.get_by_role("link", name="Sign in in another tab").click()
    sign_in_at(opened.value)
    ana.get_by_role("button", name="Send it again").click()

    ana.wait_for_url(re.compile("/operations/"))
    expect(ana.locator("#operation")).to_contain_text("Tag stage: late")
    expect(ana.locator("#operation")).to_contain_text(f"{label}x")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_form_from_before_a_new_sign_in_is_taken(browser: Browser, product: Launcher, scripts: bool) -> None:
    context = browser.new_context(base_url=product.address, java_script_enabled=scripts)
    ana = context.new_page()
    ana.goto("/accounts/login/")
    sign_in_at(ana)
    type_form(ana, f"twice-{secrets.token_hex(3)}")
    context.clear_cookies(name="session")
    again = context.new_page()
    again.goto("/accounts/login/")
    sign_in_at(again)

    ana.click("text=Create bucket")
    expect(ana.locator("main")).to_contain_text("It will be sent as Ana Almeida")
    ana.get_by_role("button", name="Send it again").click()

    ana.wait_for_url(re.compile("/operations/"))
    expect(ana.locator("#operation")).to_contain_text("Tag stage: late")
    context.close()


def test_who_leaves_a_form_and_comes_back_finds_what_was_typed(sign_in: Callable[..., Page]) -> None:
    ana = sign_in("ana")
    type_form(ana, "come-back")
    ana.select_option("#id_retention", "10-years")
    ana.get_by_role("link", name="Stackport").click()
    expect(ana.get_by_role("heading", name="My projects")).to_be_visible()

    ana.go_back()

    expect(ana.locator("#id_label")).to_have_value("come-back")
    expect(ana.locator("#id_tags")).to_have_value("team = typed\nstage = late")
    expect(ana.locator("#id_retention")).to_have_value("10-years")
    expect(ana.locator("#name-check")).to_contain_text("come-back")
    ana.goto(FORM)
    expect(ana.locator("#id_label")).to_have_value("")  # another visit is another form
