"""The page of accounts: found, changed, added, deleted, explained; jobs; and very many of them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FilePayload, Locator, Page, Route, expect

from grokgate.sandbox import HttpStatus
from ui.browser_world import NARROW, OpenPage, assert_accessible, assert_fits
from ui.held import holding
from ui.large_pool import make_large_pool
from ui.one_window import OneWindow
from ui.table_times import PATH, Stopwatch
from ui.ui_world import BASE, MODEL, PASSWORD, World, world

pytestmark = pytest.mark.e2e

DIALOGS = (
    ("^Edit tok_", "Note"),
    ("^Change$", "Change 1 account"),
    ("^Columns$", "Last used"),
    ("^Add accounts$", "Tokens"),
    ("^Import$", "Preview"),
    ("^Export$", "Format"),
)
"""Buttons, and what the dialogs that they open contain."""
TOO_LONG = 60 * "x"
"""A tag that is refused."""
LARGE = 10_000
QUICK_MS, AT_ONCE_MS, SMOOTH_MS = 2500, 600, 100
"""Milliseconds on a machine with other work; ``tests/bench/token_page.py`` tells of an idle one."""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A gateway with very many accounts, which it does not ask for their quota."""
    folder = tmp_path_factory.mktemp("large")
    make_large_pool(folder / "data", LARGE)
    with world(folder, {"TOKEN__AUTO_REFRESH": "false"}) as running:
        yield running


@pytest.fixture
def open_large(browser: Browser, large: World) -> Iterator[OpenPage]:
    """Opens pages of the gateway with very many accounts."""
    opener = OpenPage(browser, large)
    yield opener
    opener.close()


def rows(page: Page) -> Locator:
    """The rows of the table that exist."""
    return page.locator(".table-row")


def dialog(page: Page) -> Locator:
    """The dialog on top."""
    return page.locator("dialog[open]").last


def press(place: Page | Locator, name: str | re.Pattern[str]) -> None:
    """Click a button."""
    place.get_by_role("button", name=name, exact=isinstance(name, str)).first.click()


def select(page: Page, *ids: str) -> None:
    """Choose accounts by their boxes."""
    for each in ids:
        page.get_by_role("checkbox", name=f"Select {each}").check()


def check_dialog(page: Page) -> None:
    """The dialog on top is usable by all, and Esc closes it."""
    assert_accessible(page)
    assert_fits(page)
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)


def test_a_search_narrows_the_table_and_lives_in_the_address(show_page: OneWindow) -> None:
    page = show_page(PATH)
    page.get_by_role("searchbox").fill("lent by")

    expect(rows(page)).to_have_count(1)
    expect(page).to_have_url(re.compile(r"q=lent\+by"))
    page.reload()
    expect(rows(page)).to_have_count(1)
    press(page, "Reset filters")
    expect(page.get_by_role("searchbox")).to_have_value("")


def test_a_tab_shows_the_accounts_of_a_status(show_page: OneWindow, gateway: World) -> None:
    disabled = gateway.get("/tokens/list", status="disabled")["items"]
    page = show_page(PATH)
    page.get_by_role("tab", name=re.compile("Disabled")).click()

    expect(rows(page)).to_have_count(len(disabled))
    expect(rows(page).first).to_contain_text(disabled[0]["id"])


def test_adding_answers_for_each_line(show_page: OneWindow, gateway: World) -> None:
    before = gateway.get("/tokens/list")["total"]
    page = show_page(PATH)
    press(page, "Add accounts")
    expect(dialog(page).get_by_label("Tokens")).to_be_focused()
    dialog(page).get_by_label("Tokens").fill("added-by-hand-1\nsandbox-basic-1\n???")
    press(dialog(page), "Add 3 accounts")

    expect(dialog(page)).to_contain_text("1 account added")
    expect(dialog(page)).to_contain_text("line 3")
    press(dialog(page), "Fix the rejected lines")
    expect(dialog(page).get_by_label("Tokens")).to_have_value("???")
    expect(dialog(page).get_by_label("Tokens")).to_be_focused()
    assert gateway.get("/tokens/list")["total"] == before + 1


def test_pressing_the_keys_twice_adds_once(show_page: OneWindow) -> None:
    page = show_page(PATH)
    press(page, "Add accounts")
    dialog(page).get_by_label("Tokens").fill("added-by-keys-1")
    with holding(page, "POST", "/tokens/add") as held:
        page.keyboard.press("Control+Enter")
    page.keyboard.press("Control+Enter")

    held.let_go()

    expect(dialog(page)).to_contain_text("1 account added")
    assert held.count == 1


