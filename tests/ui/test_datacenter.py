"""Traffic, the request log with the story of a request, and the log viewer (F-UI-40 to 42)."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from ui.browser_world import (
    NARROW,
    WIDE,
    OpenPage,
    assert_accessible,
    assert_fits,
    look,
    settled,
)
from ui.ui_world import World

pytestmark = pytest.mark.e2e

PAGE = "/admin/datacenter"
POLL_MS = 5000
HELD = 2000
"""Rows that a page keeps while new ones come."""
_JOIN = """async (held) => {
    const main = document.querySelector("script[type=module]").src;
    const { joined } = await import(new URL("pages/datacenter/rows.js", main));
    const row = (at) => ({ id: String(100000 + at) });
    const rows = Array.from({ length: held }, (_, at) => row(held - at));
    const newest = { of: "", rows: [row(held + 1), row(held)], next: row(held).id };
    const { rows: all, next } = joined({ of: "", rows, next: null }, newest);
    return [all.length, all[0].id, all.at(-1).id, next];
}"""


@pytest.fixture(scope="module")
def window(opener: OpenPage) -> Page:
    """The window of the file: a page is opened faster where another one was before.

    Its clock can be put forward.
    """
    opened = opener.new()
    opened.clock.install()
    return opened


def rows(page: Page, name: str = "Requests") -> int:
    """Tell how many rows a table says it has."""
    table = page.get_by_role("table", name=name, exact=True)
    return int(table.get_attribute("aria-rowcount") or 0) - 1


def test_numbers_lead_to_the_requests_they_count(page: Page, gateway: World) -> None:
    assert gateway.chat(key="sk-of-nobody").status_code == 401
    failed = gateway.get("/metrics")["request_stats"]["summary"]["failed"]
    page.goto(PAGE)

    page.get_by_role("link", name=f"Failed {failed}").click()
    settled(page, "datacenter")

    expect(page.get_by_role("radio", name="Failed")).to_be_checked()
    assert rows(page) == failed


def test_days_are_kept_in_the_address(page: Page) -> None:
    page.goto(PAGE)

    page.get_by_text("14 days").click()

    expect(page).to_have_url(re.compile(r"days=14"))
    chart = page.get_by_role("table", name="Requests by day")
    expect(chart.get_by_role("row")).to_have_count(15)


def test_filters_are_in_the_address_and_can_be_cleared(page: Page) -> None:
    page.goto(f"{PAGE}?view=requests")
    settled(page, "datacenter")
    before = rows(page)

    page.get_by_label("Status", exact=True).select_option("404")
    expect(page.get_by_role("row").filter(has_text="200")).to_have_count(0)
    page.reload()
    settled(page, "datacenter")
    expect(page.get_by_role("row").filter(has_text="model_not_found")).to_have_count(1)
    page.get_by_label("Model", exact=True).fill("none-of-these")
    page.get_by_role("button", name="Clear the filters").click()
    page.clock.fast_forward(POLL_MS)

    expect(page).to_have_url(re.compile(r"view=requests$"))
    expect(page.get_by_role("row").filter(has_text="200").first).to_be_visible()
    assert rows(page) == before


def test_new_requests_come_on_top(page: Page, gateway: World) -> None:
    page.goto(f"{PAGE}?view=requests")
    settled(page)
    made = gateway.chat("A late one").headers["x-request-id"]

    page.clock.fast_forward(POLL_MS)

    expect(page.get_by_role("row").nth(1).locator(f'a[href*="{made}"]')).to_be_visible()


def test_rows_that_come_push_the_oldest_out(page: Page) -> None:
    page.goto(PAGE)

    length, first, last, following = page.evaluate(_JOIN, HELD)
    assert (length, first) == (HELD, str(100_000 + HELD + 1))
    assert last == following == "100002"


def test_a_failed_request_tells_its_attempts_and_what_to_do(page: Page, gateway: World) -> None:
    asked = {"failed": True, "error": "upstream_error"}
    (failed,) = gateway.get("/requests", **asked)["items"]
    page.goto(f"{PAGE}?view=requests&error=upstream_error")

    page.get_by_role("row").filter(has_text="upstream_error").get_by_role("link").first.click()
    dialog = page.get_by_role("dialog")
    attempts = dialog.locator("ol > li")
    expect(attempts).to_have_count(failed["attempts"])
    expect(attempts.last).to_contain_text(failed["token"])
    expect(dialog).to_contain_text("What to do:")
    attempts.last.get_by_text("Why this account").click()
    expect(attempts.last).to_contain_text("tried already for this request")
    assert_accessible(page)
    page.keyboard.press("Escape")

    expect(dialog).to_have_count(0)
    expect(page).not_to_have_url(re.compile("request="))


def test_advice_fits_the_cause(page: Page, gateway: World) -> None:
    serving = [each["id"] for each in gateway.get("/tokens/list", status="active")["items"]]
    gateway.post("/tokens/disabled/batch", {"ids": serving, "disabled": True})
    refused = gateway.chat().headers["x-request-id"]
    gateway.post("/tokens/disabled/batch", {"ids": serving, "disabled": False})
    page.goto(f"{PAGE}?view=requests&request={refused}")

    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("are disabled: enable them")
    expect(dialog.get_by_role("link", name="Go there")).to_have_attribute(
        "href", re.compile("status=disabled")
    )


def test_an_unknown_request_is_no_error(page: Page, opener: OpenPage) -> None:
    opener.expect_status(404, "/requests/req_00000000")
    look(page, width=NARROW, theme="light")
    page.goto(f"{PAGE}?request=req_00000000")

    expect(page.get_by_role("dialog")).to_contain_text("Nothing is known of this request")
    assert_fits(page)
    look(page, width=WIDE, theme="light")


def test_csv_holds_what_the_filter_finds(page: Page) -> None:
    page.goto(f"{PAGE}?view=requests&status=404")

    with page.expect_download() as coming:
        page.get_by_role("button", name="CSV").click()
    head, *lines = Path(coming.value.path()).read_text().splitlines()

    assert head.startswith("time,request_id,")
    assert ["404" in line for line in lines] == [True]


def test_log_is_sifted_and_leads_to_a_request(page: Page) -> None:
    page.goto(f"{PAGE}?view=logs&file=request_log&lines=50")

    page.get_by_role("searchbox", name="Filter").fill("MODEL_NOT_FOUND")
    lines = page.get_by_role("listbox").get_by_role("option")
    expect(lines).to_have_count(1)
    expect(page).to_have_url(re.compile("word=MODEL_NOT_FOUND"))
    page.get_by_role("listbox").press("End")
    page.get_by_role("button", name="Explain this request").click()

    expect(page.get_by_role("dialog")).to_contain_text("There is no such model for this key")


def test_log_stands_still_while_paused(page: Page, gateway: World) -> None:
    page.goto(f"{PAGE}?view=logs&file=request_log")
    settled(page)
    lines = page.get_by_role("listbox").get_by_role("option")
    page.get_by_role("button", name="Pause").click()
    made = gateway.chat("While paused").headers["x-request-id"]

    page.clock.fast_forward(POLL_MS)
    expect(lines.filter(has_text=made)).to_have_count(0)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused", exact=True)).to_have_count(0)
    page.clock.fast_forward(POLL_MS)

    expect(lines.filter(has_text=made)).to_have_count(1)
