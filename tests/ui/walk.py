"""Goes through every page in one language, and looks at each wide and narrow, light and dark."""

from pathlib import Path

from playwright.sync_api import Page, expect

from grokgate.admin.pages import PAGES, PUBLIC_CHAT, SETUP
from grokgate.cli.scaffold import render
from ui.browser_world import (
    NARROW,
    WIDE,
    Language,
    OpenPage,
    Theme,
    assert_accessible,
    assert_fits,
    look,
    screenshot,
    settled,
)

PLUGIN = "haiku"
PANEL = f"/admin/panel/{PLUGIN}/try"
SETTINGS = {"UI__PUBLIC_CHAT": "true", "PLUGINS__ENABLED": f'["{PLUGIN}"]'}
"""Of a gateway that has every page."""

OPEN = ("/login", SETUP, PUBLIC_CHAT)
"""Pages that need no login."""
ADDRESSES = sorted({*(path for path in PAGES if "{" not in path), *OPEN, PANEL})
LOOKS: tuple[tuple[int, Theme], ...] = (
    (WIDE, "light"),
    (WIDE, "dark"),
    (NARROW, "dark"),
    (NARROW, "light"),
)
AUDITED: dict[Language, set[tuple[int, Theme]]] = {
    # Any two of language, width and theme meet once: what axe-core finds hangs on no three.
    "en": {(WIDE, "light"), (NARROW, "dark")},
    "zh": {(WIDE, "dark"), (NARROW, "light")},
}
PICTURED: dict[tuple[int, Theme], set[str]] = {
    (WIDE, "light"): {*ADDRESSES} - {PUBLIC_CHAT},
    (WIDE, "dark"): {"/admin/overview", "/admin/token", "/admin/chat"},
    (NARROW, "light"): {"/admin/overview", "/admin/token", "/admin/keys", "/admin/chat"},
}
"""What the docs show; in Chinese only the first kind."""


def write_plugin(folder: Path) -> Path:
    """Write the sample plugin with its panel as if it was installed into *folder*."""
    record = folder / f"grokgate_{PLUGIN}-0.1.0.dist-info"
    texts = {
        **{folder / path: text for path, text in render(PLUGIN).items()},
        record / "METADATA": f"Metadata-Version: 2.1\nName: grokgate-{PLUGIN}\nVersion: 0.1.0\n",
        record / "entry_points.txt": f"[grokgate.plugins]\n{PLUGIN} = grokgate_{PLUGIN}\n",
    }
    for file, text in texts.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


class Walk:
    """A window for who is logged in and one for who is not; each goes from page to page."""

    def __init__(self, opener: OpenPage, language: Language) -> None:
        self._opener = opener
        self._language = language
        self._windows: dict[bool, Page] = {}

    def check(self, address: str) -> None:
        """Look at a page; nothing may be wrong with it."""
        page = self._to(address)
        assert_speaks(page, self._language)
        for width, theme in LOOKS:
            look(page, width=width, theme=theme)
            assert_fits(page)
            if (width, theme) in AUDITED[self._language]:
                assert_accessible(page)
            if self._is_pictured(address, width, theme):
                screenshot(page, picture_name(address, self._language, width, theme))
        self._opener.check()

    def _to(self, address: str) -> Page:
        """Open a page where another one was before, which takes a third of the time."""
        logged_in = address not in OPEN
        if logged_in not in self._windows:
            self._windows[logged_in] = self._opener.new(
                language=self._language, logged_in=logged_in
            )
        page = self._windows[logged_in]
        look(page, width=WIDE, theme="light")
        page.goto(address)
        settled(page)
        return page

    def _is_pictured(self, address: str, width: int, theme: Theme) -> bool:
        wanted = address in PICTURED.get((width, theme), ())
        return wanted and (self._language == "en" or (width, theme) == (WIDE, "light"))


def picture_name(address: str, language: Language, width: int, theme: Theme) -> str:
    """Return such as ``token``, ``token-dark``, ``token-narrow`` or ``token-zh``."""
    marks = {"narrow": width == NARROW, "dark": theme == "dark", "zh": language == "zh"}
    page = address.removeprefix("/admin").strip("/").replace("/", "-")
    return "-".join([page, *(mark for mark, has in marks.items() if has)])


def assert_speaks(page: Page, language: Language) -> None:
    """The heading is in sight, in the language asked for."""
    heading = page.locator("h1").first
    expect(heading).to_be_visible()

    is_chinese = any("\u4e00" <= letter <= "\u9fff" for letter in heading.inner_text())
    assert is_chinese == (language == "zh")
