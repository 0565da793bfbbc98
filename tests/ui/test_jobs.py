"""Work on many accounts, seen live and cancelled, and its failures tried again (F-UI-90)."""

import re

import pytest
from playwright.sync_api import Route, expect

from grokgate.sandbox import HttpStatus, Pace
from ui.browser_world import settled
from ui.one_window import OneWindow
from ui.ui_world import BASE, World

pytestmark = pytest.mark.e2e

SLOW = Pace(first_ms=1500)
UNTIL_KNOWN_MS = 9000
"""After so long a page knows a job that it did not begin, milliseconds."""
UNTIL_AGAIN_MS = 5000
"""After so long it has tried twice to follow a job whose events broke off."""
UNTIL_FOLDED_MS = 4500
"""After so long the list of jobs leaves the page to itself, when the last has ended."""
ALL = {"filter": {"all": True}}


def test_a_job_is_seen_live_and_cancelled(show_page: OneWindow, gateway: World) -> None:
    gateway.sandbox.rules.add(SLOW, endpoint="preference")
    page = show_page("/admin/jobs")
    started = gateway.post("/tokens/nsfw/enable/async?concurrency=1", ALL)

    page.get_by_role("button", name="Reload").click()
    bar = page.locator(f'main [data-task="{started["task_id"]}"]')
    counted = bar.locator(".job-count")
    expect(counted).to_contain_text(re.compile(rf"[1-9] / {started['total']}"))
    bar.get_by_role("button", name="Cancel").click()

    row = page.locator(f'.table-row[data-key="{started["task_id"]}"]')
    expect(row).to_contain_text("Cancelled")
    page.get_by_role("button", name="Jobs that ended").click()
    expect(page.locator(".tray-list")).to_contain_text("left untouched")
    gateway.sandbox.rules.clear()


def test_a_job_is_followed_again_when_its_events_break_off(
    show_page: OneWindow, gateway: World
) -> None:
    gateway.sandbox.rules.add(SLOW, endpoint="preference")
    page = show_page.new()
    page.clock.install()
    streams = "**/batch/*/stream"
    empty = {"status": 200, "content_type": "text/event-stream", "body": ""}
    page.route(streams, lambda route: route.fulfill(**empty), times=2)
    page.goto("/admin/plugins")
    settled(page)
    gateway.post("/tokens/nsfw/enable/async", ALL)
    with page.expect_request(streams):
        page.clock.run_for(UNTIL_KNOWN_MS)
    tray = page.get_by_role("button", name="1 job runs")
    expect(tray).to_have_attribute("aria-expanded", "false")
    gateway.sandbox.rules.clear()

    with page.expect_response(streams), page.expect_response(streams):
        page.clock.run_for(UNTIL_AGAIN_MS)
    expect(page.get_by_role("button", name="Jobs that ended")).to_be_visible()


def test_details_show_the_end_that_the_list_tells(show_page: OneWindow, gateway: World) -> None:
    task = gateway.post("/tokens/nsfw/enable/async", ALL)["task_id"]
    page = show_page("/admin/jobs")
    expect(page.locator(f'.table-row[data-key="{task}"]')).to_contain_text("Done")

    def as_it_ran(route: Route) -> None:
        told = route.fetch().json()
        route.fulfill(json={**told, "task": {**told["task"], "status": "running"}})

    page.route(f"**{BASE}/batch/{task}", as_it_ran, times=1)
    page.goto(f"/admin/jobs?job={task}")

    expect(page.get_by_role("dialog").locator(f'[data-task="{task}"]')).to_contain_text("Done")


def test_failures_are_told_and_tried_again(show_page: OneWindow, gateway: World) -> None:
    gateway.sandbox.rules.add(HttpStatus(code=500), endpoint="preference")
    started = gateway.post("/tokens/nsfw/enable/async", ALL)
    page = show_page(f"/admin/jobs?job={started['task_id']}")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name=f"{started['total']} failures")).to_be_visible()
    gateway.sandbox.rules.clear()
    page.clock.install()

    dialog.get_by_role("button", name="Retry").click()
    expect(page.locator(".table-row").first).to_contain_text("Done")
    page.clock.run_for(UNTIL_FOLDED_MS)
    expect(page.get_by_role("button", name="Jobs that ended")).to_have_attribute(
        "aria-expanded", "false"
    )
    assert gateway.get("/batch")["tasks"][0]["total"] <= started["total"]
