"""Every page of the portal, and how a person gets there: for the accessibility test and for the screenshots."""

import re
from collections.abc import Callable, Mapping

from django.template.loader import render_to_string
from playwright.sync_api import Page, expect

from tests import smtp_sink

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


def bucket_activity(page: Page) -> None:
    """Open all changes of a bucket."""
    bucket(page)
    page.goto(f"{page.url}activity/")
    expect(page.locator("#activity")).to_contain_text("Show those of every bucket")


def technical(page: Page) -> None:
    """Open its technical tab."""
    bucket(page)
    page.get_by_role("link", name="Technical", exact=True).click()
    expect(page.locator("main")).to_contain_text("arn:aws:", timeout=PATIENCE)


def never_made(page: Page) -> None:
    """Open a bucket whose creation failed."""
    page.goto(f"{HARBOUR}buckets/")
    page.get_by_role("link", name="scanner-inbox", exact=True).click()


def delete_never_made(page: Page) -> None:
    """Open the deletion of a bucket whose creation failed."""
    never_made(page)
    expect(page.locator("#bucket")).to_have_attribute("data-state", "failed", timeout=PATIENCE)
    page.goto(f"{page.url}delete/")
    expect(page.locator("main")).to_contain_text("there is nothing to be deleted")


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


def sent_too_late(page: Page) -> None:
    """Send a form without a session, with the token that the sign-in page has."""
    page.goto("/accounts/login/")
    page.evaluate(
        """(address) => {
            const form = document.querySelector("form");
            form.querySelector("[name=password]").remove();
            form.action = address;
            form.submit();
        }""",
        f"{ACME}new-bucket/",
    )
    expect(page.get_by_role("heading", name="Not sent yet")).to_be_visible()


def act_on_project(page: Page, slug: str, action: str, reason: str = "") -> None:
    """Do with a project what stands above the staff's list."""
    page.goto("/admin/projects/project/")
    page.locator("tr", has_text=slug).locator("input[type=checkbox]").check()
    page.select_option("select[name=action]", action)
    page.fill("input[name=reason]", reason)
    page.click("button[name=index]")
    expect(page.locator(".messagelist")).to_be_visible()


def frozen(page: Page) -> None:
    """Open the buckets of a project that staff has frozen; `staff_projects` must come next, and thaws it."""
    act_on_project(page, "harbour-logistics", "freeze", "audit until Friday")
    page.goto(f"{HARBOUR}buckets/")
    expect(page.locator("#closed")).to_contain_text("Staff has frozen this project: audit until Friday.")


def staff_projects(page: Page) -> None:
    """Open the list of projects, none of them frozen."""
    act_on_project(page, "harbour-logistics", "thaw")
    page.goto("/admin/projects/project/")


def staff_operation(page: Page) -> None:
    """Open an operation in the staff pages."""
    page.goto("/admin/projects/operation/")
    page.locator("#result_list tbody th a").first.click()


def staff_project(page: Page) -> None:
    """Open a project in the staff pages."""
    page.goto("/admin/projects/project/")
    page.locator("#result_list tbody th a").first.click()


def sign_in_with_errors(page: Page) -> None:
    """Send a wrong password."""
    page.goto("/accounts/login/")
    page.fill("input[name=login]", "nobody@example.com")
    page.fill("input[name=password]", "not the password")
    page.click("button[type=submit]")
    expect(page.locator("main")).to_contain_text("not correct")


def reset(page: Page) -> None:
    """Open a link to a new password, as it comes by mail."""
    page.goto("/accounts/password/reset/")
    page.fill("input[name=email]", "olga@example.com")
    page.click("button[type=submit]")
    page.wait_for_url("**/password/reset/sent/")
    (link,) = re.findall(r"https?://\S+", smtp_sink.of_this_process().mails.get(timeout=10).get_payload())
    page.goto(link)
    expect(page.get_by_role("heading")).to_have_text("Set a new password")


