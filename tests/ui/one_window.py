"""Opens the pages of a test file one after the other in the same window.

A window that has been to a page opens it again for a quarter of the work: its cache is filled, its
programs are compiled. What pages remember in the browser is forgotten in between.
"""

import json

from playwright.sync_api import Browser, Page

from ui.browser_world import WIDE, Language, OpenPage, Theme, look, settled
from ui.ui_world import World

_FORGET = """(kept) => {
    localStorage.clear();
    localStorage.setItem("grokgate.prefs", kept);
}"""


class OneWindow(OpenPage):
    """An `OpenPage` for a whole file."""

    def __init__(self, browser: Browser, world: World) -> None:
        super().__init__(browser, world)
        self._page: Page | None = None

    def __call__(
        self,
        path: str,
        *,
        language: Language = "en",
        width: int = WIDE,
        theme: Theme = "light",
        logged_in: bool = True,
    ) -> Page:
        """Open *path* and wait until the page has settled; without a login in a new window."""
        if not logged_in:
            return super().__call__(
                path, language=language, width=width, theme=theme, logged_in=False
            )
        if self._page is None:
            self._page = self.new(language=language)
        else:
            self._page.evaluate(_FORGET, json.dumps({"language": language}))
        look(self._page, width=width, theme=theme)
        self._page.goto(path)
        settled(self._page)
        return self._page

    def check(self) -> None:
        """Fail when something was noted since the last time; expect nothing special from now on."""
        self._expected.clear()
        super().check()
