"""Settings: changed, refused, fixed, secret, and tried out on their page (F-UI-50 to 52)."""

from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from ui.browser_world import assert_accessible
from ui.held import holding
from ui.one_window import OneWindow
from ui.ui_world import BASE, PASSWORD, World

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def gateway(bare_gateway: World) -> World:
    return bare_gateway


@pytest.fixture(scope="module")
def environ() -> dict[str, str]:
    return {"GROK__TIMEOUT": "90"}


def setting(page: Page, key: str) -> Locator:
    return page.locator(f"[id='setting-{key}']")


def value_of(gateway: World, key: str) -> object:
    section, name = key.split(".")
    return gateway.get("/config")[section][name]


def refuse(page: Page, path: str, status: int, code: str) -> None:
    """Have the next request to *path* refused."""
    refusal = {"error": {"message": "Not now", "code": code}}
    page.route(f"**{BASE}{path}", lambda route: route.fulfill(status=status, json=refusal), times=1)


def save(page: Page) -> None:
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("toolbar", name="Unsaved changes")).to_have_count(0)


def test_changes_of_several_sections_are_saved_together(
    show_page: OneWindow, gateway: World
) -> None:
    page = show_page("/admin/config")
    setting(page, "grok.max_retry").get_by_role("spinbutton").fill("7")
    setting(page, "grok.show_search_sources").get_by_role("switch").click()
    codes = setting(page, "grok.retry_status_codes").get_by_role("textbox")
    codes.fill("503")
    codes.press("Enter")
    setting(page, "token.selection").get_by_role("combobox").select_option("random")
    expect(page.get_by_text("4 changes", exact=True)).to_be_visible()
    page.get_by_role("button", name="Show them").click()
    expect(page.locator(".config-row")).to_have_count(4)
    assert_accessible(page)

    save(page)

    assert value_of(gateway, "grok.max_retry") == 7
    assert value_of(gateway, "grok.show_search_sources") is True
    assert value_of(gateway, "grok.retry_status_codes") == [401, 429, 403, 503]
    assert value_of(gateway, "token.selection") == "random"


def test_setting_is_reset_to_its_default(show_page: OneWindow, gateway: World) -> None:
    gateway.post("/config", {"cache": {"limit_mb": 5}})
    page = show_page("/admin/config?show=changed&q=cache.")
    row = setting(page, "cache.limit_mb")

    row.get_by_role("button", name="Reset cache.limit_mb").click()
    expect(row.get_by_role("spinbutton")).to_have_value("1024")
    save(page)

    assert value_of(gateway, "cache.limit_mb") == 1024
    expect(page.get_by_text("No setting fits")).to_be_visible()


def test_bad_value_stays_and_is_explained_at_its_field(
    show_page: OneWindow, gateway: World
) -> None:
    page = show_page("/admin/config?q=max")
    row = setting(page, "grok.max_retry")
    row.get_by_role("spinbutton").fill("99")
    expect(row.get_by_role("alert")).to_have_text("Allowed: 0 – 10.")
    row.get_by_role("button", name="Take back").click()

    page.get_by_role("searchbox", name="Search settings").fill("app_url")
    show_page.expect_status(400, f"{BASE}/config")
    setting(page, "app.app_url").get_by_role("textbox").fill("not an address")
    page.get_by_role("button", name="Save").click()

    expect(setting(page, "app.app_url").get_by_role("alert")).to_contain_text("app.app_url")
    assert value_of(gateway, "app.app_url") == ""


def test_fixed_settings_name_what_fixes_them(show_page: OneWindow) -> None:
    page = show_page("/admin/config")

    by_variable = setting(page, "grok.timeout")
    expect(by_variable.get_by_role("spinbutton")).to_be_disabled()
    expect(by_variable.get_by_text("GROKGATE__GROK__TIMEOUT").first).to_be_visible()
    at_start = setting(page, "server.workers")
    expect(at_start.get_by_role("spinbutton")).to_be_disabled()
    expect(at_start.get_by_text("At the next start").first).to_be_visible()


def test_secret_is_shown_after_the_password(show_page: OneWindow, gateway: World) -> None:
    gateway.post("/config", {"webhooks": {"secret": "a secret for webhooks"}})
    show_page.expect_status(403, f"{BASE}/config")
    page = show_page("/admin/config?q=webhooks.secret")
    field = setting(page, "webhooks.secret").get_by_role("textbox")
    expect(field).to_have_value("")

    page.get_by_role("button", name="Show webhooks.secret").click()
    page.get_by_role("dialog").get_by_label("Admin password").fill(PASSWORD)
    page.get_by_role("dialog").get_by_role("button", name="Continue").click()

    expect(field).to_have_value("a secret for webhooks")
    page.get_by_role("button", name="Generate").click()
    save(page)
    assert value_of(gateway, "webhooks.secret") != "…bhooks"


