"""`python -m tests.browser.screenshots`: every page as a picture, light, dark and on a phone, into docs/screenshots."""

import os
import tempfile
from pathlib import Path

import django
from playwright.sync_api import Browser, sync_playwright

from portal.launcher import Launcher, free_port, running
from tests.browser.chromium import find
from tests.browser.conftest import MAIL, PASSWORD
from tests.browser.pages import PAGES

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
LOOKS = {"light": ("light", DESKTOP), "dark": ("dark", DESKTOP), "phone": ("light", PHONE)}


def main() -> None:
    """Start the product, visit every page in every look, write the pictures."""
    os.environ |= {"DJANGO_SETTINGS_MODULE": "portal.settings", "STACKPORT_DEMO": "yes"}
    django.setup()
    FOLDER.mkdir(parents=True, exist_ok=True)
    chromium = find()
    with (
        tempfile.TemporaryDirectory() as state,
        running(Launcher(state=Path(state), port=free_port(), pace_seconds=0.15, settings=MAIL)) as product,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=str(chromium.executable), args=["--no-sandbox"], env=chromium.environment()
        )
        for look in LOOKS:
            for person in PAGES:
                take(browser, product.address, person, look)
        browser.close()


def take(browser: Browser, address: str, person: str, look: str) -> None:
    """Write the pictures of one person's pages in one look."""
    scheme, size = LOOKS[look]
    context = browser.new_context(base_url=address, color_scheme=scheme, viewport=size)  # type: ignore[arg-type]
    page = context.new_page()
    if person:
        page.goto("/")
        page.fill("input[name=login]", f"{person}@example.com")
        page.fill("input[name=password]", PASSWORD)
        page.click("button[type=submit]")
        page.wait_for_url(address + "/")
    for name, visit in PAGES[person].items():
        visit(page)
        page.wait_for_timeout(700)  # what htmx loads on its own, and the badge
        page.screenshot(path=FOLDER / f"{name}-{look}.png", full_page=True)
    context.close()


if __name__ == "__main__":
    main()
