"""What the tests of pages rely on: a page that misbehaves is noticed."""

import re
import time

import pytest

from ui.browser_world import OpenPage, assert_accessible, assert_fits
from ui.ui_world import World

pytestmark = pytest.mark.e2e

DEADLINE_S = 10
MISDEEDS = {
    "an error on the console": ("console.error('bad news')", "console: bad news"),
    "a warning on the console": ("console.warn('bad news')", "console: bad news"),
    "an uncaught error": ("setTimeout(() => { throw new Error('bad news') })", "uncaught: .*bad"),
    "a rejected promise": ("void Promise.reject(new Error('bad news'))", "uncaught: .*bad"),
    "a question": ("alert('bad news')", "alert: bad news"),
    "an inline style": ("document.body.setAttribute('style', 'top: 0')", "policy: style-src-attr"),
    "another host": ("await fetch('http://127.0.0.2:9/').catch(() => {})", "policy: connect-src"),
    "a refusal": ("await fetch('/api/v1/admin/nowhere')", "404 from GET .*/nowhere"),
}


@pytest.fixture(scope="module")
def gateway(bare_gateway: World) -> World:
    """The empty one will do."""
    return bare_gateway


@pytest.mark.parametrize(("script", "noted"), MISDEEDS.values(), ids=MISDEEDS)
def test_misdeed_is_noted(open_page: OpenPage, script: str, noted: str) -> None:
    page = open_page("/login", logged_in=False)
    page.evaluate(f"async () => {{ {script} }}")
    until = time.monotonic() + DEADLINE_S
    while not re.search(noted, "\n".join(open_page.problems)) and time.monotonic() < until:
        page.wait_for_timeout(10)  # lets events in

    with pytest.raises(AssertionError, match=noted):
        open_page.check()


def test_expected_refusal_is_not_noted(open_page: OpenPage) -> None:
    page = open_page("/login", logged_in=False)
    open_page.expect_status(404, "/nowhere")
    page.evaluate("() => fetch('/api/v1/admin/nowhere')")

    assert not open_page.problems


def test_page_that_is_too_wide_does_not_fit(open_page: OpenPage) -> None:
    page = open_page("/login", logged_in=False)
    page.evaluate("() => { document.body.style.width = '3000px' }")

    with pytest.raises(AssertionError, match="takes 3000 px"):
        assert_fits(page)


def test_button_without_a_name_is_not_accessible(open_page: OpenPage) -> None:
    page = open_page("/login", logged_in=False)
    page.evaluate("() => document.body.append(document.createElement('button'))")

    with pytest.raises(AssertionError, match="button-name"):
        assert_accessible(page)
