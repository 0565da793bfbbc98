"""What stands around every page: language, theme, keys, drawer, and the way back after a login."""

import re

import pytest
from playwright.sync_api import Route, expect

from ui.browser_world import NARROW, OpenPage, assert_accessible, settled
from ui.one_window import OneWindow
from ui.ui_world import BASE, PASSWORD, World

pytestmark = pytest.mark.e2e

TELL = """async (text) => {
    const main = document.querySelector("script[type=module]").src;
    const { toast } = await import(main.replace("main.js", "lib/toasts.js"));
    toast.error(text);
}"""
"""Shows a message of something that went wrong."""
DRAWN = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"
"""Waits until what has happened can be seen."""


def test_language_and_theme_are_kept(show_page: OneWindow) -> None:
    page = show_page("/admin/plugins")
    page.get_by_role("button", name="Language").click()
    page.get_by_role("menuitemcheckbox", name="中文").click()
    expect(page.locator("h1")).to_have_text("插件")
    page.get_by_role("button", name="主题").click()
    page.get_by_role("menuitemcheckbox", name="深色").click()

    page.reload()
    expect(page.locator("h1")).to_have_text("插件")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_pages_are_reached_by_keys_alone(show_page: OneWindow) -> None:
    page = show_page("/admin/plugins")
    page.keyboard.press("Control+k")
    page.keyboard.type("audit")
    assert_accessible(page)
    page.keyboard.press("Enter")

    settled(page, "audit")
    expect(page.locator("h1")).to_be_focused()


def test_the_drawer_leads_to_pages_and_closes(show_page: OneWindow) -> None:
    page = show_page("/admin/plugins", width=NARROW)
    page.get_by_role("button", name="Menu").click()
    drawer = page.get_by_role("dialog")
    assert_accessible(page)
    drawer.get_by_role("link", name="Jobs").click()

    settled(page, "jobs")
    expect(drawer).to_have_count(0)
    expect(page.locator("h1")).to_be_focused()


@pytest.mark.parametrize(
    "storage",
    [
        "localStorage.setItem('grokgate.prefs', 'null')",
        'localStorage.setItem(\'grokgate.prefs\', \'{"language": "xx", "theme": 3}\')',
        "Object.defineProperty(window, 'localStorage', {get() { throw new Error('closed'); }})",
    ],
    ids=["null", "unknown", "closed"],
)
def test_pages_open_whatever_the_browser_has_kept(open_page: OpenPage, storage: str) -> None:
    page = open_page.new()
    page.add_init_script(storage)
    page.goto("/admin/plugins")

    expect(page.locator("h1")).to_have_text("Plugins")


def test_messages_are_closed_while_a_window_is_open(show_page: OneWindow) -> None:
    page = show_page("/admin/keys")
    page.get_by_role("button", name="Account").click()
    page.get_by_role("menuitem", name="Version").click()
    dialog = page.get_by_role("dialog", name="Version")
    page.evaluate(TELL, "It went wrong")
    message = page.get_by_role("alert")
    expect(message).to_have_text("It went wrong")
    assert_accessible(page)

    message.get_by_role("button", name="Close").click()
    expect(message).to_have_count(0)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("button", name="Account")).to_be_focused()


def test_a_page_of_an_older_build_offers_the_new_one(open_page: OpenPage) -> None:
    page = open_page("/admin/plugins")
    page.route(re.compile(r"/pages/audit/|/app/main\.js$"), lambda route: route.fulfill(status=404))
    for path in ("/pages/audit/page.js", "/app/main.js"):
        open_page.expect_status(404, path)
    page.get_by_role("link", name="Audit").click()
    expect(page.get_by_role("alert")).to_contain_text("updated")
    page.unroute_all()
    page.get_by_role("button", name="Reload the page").click()

    settled(page, "audit")


def test_a_fault_of_a_page_is_told_in_words_and_on_the_console(open_page: OpenPage) -> None:
    page = open_page("/admin/plugins")
    page.route("**/api/v1/admin/keys", lambda route: route.fulfill(json={"data": [{"id": "?"}]}))
    page.get_by_role("link", name="Keys").click()

    told = page.get_by_role("main").get_by_role("alert")
    expect(told).to_contain_text("This page met a fault of its own.")
    expect(told.get_by_role("button", name="Copy details")).to_be_visible()
    noted, open_page.problems = open_page.problems, []
    assert noted
    assert all(each.startswith("console: TypeError") for each in noted)


def test_a_session_lost_with_the_password_leads_to_its_choice(open_page: OpenPage) -> None:
    page = open_page("/admin/plugins")
    refusal = {"error": {"message": "", "type": "", "code": "setup_required"}}
    page.route("**/api/v1/admin/downstream", lambda route: route.fulfill(status=401, json=refusal))
    open_page.expect_status(401, f"{BASE}/downstream")
    page.get_by_role("link", name="Endpoints").click()

    expect(page.get_by_role("heading", name="Choose the admin password first")).to_be_visible()


def test_an_ended_session_leads_to_the_login_and_back(open_page: OpenPage) -> None:
    page = open_page("/admin/keys?q=Note")
    for path in ("/downstream", "/keys", "/login", "/plugins", "/storage", "/batch"):
        open_page.expect_status(401, BASE + path)

    def end(route: Route) -> None:
        # Not before the click: what a page asks by itself would lead away from under it.
        page.context.clear_cookies()
        route.continue_()

    page.route(f"**{BASE}/downstream", end, times=1)
    page.get_by_role("link", name="Endpoints").click()
    expect(page).to_have_url(re.compile(r"/login\?next="))
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")

    settled(page, "downstream")


def test_a_gateway_that_cannot_tell_who_asks_is_asked_again(show_page: OneWindow) -> None:
    show_page.expect_status(503, f"{BASE}/verify")
    page = show_page("/admin/plugins")
    refusal = {"error": {"message": "Not now", "code": "overloaded"}}
    page.route(f"**{BASE}/verify", lambda route: route.fulfill(status=503, json=refusal), times=1)
    page.reload()
    failure = page.get_by_role("alert")
    expect(failure).to_contain_text("Not now")
    failure.get_by_role("button", name="Try again").click()

    settled(page, "plugins")


def test_a_menu_stays_open_while_something_else_scrolls(show_page: OneWindow) -> None:
    page = show_page("/admin/plugins")
    page.get_by_role("button", name="Account").click()
    page.get_by_role("navigation").first.dispatch_event("scroll")
    page.evaluate(DRAWN)
    expect(page.get_by_role("menuitem", name="Version")).to_be_visible()

    page.evaluate("document.dispatchEvent(new Event('scroll'))")
    expect(page.get_by_role("menu")).to_have_count(0)


def test_a_logout_ends_the_session(open_page: OpenPage, gateway: World) -> None:
    open_page.expect_status(401, BASE)  # what was asked shortly before the logout
    page = open_page("/login", logged_in=False)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    settled(page, "overview")
    sessions = len(gateway.get("/sessions")["sessions"])
    page.get_by_role("button", name="Account").click()
    page.get_by_role("menuitem", name="Log out").click()

    expect(page).to_have_url(re.compile("/login"))
    assert len(gateway.get("/sessions")["sessions"]) == sessions - 1
