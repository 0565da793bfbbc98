"""A gateway that has every page, and a walk through them in the language of the file."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from ui.browser_world import Language, OpenPage
from ui.ui_world import World
from ui.walk import SETTINGS, Walk, write_plugin


@pytest.fixture(scope="module")
def environ() -> dict[str, str]:
    return SETTINGS


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_plugin(tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="module")
def walk(browser: Browser, gateway: World, language: Language) -> Iterator[Walk]:
    """Its windows; each file has a fixture `language`."""
    opener = OpenPage(browser, gateway)
    yield Walk(opener, language)
    opener.close()
