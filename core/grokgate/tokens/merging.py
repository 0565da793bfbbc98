"""What becomes of a state that two processes have written; pure (F-STO-04).

Both have their states from one shared ledger, so one of them is simply older, and its process has
not heard of the newer one yet. Which it is shows in what only ever grows.
"""

from msgspec.structs import replace

from grokgate.tokens.record import TokenState
from grokgate.tokens.switching import as_operator_wants


def merged(ours: TokenState, theirs: TokenState) -> TokenState:
    """Return what is to be stored for *ours*, where *theirs* lies by now; nothing is counted back.

    Whether the token is switched off stays as it is stored: operators alone decide that.
    """
    newer = ours if _progress(ours) >= _progress(theirs) else theirs
    return replace(
        as_operator_wants(newer, theirs),
        use_count=max(ours.use_count, theirs.use_count),
        consumed=max(ours.consumed, theirs.consumed),
        sync_count=max(ours.sync_count, theirs.sync_count),
        last_used_at_ms=_later(ours.last_used_at_ms, theirs.last_used_at_ms),
        last_sync_at_ms=_later(ours.last_sync_at_ms, theirs.last_sync_at_ms),
    )


def _progress(state: TokenState) -> tuple[int, int]:
    times = (
        state.last_used_at_ms,
        state.last_sync_at_ms,
        state.last_fail_at_ms,
        state.state_since_at_ms,
    )
    return state.use_count + state.sync_count, max(at or 0 for at in times)


def _later(one: int | None, other: int | None) -> int | None:
    return one if other is None else max(one or 0, other)
