"""Every page of the portal, and how a person gets there: for the accessibility test and for the screenshots."""

import re
from collections.abc import Callable, Mapping

from playwright.sync_api import Page, expect

ACME = "/projects/acme-invoices/"
HARBOUR = "/projects/harbour-logistics/"
PATIENCE = 30_000

Visit = Callable[[Page], None]


def at(address: str) -> Visit:
    """Open an address."""

    def visit(page: Page) -> None:
        page.goto(address)

    return visit


def bucket(page: Page) -> None:
    """Open a bucket that stands."""
    page.goto(f"{ACME}buckets/")
    page.get_by_role("link", name="contracts", exact=True).click()
    expect(page.locator("#bucket")).to_have_attribute("data-state", "ready", timeout=PATIENCE)


def technical(page: Page) -> None:
    """Open its technical tab."""
    bucket(page)
    page.get_by_role("link", name="Technical", exact=True).click()
    expect(page.locator("main")).to_contain_text("arn:aws:", timeout=PATIENCE)


def never_made(page: Page) -> None:
    """Open a bucket whose creation failed."""
    page.goto(f"{HARBOUR}buckets/")
    page.get_by_role("link", name="scanner-inbox", exact=True).click()


def create_with_errors(page: Page) -> None:
    """Send a form with mistakes."""
    page.goto(f"{ACME}new-bucket/")
    page.fill("#id_label", "Not A Name!")
    page.fill("#id_purpose", "Invoices of the second plant")
    page.click("text=Create bucket")
    expect(page.locator("main")).to_contain_text("Small letters, digits and single hyphens")


def edit(page: Page) -> None:
    """Open a bucket's form."""
    bucket(page)
    page.get_by_role("link", name="Change", exact=True).click()


def confirm(page: Page) -> None:
    """See what a change will do."""
    edit(page)
    page.fill("#id_purpose", "Signed contracts and their annexes")
    page.select_option("#id_retention", "10-years")
    page.click("text=See what will change")
    expect(page.locator("main")).to_contain_text("Purpose:")


def delete(page: Page) -> None:
    """Open a bucket's deletion."""
    bucket(page)
    page.get_by_role("link", name="Delete", exact=True).click()


def operation(page: Page) -> None:
    """Open a change that succeeded."""
    page.goto(f"{ACME}activity/")
    page.locator("main").get_by_role("link").filter(has_text="Create").first.click()
    page.wait_for_url(re.compile("/operations/"))
    expect(page.locator("#operation")).to_have_attribute("data-state", "succeeded", timeout=PATIENCE)


def failed_operation(page: Page) -> None:
    """Open a creation that failed."""
    page.goto(f"{HARBOUR}activity/")
    page.locator("main").get_by_role("link").filter(has_text="scanner-inbox").first.click()
    page.wait_for_url(re.compile("/operations/"))
    expect(page.locator("#operation")).to_have_attribute("data-state", "failed", timeout=PATIENCE)


def staff_operation(page: Page) -> None:
    """Open an operation in the staff pages."""
    page.goto("/admin/projects/operation/")
    page.locator("#result_list tbody th a").first.click()


def staff_project(page: Page) -> None:
    """Open a project in the staff pages."""
    page.goto("/admin/projects/project/")
    page.locator("#result_list tbody th a").first.click()


PAGES: Mapping[str, Mapping[str, Visit]] = {
    "": {
        "sign-in": at("/accounts/login/"),
    },
    "ana": {
        "home": at("/"),
        "project": at(ACME),
        "activity": at(f"{ACME}activity/"),
        "bucket-list": at(f"{ACME}buckets/"),
        "bucket-list-no-match": at(f"{ACME}buckets/?q=nothing+like+this"),
        "bucket-list-failed": at(f"{HARBOUR}buckets/"),
        "bucket": bucket,
        "bucket-technical": technical,
        "bucket-never-made": never_made,
        "bucket-create": at(f"{ACME}new-bucket/"),
        "bucket-create-errors": create_with_errors,
        "bucket-edit": edit,
        "bucket-confirm": confirm,
        "bucket-delete": delete,
        "operation": operation,
        "operation-failed": failed_operation,
        "password-change": at("/accounts/password/change/"),
        "sign-out": at("/accounts/logout/"),
        "no-such-page": at("/projects/none-of-yours/"),
    },
    "vera": {
        "refused": at(f"{ACME}new-bucket/"),
    },
    "sam": {
        "staff": at("/admin/"),
        "staff-projects": at("/admin/projects/project/"),
        "staff-project": staff_project,
        "staff-people": at("/admin/people/person/"),
        "staff-memberships": at("/admin/projects/membership/"),
        "staff-operations": at("/admin/projects/operation/"),
        "staff-operation": staff_operation,
    },
}
"""Pages by who opens them; the first opens without signing in."""
