"""What pictures, videos and weekly pools say of an account's windows."""

from datetime import UTC, datetime

import msgspec
import pytest

from grokgate.upstream import Window
from grokgate_web.decode.credits import WeeklyPool
from grokgate_web.profile_files import load_profile
from grokgate_web.usage import parse_products, under_pool

NOW = datetime(2026, 8, 18, 2, tzinfo=UTC)
SAMPLE = b"""{"image":{"available":true,"remainingQueries":20,"windowSizeSeconds":86400},
"imageEdit":{"available":true,"remainingQueries":5,"windowSizeSeconds":86400},
"imagePro":{"available":false,"nextAvailableAt":"2026-08-18T03:00:00Z"},"video":null,
"video720p":{"available":true,"remainingQueries":3,"windowSizeSeconds":64800}}"""
FULL, EMPTY = Window(remaining=9, total=9, window_s=60), Window(remaining=0, total=9, window_s=60)


def parsed(body: bytes) -> dict[str, Window]:
    imagine = load_profile("2026-08").quota.imagine
    assert imagine is not None
    return parse_products(body, imagine.products, NOW)


def one(**product: object) -> bytes:
    sample = msgspec.json.decode(SAMPLE)
    return msgspec.json.encode({**sample, "video": product})


def test_products() -> None:
    assert parsed(SAMPLE) == {
        "image": Window(remaining=20, window_s=86400),
        "image_edit": Window(remaining=5, window_s=86400),
        "image_pro": Window(remaining=0, reset_in_s=3600.0),
        "video_720p": Window(remaining=3, window_s=64800),
    }


def test_product_that_is_used_up_counts_as_empty_whatever_it_says() -> None:
    assert parsed(one(available=False, remainingQueries=4))["video"].remaining == 0


def test_what_is_new_beside_the_products_is_passed_over() -> None:
    more = msgspec.json.encode({**msgspec.json.decode(SAMPLE), "resetAt": "soon", "audio": {}})

    assert parsed(more) == parsed(SAMPLE)


@pytest.mark.parametrize(
    "moment", [None, "tomorrow", "2026-08-18T01:00:00Z", "2026-08-18T03:00:00"]
)
def test_odd_moment_of_return(moment: object) -> None:
    reset_in_s = parsed(one(available=False, nextAvailableAt=moment))["video"].reset_in_s

    assert reset_in_s in (None, 0.0, 3600.0)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        SAMPLE.replace(b'"imageEdit"', b'"imageedit"'),
        one(remainingQueries=1),
        one(available=True),
        one(available=True, remainingQueries=1),
        one(available=True, remainingQueries=10**12, windowSizeSeconds=1),
    ],
)
def test_unreadable_products(body: bytes) -> None:
    with pytest.raises(ValueError, match="quota answer"):
        parsed(body)


def pool(used: float) -> WeeklyPool:
    return WeeklyPool(used=used, start_s=0, end_s=NOW.timestamp() + 50)


def test_used_up_pool_empties_all_windows() -> None:
    spent = Window(remaining=0, total=9, window_s=60, reset_in_s=50.0)

    assert under_pool({"a": FULL, "b": EMPTY}, pool(100), NOW) == {"a": spent, "b": spent}


def test_pool_with_something_left_makes_empty_windows_uncertain() -> None:
    found = under_pool({"a": FULL, "b": EMPTY}, pool(99.5), NOW)

    assert (found["a"], found["b"].remaining) == (FULL, -1)


def test_without_a_pool_windows_stand() -> None:
    assert under_pool({"b": EMPTY}, None, NOW) == {"b": EMPTY}
