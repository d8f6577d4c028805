"""Text as long as the forms let it be, without a space: no page grows wider than its window, no column leaves it."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages import ACME, PATIENCE

SIZES = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 360, "height": 740}}
WORD = "W" * 200
TAGS = "\n".join(f"{number}{'k' * 59} = {'V' * 250}" for number in range(3))
# What has a tabindex is meant to be scrolled.
BEYOND = """
() => [document.documentElement, ...document.querySelectorAll(".table-responsive:not([tabindex])")]
  .map((element) => element.scrollWidth - (element === document.documentElement ? innerWidth : element.clientWidth))
  .filter((pixels) => pixels > 0)
"""


def rename(staff: Page, email: str, name: str) -> None:
    """Give a person another name in the staff pages."""
    staff.goto(f"/admin/people/person/?q={email}")
    staff.locator("#result_list tbody th a").first.click()
    staff.fill("#id_name", name)
    staff.click("input[name=_save]")
    expect(staff.locator(".messagelist")).to_contain_text("changed successfully")


@pytest.fixture
def ana(sign_in: Callable[..., Page]) -> Iterator[Page]:
    """Ana's browser, her name as long as a name may be."""
    staff = sign_in("sam")
    rename(staff, "ana@example.com", "N" * 120)
    yield sign_in("ana")
    rename(staff, "ana@example.com", "Ana Almeida")


def create(page: Page) -> str:
    """Make a bucket of which all is long; return its address."""
    page.goto(f"{ACME}new-bucket/")
    page.fill("#id_label", "w" * int(re.findall(r"Up to (\d+)", page.inner_text("#id_label_helptext"))[0]))
    page.fill("#id_purpose", WORD)
    page.fill("#id_tags", TAGS)
    page.fill("#id_reason", "R" * 300)
    page.click("text=Create bucket")
    page.wait_for_url(re.compile("/operations/"))
    expect(page.locator("#operation")).to_have_attribute("data-state", "succeeded", timeout=PATIENCE)
    return page.get_attribute("#bucket-link", "href") or ""


def beyond(page: Page) -> dict[str, list[int]]:
    """Return by how many pixels the page or a table in it is too wide, by size of window."""
    found = {}
    for size, viewport in SIZES.items():
        page.set_viewport_size(viewport)  # type: ignore[arg-type]
        if pixels := page.evaluate(BEYOND):
            found[size] = pixels
    return found


def test_no_page_is_wider_than_its_window(ana: Page) -> None:
    bucket = create(ana)
    wide = {"operation": beyond(ana)}
    for address in (
        "/",
        ACME,
        f"{ACME}activity/",
        f"{ACME}buckets/",
        f"{ACME}buckets/?q={WORD}",
        f"{ACME}new-bucket/",
        *(f"{bucket}{tab}" for tab in ("", "activity/", "technical/", "edit/", "delete/")),
    ):
        ana.goto(address)
        wide[address] = beyond(ana)
    ana.goto(f"{bucket}edit/")
    ana.fill("#id_purpose", "M" * 200)
    ana.fill("#id_tags", TAGS.replace("V", "X"))
    ana.click("text=See what will change")
    expect(ana.locator("main")).to_contain_text("Purpose:")
    wide["confirm"] = beyond(ana)
    assert {page: found for page, found in wide.items() if found} == {}
