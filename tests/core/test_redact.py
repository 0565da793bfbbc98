"""What the log must not show is taken out of it."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.planted import SECRETS
from grokgate.telemetry import redact, redact_text
from grokgate.upstream import Secret

_TEXT = st.text(st.characters())
"""Lone surrogates are among it, unlike hypothesis's default."""


@pytest.mark.parametrize("text", SECRETS)
def test_known_forms_of_secrets_are_masked(text: str) -> None:
    assert "CANARY" not in redact_text(text)


@pytest.mark.parametrize("text", SECRETS)
def test_secrets_are_masked_at_every_depth(text: str) -> None:
    nested = {"a": [{"b": (text, {text: [text]})}], "c": Exception(text), "d": text.encode()}

    assert "CANARY" not in str(redact(nested))


@pytest.mark.parametrize(
    "name",
    ["cookie", "Set-Cookie", "api_key", "password", "credential", "access_token", "client-secret"],
)
def test_fields_named_after_secrets_are_masked_whole(name: str) -> None:
    assert "CANARY" not in str(redact({name: {"any": "CANARY"}}))


def test_header_kept_as_a_pair_is_masked_like_a_field() -> None:
    shown = redact({"headers": [("Cookie", "CANARY"), ("accept", "text")]})

    assert shown == {"headers": [["Cookie", "…"], ["accept", "text"]]}


@pytest.mark.parametrize("name", ["token", "key", "key_id", "tokens", "model"])
def test_names_of_accounts_and_keys_stay(name: str) -> None:
    assert redact({name: "5f3a9c"}) == {name: "5f3a9c"}


@pytest.mark.parametrize(
    "text",
    [
        "request GET /v1/chat/completions status=200",
        "token 5f3a9c pool=basic status=cooling",
        "https://host.example/path?page=2",
        "models are grok-4, grok-3-mini",
        "disk-full risk-free task-0123456789",
        "the cookie was refused, and the key too",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert redact_text(text) == text


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | _TEXT | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(_TEXT, inner),
    )
)
def test_redacted_value_is_always_json(value: Any) -> None:
    assert msgspec.json.decode(msgspec.json.encode(redact({"v": value}))) is not None


def test_secret_and_unshowable_objects_do_not_cost_the_line() -> None:
    class Unshowable:
        def __str__(self) -> str:
            raise ValueError

    shown = redact({"secret_like": Secret("CANARY"), "odd": Unshowable()})

    assert "CANARY" not in str(shown)
    assert shown["odd"] == "<Unshowable>"


def test_long_text_keeps_both_ends() -> None:
    shown = redact_text("begin" + "x" * 100_000 + "end")

    assert len(shown) < 20_000
    assert shown.startswith("begin")
    assert shown.endswith("end")