def test_a_pasted_text_is_not_dropped_unasked(show_page: OneWindow) -> None:
    page = show_page(PATH)
    press(page, "Add accounts")
    expect(dialog(page).get_by_label("Tokens")).to_be_focused()
    page.keyboard.type("half a list")
    page.keyboard.press("Escape")
    question = page.get_by_role("dialog", name="Close without the text?")
    expect(question).to_be_visible()
    page.keyboard.press("Escape")
    expect(question).to_have_count(0)
    expect(dialog(page).get_by_label("Tokens")).to_have_value("half a list")

    page.keyboard.press("Escape")
    press(question, "Drop the text")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_an_edit_sends_what_changed_and_spares_what_another_changed(
    show_page: OneWindow, gateway: World
) -> None:
    (account,) = gateway.get("/tokens/list", q="lent by")["items"]
    show_page.expect_status(409, "/tokens/item")
    page = show_page(f"{PATH}?q=lent+by")
    press(page, f"Edit {account['id']}")
    note = dialog(page).get_by_label("Note")
    expect(note).to_have_value("Lent by Ada")
    gateway.patch("/tokens/item", {"token": account["id"], "tags": ["team", "eu"]})
    note.fill("Lent by Ada and Bob")
    press(dialog(page), "Save")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(f"**{BASE}/tokens/item?*", hold, times=1)
    with page.expect_request(f"**{BASE}/tokens/item?*"):
        press(dialog(page), re.compile("Reload, keep"))
    save = dialog(page).get_by_role("button", name="Save")
    expect(save).to_be_disabled()
    held.pop().continue_()
    expect(save).to_be_enabled()
    with page.expect_request(f"**{BASE}/tokens/item") as sent:
        press(dialog(page), "Save")

    assert sent.value.post_data_json == {"token": account["id"], "note": "Lent by Ada and Bob"}
    expect(page.locator("dialog[open]")).to_have_count(0)
    now = gateway.get("/tokens/item", token=account["id"])["item"]
    assert (now["note"], now["tags"]) == ("Lent by Ada and Bob", ["team", "eu"])


def test_an_edit_that_is_saved_late_leaves_the_next_form(
    show_page: OneWindow, gateway: World
) -> None:
    account = gateway.get("/tokens/list")["items"][0]["id"]
    page = show_page(PATH)
    press(page, f"Edit {account}")
    dialog(page).get_by_label("Note").fill("Saved late")
    with holding(page, "PATCH", "/tokens/item") as held:
        press(dialog(page), "Save")
    page.keyboard.press("Escape")
    press(page, "Add accounts")

    held.let_go()

    expect(page.get_by_text(f"{account} saved")).to_be_visible()
    expect(dialog(page).get_by_label("Tokens")).to_be_visible()


def test_a_change_of_many_stays_open_until_it_is_accepted(
    show_page: OneWindow, gateway: World
) -> None:
    show_page.expect_status(400, "/tokens/items")
    page = show_page.new()
    page.clock.install()
    page.goto(PATH)
    select(page, gateway.get("/tokens/list")["items"][0]["id"])
    press(page.get_by_role("toolbar"), "Change")
    dialog(page).get_by_label("Add tags").fill(TOO_LONG)
    page.keyboard.press("Enter")
    with holding(page, "PATCH", "/tokens/items") as held:
        press(dialog(page), "Change 1 account")
    page.clock.run_for(60_000)

    held.let_go()

    expect(dialog(page).get_by_role("alert")).to_contain_text("add_tags")
    expect(dialog(page)).to_contain_text(TOO_LONG)


def test_a_deletion_names_the_number_and_can_be_undone(
    show_page: OneWindow, gateway: World
) -> None:
    ids = [item["id"] for item in gateway.get("/tokens/list")["items"][:2]]
    page = show_page(PATH)
    select(page, *ids)
    press(page.get_by_role("toolbar"), "Delete")
    expect(dialog(page)).to_contain_text("Delete 2 accounts?")
    press(dialog(page), "Delete")
    expect(page.get_by_text("2 accounts deleted")).to_be_visible()
    expect(page.locator(".table-region")).to_be_focused()
    gone = gateway.get("/tokens/list", status="deleted")["total"]
    press(page, "Undo")

    expect(page.get_by_text("2 accounts restored")).to_be_visible()
    expect(page.get_by_role("toolbar")).to_have_count(0)
    assert gone == 2
    assert gateway.get("/tokens/list", status="deleted")["total"] == 0


