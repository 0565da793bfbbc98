"""Stored pictures, and files of accounts counted and deleted by jobs (F-UI-60 to 62)."""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from grokgate.sandbox import HttpStatus, Pace, default_accounts
from ui.browser_world import NARROW, WIDE, assert_accessible, assert_fits, look
from ui.ui_world import World

pytestmark = pytest.mark.e2e

PAGE = "/admin/cache"
ONLINE = f"{PAGE}?list=online"
PICTURES = 2


@pytest.fixture(scope="module")
def environ() -> dict[str, str]:
    """Jobs look at one account after the other, so that one can be cancelled half way."""
    return {"PERFORMANCE__ASSETS_BATCH_SIZE": "1"}


@pytest.fixture(scope="module")
def gateway(bare_gateway: World) -> World:
    """A gateway with accounts; what was drawn lies here and at the accounts."""
    bare_gateway.add(*default_accounts(6))
    draw(bare_gateway)
    return bare_gateway


def draw(made: World) -> None:
    """Have some pictures made."""
    asked = {"model": "grok-imagine-1.0", "prompt": "A kite", "n": PICTURES}
    assert made.client.post("/v1/images/generations", json=asked).is_success


def stored(made: World) -> list[dict[str, Any]]:
    """Return the pictures that lie here, newest first."""
    found: list[dict[str, Any]] = made.get("/cache/list")["items"]
    return found


def confirmed(page: Page, title: str, action: str) -> None:
    """Answer the question with *title*."""
    asking = page.get_by_role("dialog", name=title)
    asking.get_by_role("button", name=action, exact=True).click()
    expect(asking).to_have_count(0)


def card(page: Page, name: str) -> Locator:
    """Return the card of a list."""
    return page.locator(f'[data-list="{name}"]')


def test_pictures_are_saved_seen_and_leafed_through(page: Page, gateway: World) -> None:
    first, second, *_ = stored(gateway)
    page.goto(PAGE)
    drawn = "(image) => image.complete && image.naturalWidth > 0"

    with page.expect_download() as coming:
        page.get_by_role("link", name=f"Download {first['name']}").click()
    assert coming.value.suggested_filename == first["name"]
    page.get_by_role("button", name=f"View {first['name']}").click()
    dialog = page.get_by_role("dialog", name=first["name"])
    picture = dialog.get_by_role("img", name=first["name"])
    expect(picture).to_be_visible()
    picture.evaluate("(image) => image.decode()")
    assert picture.evaluate(drawn)
    assert_accessible(page)
    page.keyboard.press("ArrowRight")

    expect(page.get_by_role("dialog", name=second["name"])).to_be_visible()
    expect(page).to_have_url(re.compile(f"view={second['name']}"))


def test_chosen_pictures_are_deleted_after_a_question(page: Page, gateway: World) -> None:
    draw(gateway)
    before = stored(gateway)
    page.goto(PAGE)

    for item in before[:PICTURES]:
        page.get_by_role("checkbox", name=f"Select {item['name']}").check()
    page.get_by_role("toolbar").get_by_role("button", name="Delete").click()
    confirmed(page, f"Delete {PICTURES} images?", "Delete")

    expect(page.get_by_text(before[0]["name"])).to_have_count(0)
    expect(card(page, "image")).to_contain_text(str(len(before) - PICTURES))
    assert len(stored(gateway)) == len(before) - PICTURES


def test_a_kind_is_cleared_from_its_card(page: Page, gateway: World) -> None:
    draw(gateway)
    count = len(stored(gateway))
    look(page, width=NARROW, theme="light")
    page.goto(PAGE)

    card(page, "image").get_by_role("button", name="Clear").click()
    confirmed(page, f"Remove all {count} stored images?", "Clear")

    expect(page.get_by_text("No stored images")).to_be_visible()
    assert stored(gateway) == []
    assert_fits(page)
    look(page, width=WIDE, theme="light")


def test_files_are_counted_and_one_is_deleted(page: Page, gateway: World) -> None:
    draw(gateway)
    page.goto(ONLINE)

    page.get_by_role("button", name="Count for all").click()
    counted = page.get_by_role("cell", name=re.compile(r"^[1-9]\d*( |$)"))
    having = page.get_by_role("row").filter(has=counted)
    expect(having.first).to_be_visible()
    having.first.get_by_role("button", name=re.compile("^Files of")).click()
    dialog = page.get_by_role("dialog", name=re.compile("^Files of"))
    files = dialog.get_by_role("row")
    expect(files.nth(1)).to_be_visible()
    before = files.count()
    files.nth(1).get_by_role("button", name=re.compile("^Delete")).click()
    confirmed(page, "Delete the file", "Delete")

    expect(files).to_have_count(before - 1)


def test_failures_are_told_and_tried_again(page: Page, gateway: World) -> None:
    gateway.sandbox.rules.add(HttpStatus(code=500), endpoint="assets")
    page.goto(ONLINE)
    page.get_by_role("checkbox", name=re.compile("^Select tok_")).first.check()
    page.get_by_role("button", name="Count files").click()
    page.get_by_role("button", name="Show failures").first.click()
    dialog = page.get_by_role("dialog", name="Accounts on which the job failed")
    expect(dialog.get_by_role("row")).to_have_count(2)
    assert_accessible(page)
    gateway.sandbox.rules.clear()

    dialog.get_by_role("button", name="Retry 1 account").click()

    expect(page.get_by_text("Files of 1 account counted")).to_be_visible()


def test_a_job_is_cancelled_where_it_was_started(page: Page, gateway: World) -> None:
    gateway.sandbox.rules.add(Pace(first_ms=1000), endpoint="assets")
    page.goto(ONLINE)

    page.get_by_role("button", name="Count for all").click()
    works = page.get_by_role("group", name="Jobs on files of accounts")
    works.get_by_role("button", name="Cancel").click()

    expect(works).to_have_count(0)
    assert gateway.get("/batch")["tasks"][0]["status"] == "cancelled"
    gateway.sandbox.rules.clear()


def test_all_files_of_an_account_are_deleted(page: Page) -> None:
    page.goto(ONLINE)
    row = page.get_by_role("row").nth(1)

    row.get_by_role("button", name=re.compile("^Delete all files of")).click()
    confirmed(page, "Delete all files of 1 account?", "Delete files")

    expect(page.get_by_text("Files of 1 account deleted")).to_be_visible()
    expect(row).to_contain_text(re.compile(r"now|ago"))
