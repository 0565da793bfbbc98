from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokgate_web.decode.lines import LineDecoder, LineTooLong


class Inner(msgspec.Struct):
    n: int | None = None


class Item(msgspec.Struct, forbid_unknown_fields=False):
    a: object = None
    b: object = None
    c: object = None
    e: object = None
    f: object = None
    text: str | None = None
    inner: Inner | None = None


SAMPLE = (
    b'{"a":"}{"}{"b":1}\ndata: {"c":2}\njunk\nevent: x\n{"d":\n{"e":"\\"{"}\ndata: [DONE]\n{"f":3}'
)


def decoded(chunks: list[bytes], limit: int = 1000) -> list[Item]:
    decoder = LineDecoder(Item, max_line=limit)
    items = [item for chunk in chunks for item in decoder.feed(chunk)]
    return items + decoder.finish()


def test_sample_of_the_protocol() -> None:
    items = decoded([SAMPLE])

    assert items == [Item(a="}{"), Item(b=1), Item(c=2), Item(e='"{')]


def test_sample_in_single_bytes() -> None:
    single = [SAMPLE[index : index + 1] for index in range(len(SAMPLE))]

    assert decoded(single) == decoded([SAMPLE])


LINES = st.sampled_from(
    [
        b'{"a":1}\n',
        b'{"a":1}\r\n',
        b"\n",
        b'{"a":\n',
        b'{"b":{"x":2}}\n',
        b"1}\n",
        b'{"a":1}{"b":"}"}\n',
        b'data: {"c":[1]}\n',
        b"junk\n",
        b'{"text":7,"a":2}\n',
        b'{"inner":{"n":"x"},"a":3}\n',
        b'{"text":"\xff"}\n',
        '{"text":"ü€😀\\n"}\n'.encode(),
        b'x {"a":4}\n',
        b'{"a":5} {"b":6}',
        b"data: [DONE]\n",
        b"[1]\n",
    ]
)


@given(st.lists(LINES, max_size=12), st.lists(st.integers(0, 200), max_size=12))
def test_result_does_not_depend_on_the_chunks(lines: list[bytes], cuts: list[int]) -> None:
    data = b"".join(lines)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    chunks = [data[start:end] for start, end in pairwise(edges)]

    assert decoded(chunks) == decoded([data])


@given(st.binary(max_size=300), st.integers(1, 40))
def test_any_bytes_are_survived(data: bytes, size: int) -> None:
    chunks = [data[start : start + size] for start in range(0, len(data), size)]

    assert decoded(chunks) == decoded([data])


def test_field_of_wrong_type_costs_only_itself() -> None:
    decoder = LineDecoder(Item)

    assert decoder.feed(b'{"text":["x"],"a":1,"inner":{"n":"x"}}\n') == [Item(a=1, inner=Inner())]
    assert decoder.drift == {"text", "inner.n"}


def test_malformed_line_is_skipped_and_counted() -> None:
    decoder = LineDecoder(Item)

    assert decoder.feed(b'{"a":\n{"a":2}\n') == [Item(a=2)]
    assert decoder.drift == set()
    decoder.feed(b"{nonsense}\n")
    assert decoder.drift == {"line"}


@pytest.mark.parametrize(
    "chunks",
    [[b"x" * 101], [b"x" * 60, b"x" * 60 + b"\n"], [b"x" * 101 + b"\n"], [b"\n" + b"x" * 101]],
    ids=["open", "in two", "whole", "tail"],
)
def test_long_line_is_refused(chunks: list[bytes]) -> None:
    with pytest.raises(LineTooLong):
        decoded(chunks, limit=100)


def test_long_chunk_of_short_lines_is_read() -> None:
    assert len(decoded([b'{"a":1}\n' * 100], limit=100)) == 100


def test_deep_nesting_is_skipped() -> None:
    assert decoded([b'{"a":' * 50_000 + b"\n" + b'{"a":1}\n'], limit=10**6) == [Item(a=1)]


def test_a_line_counts_as_seen_only_when_whole() -> None:
    decoder = LineDecoder(Item)

    decoder.feed(b"ab")
    assert not decoder.seen
    decoder.feed(b"c\n")
    assert decoder.seen
