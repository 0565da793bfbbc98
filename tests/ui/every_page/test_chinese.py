"""Every page in Chinese, wide and narrow, light and dark, is whole and usable by all."""

import pytest

from ui.browser_world import Language
from ui.walk import ADDRESSES, Walk

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def language() -> Language:
    return "zh"


@pytest.mark.parametrize("address", ADDRESSES)
def test_page(walk: Walk, address: str) -> None:
    walk.check(address)
