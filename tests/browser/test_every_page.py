"""Every page, light, dark and at phone width: no serious accessibility violation, nothing against the page's policy."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from portal.launcher import Launcher
from tests.browser.conftest import COUNTER
from tests.browser.pages import PAGES

GRAVE = {"serious", "critical"}


def findings(page: Page) -> list[str]:
    """Return the grave accessibility violations of a page, with the elements that have them."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{one['id']}: {node['html'][:120]} {node['failureSummary']}"
        for one in found
        if one["impact"] in GRAVE
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("person", [person for person in PAGES if person])
def test_pages_are_accessible_and_keep_their_policy(sign_in: Callable[..., Page], person: str, scheme: str) -> None:
    page = sign_in(person, color_scheme=scheme)
    assert check(page, PAGES[person]) == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_for_everybody_are_too(browser: Browser, product: Launcher, scheme: str) -> None:
    context = browser.new_context(base_url=product.address, color_scheme=scheme)  # type: ignore[arg-type]
    context.add_init_script(COUNTER)
    try:
        assert check(context.new_page(), PAGES[""]) == {}
    finally:
        context.close()


def check(page: Page, visits: dict[str, Callable[[Page], None]]) -> dict[str, list[str]]:
    """Visit pages; return what is wrong, by page."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    wrong = {}
    for name, visit in visits.items():
        said.clear()
        visit(page)
        page.set_viewport_size({"width": 1280, "height": 800})
        # Before axe, which itself writes styles that the policy refuses. What the browser says of an answer of 403,
        # 404 or 422 is no error of the page.
        found = page.evaluate("window.__violations") + [text for text in said if "Failed to load resource" not in text]
        found += findings(page)
        cut = page.evaluate("[...document.querySelectorAll('.results')].map(e => e.scrollWidth - e.clientWidth)")
        found += [f"the list is cut off by {pixels} px" for pixels in cut if pixels > 0]
        page.set_viewport_size({"width": 390, "height": 844})
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        found += findings(page) + ([f"scrolls sideways by {wide} px"] if wide > 0 else [])
        page.set_viewport_size({"width": 1280, "height": 800})
        if found:
            wrong[name] = found
    page.evaluate("window.__violations = []")  # of axe on the last page; the page's own are noted
    return wrong
