"""How long the table of accounts takes in a browser: for its first row, for others, to scroll.

Milliseconds by the browser's own clock, until what was asked for is drawn.
"""

from msgspec import Struct
from playwright.sync_api import Locator, Page, expect

PATH = "/admin/token"
LARGEST = "2000"
"""Rows on the largest page."""

_FIRST_ROW = """addEventListener("DOMContentLoaded", () => {
    const watch = new MutationObserver(() => {
        if (!document.querySelector(".table-row")) return;
        watch.disconnect();
        requestAnimationFrame(() => setTimeout(() => { window.firstRowAt = performance.now(); }));
    });
    watch.observe(document, {childList: true, subtree: true});
})"""
_CHANGED = """(button) => new Promise((done) => {
    const region = document.querySelector(".table-region");
    const first = () => region.querySelector(".table-row")?.dataset.key;
    const before = first();
    const began = performance.now();
    const watch = new MutationObserver(() => {
        if (region.getAttribute("aria-busy") || first() === before) return;
        watch.disconnect();
        requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
    });
    watch.observe(region, {attributes: true, childList: true, subtree: true});
    button.click();
})"""
_SCROLLED = """(region) => new Promise((done) => {
    const gaps = [];
    let last = performance.now();
    const step = () => {
        const now = performance.now();
        gaps.push(now - last);
        last = now;
        region.scrollTop += 400;
        if (gaps.length < 60) requestAnimationFrame(step);
        else done({gaps, rows: region.querySelectorAll(".table-row").length});
    };
    requestAnimationFrame(step);
})"""


class Scrolled(Struct, frozen=True):
    """What happened while a page was scrolled through."""

    gaps: list[float]
    """Milliseconds between two frames."""
    rows: int
    """Rows that existed at the end."""


class Stopwatch:
    """Times the table in one window.

    Args:
        page: An empty one; it stays in use.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        page.add_init_script(_FIRST_ROW)

    def first_row(self) -> float:
        """Open the page; returns how long its first row took."""
        self.page.goto(PATH)
        expect(self.page.locator(".table-row").first).to_be_visible()
        return float(self.page.evaluate("window.firstRowAt ?? performance.now()"))

    def changed(self, button: Locator) -> float:
        """Click; returns how long other rows took."""
        return float(button.evaluate(_CHANGED))

    def scrolled(self) -> Scrolled:
        """Scroll through the largest page, faster than anybody reads."""
        self.page.get_by_label("Rows on a page").select_option(LARGEST)
        expect(self.page.locator(".table-row[aria-rowindex='2']")).to_be_visible()
        region = self.page.locator(".table-region")
        expect(region).not_to_have_attribute("aria-busy", "true")
        found = region.evaluate(_SCROLLED)
        return Scrolled(found["gaps"], found["rows"])
