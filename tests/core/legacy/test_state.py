"""What predecessors kept beside configuration and tokens, in every odd shape."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokgate.legacy import state

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["key", "usage", "hourly", "daily", "2026-01-31", "count", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


def test_key_has_name_limits_and_times_in_milliseconds() -> None:
    rows = [{"key": " sk-1 ", "name": "a", "created_at": 1_700_000_000, "heavy_limit": "3"}]

    (entry,) = state.read_keys(json.dumps(rows).encode())

    assert (entry.text, entry.name, entry.is_active) == ("sk-1", "a", True)
    assert entry.created_at_ms == 1_700_000_000_000
    assert entry.limits == {"chat": -1, "heavy": 3, "image": -1, "video": -1}


def test_reply_of_the_old_key_list_is_read_too() -> None:
    reply = {"success": True, "data": [{"key": "sk-1", "is_active": False}]}

    (entry,) = state.read_keys(json.dumps(reply).encode())

    assert not entry.is_active


def test_usage_is_that_of_the_day() -> None:
    usage = {"2026-01-30": {"sk-1": {"chat_used": 9}}, "2026-01-31": {"sk-1": {"image_used": 2}}}

    assert state.read_usage(json.dumps(usage).encode(), "2026-01-31") == {"sk-1": {"image": 2}}


@given(tree=ANYTHING)
@pytest.mark.parametrize(
    "read",
    [
        state.read_keys,
        lambda data: state.read_usage(data, "2026-01-31"),
        lambda data: state.read_statistics(data, offset_minutes=480),
        state.read_nsfw_state,
    ],
    ids=["keys", "usage", "statistics", "nsfw"],
)
def test_no_shape_is_worse_than_unreadable(read: object, tree: object) -> None:
    assert callable(read)
    with suppress(state.UnreadableError):
        read(json.dumps(tree).encode())
