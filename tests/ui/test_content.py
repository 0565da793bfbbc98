"""Texts of models, charts, and what keys do on every page."""

import re

import pytest
from playwright.sync_api import Page, expect

from ui.browser_world import OpenPage, assert_accessible
from ui.one_window import OneWindow
from ui.ui_world import World

SHOW = """async ([text, base]) => {
    const main = document.querySelector("script[type=module]").src;
    const { blocks } = await import(main.replace("main.js", "lib/markdown.js"));
    const place = document.querySelector("#shown") ?? document.createElement("div");
    place.id = "shown";
    document.body.append(place);
    for (const block of blocks(text, { base })) {
        const part = document.createElement("div");
        if (block.kind === "code") part.textContent = block.text;
        else part.innerHTML = block.html();
        place.append(part);
    }
    return place.innerHTML;
}"""
"""Shows a text as the pages do, and returns the HTML that it became."""


HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "a <b onclick='alert(1)'>b</b> <style>*{display:none}</style>",
    "[a](javascript:alert(1)) ![b](javascript:alert(1)) <javascript:alert(1)>",
    '[a](https://x.example/"onmouseover="alert(1)) ![x](data:text/html,x)',
    '<video src="https://x.example/v1/files/video/a.mp4" controls></video>',
    '<a href="https://x.example"><img src="https://x.example/v1/files/image/a.png"></a>',
    "![p](https://x.example/v1/files/image/a.png) ![p](//x.example/a.png)",
    "```<img src=x>\n<b>\n```",
    "[r]\n\n[r]: data:text/html,<script>alert(1)</script>",
]


@pytest.fixture
def kit(show_page: OneWindow) -> Page:
    return show_page("/admin/components")


@pytest.fixture
def small(show_page: OneWindow) -> Page:
    """A page with little on it; the policy is the same on all."""
    return show_page("/admin/keys")


def test_text_of_a_model_neither_runs_nor_fetches(small: Page) -> None:
    for hostile in HOSTILE:
        small.evaluate(SHOW, [hostile, ""])

    shown = small.locator("#shown")
    expect(shown.locator("img, video, script, style, b, form, iframe, svg")).to_have_count(0)
    assert shown.locator("a").count() >= 4
    for link in shown.locator("a").all():
        assert str(link.get_attribute("href")).startswith("https://")
        assert link.get_attribute("rel") == "noopener noreferrer"
        assert link.get_attribute("target") == "_blank"
    assert not small.evaluate(
        "() => [...document.querySelectorAll('#shown *')].some((element) =>"
        " element.getAttributeNames().some((name) => name.startsWith('on')))"
    )


def test_own_files_are_shown_whatever_host_names_them(open_page: OpenPage) -> None:
    page = open_page("/login", logged_in=False)
    open_page.expect_status(404, "/v1/files/image/none.png")
    open_page.expect_status(403, "/v1/files/image/none.png")
    text = "![none](https://gate.example/ai/v1/files/image/none.png?sig=1&exp=2)"

    shown = page.evaluate(SHOW, [text, "https://gate.example/ai"])

    assert (
        f'src="{page.evaluate("location.origin")}/v1/files/image/none.png?sig=1&amp;exp=2"' in shown
    )


def test_video_of_the_gateway_has_a_player(small: Page) -> None:
    link = "https://gate.example/v1/files/video/a.mp4"
    source = f'<source id="mp4" src="{link}" type="video/mp4">'
    text = f'<video id="video" controls="" preload="none">{source}</video>'

    small.evaluate(SHOW, [text, "https://gate.example"])

    expect(small.locator("#shown video")).to_have_attribute("controls", "")


def test_text_that_grows_is_whole_at_its_end(kit: Page) -> None:
    shown = kit.locator("#kit-content .markdown")
    before = shown.inner_text()

    kit.get_by_role("button", name="Write it again").click()

    expect(kit.get_by_role("button", name="Write it again")).to_be_enabled()
    expect(shown).to_have_text(before, use_inner_text=True)


def test_code_within_a_list_is_copied(kit: Page) -> None:
    nested = kit.locator("#kit-content .markdown li .code")

    nested.get_by_role("button", name="Copy the code").click()

    expect(nested.get_by_role("button", name="Copied")).to_be_visible()
    assert kit.evaluate("navigator.clipboard.readText()").startswith('curl "$BASE/v1/models"')


def test_chart_is_read_by_keys_and_its_legend_hides_series(kit: Page) -> None:
    chart = kit.get_by_role("figure", name="Outcomes by day")
    reader = chart.get_by_role("slider")

    reader.press("End")
    reader.press("ArrowLeft")

    assert reader.get_attribute("aria-valuenow") == "12"
    values = str(reader.get_attribute("aria-valuetext"))
    row = chart.get_by_role("row").nth(13).inner_text().split("\t")
    assert values == f"{row[0]}: Fine {row[1]}, Careful {row[2]}, Failed {row[3]}"

    chart.get_by_role("button", name="Careful").click()
    expect(reader).not_to_have_attribute("aria-valuetext", re.compile("Careful"))


def test_json_opens_and_closes_by_keys(kit: Page) -> None:
    tree = kit.get_by_role("group", name="JSON")
    usage = tree.get_by_role("button", name="usage")

    expect(tree.get_by_text("1280")).to_be_visible()
    usage.press("Enter")

    expect(usage).to_have_attribute("aria-expanded", "false")
    expect(tree.get_by_text("1280")).to_have_count(0)


def test_palette_finds_settings_and_ids_and_runs_what_is_chosen(kit: Page) -> None:
    kit.keyboard.press("Control+k")
    palette = kit.get_by_role("combobox", name="Go to a page")

    palette.fill("base_proxy")
    expect(kit.get_by_role("option", name="grok.base_proxy_url")).to_be_visible()
    assert_accessible(kit)

    palette.fill("req_0123456789abcdef")
    found = kit.get_by_role("option", name="req_0123456789abcdef")
    expect(found).to_have_attribute("aria-selected", "true")

    palette.fill("dark")
    palette.press("Enter")
    expect(palette).to_have_count(0)
    expect(kit.locator("html")).to_have_attribute("data-theme", "dark")


def test_keys_work_everywhere_but_while_typing(kit: Page, gateway: World) -> None:
    kit.get_by_role("textbox", name="Note").press_sequentially("go?")
    assert kit.url == f"{gateway.base}/admin/components"

    kit.get_by_role("textbox", name="Note").blur()
    kit.keyboard.press("?")

    expect(kit.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    kit.keyboard.press("Escape")

    kit.get_by_role("button", name="Account").click()
    kit.get_by_role("menuitem", name="Version").click()
    version = kit.get_by_role("dialog", name="Version")
    expect(version.get_by_text("Installed", exact=True)).to_be_visible()
    kit.keyboard.press("Escape")

    kit.keyboard.press("g")
    kit.keyboard.press("k")
    expect(kit).to_have_url(f"{gateway.base}/admin/keys")
