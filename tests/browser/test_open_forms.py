"""Forms that stay open: they hear what others do to the bucket, and nobody's typing or focus is disturbed."""

import re
import secrets
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import ACME, Visit, at, bucket, failed_operation
from tests.browser.test_dying_sockets import change
from tests.browser.test_two_managers import BUCKETS, PATIENCE, create, wait_live


def test_an_open_form_hears_of_others_and_keeps_what_is_typed(sign_in: Callable[..., Page]) -> None:
    ana, ben = sign_in("ana"), sign_in("ben")
    label = f"open-{secrets.token_hex(3)}"
    create(ben, label)
    expect(ben.locator("#operation")).to_have_attribute("data-state", "succeeded", timeout=PATIENCE)
    ana.goto(BUCKETS)
    ana.get_by_role("link", name=label, exact=True).click()
    home = ana.context.new_page()
    home.goto("/")
    technical = ana.context.new_page()
    technical.goto(f"{ana.url}technical/")
    delete = ana.context.new_page()
    delete.goto(f"{ana.url}delete/")
    ana.get_by_role("link", name="Change", exact=True).click()
    for page in (ana, home, technical, delete):
        wait_live(page)
    ana.fill("#id_purpose", "Typed meanwhile")
    delete.fill("#id_confirmation", "half a na")

    change(ben, label, "Ben's own words")

    for page in (ana, technical, delete):
        expect(page.locator("main")).to_contain_text("Being changed by Ben Brandt since", timeout=PATIENCE)
    expect(home.locator("#card-acme-invoices")).to_contain_text("under way", timeout=PATIENCE)
    expect(ana.locator("#standing")).to_contain_text("Ben Brandt changed it at", timeout=PATIENCE)
    expect(ana.locator("#id_purpose")).to_have_value("Typed meanwhile")
    expect(ana.locator("#id_purpose")).to_be_focused()
    expect(delete.locator("#id_confirmation")).to_have_value("half a na")
    expect(technical.locator("main")).not_to_contain_text("Being changed", timeout=PATIENCE)
    expect(home.locator("#card-acme-invoices")).to_contain_text("Nothing under way", timeout=PATIENCE)

    ben.goto(BUCKETS)
    ben.get_by_role("link", name=label, exact=True).click()
    ben.get_by_role("link", name="Delete", exact=True).click()
    ben.fill("#id_confirmation", label)
    ben.click("text=Delete the bucket")

    expect(ana.locator("#standing")).to_contain_text("Ben Brandt deleted this bucket", timeout=PATIENCE)
    expect(ana.get_by_role("button", name="See what will change")).to_have_count(0)
    expect(ana.locator("#id_purpose")).to_have_value("Typed meanwhile")
    expect(delete.get_by_role("button", name="Delete the bucket")).to_have_count(0)
    expect(technical.locator("main")).to_contain_text("Ben Brandt deleted", timeout=PATIENCE)


def act_on_acme(staff: Page, action: str, reason: str = "") -> None:
    """Do with the project what stands above the staff's list."""
    staff.goto("/admin/projects/project/")
    staff.locator("tr", has_text="acme-invoices").locator("input[type=checkbox]").check()
    staff.select_option("select[name=action]", action)
    staff.fill("input[name=reason]", reason)
    staff.click("button[name=index]")
    expect(staff.locator(".messagelist")).to_be_visible()


def test_open_pages_hear_that_staff_freezes_the_project_and_thaws_it(sign_in: Callable[..., Page]) -> None:
    ana, staff = sign_in("ana"), sign_in("sam")
    bucket(ana)
    listed, form = ana.context.new_page(), ana.context.new_page()
    listed.goto(BUCKETS)
    form.goto(f"{ana.url}edit/")
    form.fill("#id_purpose", "Typed meanwhile")
    for page in (ana, listed, form):
        wait_live(page)
    try:
        act_on_acme(staff, "freeze", "audit until Friday")

        for page in (ana, listed, form):
            expect(page.locator("#closed")).to_contain_text("frozen this project: audit until Friday", timeout=PATIENCE)
        expect(ana.locator("#change")).to_have_count(0)
        expect(listed.get_by_role("link", name="New bucket")).to_have_count(0)
        expect(form.get_by_role("button", name="See what will change")).to_have_count(0)
        expect(form.locator("#id_purpose")).to_have_value("Typed meanwhile")
    finally:
        act_on_acme(staff, "thaw")
    for page in (ana, listed, form):
        expect(page.locator("#closed")).to_be_empty(timeout=PATIENCE)
    expect(ana.locator("#change")).to_be_visible()
    expect(listed.get_by_role("link", name="New bucket")).to_be_visible()
    expect(form.get_by_role("button", name="See what will change")).to_be_visible()


@pytest.mark.parametrize(
    ("visit", "part", "control"),
    [
        (at(BUCKETS), "#buckets tbody tr:first-child", "#buckets tbody tr:first-child a"),
        (at(f"{BUCKETS}?sort=-name"), "#buckets", "#sort-name"),
        (bucket, "#bucket", "#change"),
        (failed_operation, "#operation", "#retry"),
        (at(ACME), "#overview", "#overview .list-group-item >> nth=0"),
        (at(f"{ACME}activity/"), "#activity", "#activity tbody a >> nth=0"),
        (at("/"), "#card-acme-invoices", "#project-acme-invoices"),
    ],
)
def test_a_live_update_leaves_the_focus_where_it_was(
    sign_in: Callable[..., Page], visit: Visit, part: str, control: str
) -> None:
    ana = sign_in("ana")
    visit(ana)
    focused = ana.locator(control)
    focused.focus()
    before = focused.evaluate("(element) => (window.__before = element).id")

    ana.locator(part).evaluate(
        "(element) => htmx.trigger(element, element.dataset.liveList ? 'live:reload' : 'live:changed')"
    )

    ana.wait_for_function("() => !window.__before.isConnected")
    assert re.fullmatch(r"\S+", before)
    assert ana.evaluate("document.activeElement.id") == before
