"""The way in: the login, and the first password (F-UI-10, F-AUTH-08)."""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from service import Service, service
from ui.browser_world import OpenPage, settled
from ui.ui_world import BASE, PASSWORD, World

pytestmark = pytest.mark.e2e

FREE = 4
"""Wrong passwords before the first wait."""
CHOSEN = "chosen in a browser"
ELSEWHERE = (
    *("//evil.example/", "https://evil.example/", "/https://evil.example/", "/\\evil.example/"),
    *("/admin/../v1/models", "/admin/%2e%2e/v1/models", "javascript:alert(1)", "/login", "", "/"),
)
_NEXT = """async (wanted) => {
    const main = document.querySelector("script[type=module]").src;
    const { safeNext } = await import(new URL("pages/login/next.js", main));
    return wanted.map(safeNext);
}"""


class Fresh(World):
    """A gateway that nobody has a password for."""

    def __init__(self, running: Service) -> None:
        self.base = running.base
        self.service = running
        self.session = ""

    @property
    def link(self) -> str:
        """Where the first password is chosen, as the start printed it."""
        found = re.search(r"http://\S+/setup#\S+", self.service.text)
        assert found, self.service.text
        return found[0]


@pytest.fixture(scope="module")
def gateway(bare_gateway: World) -> World:
    return bare_gateway


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fresh]:
    with service(tmp_path_factory.mktemp("fresh"), "--sandbox", "--accounts", "2") as running:
        yield Fresh(running)


@pytest.fixture(scope="module")
def window(opener: OpenPage) -> Page:
    """The window of the file: a page is opened faster where another one was before."""
    return opener.new(logged_in=False)


@pytest.fixture
def page(window: Page, opener: OpenPage) -> Iterator[Page]:
    """Shows nothing of who was logged in before."""
    forget(window)
    yield window
    opener.check()


@pytest.fixture(scope="module")
def fresh_window(browser: Browser, fresh: Fresh) -> Iterator[Page]:
    """Has no session at the gateway that nobody has a password for."""
    opening = OpenPage(browser, fresh)
    yield opening.new(logged_in=False)
    opening.close()


def forget(page: Page) -> None:
    """Leave the page, and take the browser's session away."""
    page.goto("about:blank")
    page.context.clear_cookies()


def test_login_leads_back_to_where_one_came_from(page: Page, opener: OpenPage) -> None:
    opener.expect_status(401, f"{BASE}/login")
    page.goto("/admin/jobs?status=done")

    page.get_by_label("Password").fill("not this one")
    page.get_by_label("Password").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("wrong")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Password").press("Enter")

    settled(page, "jobs")
    assert page.url.endswith("/admin/jobs?status=done")


def test_login_counts_down_while_it_is_limited(
    page: Page, opener: OpenPage, gateway: World
) -> None:
    opener.expect_status(429, f"{BASE}/login")
    for _ in range(FREE):
        httpx.post(f"{gateway.base}{BASE}/login", json={"password": "guess"}, trust_env=False)
    page.goto("/login")

    page.get_by_label("Password").fill("guess")
    page.get_by_role("button", name="Log in").click()

    # Shown for a second: looked for once, as it is seldom there for two looks.
    page.get_by_role("button", name="Wait 1 second", disabled=True).wait_for()
    expect(page.get_by_role("button", name="Log in")).to_be_enabled()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    settled(page, "overview")


def test_login_leads_nowhere_else(page: Page) -> None:
    page.goto("/login")

    found = page.evaluate(_NEXT, [*ELSEWHERE, "/admin/jobs?status=done"])
    assert found == ["/admin/overview"] * len(ELSEWHERE) + ["/admin/jobs?status=done"]


def test_without_a_password_the_login_says_where_the_link_is(fresh_window: Page) -> None:
    page = fresh_window
    page.goto("/login")

    expect(page.get_by_role("heading", level=1)).to_have_text("Choose the admin password first")
    expect(page.get_by_text("/setup#…")).to_be_visible()


def test_from_the_set_up_link_to_the_first_answer(fresh_window: Page, fresh: Fresh) -> None:
    page = fresh_window
    page.goto(fresh.link)
    settled(page, "setup")
    assert page.url == f"{fresh.base}/setup", "the code stays in no address"

    page.get_by_label("New password").fill(CHOSEN)
    page.get_by_label("once more").fill(CHOSEN)
    page.get_by_role("button", name="Choose the password").click()

    settled(page, "overview")
    steps = page.get_by_role("region", name="First steps")
    expect(steps.locator(".step-done")).to_have_count(3)
    expect(steps.get_by_text(f"curl -N {fresh.base}/v1/chat/completions")).to_be_visible()
    answered = httpx.post(
        f"{fresh.base}/v1/chat/completions",
        json={"model": "grok-4", "messages": [{"role": "user", "content": "hi"}]},
        headers=fresh.service.headers,
        timeout=30,
        trust_env=False,
    )
    assert answered.is_success
    expect(steps.locator(".step-done")).to_have_count(4)
    steps.get_by_role("button", name="Close").click()
    expect(steps).to_be_hidden()
    assert CHOSEN not in page.evaluate(
        "() => JSON.stringify([{...localStorage}, {...sessionStorage}])"
    )


def test_a_used_link_works_no_more(fresh_window: Page, fresh: Fresh) -> None:
    page = fresh_window
    forget(page)
    page.goto(fresh.link)

    expect(page.get_by_role("heading", level=1)).to_have_text("The admin password is chosen")
    expect(page.get_by_text("grokgate admin reset-password")).to_be_visible()
