"""A plugin of somebody else: its page, its line in the list, and the trail of its switch."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from ui.browser_world import assert_accessible, settled
from ui.one_window import OneWindow
from ui.ui_world import World, world

pytestmark = pytest.mark.e2e

PANEL = "/admin/panel/haiku/try"


@pytest.fixture(scope="module")
def bare_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A gateway that finds what ``plugins new`` wrote as if it were installed."""
    folder = tmp_path_factory.mktemp("gateway")
    command = [sys.executable, "-m", "grokgate", "plugins", "new", "haiku"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    package = folder / "grokgate-haiku"
    declare(package)
    (folder / "data").mkdir()
    (folder / "data/config.toml").write_text('[plugins]\nenabled = ["haiku"]\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(package))
        with world(folder, {}) as running:
            yield running


def declare(package: Path) -> None:
    """Write what an installer would leave beside the package."""
    about = package / "grokgate_haiku-0.1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: grokgate-haiku\nVersion: 0.1.0\n")
    (about / "entry_points.txt").write_text("[grokgate.plugins]\nhaiku = grokgate_haiku\n")


def test_its_page_has_the_kit_its_texts_and_its_looks(show_page: OneWindow) -> None:
    page = show_page("/admin/plugins")
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Haiku").click()
    settled(page, "panel")
    expect(page.locator("h1")).to_be_focused()
    page.get_by_role("textbox", name="Topic").fill("frogs")
    page.get_by_role("button", name="Write").click()

    expect(page.locator(".haiku-text")).to_contain_text("frogs")
    assert_accessible(page)


def test_its_page_follows_the_language(show_page: OneWindow) -> None:
    page = show_page(PANEL)
    expect(page.get_by_role("button", name="Write")).to_be_visible()
    page.get_by_role("button", name="Language").click()
    page.get_by_role("menuitemcheckbox", name="中文").click()

    expect(page.get_by_role("button", name="Write")).to_have_count(0)


def test_a_page_that_nobody_brings_says_so(show_page: OneWindow) -> None:
    page = show_page("/admin/panel/haiku/nothing")

    expect(page.get_by_text("haiku/nothing")).to_be_visible()


def test_its_switch_waits_for_a_start_and_is_in_the_trail(show_page: OneWindow) -> None:
    page = show_page("/admin/plugins")
    page.get_by_role("switch", name="Load haiku at the next start").click()
    expect(page.get_by_role("status").filter(has_text="Restart the gateway")).to_contain_text(
        "haiku"
    )

    page.get_by_role("link", name="Audit").click()
    line = page.get_by_role("row").filter(has_text="haiku").first
    line.get_by_role("button").press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("haiku")
    page.keyboard.press("Escape")
    expect(line.get_by_role("button")).to_be_focused()
