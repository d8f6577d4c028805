"""While news from AWS cannot arrive no badge says Live; afterwards every page ends right without a reload."""

import json
import re
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import boto3
import pytest
from playwright.sync_api import Page, expect

from portal.launcher import Launcher
from tests.browser.test_dying_sockets import change
from tests.browser.test_two_managers import BUCKETS, PATIENCE, create, wait_live

GRACE_SECONDS = 15
READ_SECONDS = 4  # the queue's long poll, the next ping
NO_NEWS = re.compile(r"Showing state of \d\d:\d\d .*news from AWS does not arrive|Reconnecting")


@contextmanager
def stopped(product: Launcher) -> Iterator[None]:
    """AWS takes every call and answers none."""
    aws = product.children["aws"]
    aws.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        aws.send_signal(signal.SIGCONT)


@contextmanager
def without_events_queue(product: Launcher) -> Iterator[None]:
    """The queue that all news comes through is gone; it is made again as staff would."""
    keys = json.loads((product.state / "aws" / "credentials.json").read_text())
    sqs = boto3.client(
        "sqs",
        endpoint_url=product.aws_url,
        region_name="eu-west-1",
        aws_access_key_id=keys["access_key_id"],
        aws_secret_access_key=keys["secret_access_key"],
    )
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName="stackport-stack-events")["QueueUrl"])
    try:
        yield
    finally:
        product.manage("prepare")


@pytest.mark.parametrize("outage", [stopped, without_events_queue])
def test_a_page_that_cannot_be_told_does_not_say_live(
    sign_in: Callable[..., Page], product: Launcher, outage: Callable[..., Iterator[None]]
) -> None:
    ana = sign_in("ana")
    ana.goto(BUCKETS)
    wait_live(ana)
    ana.evaluate("window.__same = true")
    shown = ana.locator("[data-live-badge]")

    with outage(product):
        expect(shown).to_contain_text(NO_NEWS, timeout=(GRACE_SECONDS + READ_SECONDS) * 1000)
        until = time.monotonic() + 12
        while time.monotonic() < until:
            assert shown.get_attribute("data-state") != "live"
            ana.wait_for_timeout(100)

    expect(shown).to_have_attribute("data-state", "live", timeout=60_000)
    assert ana.evaluate("window.__same") is True


def test_a_form_that_aws_keeps_waiting_says_so_and_is_answered_once(
    sign_in: Callable[..., Page], product: Launcher
) -> None:
    ana = sign_in("ana")
    label = f"slow-{secrets.token_hex(3)}"
    ana.goto("/projects/acme-invoices/new-bucket/")
    ana.fill("#id_label", label)
    ana.fill("#id_purpose", "Sent while nothing answers")
    sending = ana.locator("[data-sending]")
    expect(sending).to_be_hidden()
    # Nothing can be looked up in a page that is being left, so it notes what it said itself.
    ana.evaluate(
        """() => {
            const place = document.querySelector("[data-sending]");
            const note = () => sessionStorage.setItem("said", place.checkVisibility() ? place.textContent : "");
            new MutationObserver(note).observe(place, { childList: true });
        }"""
    )
    with stopped(product):
        ana.evaluate("document.querySelector('#send').click()")
        time.sleep(5)

    ana.wait_for_url(re.compile("/operations/"), timeout=60_000)
    assert "not answered yet" in ana.evaluate("sessionStorage.getItem('said')")
    expect(sending).to_be_hidden()
    expect(ana.locator("#operation")).to_have_attribute("data-state", "succeeded", timeout=90_000)
    ana.goto(BUCKETS)
    expect(ana.get_by_role("link", name=label, exact=True)).to_have_count(1)


def test_a_change_that_no_worker_takes_up_says_so_and_its_time_goes_on(
    sign_in: Callable[..., Page], product: Launcher
) -> None:
    ana = sign_in("ana")
    worker = product.children["worker"]
    worker.send_signal(signal.SIGSTOP)
    try:
        create(ana, f"idle-{secrets.token_hex(3)}")
        shown = ana.locator("#operation")
        expect(shown).to_contain_text("No worker has taken it up yet", timeout=PATIENCE)
        expect(shown).to_contain_text(re.compile(r"Under way for ([4-9]|\d\d) s"), timeout=15_000)
    finally:
        worker.send_signal(signal.SIGCONT)
    expect(shown).to_have_attribute("data-state", "succeeded", timeout=PATIENCE)


def test_what_nobody_could_tell_is_shown_in_the_end(sign_in: Callable[..., Page], product: Launcher) -> None:
    ana, ben = sign_in("ana"), sign_in("ben")
    label = f"mute-{secrets.token_hex(3)}"
    create(ben, label)
    expect(ben.locator("#operation")).to_have_attribute("data-state", "succeeded", timeout=PATIENCE)
    ana.goto(BUCKETS)
    wait_live(ana)
    ana.evaluate("window.__same = true")
    purpose = f"Unheard {secrets.token_hex(3)}"
    with without_events_queue(product):
        change(ben, label, purpose)
        expect(ana.locator("[data-live-badge]")).to_contain_text(NO_NEWS, timeout=30_000)

    row = ana.locator("tr", has=ana.get_by_role("link", name=label, exact=True))
    expect(row).to_contain_text(purpose, timeout=90_000)
    expect(row).to_have_attribute("data-state", "ready", timeout=90_000)
    wait_live(ana)
    assert ana.evaluate("window.__same") is True
