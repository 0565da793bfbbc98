from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokgate_web.decode.tags import MAX_KEPT, Element, TagFilter

TAGS = ("xaiartifact", "xai:tool_usage_card", "grok:render")


def filtered(pieces: list[str], tags: tuple[str, ...] = TAGS) -> tuple[str, list[str]]:
    """Return the text that stays, and the markup taken out."""
    tag_filter = TagFilter(tags)
    found = [item for piece in pieces for item in tag_filter.feed(piece)] + tag_filter.finish()
    text = "".join(item for item in found if isinstance(item, str))
    return text, [item.markup for item in found if isinstance(item, Element)]


def test_sample_of_the_protocol() -> None:
    pieces = [
        "Hi <grok",
        ':render card_id="x">',
        '<argument name="citation_id">1</argu',
        "ment></grok:render> there <b>",
    ]

    text, markup = filtered(pieces)

    assert text == "Hi  there <b>"
    assert markup == ["".join(pieces)[3:-10]]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a<xaiartifact id='>'/>b", "ab"),
        ("a<xaiartifact/>b", "ab"),
        ("a<xaiartifact id='/'>x</xaiartifact>b", "ab"),
        ("a<xaiartifacts>b", "a<xaiartifacts>b"),
        ("1 < 2 <grok:rende", "1 < 2 <grok:rende"),
        ("a<grok:render", "a"),
        ("a<grok:render x", "a"),
        ("a<grok:render>never closed", "a"),
        ("a<<grok:render/>b", "a<b"),
        ("<grok:render></grok:rend</grok:render>b", "b"),
        ("a<", "a<"),
    ],
)
def test_text_that_stays(text: str, kept: str) -> None:
    assert filtered([text])[0] == kept
    assert filtered(list(text))[0] == kept


def test_only_a_possible_tag_is_held_back() -> None:
    tag_filter = TagFilter(TAGS)

    assert tag_filter.feed("one <b> two <gro") == ["one <b> two "]
    assert tag_filter.feed("und>") == ["<ground>"]


def test_plain_text_passes_unchanged_in_one_piece() -> None:
    assert TagFilter(TAGS).feed("plain") == ["plain"]


def test_long_element_is_kept_in_part() -> None:
    piece = "x" * 10_000
    text, markup = filtered(["<xaiartifact>", *[piece] * 20, "</xaiartifact>after"])

    assert text == "after"
    assert len(markup[0]) <= MAX_KEPT


ALPHABET = st.sampled_from(
    ["<", ">", "/", "grok:render", "</grok:render>", "<grok:render", " ", '"', "'", "a", "xai", "g"]
)


@given(st.lists(ALPHABET, max_size=15).map("".join), st.lists(st.integers(0, 60), max_size=8))
def test_result_does_not_depend_on_the_pieces(text: str, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[start:end] for start, end in pairwise(edges)]

    assert filtered(pieces) == filtered([text])


@given(st.text(max_size=50))
def test_without_tags_everything_stays(text: str) -> None:
    assert filtered([text], tags=())[0] == text
