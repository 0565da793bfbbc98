"""What a table of tokens shows: everything but the credential."""

from collections.abc import Iterable

from msgspec import Struct

from grokgate.tokens.mask import masked
from grokgate.tokens.pools import Pools
from grokgate.tokens.record import Status, TokenRecord, TokenState


class TokenView(Struct, frozen=True, kw_only=True):
    """One row. Times are Unix milliseconds."""

    id: str
    upstream: str
    pool: str
    routed: bool
    """False: no upstream declares the pool."""
    hint: str | None = None
    """The pool that the last answer speaks for, where that is another (F-TOK-43)."""
    stale: bool = False
    """True: the last attempt to learn the quota failed; the numbers are those of before."""
    masked: str
    tags: tuple[str, ...]
    note: str
    created_at_ms: int
    has_proxy: bool
    max_inflight: int | None
    revision: int
    state: TokenState


def list_tokens(
    records: Iterable[TokenRecord],
    pools: Pools,
    *,
    pool: str | None = None,
    status: Status | None = None,
) -> list[TokenView]:
    """Return the rows of a pool and status, or of all; by upstream, pool, age."""
    chosen = [
        record
        for record in records
        if pool in {None, record.pool} and status in {None, record.state.status}
    ]
    chosen.sort(key=lambda record: (record.upstream, record.pool, record.created_at_ms, record.id))
    return [to_view(record, pools) for record in chosen]


def to_view(record: TokenRecord, pools: Pools) -> TokenView:
    """Return the row of one token."""
    return TokenView(
        id=record.id,
        upstream=record.upstream,
        pool=record.pool,
        routed=pools.routed(record.pool, record.upstream),
        hint=_hint(record, pools),
        masked=masked(record.credential),
        tags=record.tags,
        note=record.note,
        created_at_ms=record.created_at_ms,
        has_proxy=record.proxy_url is not None,
        max_inflight=record.max_inflight,
        revision=record.revision,
        state=record.state,
    )


def _hint(record: TokenRecord, pools: Pools) -> str | None:
    tier = record.state.tier
    if tier is None or pools.tier(record.pool) in {None, tier}:
        return None
    return pools.of_tier(record.upstream, tier)
