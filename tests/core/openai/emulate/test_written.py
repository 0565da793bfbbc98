"""What is kept of what a model wrote."""

from grokgate.openai.emulate.written import MOST_QUOTED, Written


def written(*pieces: str) -> Written:
    kept = Written()
    for piece in pieces:
        kept.add(piece)
    return kept


def test_end_is_the_last_of_it() -> None:
    pieces = [f"{number:04}" * 64 * 1024 for number in range(9)]

    assert written(*pieces).end == "".join(pieces)[-MOST_QUOTED:]


def test_answer_of_any_length_takes_bounded_memory() -> None:
    kept = written(*["x" * 1024] * 4096)

    assert sum(map(len, kept._pieces)) <= 2 * MOST_QUOTED


def test_only_blanks_before_the_first_word_lead() -> None:
    assert written(" ", "\n", " a ", " b").leading == 3
