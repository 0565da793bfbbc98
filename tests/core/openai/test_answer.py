import pytest

from grokgate.openai import Answer, Cited, Counts, MadeText, Piece, VideoStep, View, count
from grokgate.upstream import (
    Activity,
    Citation,
    Event,
    Finished,
    Progress,
    Source,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    Usage,
)

SHOWN = View(reasoning=True)
TAGGED = View(reasoning=True, thinking_format="think_tag")
STORY: tuple[Event, ...] = (
    ThinkingDelta(text="Let me "),
    ThinkingDelta(text="see."),
    TextDelta(text="It "),
    TextDelta(text="is."),
)


def play(view: View, *events: Event) -> tuple[Answer, list[Piece]]:
    answer = Answer(view)
    pieces = [piece for event in events for piece in answer.feed(event)]
    return answer, [*pieces, *answer.end()]


def text(pieces: list[Piece], channel: str) -> str:
    texts = (piece for piece in pieces if not isinstance(piece, ToolCall))
    return "".join(text for name, text in texts if name == channel)


@pytest.mark.parametrize(
    ("view", "reasoning", "content"),
    [
        (View(reasoning=False), "", "It is."),
        (SHOWN, "Let me see.", "It is."),
        (TAGGED, "", "<think>\nLet me see.\n</think>\nIt is."),
        (
            View(reasoning=True, thinking_format="both"),
            "Let me see.",
            "<think>\nLet me see.\n</think>\nIt is.",
        ),
        (View(reasoning=False, thinking_format="think_tag"), "", "It is."),
    ],
    ids=["hidden", "field", "tag", "both", "hidden_tag"],
)
def test_reasoning_goes_where_the_view_says(view: View, reasoning: str, content: str) -> None:
    _, pieces = play(view, *STORY)

    assert text(pieces, "reasoning") == reasoning
    assert text(pieces, "content") == content


def test_empty_pieces_are_none() -> None:
    _, pieces = play(TAGGED, TextDelta(text=""), ThinkingDelta(text=""), *STORY)

    assert all(piece[1] for piece in pieces if not isinstance(piece, ToolCall))
    assert text(pieces, "content") == "<think>\nLet me see.\n</think>\nIt is."


def test_reasoning_after_the_answer_began_is_dropped() -> None:
    _, pieces = play(SHOWN, TextDelta(text="It"), ThinkingDelta(text="Hm"), Activity(tool="x"))

    assert pieces == [("content", "It")]


def test_think_block_is_closed_without_an_answer() -> None:
    _, pieces = play(TAGGED, ThinkingDelta(text="Hm.\n"))

    assert text(pieces, "content") == "<think>\nHm.\n</think>\n"


def test_tools_at_work_are_lines_of_the_reasoning() -> None:
    _, pieces = play(
        SHOWN,
        ThinkingDelta(text="Search."),
        Activity(tool="web_search", text="kites"),
        Activity(tool="browse_page", text="https://a", agent="Agent 1"),
        Activity(tool="code_execution"),
        Activity(tool="new_tool", text="x"),
        Progress(slot=0, percent=40),
        ThinkingDelta(text="Done."),
    )

    assert text(pieces, "reasoning") == (
        "Search.\n"
        "[WebSearch] kites\n"
        "[Agent 1][Browse] https://a\n"
        "[Code]\n"
        "[new_tool] x\n"
        "Generating image 1, 40 %\n"
        "Done."
    )


def test_progress_is_a_line_per_rise() -> None:
    steps = [Progress(slot=0, percent=percent) for percent in (0, 0, 40, 30)]
    _, pieces = play(SHOWN, *steps, VideoStep(slot=1, percent=5))

    assert text(pieces, "reasoning") == (
        "Generating image 1, 0 %\nGenerating image 1, 40 %\nGenerating video, 5 %\n"
    )


def test_picture_counts_as_an_attachment() -> None:
    answer, pieces = play(SHOWN, TextDelta(text="It"), MadeText(text="![a](" + "b" * 9000 + ")"))

    assert text(pieces, "content").startswith("It![a](b")
    assert answer.output(Finished()) == (513, 0)


def test_step_titles_are_lines_and_may_stand_alone() -> None:
    events = (
        ThinkingDelta(text="Reading", summary=True),
        ThinkingDelta(text="I read"),
        ThinkingDelta(text="Writing", summary=True),
    )

    _, full = play(SHOWN, *events)
    _, titles = play(View(reasoning=True, summary=True), *events)

    assert text(full, "reasoning") == "Reading\nI read\nWriting\n"
    assert text(titles, "reasoning") == "Reading\nWriting\n"


@pytest.mark.parametrize("view", [View(reasoning=False), SHOWN, TAGGED], ids=["h", "field", "tag"])
def test_citation_points_at_its_place_in_the_content(view: View) -> None:
    answer, pieces = play(
        view,
        Source(url="https://a", title="A"),
        ThinkingDelta(text="😀"),
        TextDelta(text="See [[1]](https://a)."),
        Citation(number=1, url="https://a", start=4, end=20),
    )
    (cited,) = answer.citations

    assert cited == Cited(start=cited.start, end=cited.end, title="A", url="https://a")
    assert text(pieces, "content")[cited.start : cited.end] == "[[1]](https://a)"


def test_sources_are_kept_once_and_listed_when_wanted() -> None:
    events = (
        Source(url="https://a", title="A [new]\npage"),
        Source(url="https://b"),
        Source(url="https://a", title="again"),
        TextDelta(text="So."),
    )

    answer, pieces = play(View(reasoning=True, list_sources=True), *events)

    assert [page.url for page in answer.sources] == ["https://a", "https://b"]
    assert text(pieces, "content") == (
        "So.\n\n## Sources\n- [A (new) page](https://a)\n- [https://b](https://b)"
    )


@pytest.mark.parametrize("view", [View(reasoning=False), SHOWN, TAGGED], ids=["h", "field", "tag"])
def test_usage_is_estimated_whatever_is_shown(view: View) -> None:
    answer, _ = play(view, ThinkingDelta(text="t" * 100), TextDelta(text="a" * 200))

    assert count([(answer, Finished())], prompt=31) == Counts(
        input=31, output=81, reasoning=27, estimated=True
    )


def test_numbers_of_the_upstream_win() -> None:
    answer, _ = play(SHOWN, TextDelta(text="a"))
    told = Finished(usage=Usage(input=5, output=7, reasoning=2))

    assert count([(answer, told), (answer, told)], prompt=31) == Counts(
        input=5, output=14, reasoning=4, estimated=False
    )


def test_a_call_ends_the_reasoning_and_counts() -> None:
    call = ToolCall(id="call_1", name="look", arguments="{}")

    answer, pieces = play(TAGGED, ThinkingDelta(text="Hm"), call, ThinkingDelta(text="late"))

    assert pieces == [("content", "<think>\nHm"), ("content", "\n</think>\n"), call]
    assert answer.output(Finished()) == (3, 1)
    assert answer.has_calls is True
