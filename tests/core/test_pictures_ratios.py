import pytest

from grokgate.errors import InvalidRequest
from grokgate.plugin.media import RATIOS, nearest, shape

LATER = ("1:1", "2:3", "3:2", "9:16", "16:9", "4:3", "3:4", "2:1", "19.5:9", "9:20")
TABLE = {
    "1:1": "1024x1024 512x512 256x256",
    "16:9": "1024x576 1280x720 1536x864 1792x1024",
    "9:16": "576x1024 720x1280 864x1536 1024x1792",
    "2:3": "1024x1536 512x768 768x1024",
    "3:2": "1536x1024 768x512 1024x768",
}
SIZES = [(size, ratio) for ratio, sizes in TABLE.items() for size in sizes.split()]


def ratio_of(size: str, offered: tuple[str, ...] = RATIOS) -> str:
    wanted = shape(size, param="size")
    assert wanted is not None
    return nearest(wanted, offered)


@pytest.mark.parametrize(("size", "ratio"), SIZES)
def test_sizes_of_the_table(size: str, ratio: str) -> None:
    assert ratio_of(size) == ratio


@pytest.mark.parametrize("ratio", LATER)
def test_ratio_that_is_offered_stays_itself(ratio: str) -> None:
    assert ratio_of(ratio, LATER) == ratio


def test_ratio_that_is_not_offered_becomes_the_nearest() -> None:
    assert ratio_of("21:9") == "16:9"
    assert ratio_of("768x1024", LATER) == "3:4"


@pytest.mark.parametrize("size", [None, "auto"])
def test_nothing_is_named(size: str | None) -> None:
    assert shape(size, param="size") is None


@pytest.mark.parametrize(
    "size", ["", "big", "1024", "1024x", "x1", "0x0", "0:1", "1024X1024", "-1x1", "1:1\n", "1e3:1"]
)
def test_other_forms_are_refused(size: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        shape(size, param="size")

    assert (refused.value.code, refused.value.param) == ("invalid_value", "size")
