"""Forms that stay open: they hear what others do to the bucket, and nobody's typing or focus is disturbed."""

import re
import secrets
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import ACME, Visit, act_on_project, at, bucket, failed_operation
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


PUT_BACK = "What you typed before was put back."


def leave_and_come_back(page: Page) -> None:
    page.get_by_role("link", name="Stackport").click()
    expect(page.get_by_role("heading", name="My projects")).to_be_visible()
    page.go_back()
    page.wait_for_load_state()


def test_what_was_typed_comes_back_with_words_and_not_once_it_was_cleared(sign_in: Callable[..., Page]) -> None:
    ana = sign_in("ana")
    ana.goto(f"{ACME}new-bucket/")
    ana.fill("#id_purpose", "Typed before")

    leave_and_come_back(ana)
    expect(ana.locator("#id_purpose")).to_have_value("Typed before")
    expect(ana.locator("main form").get_by_role("status").filter(has_text=PUT_BACK)).to_be_visible()
    ana.fill("#id_purpose", "")
    leave_and_come_back(ana)

    expect(ana.locator("#id_purpose")).to_have_value("")
    expect(ana.locator("main")).not_to_contain_text(PUT_BACK)


def test_a_draft_of_a_bucket_that_was_changed_since_is_offered_until_it_is_taken(sign_in: Callable[..., Page]) -> None:
    ana, ben = sign_in("ana"), sign_in("ben")
    bucket(ana)
    ana.get_by_role("link", name="Change", exact=True).click()
    ana.fill("#id_purpose", "An old draft")
    ana.select_option("#id_retention", "7-years")
    ana.get_by_role("link", name="Stackport").click()
    purpose = f"Newer {secrets.token_hex(3)}"
    change(ben, "contracts", purpose)
    expect(ben.locator("#operation")).to_have_attribute("data-state", "succeeded", timeout=PATIENCE)

    ana.go_back()
    ana.wait_for_load_state()

    offered = ana.locator("main form").get_by_role("status").filter(has_text="This was changed since you typed in it")
    expect(offered).to_contain_text("Purpose: An old draft")
    expect(offered).to_contain_text("How long are files kept?: Deleted after 7 years")
    expect(ana.locator("#id_purpose")).to_have_value(purpose)
    expect(ana.locator("main")).not_to_contain_text(PUT_BACK)
    ana.fill("#id_reason", "Typed since")
    leave_and_come_back(ana)

    expect(offered).to_contain_text("Purpose: An old draft")
    expect(ana.locator("#id_reason")).to_have_value("Typed since")
    ana.get_by_role("button", name="Put it into the form").press("Enter")

    expect(offered).to_have_count(0)
    expect(ana.locator("#id_purpose")).to_have_value("An old draft")
    expect(ana.locator("#id_purpose")).to_be_focused()
    expect(ana.locator("#id_retention")).to_have_value("7-years")
    leave_and_come_back(ana)
    expect(ana.locator("#id_purpose")).to_have_value("An old draft")
    expect(offered).to_have_count(0)


def test_a_form_that_was_refused_keeps_its_draft_and_one_that_was_taken_does_not(sign_in: Callable[..., Page]) -> None:
    ana = sign_in("ana")
    label = f"sent-{secrets.token_hex(3)}"
    ana.goto(f"{ACME}new-bucket/")
    ana.fill("#id_label", label)
    ana.click("text=Create bucket")
    expect(ana.locator("main")).to_contain_text("This field is required")
    ana.go_back()
    ana.wait_for_load_state()
    expect(ana.locator("#id_label")).to_have_value(label)

    ana.fill("#id_purpose", "Sent and taken")
    ana.click("text=Create bucket")
    ana.wait_for_url(re.compile("/operations/"))
    ana.go_back()
    ana.wait_for_load_state()

    expect(ana.locator("#id_label")).to_have_value("")
    expect(ana.locator("#id_purpose")).to_have_value("")
    expect(ana.locator("main")).not_to_contain_text(PUT_BACK)


def test_a_change_to_be_confirmed_is_typed_on_after_back(sign_in: Callable[..., Page]) -> None:
    ana = sign_in("ana")
    bucket(ana)
    ana.get_by_role("link", name="Change", exact=True).click()
    ana.fill("#id_purpose", "Not yet confirmed")
    ana.click("text=See what will change")
    expect(ana.get_by_role("heading", name="What will change in contracts")).to_be_visible()

    ana.go_back()

    expect(ana.locator("#id_purpose")).to_have_value("Not yet confirmed")


def test_a_form_sent_offline_stays_with_everything_typed(sign_in: Callable[..., Page]) -> None:
    ana = sign_in("ana")
    words = "You are offline: nothing was sent. Send it again when the connection is back."
    ana.goto(f"{ACME}new-bucket/")
    ana.fill("#id_label", "Not A Name!")
    ana.fill("#id_purpose", "Typed in a train")
    ana.context.set_offline(True)
    for _ in range(2):
        ana.click("text=Create bucket")
        expect(ana.get_by_role("alert").filter(has_text=words)).to_have_count(1)
    expect(ana.locator("#id_purpose")).to_have_value("Typed in a train")

    ana.context.set_offline(False)
    ana.click("text=Create bucket")

    expect(ana.locator("main")).to_contain_text("Small letters, digits and single hyphens")
    expect(ana.locator("main")).not_to_contain_text(words)
    expect(ana.locator("#id_purpose")).to_have_value("Typed in a train")


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
        act_on_project(staff, "acme-invoices", "freeze", "audit until Friday")

        for page in (ana, listed, form):
            expect(page.locator("#closed")).to_contain_text("frozen this project: audit until Friday", timeout=PATIENCE)
        expect(ana.locator("#change")).to_have_count(0)
        expect(listed.get_by_role("link", name="New bucket")).to_have_count(0)
        expect(form.get_by_role("button", name="See what will change")).to_have_count(0)
        expect(form.locator("#id_purpose")).to_have_value("Typed meanwhile")
    finally:
        act_on_project(staff, "acme-invoices", "thaw")
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
