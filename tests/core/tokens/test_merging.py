"""A state that another process has written meanwhile loses nothing (F-STO-04)."""

import hypothesis.strategies as st
from hypothesis import given

from grokgate.tokens.merging import merged
from grokgate.tokens.record import Status, TokenState

NUMBERS = st.integers(0, 3)
TIMES = st.none() | NUMBERS
STATUSES: st.SearchStrategy[Status] = st.sampled_from(("active", "cooling", "expired", "disabled"))
STATES = st.builds(
    TokenState,
    id=st.just("tok_a"),
    status=STATUSES,
    use_count=NUMBERS,
    consumed=NUMBERS,
    sync_count=NUMBERS,
    last_used_at_ms=TIMES,
    last_sync_at_ms=TIMES,
)


def test_newer_state_stays_when_an_older_one_is_written_late() -> None:
    newer = TokenState(id="a", use_count=2, status="cooling", last_used_at_ms=20)
    older = TokenState(id="a", use_count=1, consumed=1, last_used_at_ms=10)

    after = merged(older, newer)
    assert (after.status, after.use_count, after.consumed) == ("cooling", 2, 1)


def test_what_is_written_counts_where_neither_is_newer() -> None:
    ours = TokenState(id="a", fail_count=1)

    assert merged(ours, TokenState(id="a")) == ours


@given(STATES, STATES)
def test_nothing_is_counted_back(ours: TokenState, theirs: TokenState) -> None:
    after = merged(ours, theirs)

    for name in ("use_count", "consumed", "sync_count", "last_used_at_ms", "last_sync_at_ms"):
        both = getattr(ours, name), getattr(theirs, name)
        assert getattr(after, name) == max(both, key=lambda one: -1 if one is None else one)


@given(STATES, STATES)
def test_only_operators_disable_and_enable(ours: TokenState, theirs: TokenState) -> None:
    after = merged(ours, theirs)

    assert (after.status == "disabled") == (theirs.status == "disabled")
