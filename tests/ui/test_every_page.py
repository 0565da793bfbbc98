"""Every page in English, wide and narrow, light and dark, is whole and usable by all."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from ui.browser_world import OpenPage
from ui.ui_world import World
from ui.walk import ADDRESSES, SETTINGS, Walk, write_plugin

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def environ() -> dict[str, str]:
    return SETTINGS


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_plugin(tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="module")
def walk(browser: Browser, gateway: World) -> Iterator[Walk]:
    opener = OpenPage(browser, gateway)
    yield Walk(opener, "en")
    opener.close()


@pytest.mark.parametrize("address", ADDRESSES)
def test_page(walk: Walk, address: str) -> None:
    walk.check(address)
