"""Keys of clients, made, limited and deleted on their page (F-UI-30 to 32)."""

import httpx
import pytest
from playwright.sync_api import Page, expect

from ui.browser_world import assert_accessible
from ui.held import holding
from ui.one_window import OneWindow
from ui.ui_world import MODEL, World

pytestmark = pytest.mark.e2e


def chat(gateway: World, key: str) -> httpx.Response:
    asked = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}
    headers = {"authorization": f"Bearer {key}"}
    return gateway.client.post("/v1/chat/completions", json=asked, headers=headers)


def make_key(page: Page, name: str) -> str:
    page.get_by_role("button", name="New key").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_label("Chat").fill("1")
    assert_accessible(page)
    dialog.get_by_role("button", name="New key").click()
    shown = page.locator(".keys-made code")
    expect(shown).to_be_visible()
    return shown.inner_text()


def test_a_key_is_shown_once_and_its_limit_holds(show_page: OneWindow, gateway: World) -> None:
    page = show_page("/admin/keys")
    key = make_key(page, "Limited")
    page.get_by_role("button", name="I have copied it").click()

    assert chat(gateway, key).is_success
    assert chat(gateway, key).status_code == httpx.codes.TOO_MANY_REQUESTS
    expect(page.get_by_text("Limited", exact=True)).to_be_visible()
    expect(page.get_by_text(key)).to_have_count(0)


def test_a_key_is_switched_off_and_deleted(show_page: OneWindow, gateway: World) -> None:
    page = show_page("/admin/keys")
    key = make_key(page, "Short lived")
    page.get_by_role("button", name="I have copied it").click()
    switch = page.get_by_role("switch", name="Short lived is active")
    switch.click()
    expect(switch).not_to_be_checked()
    expect(switch).to_be_enabled()
    assert chat(gateway, key).status_code == httpx.codes.UNAUTHORIZED

    page.get_by_role("button", name="Actions for Short lived").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Short lived", exact=True)).to_have_count(0)


def test_a_refusal_stands_at_its_field(show_page: OneWindow) -> None:
    page = show_page("/admin/keys?key=new")
    show_page.expect_status(400, "/keys")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Anywhere")
    dialog.get_by_text("Models, endpoints, addresses, rates").click()
    dialog.get_by_label("Addresses").fill("nowhere")
    dialog.get_by_role("button", name="New key").click()

    expect(dialog.get_by_role("alert")).to_be_visible()


def test_switches_stay_as_they_were_set_while_keys_are_read_again(show_page: OneWindow) -> None:
    page = show_page("/admin/keys")
    names = ("Night jobs", "Notebook")
    first, second = (page.get_by_role("switch", name=f"{name} is active") for name in names)
    with holding(page, "GET", "/keys") as overtaken:
        first.click()
    with holding(page, "GET", "/keys") as again:
        second.click()

    expect(first).not_to_be_checked()
    overtaken.let_go()
    again.let_go()
    expect(second).to_be_enabled()
    expect(first).not_to_be_checked()
    expect(second).not_to_be_checked()


def test_key_that_is_made_late_is_shown_and_leaves_the_next_form(show_page: OneWindow) -> None:
    page = show_page("/admin/keys")
    page.get_by_role("button", name="New key").click()
    form = page.get_by_role("dialog", name="New key")
    form.get_by_label("Name").fill("Late")
    with holding(page, "POST", "/keys") as held:
        form.get_by_role("button", name="New key").click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="New key").click()
    form.get_by_label("Name").fill("Next")

    held.let_go()

    page.get_by_role("button", name="I have copied it").click()
    expect(form.get_by_label("Name")).to_have_value("Next")
