"""What the pool can serve, how requests fare, what needs the operator."""

import pytest
from playwright.sync_api import Locator, Page, expect

from ui.browser_world import settled
from ui.ui_world import MODEL, World

pytestmark = pytest.mark.e2e

PAGE = "/admin/overview"


def test_figures_are_those_of_the_requests_and_accounts(page: Page, gateway: World) -> None:
    told = gateway.get("/overview")
    page.goto(PAGE)
    settled(page, "overview")

    figures = page.get_by_role("group", name="Requests").get_by_role("link")
    expect(figures.filter(has_text="Last hour")).to_contain_text(str(told["hour"]["total"]))
    expect(figures.filter(has_text="Success")).to_contain_text(f"{told['hour']['failed']} failed")
    pool = card(page, "Accounts by state").get_by_role("listitem").filter(has_text="ssoBasic")
    expect(pool).to_contain_text(f"{told['tokens']['ssoBasic']['active']} active")


def test_the_period_is_in_the_address(page: Page) -> None:
    page.goto(PAGE)
    page.get_by_text("Last 24 hours").click()
    page.reload()

    settled(page, "overview")
    assert page.url.endswith("?span=day")
    expect(page.get_by_role("radio", name="Last 24 hours")).to_be_checked()


def test_an_error_leads_to_its_requests(page: Page) -> None:
    page.goto(PAGE)
    card(page, "Errors by cause").get_by_role("link", name="model_not_found").click()

    settled(page, "datacenter")
    rows = page.locator(".table-row")
    expect(rows.first).to_contain_text("model_not_found")
    expect(rows).to_have_count(1)


def test_a_model_leads_to_its_accounts(page: Page) -> None:
    page.goto(PAGE)
    line = card(page, "What the pool can serve now").get_by_role("row").filter(has_text=MODEL)
    line.get_by_role("link", name=MODEL).click()

    settled(page, "token")
    assert page.url.endswith(f"?view=explain&model={MODEL}")
    expect(page.get_by_role("heading", name="Candidates")).to_be_visible()


def test_an_expired_account_needs_the_operator(page: Page) -> None:
    page.goto(PAGE)
    page.get_by_role("link", name="1 account has expired").click()

    settled(page, "token")
    assert page.url.endswith("?status=expired")


def card(page: Page, title: str) -> Locator:
    """Return the card with a heading."""
    return page.locator(".card").filter(has=page.get_by_role("heading", name=title))
