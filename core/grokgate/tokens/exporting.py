"""Writes tokens for other programs and for a way back (F-MIG-10). The output holds credentials."""

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

import msgspec

from grokgate.tokens.pools import Pools
from grokgate.tokens.record import Bucket, TokenRecord

ExportForm: TypeAlias = Literal["a", "d", "text"]
"""``a``: JSON by pool, complete, read back by an import without loss. ``d``: the record list of the
program that calls its pools basic, super and heavy. ``text``: one credential a line."""


def export_tokens(records: Iterable[TokenRecord], form: ExportForm, pools: Pools) -> str:
    """Return the text of an export; records keep their order."""
    match form:
        case "a":
            return _json(_by_pool(records))
        case "d":
            return _json({"tokens": [_form_d(record, pools) for record in records]})
        case "text":
            return "".join(f"{record.credential.reveal()}\n" for record in records)


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def _by_pool(records: Iterable[TokenRecord]) -> dict[str, list[dict[str, Any]]]:
    by_pool: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        by_pool.setdefault(record.pool, []).append(_form_a(record))
    return by_pool


def _form_a(record: TokenRecord) -> dict[str, Any]:
    """Return the public fields (F-TOK-02), ours under ``ext`` (F-TOK-03), unknown ones as found."""
    state = record.state
    return dict(record.extra) | {
        "token": record.credential.reveal(),
        "status": state.status,
        "quota": _remaining(record, "default"),
        "heavy_quota": _remaining(record, "heavy"),
        "created_at": record.created_at_ms,
        "last_used_at": state.last_used_at_ms,
        "use_count": state.use_count,
        "fail_count": state.fail_count,
        "last_fail_at": state.last_fail_at_ms,
        "last_fail_reason": state.last_fail_reason,
        "last_sync_at": state.last_sync_at_ms,
        "tags": record.tags,
        "note": record.note,
        "last_asset_clear_at": record.last_asset_clear_at_ms,
        "ext": _ext(record),
    }


def _ext(record: TokenRecord) -> dict[str, Any]:
    state = record.state
    return dict(record.extra.get("ext", {})) | {
        "id": record.id,
        "upstream": record.upstream,
        "buckets": {name: _bucket(bucket) for name, bucket in state.buckets.items()},
        "cooldown_until": state.cooldown_until_ms,
        "cooldown_level": state.cooldown_level,
        "state_reason": state.state_reason,
        "sync_count": state.sync_count,
        "consumed": state.consumed,
        "max_inflight": record.max_inflight,
        "proxy_url": record.proxy_url.reveal() if record.proxy_url else None,
        "kept": state.kept,
        "revision": record.revision,
    }


def _remaining(record: TokenRecord, bucket: str) -> int:
    found = record.state.buckets.get(bucket)
    return found.remaining if found else -1


def _bucket(bucket: Bucket) -> dict[str, Any]:
    return {
        "remaining": bucket.remaining,
        "total": bucket.total,
        "window_seconds": bucket.window_s,
        "reset_at": bucket.reset_at_ms,
        "synced_at": bucket.synced_at_ms,
        "source": bucket.source,
    }


def _form_d(record: TokenRecord, pools: Pools) -> dict[str, Any]:
    state = record.state
    return {
        "token": record.credential.reveal(),
        "pool": pools.tier(record.pool) or record.pool,
        "status": state.status,
        "quota": {
            name: {"remaining": bucket.remaining, "total": bucket.total}
            for name, bucket in state.buckets.items()
        },
        "use_count": state.use_count,
        "tags": record.tags,
        "note": record.note,
    }
