"""The real product for browser tests, and browsers that count what a page must never do.

Playwright's synchronous API and async tests cannot share a process, so these tests run in a pytest call of their own.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from portal.launcher import Launcher, free_port, running
from tests import smtp_sink
from tests.browser.chromium import NoBrowser, find

PASSWORD = "stackport-demo"
TRIES = 35  # two seconds apart
MAIL = {"STACKPORT_MAIL_URL": smtp_sink.of_this_process().url, "STACKPORT_MAIL_FROM": "portal@example.com"}
COUNTER = """
window.__violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.__violations.push(event.violatedDirective));
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder drives a browser."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium. In CI its absence is a failure."""
    try:
        chromium = find()
    except NoBrowser as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=str(chromium.executable), args=["--no-sandbox"], env=chromium.environment()
        )
        yield started
        started.close()


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """The whole portal with its demo data, on free ports and a folder of its own."""
    state = tmp_path_factory.mktemp("portal")
    settings = {
        "STACKPORT_LEASE_SECONDS": "3",
        "STACKPORT_SWEEP_SECONDS": "1",
        **MAIL,
    }
    with running(Launcher(state=state, port=free_port(), pace_seconds=0.15, settings=settings)) as launcher:
        yield launcher


@pytest.fixture
def sign_in(browser: Browser, product: Launcher) -> Iterator[Callable[..., Page]]:
    """Return a function that opens a browser of its own for a person; afterwards no page may have broken its policy."""
    contexts: list[BrowserContext] = []

    def open_for(person: str, **options: object) -> Page:
        context = browser.new_context(base_url=product.address, **options)
        context.add_init_script(COUNTER)
        contexts.append(context)
        page = context.new_page()
        for _ in range(TRIES):
            page.goto("/")
            page.fill("input[name=login]", f"{person}@example.com")
            page.fill("input[name=password]", PASSWORD)
            page.click("button[type=submit]")
            page.wait_for_load_state()
            # A test before may have stopped AWS: until it answers again, tries to sign in cannot be counted. And quick
            # tests sign in more often than the 30 times a minute that the portal takes from one address.
            refused = ("Not to be shown right now", "Too many tries")
            if not any(page.get_by_role("heading", name=name).count() for name in refused):
                break
            page.wait_for_timeout(2_000)
        page.wait_for_url(product.address + "/")
        return page

    yield open_for
    for context in contexts:
        for page in context.pages:
            assert page.evaluate("window.__violations || []") == []
        context.close()
