"""Pages of the admin UI in a real browser, and what they are held to."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Page,
    Response,
    expect,
    sync_playwright,
)

from ui.ui_world import BASE, COOKIE, World

Language: TypeAlias = Literal["en", "zh"]
Theme: TypeAlias = Literal["light", "dark"]

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs/images/ui"
WIDE, NARROW = 1280, 390
"""Widths of the two windows that pages are looked at in, CSS pixels."""

_LOCALES = {"en": "en-US", "zh": "zh-CN"}
_HEIGHTS = {WIDE: 800, NARROW: 844}
_WAIT_MS = 15_000
_FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]
_AXE = ROOT / ".node/node_modules/axe-core/axe.min.js"
_RUN_AXE = """axe.run({preload: false}).then(({violations}) => violations.map(({id, help, nodes}) =>
    [`${id}: ${help}`, ...nodes.map((node) => `${node.target}: ${node.failureSummary}`)]
        .join("\\n")))"""
_REPORT = """addEventListener("securitypolicyviolation", (event) =>
    console.error("refused by the policy:", event.violatedDirective, event.blockedURI))"""
_STATUS_LINE = re.compile(r"Failed to load resource: the server responded with a status of")


def chromium() -> str:
    """Return the browser's program; without one, the test is left out."""
    program = os.environ.get("GROKGATE_TEST_CHROMIUM") or shutil.which("chromium")
    return program or pytest.skip("no Chromium on this machine")


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Run a browser without a window."""
    program = chromium()
    expect.set_options(timeout=_WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_FLAGS)
        yield browser
        browser.close()


class OpenPage:
    """Opens pages, and notes what a good page never does.

    That is: an error or a warning on the console, an uncaught error, something the policy refuses,
    a question or a request to another host, an answer of 400 or more that the test did not expect.
    """

    def __init__(self, browser: Browser, world: World) -> None:
        self.problems: list[str] = []
        self._browser = browser
        self._world = world
        self._expected: list[tuple[int, str]] = []
        self._contexts: list[BrowserContext] = []

    def __call__(
        self,
        path: str,
        *,
        language: Language = "en",
        width: int = WIDE,
        theme: Theme = "light",
        logged_in: bool = True,
    ) -> Page:
        """Open *path* in a browser of its own and wait until the page has settled."""
        page = self.new(language=language, width=width, theme=theme, logged_in=logged_in)
        page.goto(path)
        settled(page)
        return page

    def new(
        self,
        *,
        language: Language = "en",
        width: int = WIDE,
        theme: Theme = "light",
        logged_in: bool = True,
    ) -> Page:
        """Return an empty page of a browser that has seen nothing yet."""
        context = self._browser.new_context(
            base_url=self._world.base,
            viewport={"width": width, "height": _HEIGHTS.get(width, _HEIGHTS[WIDE])},
            locale=_LOCALES[language],
            timezone_id="UTC",
            color_scheme=theme,
            reduced_motion="reduce",
            permissions=["clipboard-read", "clipboard-write"],
        )
        context.set_default_timeout(_WAIT_MS)
        if logged_in:
            session, base = self._world.session, self._world.base
            context.add_cookies([{"name": COOKIE, "value": session, "url": base}])
        else:
            self.expect_status(401, f"{BASE}/verify")
        self._watch(context)
        self._contexts.append(context)
        return context.new_page()

    def expect_status(self, status: int, path: str) -> None:
        """Take this answer for good, on addresses with *path* in them."""
        self._expected.append((status, path))

    def check(self) -> None:
        """Fail when something was noted since the last time."""
        problems, self.problems = self.problems, []

        assert not problems, "\n".join(problems)

    def close(self) -> None:
        """Close everything that was opened, and fail when something was noted."""
        for context in self._contexts:
            context.close()
        self.check()

    def _watch(self, context: BrowserContext) -> None:
        context.add_init_script(_REPORT)
        context.on("console", self._console)
        context.on("weberror", lambda error: self._note(f"uncaught: {error.error}"))
        context.on("request", lambda request: self._request(request.url))
        context.on("response", self._response)
        context.on("dialog", self._dialog)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not _STATUS_LINE.match(message.text):
            self._note(f"console: {message.text} ({message.location.get('url')})")

    def _request(self, url: str) -> None:
        if not url.startswith((f"{self._world.base}/", "data:", "blob:")):
            self._note(f"request to another host: {url}")

    def _response(self, response: Response) -> None:
        fine = any(
            response.status == code and path in response.url for code, path in self._expected
        )
        if response.status >= 400 and not fine:
            self._note(f"{response.status} from {response.request.method} {response.url}")

    def _dialog(self, dialog: Dialog) -> None:
        if dialog.type == "beforeunload":
            dialog.accept()
        else:
            self._note(f"{dialog.type}: {dialog.message}")
            dialog.dismiss()

    def _note(self, problem: str) -> None:
        self.problems.append(problem)


def settled(page: Page, name: str | None = None) -> None:
    """Wait until the page, that of *name* if given, has loaded what it shows."""
    within = f"main.page-{name}" if name else "main"
    expect(page.locator(f"{within}[data-ready]")).to_be_visible()


def look(page: Page, *, width: int, theme: Theme) -> None:
    """Change window and theme of an open page, and wait until it has drawn that."""
    page.set_viewport_size({"width": width, "height": _HEIGHTS.get(width, _HEIGHTS[WIDE])})
    page.emulate_media(color_scheme=theme)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")


def assert_fits(page: Page) -> None:
    """Nothing makes the page as a whole scroll sideways."""
    width, room = page.evaluate(
        "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )

    assert width <= room, f"{page.url} takes {width} px in a window of {room} px"


def assert_accessible(page: Page) -> None:
    """axe-core finds nothing; it runs beside the page's scripts, where its policy does not hold."""
    if not _AXE.exists():
        pytest.skip("axe-core is not installed")
    session = page.context.new_cdp_session(page)
    frame = session.send("Page.getFrameTree")["frameTree"]["frame"]["id"]
    aside = session.send("Page.createIsolatedWorld", {"frameId": frame})["executionContextId"]
    _evaluate(session, aside, _AXE.read_text())
    violations = _evaluate(session, aside, _RUN_AXE)
    session.detach()

    assert not violations, "\n".join([page.url, *violations])


def screenshot(page: Page, name: str) -> None:
    """Take a picture for the docs, when ``GROKGATE_SCREENSHOTS`` asks for them."""
    if os.environ.get("GROKGATE_SCREENSHOTS"):
        page.screenshot(path=PICTURES / f"{name}.png", animations="disabled", caret="hide")


def _evaluate(session: Any, aside: int, expression: str) -> Any:
    asked = {"contextId": aside, "awaitPromise": True, "returnByValue": True}
    reply = session.send("Runtime.evaluate", {"expression": expression, **asked})
    assert "exceptionDetails" not in reply, reply["exceptionDetails"]
    return reply["result"].get("value")
