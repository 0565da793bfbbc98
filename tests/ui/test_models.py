"""Models: found, hidden, renamed, and added on their page (F-MOD-06)."""

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from ui.browser_world import assert_accessible
from ui.held import holding
from ui.one_window import OneWindow
from ui.ui_world import BASE, MODEL, World

pytestmark = pytest.mark.e2e

HIDDEN = ("grok-3", "grok-4")
SEEN_AGAIN = "document.dispatchEvent(new Event('visibilitychange'))"
"""Has the page ask anew, as it does by itself now and then."""


def row(page: Page, model: str) -> Locator:
    return page.locator(f"[data-key='{model}']")


def choose(page: Page, model: str, action: str) -> None:
    page.get_by_role("button", name=f"Actions for {model}", exact=True).click()
    page.get_by_role("menuitem", name=action).click()


def listed(gateway: World) -> set[str]:
    return {model["id"] for model in gateway.client.get("/v1/models").json()["data"]}


def test_filters_are_kept_in_the_address(show_page: OneWindow) -> None:
    page = show_page("/admin/models")
    page.get_by_role("searchbox", name="Search models").fill("imagine")
    page.get_by_text("Video", exact=True).first.click()
    expect(row(page, "grok-imagine-1.0-video")).to_be_visible()

    page.reload()

    expect(row(page, "grok-imagine-1.0-video")).to_be_visible()
    expect(row(page, "grok-imagine-1.0")).to_have_count(0)


def test_hidden_model_is_gone_until_it_is_offered_again(
    show_page: OneWindow, gateway: World
) -> None:
    page = show_page(f"/admin/models?q={MODEL}")
    choose(page, MODEL, "Hide")
    expect(row(page, MODEL).get_by_text("Hidden", exact=True)).to_be_visible()
    assert gateway.chat().status_code == httpx.codes.NOT_FOUND

    choose(page, MODEL, "Offer again")

    expect(row(page, MODEL).get_by_text("Offered", exact=True)).to_be_visible()
    assert gateway.chat().is_success


def test_model_answers_to_a_name_it_is_given(show_page: OneWindow, gateway: World) -> None:
    page = show_page(f"/admin/models?model={MODEL}")
    dialog = page.get_by_role("dialog")
    assert_accessible(page)
    dialog.get_by_role("textbox", name="Names you give it").fill("gpt-4o")
    dialog.get_by_role("textbox", name="Names you give it").press("Enter")

    dialog.get_by_role("button", name="Save").click()

    expect(dialog.get_by_role("button", name="Save")).to_have_count(0)
    assert gateway.get("/models")["alias"] == {"gpt-4o": MODEL}
    assert gateway.chat(model="gpt-4o").is_success


def test_model_is_added_changed_and_deleted(show_page: OneWindow, gateway: World) -> None:
    page = show_page("/admin/models?q=night")
    page.get_by_role("button", name="Add a model").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Model id").fill("night-model")
    dialog.get_by_label("Like", exact=True).select_option(MODEL)
    dialog.get_by_role("button", name="Add a model").click()
    expect(row(page, "night-model")).to_be_visible()
    assert gateway.chat(model="night-model").is_success

    choose(page, "night-model", "Edit")
    dialog.get_by_role("switch", name="List it").click()
    dialog.get_by_role("button", name="Save").click()
    expect(row(page, "night-model").get_by_text("Not listed")).to_be_visible()
    assert "night-model" not in listed(gateway)

    choose(page, "night-model", "Delete")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(row(page, "night-model")).to_have_count(0)
    assert gateway.get("/models")["add"] == []


def test_refused_card_says_why_and_stays(show_page: OneWindow, gateway: World) -> None:
    show_page.expect_status(400, f"{BASE}/models")
    page = show_page("/admin/models?edit=new")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Model id").fill("grok-4")

    dialog.get_by_role("button", name="Add a model").click()

    expect(dialog.get_by_role("alert")).to_contain_text("taken")
    assert gateway.get("/models")["add"] == []


def test_two_changes_at_once_are_both_kept(show_page: OneWindow, gateway: World) -> None:
    page = show_page("/admin/models")
    with holding(page, "POST", "/models") as held:
        choose(page, HIDDEN[0], "Hide")
    choose(page, HIDDEN[1], "Hide")

    held.let_go()

    for model in HIDDEN:
        expect(row(page, model).get_by_text("Hidden", exact=True)).to_be_visible()
    assert gateway.get("/models")["hide"] == list(HIDDEN)
    gateway.post("/models", {"hide": []})


def test_card_that_somebody_else_changed_is_not_overwritten(
    show_page: OneWindow, gateway: World
) -> None:
    card = {"id": "dusk-model", "like": MODEL}
    gateway.post("/models", {"add": [card]})
    page = show_page("/admin/models?edit=dusk-model")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Description").fill("mine")
    gateway.post("/models", {"add": [{**card, "description": "theirs"}]})

    dialog.get_by_role("button", name="Save").click()

    expect(dialog.get_by_role("alert")).to_contain_text("Somebody changed this card")
    dialog.get_by_role("button", name="Take theirs").click()
    expect(dialog.get_by_label("Description")).to_have_value("theirs")
    gateway.post("/models", {"add": []})


def test_answer_that_was_overtaken_by_a_change_is_not_shown(
    show_page: OneWindow, gateway: World
) -> None:
    page = show_page(f"/admin/models?q={HIDDEN[0]}")
    expect(row(page, HIDDEN[0])).to_be_visible()
    with holding(page, "GET", "/models", answered=True) as held:
        page.evaluate(SEEN_AGAIN)
    choose(page, HIDDEN[0], "Hide")
    hidden = row(page, HIDDEN[0]).get_by_text("Hidden", exact=True)
    expect(hidden).to_be_visible()

    held.let_go()

    page.evaluate("fetch(location.href)")  # by its answer, the other has come too
    assert hidden.is_visible()
    gateway.post("/models", {"hide": []})