def test_what_a_job_could_not_do_is_shown_and_tried_again(
    show_page: OneWindow, gateway: World
) -> None:
    total = gateway.get("/tokens/list", status="active")["total"]
    gateway.sandbox.rules.add(HttpStatus(code=500), endpoint="preference", times=1)
    page = show_page(f"{PATH}?status=active")
    select(page, gateway.get("/tokens/list", status="active")["items"][0]["id"])
    press(page.get_by_role("toolbar"), re.compile("Select all"))
    press(page, "More actions for the selected accounts")
    page.get_by_role("menuitem", name="Turn NSFW on").click()
    told = page.get_by_role("region", name="Messages")
    expect(told).to_contain_text("A job failed for 1 account")
    expect(dialog(page)).to_have_count(0)
    press(told, "Show")
    expect(dialog(page)).to_contain_text("1 failed")
    expect(dialog(page)).to_contain_text(f"{total - 1} of {total} went well")
    assert_accessible(page)
    press(dialog(page), "Retry 1 failed")

    expect(page.get_by_text("Job done: 1 account")).to_be_visible()


def test_a_credential_is_shown_to_who_gives_the_password(
    show_page: OneWindow, gateway: World
) -> None:
    (account,) = gateway.get("/tokens/list", q="lent by")["items"]
    show_page.expect_status(403, "/tokens/item")
    page = show_page.new(logged_in=False)
    page.context.request.post(f"{BASE}/login", data={"password": PASSWORD})
    page.goto(f"{PATH}?open={account['id']}")
    press(dialog(page), "Show the token")
    dialog(page).get_by_label("Admin password").fill(PASSWORD)
    press(dialog(page), "Continue")

    expect(dialog(page)).to_contain_text(re.compile(r"sandbox-\w+-\d"))


def test_an_import_is_previewed_and_an_export_has_its_name(
    show_page: OneWindow, gateway: World
) -> None:
    before = gateway.get("/tokens/list")["total"]
    text = {"ssoBasic": ["imported-one", "imported-two"], "ssoSuper": ["imported-three"]}
    gateway.post("/reauth", {"password": PASSWORD})
    page = show_page(PATH)
    press(page, "Import")
    content = json.dumps(text).encode()
    page.locator("input[type=file]").set_input_files(
        FilePayload(name="token.json", mimeType="application/json", buffer=content)
    )
    press(dialog(page), "Preview")
    expect(dialog(page).get_by_role("row", name="Basic 2")).to_be_visible()
    assert gateway.get("/tokens/list")["total"] == before
    press(dialog(page), "Import 3 accounts")
    expect(dialog(page)).to_contain_text("3 accounts imported")
    press(dialog(page), "Done")
    press(page, "Export")
    with page.expect_download() as download:
        press(dialog(page), "Export")

    assert re.match(r"tokens_export_all_[\d-]+\.json", download.value.suggested_filename)
    assert "imported-three" in Path(download.value.path()).read_text()


def test_it_is_explained_why_a_model_finds_an_account(show_page: OneWindow, gateway: World) -> None:
    (way, *_) = gateway.get("/tokens/explain", model=MODEL)["ways"]
    page = show_page(f"{PATH}?view=explain&model={MODEL}")

    expect(page.get_by_text("Can be served").first).to_be_visible()
    expect(page.get_by_text("Enable them to use them again.").first).to_be_visible()
    assert_accessible(page)
    press(page, way["candidates"][0]["token"])
    expect(dialog(page)).to_contain_text(way["candidates"][0]["token"])


def test_its_dialogs_are_usable_by_all(show_page: OneWindow, gateway: World) -> None:
    (account,) = gateway.get("/tokens/list", q="lent by")["items"]
    page = show_page(f"{PATH}?q=lent+by&open={account['id']}", width=NARROW)
    expect(dialog(page)).to_contain_text("Units used")
    check_dialog(page)
    select(page, account["id"])
    for name, shows in DIALOGS:
        press(page, re.compile(name))
        expect(dialog(page)).to_contain_text(shows)
        check_dialog(page)


def test_very_many_accounts_are_shown_filtered_sorted_and_scrolled(open_large: OpenPage) -> None:
    watch = Stopwatch(open_large.new())
    watch.first_row()  # fills the browser's cache
    shown = [watch.first_row() for _ in range(2)]
    expect(watch.page.get_by_role("tab", selected=True)).to_contain_text("10K")
    tabs = [watch.page.get_by_role("tab", name=re.compile(name)) for name in ("Cooling", "Expired")]
    filtered = [watch.changed(tab) for tab in tabs]
    ordered = [watch.changed(watch.page.get_by_role("button", name="Calls")) for _ in range(2)]
    scrolled = watch.scrolled()

    assert min(shown) < QUICK_MS, shown
    assert min(filtered) < AT_ONCE_MS, filtered
    assert min(ordered) < AT_ONCE_MS, ordered
    assert sorted(scrolled.gaps)[15] < SMOOTH_MS, scrolled.gaps
    assert scrolled.rows < 100
