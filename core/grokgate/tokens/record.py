"""A pooled account credential and its state, as the core passes it around (F-TOK-02, F-TOK-03).

The records hold values only and never form cycles, so the garbage collector passes them over
(``gc=False``): with 100 000 tokens it would otherwise stop the event loop for half a second.
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from grokgate.upstream import Secret, Tier

Status: TypeAlias = Literal["active", "cooling", "expired", "disabled"]


class Bucket(Struct, frozen=True, kw_only=True, gc=False):
    """What a token has left in one upstream quota window. Times are Unix milliseconds."""

    remaining: int
    """Units left; −1: unknown, counts as available."""
    total: int | None = None
    window_s: int | None = None
    reset_at_ms: int | None = None
    synced_at_ms: int | None = None
    source: Literal["default", "real", "estimated"] = "default"


class TokenState(Struct, frozen=True, kw_only=True, gc=False):
    """The part of a token that calls change; written in batches by the ledger's home."""

    id: str
    status: Status = "active"
    state_reason: str | None = None
    """Machine word for why the status is what it is, such as ``quota`` or ``auth_dead``."""
    state_since_at_ms: int | None = None
    """When it took its status."""
    evidence: str | None = None
    """What made it take its status: an observation in words for machines, or ``survey``, ``time``,
    ``calls``, ``operator``; never upstream text."""
    tier: Tier | None = None
    """Subscription level by the last survey that told."""
    buckets: Mapping[str, Bucket] = {}
    cooldown_until_ms: int | None = None
    cooldown_level: int = 0
    """How often in a row it cooled down for an ambiguous fault; sets the next length."""
    use_count: int = 0
    consumed: int = 0
    """Units charged so far."""
    fail_count: int = 0
    """Plain 401 in a row."""
    last_used_at_ms: int | None = None
    last_fail_at_ms: int | None = None
    last_fail_reason: str | None = None
    last_sync_at_ms: int | None = None
    sync_count: int = 0
    kept: Mapping[str, str] = {}
    """Notes: the driver's own (`AccountFacts.keep`), and under ``day:…`` daily counts."""


class TokenRecord(Struct, frozen=True, kw_only=True, gc=False):
    """One pooled account: what the operator entered, and its state."""

    id: str
    """Short keyed id of the cleaned credential: safe in logs and answers, stable over imports."""
    upstream: str = "web"
    pool: str
    """Name of a pool of the upstream; an unknown name is kept and shown but never routed."""
    credential: Secret
    proxy_url: Secret | None = None
    tags: tuple[str, ...] = ()
    note: str = ""
    max_inflight: int | None = None
    """None: the global setting."""
    created_at_ms: int = 0
    last_asset_clear_at_ms: int | None = None
    deleted_at_ms: int | None = None
    revision: int = 1
    extra: Mapping[str, Any] = {}
    """Unknown fields of an imported record, exported again (F-MIG-04)."""
    state: TokenState