def expired_form(page: Page) -> None:
    """Send a form without its cookie."""
    page.goto("/accounts/login/")
    page.context.clear_cookies(name="csrf")
    page.click("button[type=submit]")
    expect(page.get_by_role("heading")).to_have_text("The form has expired")


def damaged(page: Page) -> None:
    """Send more fields than any form of ours has."""
    page.goto("/accounts/login/")
    page.evaluate(
        """() => {
            const form = document.querySelector("form");
            for (let i = 0; i < 1100; i++) form.append(Object.assign(document.createElement("input"), {name: `f${i}`}));
            form.submit();
        }"""
    )
    expect(page.get_by_role("heading")).to_have_text("That request was not understood")


def broken(status: int, **context: str) -> Visit:
    """See what an error of the portal shows; the template is the product's, and so is the policy it is sent with."""

    def visit(page: Page) -> None:
        policy = page.request.get("/accounts/login/").headers["content-security-policy"]
        page.route(
            "**/broken/",
            lambda route: route.fulfill(
                status=status,
                headers={"Content-Security-Policy": policy, "Content-Type": "text/html"},
                body=render_to_string(f"{status}.html", context),
            ),
        )
        page.goto("/broken/")

    return visit


def staff_person(action: str) -> Visit:
    """Open Vera in the staff pages, or one of the pages about her."""

    def visit(page: Page) -> None:
        page.goto("/admin/people/person/?q=vera")
        page.locator("#result_list tbody th a").first.click()
        page.goto(page.url.replace("/change/", f"/{action}/"))

    return visit


def delete_membership(page: Page) -> None:
    """Open the removal of a member."""
    page.goto("/admin/projects/membership/")
    page.locator("#result_list tbody th a").first.click()
    page.goto(page.url.replace("/change/", "/delete/"))


PAGES: Mapping[str, Mapping[str, Visit]] = {
    "": {
        "sign-in": at("/accounts/login/"),
        "sent-too-late": sent_too_late,
        "sign-in-errors": sign_in_with_errors,
        "inactive": at("/accounts/inactive/"),
        "password-reset": at("/accounts/password/reset/"),
        "password-reset-sent": at("/accounts/password/reset/sent/"),
        "password-reset-new": reset,
        "password-reset-old-link": at("/accounts/password/reset/key/1-none/"),
        "password-reset-done": at("/accounts/password/reset/done/"),
        "form-expired": expired_form,
        "damaged": damaged,
        "too-many-tries": broken(429),
        "failed": broken(500),
        "not-now": broken(503, words="The project's buckets are not known right now."),
    },
    "ana": {
        "home": at("/"),
        "project": at(ACME),
        "activity": at(f"{ACME}activity/"),
        "bucket-list": at(f"{ACME}buckets/"),
        "bucket-list-no-match": at(f"{ACME}buckets/?q=nothing+like+this"),
        "bucket-list-failed": at(f"{HARBOUR}buckets/"),
        "bucket": bucket,
        "bucket-activity": bucket_activity,
        "bucket-technical": technical,
        "bucket-never-made": never_made,
        "bucket-never-made-delete": delete_never_made,
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
        "project-frozen": frozen,
        "staff-projects": staff_projects,
        "staff-project": staff_project,
        "staff-project-add": at("/admin/projects/project/add/"),
        "staff-people": at("/admin/people/person/"),
        "staff-person": staff_person("change"),
        "staff-person-add": at("/admin/people/person/add/"),
        "staff-person-password": staff_person("password"),
        "staff-person-delete": staff_person("delete"),
        "staff-person-history": staff_person("history"),
        "staff-membership-add": at("/admin/projects/membership/add/"),
        "staff-membership-delete": delete_membership,
        "staff-memberships": at("/admin/projects/membership/"),
        "staff-operations": at("/admin/projects/operation/"),
        "staff-operation": staff_operation,
    },
}
"""Pages by who opens them; the first opens without signing in."""
