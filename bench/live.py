"""From CloudFormation's event to the changed row on the screen, with ten pages open in a real browser."""

import statistics
import time
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from bench import product
from bench.quickdynamodb import quick_dynamodb
from bench.report import Report, percentile, quietest
from portal.launcher import Launcher
from tests.browser.chromium import find
from tests.notifications.bodies import stack_text

PAGES = 10
ROUNDS = 20
QUIET_SECONDS = 1.0  # so that each event is measured alone
LABEL = "invoices"
# Notes when the row's words change. Its clock is the machine's, like ours.
WATCH = """
(name) => {
  const words = () => document.querySelector(`[data-live-item$="${name}"]`)?.innerText ?? "";
  window.__seen = [];
  let last = words();
  new MutationObserver(() => {
    const now = words();
    if (now !== last) { last = now; window.__seen.push([Date.now(), now]); }
  }).observe(document.body, { childList: true, subtree: true, characterData: true });
}
"""


def run(launcher: Launcher, report: Report) -> None:
    """Publish events about one stack and note when each page shows them."""
    report.title(f"Event to pixel, {PAGES} pages open")
    scene = _scene()
    chromium = find()
    with quick_dynamodb(launcher), sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(chromium.executable), args=["--no-sandbox"], env=chromium.environment()
        )
        pages = [_open(browser, launcher, scene.bucket) for _ in range(PAGES)]
        begins, ends = _measure(pages, scene)
        browser.close()
    for name, taken in (("work begins", begins), ("settled and read again", ends)):
        report.figure(f"{name}, median over rounds and pages", statistics.median(taken), "ms", at_most=300)
        report.figure(f"{name}, median of the quietest block", quietest(taken), "ms")
        report.figure(f"{name}, p95", percentile(taken, 0.95), "ms")


def _open(browser: Browser, launcher: Launcher, bucket: str) -> Page:
    page = browser.new_context(base_url=launcher.address).new_page()
    page.goto("/")
    page.fill("input[name=login]", "ana@example.com")
    page.fill("input[name=password]", product.PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url(launcher.address + "/")
    page.goto("/projects/acme-invoices/buckets/")
    page.wait_for_selector('[data-state="live"]')
    page.evaluate(WATCH, bucket)
    return page


@dataclass(frozen=True)
class Scene:
    """A bucket of the demo, and a way to publish about its stack. Read before Playwright starts: it runs a loop."""

    bucket: str
    stack_id: str
    stack_name: str
    topic_arn: str
    sns: Any


def _scene() -> Scene:
    from aws import clients
    from projects import live
    from projects.models import Project
    from projects.stacks.naming import bucket_name

    project = Project.objects.get(slug="acme-invoices")
    name = bucket_name(project.bucket_prefix, LABEL, project.account_id, project.region)
    stack = live.find_bucket(project, name)
    if stack is None:
        raise RuntimeError(f"{name} is not in the demo")
    sns = clients.organisation_member(project.account_id, "sns", project.region)
    return Scene(name, stack.stack_id, stack.name, project.account.topic_arn, sns)


def _measure(pages: list[Page], scene: Scene) -> tuple[list[float], list[float]]:
    def publish(status: str, words: str) -> list[float]:
        message = stack_text(scene.stack_id, scene.stack_name, status)
        sent_at = time.time() * 1000
        scene.sns.publish(TopicArn=scene.topic_arn, Message=message)
        taken = []
        for page in pages:
            page.wait_for_function("(words) => window.__seen.some(([, seen]) => seen.includes(words))", arg=words)
            taken.append(page.evaluate("(words) => window.__seen.find(([, seen]) => seen.includes(words))[0]", words))
            page.evaluate("() => { window.__seen = []; }")
        return [at - sent_at for at in taken]

    begins, ends = [], []
    for _ in range(ROUNDS):
        begins += publish("UPDATE_IN_PROGRESS", "Being changed")
        time.sleep(QUIET_SECONDS)
        ends += publish("UPDATE_COMPLETE", "Ready")
        time.sleep(QUIET_SECONDS)
    return begins, ends