def test_what_somebody_else_saved_is_not_overwritten_unasked(
    show_page: OneWindow, gateway: World
) -> None:
    page = show_page("/admin/config?q=slow_ms")
    row = setting(page, "log.slow_ms")
    row.get_by_role("spinbutton").fill("111")
    gateway.post("/config", {"log": {"slow_ms": 222}})

    page.get_by_role("button", name="Save").click()
    question = page.get_by_role("dialog", name="1 setting was changed elsewhere")
    question.get_by_role("button", name="Cancel").click()

    assert value_of(gateway, "log.slow_ms") == 222
    row.get_by_role("button", name="Take theirs").click()
    expect(row.get_by_role("spinbutton")).to_have_value("222")


def test_what_somebody_else_saved_beside_it_stays(show_page: OneWindow, gateway: World) -> None:
    page = show_page("/admin/config?q=slow_ms")
    row = setting(page, "log.slow_ms")
    row.get_by_role("spinbutton").fill("333")

    def be_quicker(route: Route) -> None:
        gateway.post("/config", {"cache": {"limit_mb": 7}})
        route.continue_()

    show_page.expect_status(409, f"{BASE}/config")
    page.route(f"**{BASE}/config", be_quicker, times=1)
    save(page)

    assert (value_of(gateway, "log.slow_ms"), value_of(gateway, "cache.limit_mb")) == (333, 7)


def test_what_is_typed_while_it_is_saved_is_a_change_of_what_was_saved(
    show_page: OneWindow, gateway: World
) -> None:
    gateway.post("/config", {"log": {"slow_ms": 100}})
    page = show_page("/admin/config?q=slow_ms")
    row = setting(page, "log.slow_ms")
    row.get_by_role("spinbutton").fill("111")
    with holding(page, "POST", "/config") as held:
        page.get_by_role("button", name="Save").click()
    row.get_by_role("spinbutton").fill("100")

    held.let_go()

    expect(page.get_by_text("1 change saved")).to_be_visible()
    expect(page.get_by_text("1 change", exact=True)).to_be_visible()
    expect(row.get_by_role("status")).to_have_count(0)
    save(page)
    assert value_of(gateway, "log.slow_ms") == 100


def test_gateway_that_cannot_tell_who_saves_ends_no_session(
    show_page: OneWindow, gateway: World
) -> None:
    show_page.expect_status(403, f"{BASE}/config")
    show_page.expect_status(503, f"{BASE}/verify")
    page = show_page("/admin/config?q=slow_ms")
    setting(page, "log.slow_ms").get_by_role("spinbutton").fill("444")
    refuse(page, "/config", 403, "csrf_failed")
    refuse(page, "/verify", 503, "overloaded")

    page.get_by_role("button", name="Save").click()

    expect(page.get_by_role("alert")).to_contain_text("Not now")
    save(page)
    assert value_of(gateway, "log.slow_ms") == 444


def test_leaving_with_unsaved_changes_asks(show_page: OneWindow, gateway: World) -> None:
    page = show_page("/admin/config?q=slow_ms")
    setting(page, "log.slow_ms").get_by_role("spinbutton").fill("77")

    page.get_by_role("link", name="Keys", exact=True).click()
    question = page.get_by_role("dialog", name="Leave with 1 unsaved change?")
    question.get_by_role("button", name="Cancel").click()
    expect(page).to_have_url(f"{gateway.base}/admin/config?q=slow_ms")

    page.get_by_role("link", name="Keys", exact=True).click()
    question.get_by_role("button", name="Leave").click()
    expect(page).to_have_url(f"{gateway.base}/admin/keys")


def test_findings_are_told_in_the_language_of_the_page(show_page: OneWindow) -> None:
    page = show_page("/admin/config?q=grok.impersonate", language="zh")
    row = setting(page, "grok.impersonate")
    row.get_by_role("combobox").fill("chrome138")

    row.get_by_role("button", name="测试").click()

    expect(page.get_by_role("dialog").get_by_text("已安装的库不支持")).to_be_visible()


def test_unknown_keys_of_the_file_are_shown(show_page: OneWindow, gateway: World) -> None:
    file = Path(gateway.service.folder, "data", "config.toml")
    file.write_text(file.read_text() + "\n[misspelt]\nkey = 5\n")

    page = show_page("/admin/config?section=unknown")

    expect(page.get_by_text("misspelt.key")).to_be_visible(timeout=20_000)
