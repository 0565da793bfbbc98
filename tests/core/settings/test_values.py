import math
from contextlib import suppress
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from grokgate.settings.values import BadValueError, convert, mask, plain, rule_of, unmask

Small = Annotated[int, Meta(ge=0, le=10)]


@pytest.mark.parametrize(
    ("annotation", "raw", "value"),
    [
        (bool, "true", True),
        (bool, "Off", False),
        (bool, 1, True),
        (int, "120", 120),
        (int, " 7 ", 7),
        (int, 5.0, 5),
        (float, 3, 3.0),
        (float, "0.5", 0.5),
        (str, 12345678, "12345678"),
        (tuple[str, ...], "a, b,,c", ("a", "b", "c")),
        (tuple[str, ...], '["a,b", "c"]', ("a,b", "c")),
        (tuple[str, ...], "", ()),
        (tuple[int, ...], "401,429", (401, 429)),
        (tuple[int, ...], 401, (401,)),
        (tuple[str, ...], ["x", 5], ("x", "5")),
        (dict[str, int], '{"a": "1"}', {"a": 1}),
        (Literal["Big", "small"], " big ", "Big"),
        (int | None, None, None),
        (int | None, "3", 3),
    ],
)
def test_lenient_input_is_converted(annotation: Any, raw: Any, value: Any) -> None:
    assert convert(raw, rule_of(annotation, {})) == value


@pytest.mark.parametrize(
    ("annotation", "raw"),
    [
        (bool, "maybe"),
        (bool, 2),
        (int, True),
        (int, "1e3x"),
        (int, "9" * 5000),
        (Small, 11),
        (Small, "-1"),
        (float, math.nan),
        (float, "inf"),
        (float, 10**400),
        (str, ["a"]),
        (str, b"a"),
        (tuple[int, ...], "a,b"),
        (tuple[int, ...], "[1,"),
        (tuple[str, ...], [["a"]]),
        (dict[str, str], "[]"),
        (dict[str, str], "{" * 100_000),
        (Literal["a"], "b"),
        (int, None),
    ],
)
def test_bad_value_is_refused(annotation: Any, raw: Any) -> None:
    with pytest.raises(BadValueError):
        convert(raw, rule_of(annotation, {}))


@pytest.mark.parametrize("annotation", [int, bool, Small, Literal["a", "b"], tuple[int, ...]])
def test_complaint_never_repeats_the_value(annotation: Any) -> None:
    with pytest.raises(BadValueError) as caught:
        convert("hunter2hunter2", rule_of(annotation, {}))

    assert "hunter2" not in str(caught.value)


def test_choices_are_named() -> None:
    with pytest.raises(BadValueError, match="must be one of calm, wild"):
        convert("x", rule_of(Literal["wild", "calm"], {}))


def test_number_out_of_limits_is_clamped_where_the_field_says_so() -> None:
    rule = rule_of(Annotated[int, Meta(ge=0, le=250)], {"clamp": True})

    assert [convert(raw, rule) for raw in ("500", -3, 100)] == [250, 0, 100]


def test_synonyms_are_other_words_for_a_value() -> None:
    rule = rule_of(Literal["warning"], {"synonyms": {"warn": "warning"}})

    assert convert(" WARN ", rule) == "warning"


def test_check_of_the_field_has_the_last_word() -> None:
    def even(number: int) -> None:
        if number % 2:
            raise ValueError("must be even")

    rule = rule_of(int, {"check": even})

    assert convert("4", rule) == 4
    with pytest.raises(BadValueError, match="must be even"):
        convert(3, rule)


def test_check_that_breaks_refuses_the_value_without_repeating_it() -> None:
    def broken(word: str) -> None:
        raise LookupError(word)

    with pytest.raises(BadValueError, match="LookupError") as caught:
        convert("hunter2", rule_of(str, {"check": broken}))

    assert "hunter2" not in str(caught.value)


def test_type_without_a_form_in_toml_is_refused() -> None:
    with pytest.raises(TypeError):
        rule_of(int | str, {})


@given(st.one_of(st.none(), st.text(), st.integers(), st.floats(), st.lists(st.text())))
def test_any_input_gives_a_value_or_a_complaint(raw: Any) -> None:
    for annotation in (bool, Small, float, str, tuple[int, ...], dict[str, int], Literal["a"]):
        with suppress(BadValueError):
            convert(raw, rule_of(annotation, {}))


def test_plain_values_are_lists_and_whole_numbers() -> None:
    assert plain((1, ("a",))) == [1, ["a"]]
    assert repr(plain(120.0)) == "120"


def test_mask_shows_nothing_of_a_short_secret() -> None:
    assert mask("short-secret") == "…"
    assert mask("sk-0123456789abcdef") == "…abcdef"


def test_mask_posted_back_means_the_stored_secret() -> None:
    secret = "sk-0123456789abcdef"

    assert unmask("…abcdef", secret) == secret
    assert unmask(["…abcdef", "sk-new"], (secret,)) == [secret, "sk-new"]


def test_masks_are_exchanged_in_their_order() -> None:
    stored = ("sk-aaaaaaaa-same-end", "sk-bbbbbbbb-same-end", "short")
    masks = [mask(item) for item in stored]

    assert unmask([*masks, "sk-new"], stored) == [*stored, "sk-new"]
    assert unmask(masks[2:], stored) == ["short"]
    assert unmask(f"{masks[2]}, sk-new", stored) == ["short", "sk-new"]


@pytest.mark.parametrize("raw", [["…me-end"], ["…other1"], "…other1"])
def test_mask_that_does_not_name_one_stored_secret_is_refused(raw: Any) -> None:
    stored = ("sk-aaaaaaaa-same-end", "sk-bbbbbbbb-same-end")

    with pytest.raises(BadValueError):
        unmask(raw, stored)
