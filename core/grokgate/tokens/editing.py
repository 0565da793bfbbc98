"""What an operator may change in one token, and what becomes of it then; pure (F-TOK-52)."""

from collections.abc import Callable
from typing import Literal, TypeAlias

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from grokgate.tokens.planning import Edit, deleted
from grokgate.tokens.record import Bucket, TokenRecord, TokenState
from grokgate.tokens.switching import activated, disabled
from grokgate.upstream import Secret

_CORRECTED = "default"
"""The window whose number an operator may correct (F-UI-27)."""

Switched: TypeAlias = Literal["active", "disabled"]
"""Statuses that operators give."""


class Change(Struct, frozen=True, kw_only=True):
    """New values; what is not set stays."""

    pool: str | UnsetType = UNSET
    """Of the token's upstream, by its own name."""
    status: Switched | UnsetType = UNSET
    quota: int | UnsetType = UNSET
    """Units left in the window ``default``."""
    note: str | UnsetType = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    max_inflight: int | UnsetType | None = UNSET
    proxy_url: Secret | UnsetType | None = UNSET
    last_asset_clear_at_ms: int | UnsetType = UNSET

    @property
    def of_state(self) -> bool:
        """Whether it concerns what calls change, too."""
        return self.status is not UNSET or self.quota is not UNSET


def edited(record: TokenRecord, change: Change) -> Edit | None:
    """Return the edit that makes *change*; None: nothing would be different."""
    after = replace(record, tags=_tags(record, change), **_named(change))
    change_state = _state_change(change)
    same_state = change_state is None or change_state(record.state) == record.state
    if after == record and same_state:
        return None
    return Edit(record=replace(after, revision=record.revision + 1), change_state=change_state)


def succeeded(
    old: TokenRecord, new: TokenRecord, there: TokenRecord | None, *, now_ms: int
) -> list[Edit]:
    """Return the edits by which *new* takes the place of *old*, with its counters (F-UI-27).

    Args:
        old: Is deleted.
        new: The same with another credential and id, and what else shall be different.
        there: The deleted token with that id, if there is one.
        now_ms: Unix milliseconds.
    """
    state = replace(new.state, id=new.id)
    if state.status != "disabled":
        # What refused the old credential says nothing of the new one.
        state = activated(state)
    revision = max(old.revision, there.revision if there else 0) + 1
    record = replace(new, revision=revision, state=state)
    return [
        Edit(record=deleted(old, now_ms)),
        Edit(record=record, new=there is None, change_state=lambda _: state),
    ]


def _named(change: Change) -> dict[str, object]:
    names = ("pool", "note", "max_inflight", "proxy_url", "last_asset_clear_at_ms")
    values = {name: getattr(change, name) for name in names}
    return {name: value for name, value in values.items() if value is not UNSET}


def _tags(record: TokenRecord, change: Change) -> tuple[str, ...]:
    tags = record.tags if isinstance(change.tags, UnsetType) else change.tags
    kept = [tag for tag in (*tags, *change.add_tags) if tag not in change.remove_tags]
    return tuple(dict.fromkeys(kept))


def _state_change(change: Change) -> Callable[[TokenState], TokenState] | None:
    if not change.of_state:
        return None

    def apply(state: TokenState) -> TokenState:
        if change.status == "disabled" and state.status != "disabled":
            state = disabled(state)
        if change.status == "active" and state.status != "active":
            state = activated(state)
        if not isinstance(change.quota, UnsetType):
            state = _corrected(state, change.quota)
        return state

    return apply


def _corrected(state: TokenState, units: int) -> TokenState:
    bucket = state.buckets.get(_CORRECTED, Bucket(remaining=-1))
    if bucket.remaining == units:
        return state
    after = replace(bucket, remaining=units, source="estimated")
    return replace(state, buckets={**state.buckets, _CORRECTED: after})
