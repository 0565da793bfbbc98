"""A gateway, a browser and its pages, for the files beside it; they are synchronous throughout.

Files share nothing: each has a gateway and a browser of its own, tests of a file the same ones.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from ui.browser_world import OpenPage, running_browser
from ui.one_window import OneWindow
from ui.ui_world import World, furnish, world


@pytest.fixture(scope="module")
def environ() -> dict[str, str]:
    """Settings of the file's gateway; a file that needs some has a fixture of this name."""
    return {}


@pytest.fixture(scope="module")
def packages() -> Path | None:
    """Folder with packages for the file's gateway; a file that has some has this fixture too."""
    return None


@pytest.fixture(scope="module")
def bare_gateway(
    tmp_path_factory: pytest.TempPathFactory, environ: dict[str, str], packages: Path | None
) -> Iterator[World]:
    """A gateway without accounts, keys of the operator's making, and traffic."""
    with world(tmp_path_factory.mktemp("gateway"), environ, packages=packages) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(bare_gateway: World) -> World:
    """A gateway with accounts in several states, keys, and requests that went well and not.

    A file that wants the empty one has a fixture of this name that returns `bare_gateway`.
    """
    furnish(bare_gateway)
    return bare_gateway


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser without a window.

    It ends with its file: while it is driven, its event loop is in the way of asynchronous tests.
    """
    with running_browser() as running:
        yield running


@pytest.fixture
def open_page(browser: Browser, gateway: World) -> Iterator[OpenPage]:
    """Opens pages of the file's gateway; at the end they must have behaved."""
    opener = OpenPage(browser, gateway)
    yield opener
    opener.close()


@pytest.fixture(scope="module")
def opener(browser: Browser, gateway: World) -> Iterator[OpenPage]:
    """Opens what one window cannot show."""
    opening = OpenPage(browser, gateway)
    yield opening
    opening.close()


@pytest.fixture(scope="module")
def window(opener: OpenPage) -> Page:
    """The window of the file: a page is opened faster where another one was before."""
    return opener.new()


@pytest.fixture
def page(window: Page, opener: OpenPage) -> Iterator[Page]:
    """The window, for one test; pages must have behaved in it."""
    yield window
    opener.check()


@pytest.fixture(scope="module")
def one_window(browser: Browser, gateway: World) -> Iterator[OneWindow]:
    """The window in which `show_page` shows the pages of a file."""
    opener = OneWindow(browser, gateway)
    yield opener
    opener.close()


@pytest.fixture
def show_page(one_window: OneWindow) -> Iterator[OneWindow]:
    """Opens pages like `open_page`, but in a window that knows others: a quarter of the work."""
    yield one_window
    one_window.check()
