"""Writes tokens for other programs and for a way back (F-MIG-10). The output holds credentials."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final, Literal, TypeAlias

import msgspec

from grokgate.tokens.pools import Pools
from grokgate.tokens.record import Bucket, TokenRecord

ExportForm: TypeAlias = Literal["a", "d", "text"]
"""``a``: JSON by pool, complete, read back by an import without loss. ``d``: the record list of the
program that calls its pools basic, super and heavy. ``text``: one credential a line."""
_PORTION: Final = 200


def export_tokens(records: Iterable[TokenRecord], form: ExportForm, pools: Pools) -> str:
    """Return the text of an export; records keep their order."""
    return "".join(export_parts(records, form, pools))


def export_parts(records: Iterable[TokenRecord], form: ExportForm, pools: Pools) -> Iterator[str]:
    """Yield the text of an export, a few hundred records at a time."""
    match form:
        case "a":
            return _parts_a(records)
        case "d":
            return _enclosed('{"tokens": [', (_form_d(record, pools) for record in records), "]}\n")
        case "text":
            return joined_parts((f"{record.credential.reveal()}\n" for record in records), "")


def public_fields(record: TokenRecord) -> dict[str, Any]:
    """Return the fields that earlier gateways' files have as well, by their names (F-TOK-02)."""
    state = record.state
    return {
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
    }


def further_fields(record: TokenRecord) -> dict[str, Any]:
    """Return our own fields (F-TOK-03)."""
    state = record.state
    return {
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
        "revision": record.revision,
    }


def _parts_a(records: Iterable[TokenRecord]) -> Iterator[str]:
    by_pool: dict[str, list[TokenRecord]] = {}
    for record in records:
        by_pool.setdefault(record.pool, []).append(record)
    yield "{"
    for number, (pool, members) in enumerate(by_pool.items()):
        name = msgspec.json.encode(pool).decode()
        begin = f"{',' if number else ''}\n{name}: ["
        yield from _enclosed(begin, map(_form_a, members), "]")
    yield "}\n"


def _enclosed(begin: str, objects: Iterable[dict[str, Any]], end: str) -> Iterator[str]:
    """Yield a JSON list with an object a line."""
    yield begin + "\n"
    yield from joined_parts((msgspec.json.encode(one).decode() for one in objects), ",\n")
    yield "\n" + end


def joined_parts(texts: Iterable[str], between: str) -> Iterator[str]:
    """Yield texts with *between* between them, a few hundred at a time."""
    texts = iter(texts)
    first = True
    while portion := list(islice(texts, _PORTION)):
        yield ("" if first else between) + between.join(portion)
        first = False


def _form_a(record: TokenRecord) -> dict[str, Any]:
    """Return the public fields, ours under ``ext``, unknown ones as found."""
    ext = dict(record.extra.get("ext", {})) | further_fields(record) | {"kept": record.state.kept}
    return dict(record.extra) | public_fields(record) | {"ext": ext}


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
