"""Accounts as a table shows them: what is stored, with what is known of them just now."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, Final

import anyio.lowlevel
import anyio.to_thread
import msgspec
from litestar import Response
from msgspec.structs import replace

from grokgate.admin.tokens_schema import BucketItem, Line, TokenItem
from grokgate.errors import StoreUnavailable
from grokgate.gateway import Gateway
from grokgate.http.body import JSON
from grokgate.legacy.report import Remark
from grokgate.tokens import ImportReport, TokenRecord
from grokgate.tokens.listing import to_view
from grokgate.tokens.quota import quota_left

_AT_ONCE: Final = 25
"""Looked up without a break: less than a millisecond."""
_FEW: Final = 100
"""Encoded without a thread."""
_MOST_LINES: Final = 5000


def item_of(gateway: Gateway, record: TokenRecord) -> TokenItem:
    """Return one account as it is now."""
    state = gateway.home.state(record.id) or record.state
    view = to_view(replace(record, state=state), gateway.tokens.pools)
    left = quota_left(state.buckets)
    return TokenItem(
        id=record.id,
        token=view.masked,
        upstream=record.upstream,
        pool=record.pool,
        routed=view.routed,
        hint=view.hint,
        tier=state.tier,
        status=state.status,
        state_reason=state.state_reason,
        state_since=state.state_since_at_ms,
        evidence=state.evidence,
        quota=left.chat,
        image_quota=left.image,
        heavy_quota=left.heavy,
        buckets={
            name: BucketItem(
                remaining=bucket.remaining,
                total=bucket.total,
                window_seconds=bucket.window_s,
                reset_at=bucket.reset_at_ms,
                synced_at=bucket.synced_at_ms,
                source=bucket.source,
            )
            for name, bucket in state.buckets.items()
        },
        stale=record.id in gateway.refresh.failing,
        inflight=gateway.home.inflight(record.id),
        max_inflight=record.max_inflight,
        has_proxy=view.has_proxy,
        tags=record.tags,
        note=record.note,
        use_count=state.use_count,
        consumed=state.consumed,
        fail_count=state.fail_count,
        created_at=record.created_at_ms,
        last_used_at=state.last_used_at_ms,
        last_fail_at=state.last_fail_at_ms,
        last_fail_reason=state.last_fail_reason,
        last_sync_at=state.last_sync_at_ms,
        sync_count=state.sync_count,
        last_asset_clear_at=record.last_asset_clear_at_ms,
        cooldown_until=state.cooldown_until_ms,
        deleted_at=record.deleted_at_ms,
        revision=record.revision,
    )


async def items_of(gateway: Gateway, ids: Sequence[str]) -> list[TokenItem]:
    """Return accounts as they are now; those that went meanwhile are left out."""
    items: list[TokenItem] = []
    for start in range(0, len(ids), _AT_ONCE):
        for token in ids[start : start + _AT_ONCE]:
            record = gateway.tokens.records.get(token) or gateway.tokens.deleted.get(token)
            if record is not None:
                items.append(item_of(gateway, record))
        await anyio.lowlevel.checkpoint()
    return items


async def encoded(value: Any, *, size: int) -> Response[Any]:
    """Return *value*, which holds *size* accounts, as a reply."""
    if size <= _FEW:
        return Response(msgspec.json.encode(value), media_type=JSON)
    return Response(await anyio.to_thread.run_sync(msgspec.json.encode, value), media_type=JSON)


def lines(remarks: Iterable[Remark]) -> list[Line]:
    """Return what there is to say about single places, as far as anybody reads it."""
    shown = islice(remarks, _MOST_LINES)
    return [Line(line=one.position, reason=one.reason) for one in shown]


def parted(report: ImportReport) -> tuple[list[Remark], list[Remark]]:
    """Return where accounts stand that are there already, and what else there is to say."""
    doubles = dict.fromkeys(report.doubles)
    return list(doubles), [one for one in report.remarks if one not in doubles]


async def settled_records(gateway: Gateway) -> Mapping[str, TokenRecord]:
    """Return all records with what calls changed up to now, unless the store fails just then."""
    with suppress(StoreUnavailable, TimeoutError):
        await gateway.home.flush()
    return gateway.tokens.records


async def in_thread(parts: Iterator[str]) -> AsyncIterator[bytes]:
    """Yield texts that take a while to make."""
    while (part := await anyio.to_thread.run_sync(next, parts, None)) is not None:
        yield part.encode()
