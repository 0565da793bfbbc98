import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokgate.errors import SettingsError
from grokgate.settings import Declaration, Switch
from grokgate.settings.document import TEMPLATE, edited, render_defaults


def test_value_is_replaced_in_place() -> None:
    text = "# mine\n[grok]\n  timeout = 5   # slow line\n\n# next\n[token]\nx = 1\n"

    assert edited(text, put={"grok.timeout": 9}) == text.replace("5   #", "9   #")


def test_new_key_stands_above_the_comments_of_the_next_section() -> None:
    text = "[grok]\ntimeout = 5\n\n# about tokens\n[token]\nx = 1\n"

    assert edited(text, put={"grok.max_retry": 1}) == text.replace(
        "timeout = 5\n", "timeout = 5\nmax_retry = 1\n"
    )


def test_new_section_stands_at_the_end() -> None:
    assert edited("[grok]\ntimeout = 5", put={"log.level": "debug"}) == (
        '[grok]\ntimeout = 5\n\n[log]\nlevel = "debug"\n'
    )


def test_section_of_a_plugin_lies_below_plugins() -> None:
    text = edited("[plugins]\nenabled = []\n", put={"plugins.haiku.lines": 5})

    assert tomllib.loads(text) == {"plugins": {"enabled": [], "haiku": {"lines": 5}}}


def test_comment_of_a_dropped_value_stays() -> None:
    text = "[grok]\ntimeout = 5 # slow line\nx = 1\n"

    assert edited(text, put={}, drop=["grok.timeout", "grok.none"]) == (
        "[grok]\n# slow line\nx = 1\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "grok.timeout = 5\n",
        "grok = {timeout = 5}\n",
        "[grok]\ntimeout = 5\n[token]\nx = 1\n[grok.deep]\ny = 2\n",
        "[grok.deep]\ny = 2\n",
        "[[other]]\nx = 1\n[[other]]\n",
        "a = 1\r\n[grok]\r\ntimeout = 5 # c\r\n",
        "",
        TEMPLATE,
    ],
    ids=["dotted", "inline", "split", "super", "arrays", "crlf", "empty", "template"],
)
def test_every_form_of_a_section_can_be_edited(text: str) -> None:
    result = tomllib.loads(edited(text, put={"grok.timeout": 7, "grok.order": ["a"]}))

    assert result["grok"] == tomllib.loads(text).get("grok", {}) | {"timeout": 7, "order": ["a"]}


@pytest.mark.parametrize("text", ["grok = 5\n", "[[grok]]\nx = 1\n"])
def test_value_in_place_of_a_section_is_left_alone(text: str) -> None:
    with pytest.raises(SettingsError, match="by hand"):
        edited(text, put={"grok.timeout": 7})


def test_text_that_no_file_can_hold_is_refused() -> None:
    with pytest.raises(SettingsError):
        edited("", put={"grok.custom_instruction": "\ud800"})


names = st.sampled_from(["a", "b-c", "timeout", "'q q'", '"x.y"', "deep"])
scalars = st.sampled_from(["1", "true", '"t"', "nan", "[1, 2] ", "1979-05-27", "{ z = 1 }", "'#'"])
lines = st.one_of(
    st.builds("{} = {}".format, names, scalars),
    st.builds("{} = {} # kept {}".format, names, scalars, st.integers(0, 99)),
    st.builds("# kept {}".format, st.integers(0, 99)),
    st.builds("[{}]".format, st.sampled_from(["grok", "token", "grok.sub", "plugins.haiku"])),
    st.builds("[[{}]]".format, st.sampled_from(["list", "grok.list"])),
    st.sampled_from(["", "  ", "grok.dotted = 1", "[grok.sub.deep]"]),
)
values = st.one_of(
    st.integers(-(2**63), 2**63),
    st.booleans(),
    st.floats(allow_nan=False),
    st.text(),
    st.lists(st.text(), max_size=3),
    st.dictionaries(st.text(), st.text(), max_size=3),
)
keys = st.sampled_from(["grok.timeout", "grok.a", "token.x", "plugins.haiku.lines", "new.key"])


def valid(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def comments(text: str) -> list[str]:
    return sorted(line.split("#")[-1] for line in text.splitlines() if "# kept" in line)


@given(
    st.lists(lines, max_size=12).map("\n".join).filter(valid),
    st.dictionaries(keys, values, max_size=3),
    st.sets(keys, max_size=2),
)
def test_edit_sets_what_it_should_and_keeps_the_rest(
    text: str, put: dict[str, Any], drop: set[str]
) -> None:
    result = edited(text, put=put, drop=drop - put.keys())

    tree = tomllib.loads(result)
    for key, value in put.items():
        table: Any = tree
        for part in key.split("."):
            table = table[part]
        assert table == value
    assert comments(result) == comments(text)


@given(st.dictionaries(keys, values, min_size=1))
def test_own_template_takes_every_change(put: dict[str, Any]) -> None:
    assert edited(TEMPLATE, put=put).startswith(TEMPLATE.partition("\n\n")[0])


def test_defaults_are_valid_toml_with_every_key(haiku: Declaration) -> None:
    tree = tomllib.loads(render_defaults([haiku], [Switch("chat", "chat", default_enabled=False)]))

    assert tree["grok"]["timeout"] == 120
    assert tree["grok"]["impersonate"] == "chrome136"
    assert tree["plugins"] == {
        "enabled": [],
        "disabled": [],
        "haiku": {"model": "grok-4", "lines": 3, "words": {}, "mood": "calm"},
    }
    assert tree["downstream"] == {"enable_chat": False}


def test_defaults_say_what_a_key_may_be(haiku: Declaration) -> None:
    text = render_defaults([haiku], ())

    assert "# Parallel calls per token; 0: no cap.\n# 每个令牌" in text
    assert "# int · ≥ 1 · ≤ 9\nlines = 3" in text
    assert "# choice · calm, wild\n" in text
    assert "# text · also grok.wreq_emulation\n" in text
