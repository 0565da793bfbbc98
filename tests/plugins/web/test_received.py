"""What came of a file is continued, and never joined with another one (F-FILE-06)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokgate_web.received import Changed, Received

ETAG = {"etag": '"one"', "content-length": "10"}
FILE = b"0123456789"


def begun(headers: dict[str, str] = ETAG, size: int = 4) -> Received:
    received = Received()
    received.answered(200, headers)
    received.take(FILE[:size])
    return received


def part(first: int = 4, total: str = "10", etag: str = '"one"') -> dict[str, str]:
    return {"content-range": f"bytes {first}-9/{total}", "etag": etag, "content-length": "6"}


def test_rest_is_asked_for_on_condition() -> None:
    assert begun().wish() == (("Range", "bytes=4-"), ("If-Range", '"one"'))


@pytest.mark.parametrize(
    "headers",
    [
        {"content-length": "10"},
        {"etag": 'W/"one"', "content-length": "10"},
        {"etag": '"one"', "content-encoding": "gzip"},
    ],
    ids=["none", "weak", "packed"],
)
def test_all_is_asked_for_where_nothing_says_which_file_it_is(headers: dict[str, str]) -> None:
    assert begun(headers).wish() == ()


@pytest.mark.parametrize("total", ["10", "*"])
def test_rest_follows_what_came(total: str) -> None:
    received = begun()
    received.answered(206, part(total=total))

    assert received.take(FILE[4:]) == FILE[4:]
    assert received.is_whole


@pytest.mark.parametrize(
    "headers",
    [
        part(first=3),
        part(first=5),
        part(total="11"),
        part(etag='"two"'),
        {**part(), "content-range": ""},
        {**part(), "content-range": "bytes */10"},
        {**part(), "content-encoding": "gzip"},
    ],
)
def test_another_part_or_file_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Changed):
        begun().answered(206, headers)


def test_a_part_that_nobody_asked_for_is_refused() -> None:
    with pytest.raises(Changed):
        Received().answered(206, part(first=0))


@pytest.mark.parametrize(
    "headers",
    [
        {"etag": '"two"', "content-length": "10"},
        {"etag": '"one"', "content-length": "11"},
        {"content-length": "10"},
    ],
    ids=["etag", "length", "nothing"],
)
def test_another_file_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Changed):
        begun().answered(200, headers)


@pytest.mark.parametrize("headers", [ETAG, {"content-length": "10"}, {}], ids=str)
def test_what_came_is_not_passed_on_twice(headers: dict[str, str]) -> None:
    received = begun(headers)
    received.answered(200, headers)

    assert [received.take(FILE[:3]), received.take(FILE[3:7]), received.take(FILE[7:])] == [
        b"",
        b"456",
        b"789",
    ]
    assert received.is_whole


def test_different_bytes_are_refused() -> None:
    received = begun({})
    received.answered(200, {})

    with pytest.raises(Changed):
        received.take(b"0124" + FILE[4:])


def test_less_than_was_told_is_not_the_whole_file() -> None:
    assert not begun().is_whole


def test_an_answer_that_ends_within_what_had_come_is_not_the_whole_file() -> None:
    received = begun({})
    received.answered(200, {})
    received.take(FILE[:3])

    assert not received.is_whole


@given(st.lists(st.integers(0, 40), max_size=4), st.binary(min_size=41, max_size=60))
def test_however_often_it_breaks_the_file_is_itself(breaks: list[int], file: bytes) -> None:
    received, found = Received(), b""
    for end in (*breaks, len(file)):
        received.answered(200, {})
        found += received.take(file[:end])

    assert found == file
