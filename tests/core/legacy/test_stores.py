"""Rows of the predecessors' databases, in every odd shape."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokgate.legacy.stores import config_tree, py2_record, tq_record

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
NAMES = "token pool pool_name status tags data ext quota_fast quota_known deleted_at revision"
COLUMNS = st.sampled_from(NAMES.split())


def test_columns_of_tq_are_newer_than_the_record_beside_them() -> None:
    row = {
        "token": "t",
        "pool_name": "ssoSuper",
        "status": "TokenStatus.COOLING",
        "quota": 3,
        "tags": '["a"]',
        "note": "",
        "last_fail_at": None,
        "data": json.dumps({"quota": 80, "note": "n", "consumed": 4, "_update_kind": "state"}),
        "data_hash": "0" * 64,
        "updated_at": 0,
    }

    assert tq_record(row) == {
        "token": "t",
        "pool": "ssoSuper",
        "status": "cooling",
        "quota": 3,
        "tags": ["a"],
        "note": "n",
        "consumed": 4,
    }


def test_row_of_an_early_tq_has_nothing_but_the_record() -> None:
    row = {"token": "t", "pool_name": "ssoBasic", "data": '{"token": "t", "quota": 80}'}

    assert tq_record(row) == {"token": "t", "pool": "ssoBasic", "quota": 80}


def test_hash_of_tq_holds_texts() -> None:
    fields = {"quota": "7", "quota_known": "False", "last_used_at": "None", "pool_name": "ssoBasic"}

    assert tq_record(fields) == {"quota": "7", "quota_known": False, "pool": "ssoBasic"}


def test_account_of_py2_has_its_windows_counters_and_further_fields() -> None:
    row = {
        "token": "t",
        "pool": "super",
        "tags": '["nsfw"]',
        "quota_fast": '{"remaining": 3, "total": 30, "source": 1}',
        "quota_heavy": "{}",
        "usage_use_count": 9,
        "usage_sync_count": 2,
        "last_use_at": 1_700_000_000_000,
        "last_clear_at": None,
        "state_reason": "",
        "ext": '{"cooldown_until": 1700000000000, "colour": "red"}',
        "deleted_at": None,
        "revision": 5,
        "updated_at": 1,
    }

    assert py2_record(row) == {
        "token": "t",
        "pool": "super",
        "tags": ["nsfw"],
        "quota": {"fast": {"remaining": 3, "total": 30, "source": "real"}},
        "use_count": 9,
        "sync_count": 2,
        "last_used_at": 1_700_000_000_000,
        "ext": {"cooldown_until": 1_700_000_000_000, "colour": "red"},
    }


def test_account_that_py2_deleted_is_none() -> None:
    assert py2_record({"token": "t", "deleted_at": 1_700_000_000_000}) is None


@pytest.mark.parametrize(
    ("entries", "tree"),
    [
        (
            [("app.api_key", '"k"'), ("app.stream", "true")],
            {"app": {"api_key": "k", "stream": True}},
        ),
        ([("a.b.c", "[1]"), ("a.b.d", "plain")], {"a": {"b": {"c": [1], "d": "plain"}}}),
        ([("a", "null"), ("__version__", "3")], {}),
        ([("a", "1"), ("a.b", "2")], {"a": 1}),
    ],
    ids=["sections", "deeper", "nothing", "value where a table is needed"],
)
def test_configuration_is_a_tree(entries: list[tuple[str, str]], tree: dict[str, Any]) -> None:
    assert config_tree(entries) == tree


@given(row=st.dictionaries(COLUMNS, ANYTHING))
def test_hostile_rows_are_read_all_the_same(row: dict[str, Any]) -> None:
    tq_record(row)
    py2_record(row)
