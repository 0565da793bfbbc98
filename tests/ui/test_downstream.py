"""Switches of endpoints: the API follows, and the page shows what is so (F-UI-70)."""

import httpx
import pytest
from playwright.sync_api import expect

from ui.held import holding
from ui.one_window import OneWindow
from ui.ui_world import World

pytestmark = pytest.mark.e2e

SWITCH = "POST /v1/chat/completions"
OTHERS = ("POST /v1/responses", "POST /v1/videos")
AT_ONCE_MS = 1000


def test_the_api_follows_a_switch_within_a_second(show_page: OneWindow, gateway: World) -> None:
    page = show_page("/admin/downstream")
    switch = page.get_by_role("switch", name=SWITCH)

    with page.expect_request_finished(lambda request: request.method == "POST") as asked:
        switch.click()
    refused = gateway.chat()
    expect(page.get_by_text("/v1/chat/completions is off")).to_be_visible()
    assert refused.status_code == httpx.codes.NOT_FOUND
    assert refused.json()["error"]["code"] == "endpoint_disabled"
    assert asked.value.timing["responseEnd"] < AT_ONCE_MS
    expect(switch).not_to_be_checked()

    switch.click()
    expect(page.get_by_text("/v1/chat/completions is on")).to_be_visible()
    assert gateway.chat().is_success


def test_a_filter_is_in_the_address(show_page: OneWindow) -> None:
    page = show_page("/admin/downstream")
    page.get_by_role("searchbox").fill("/v1/videos")
    expect(page.locator(".endpoint")).to_have_count(1)

    again = show_page(page.url)
    expect(again.get_by_role("searchbox")).to_have_value("/v1/videos")
    expect(again.locator(".endpoint")).to_have_count(1)


def test_an_endpoint_shows_calls_to_copy(show_page: OneWindow, gateway: World) -> None:
    page = show_page("/admin/downstream?q=chat")
    row = page.locator('[data-key="enable_chat_completions"]')
    row.get_by_role("button", name="Examples").click()

    expect(row.locator("pre").first).to_contain_text(f"{gateway.base}/v1/chat/completions")


def test_answers_out_of_order_leave_switches_as_they_are(show_page: OneWindow) -> None:
    page = show_page("/admin/downstream")
    first, second = (page.get_by_role("switch", name=name) for name in OTHERS)
    with holding(page, "POST", "/downstream", answered=True) as held:
        first.click()
    second.click()
    expect(page.get_by_text(f"{OTHERS[1].split()[1]} is off")).to_be_visible()

    held.let_go()

    expect(page.get_by_text(f"{OTHERS[0].split()[1]} is off")).to_be_visible()
    assert (first.is_checked(), second.is_checked()) == (False, False)
