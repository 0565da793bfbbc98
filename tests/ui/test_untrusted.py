"""Texts that others chose are shown as texts, on every page (V32, S7)."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from grokgate.admin.pages import PAGES
from grokgate.sandbox import HttpStatus
from ui.browser_world import OpenPage, settled
from ui.ui_world import BASE, PASSWORD, World, furnish

pytestmark = pytest.mark.e2e

MARKUP = '"><img src=x onerror=alert(1)>'
LINK = "javascript:alert(1)"
ADDRESSES = sorted(path for path in PAGES if "{" not in path and path != "/login")
SHOWN = [
    ("/admin/keys", MARKUP),
    ("/admin/keys", LINK),
    ("/admin/token", MARKUP),
    ("/admin/token", LINK),
    ("/admin/models?q=hostile", MARKUP),
    ("/admin/datacenter?view=requests", MARKUP),
]
"""Pages that have such a text in sight."""


@pytest.fixture(scope="module")
def gateway(bare_gateway: World) -> World:
    """A gateway that was told hostile texts wherever it can be told any."""
    furnish(bare_gateway)
    by_operators(bare_gateway)
    by_clients(bare_gateway)
    by_the_upstream(bare_gateway)
    return bare_gateway


def by_operators(world: World) -> None:
    first, second, *_ = (row["id"] for row in world.get("/tokens/list")["items"])
    world.patch("/tokens/item", {"token": first, "note": MARKUP, "tags": [MARKUP]})
    world.patch("/tokens/item", {"token": second, "note": LINK, "tags": [LINK]})
    for name in (MARKUP, LINK):
        made = world.post("/keys", {"name": name, "token_tags": [name]})
        world.chat(key=made["data"]["key"])
    card = {"id": "hostile", "like": "grok-4", "display_name": MARKUP, "description": LINK}
    world.post("/models", {"add": [card], "alias": {LINK: "grok-4"}})
    world.post("/config", {"grok": {"custom_instruction": MARKUP}})


def by_clients(world: World) -> None:
    assert world.chat(MARKUP, model=MARKUP).status_code == httpx.codes.NOT_FOUND
    assert world.chat(MARKUP, model=LINK).is_success
    agent = {"user-agent": MARKUP}
    for password in (PASSWORD, MARKUP):
        world.client.post(f"{BASE}/login", json={"password": password}, headers=agent)
    world.client.cookies.clear()


def by_the_upstream(world: World) -> None:
    refusal = HttpStatus(code=500, message=MARKUP, headers={"x-hostile": LINK})
    world.sandbox.rules.add(refusal, endpoint=None)
    reply = world.chat("This fails")
    world.post("/tokens/refresh/async", {"filter": {"all": True}})
    world.sandbox.rules.clear()

    assert "onerror" not in reply.text


@pytest.fixture(scope="module")
def opener(browser: Browser, gateway: World) -> Iterator[OpenPage]:
    opener = OpenPage(browser, gateway)
    yield opener
    opener.close()


@pytest.fixture(scope="module")
def page(opener: OpenPage) -> Page:
    """One window: where another page was before, the next one opens in a third of the time."""
    return opener.new()


@pytest.mark.parametrize("address", ADDRESSES)
def test_nothing_of_them_runs(page: Page, opener: OpenPage, address: str) -> None:
    page.goto(address)
    settled(page)

    expect(page.locator("img[src=x], [onerror], a[href^='javascript:' i]")).to_have_count(0)
    opener.check()


@pytest.mark.parametrize(("address", "text"), SHOWN)
def test_they_are_in_sight_as_texts(page: Page, opener: OpenPage, address: str, text: str) -> None:
    page.goto(address)
    settled(page)

    expect(page.get_by_text(text).first).to_be_visible()
    opener.check()
