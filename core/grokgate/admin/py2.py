"""Accounts under the names of a predecessor, whose base is ``/admin/api`` (F-ADM-33).

Thin: the work is that of the pages proper. Pools are called basic, super and heavy here. Unknown
fields are ignored, as it did; what is shown is masked, and an id may stand for a credential.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, delete, get, post, put
from litestar.params import JSONBody
from litestar.response import Stream
from msgspec import Meta, Struct

from grokgate.admin import config, login, py2_batch, storage
from grokgate.admin.context import CurrentAct, CurrentGateway
from grokgate.admin.tokens_choice import chosen, target_of
from grokgate.admin.tokens_edit import add_tokens, credential_of, find_one, pool_of, switch
from grokgate.admin.tokens_view import in_thread, settled_records
from grokgate.errors import InvalidRequest, ObjectNotFound
from grokgate.gateway import Gateway
from grokgate.http.body import JSON
from grokgate.tokens import Change, ImportReport, TokenRecord
from grokgate.tokens.exporting import joined_parts
from grokgate.tokens.mask import masked
from grokgate.tokens.pools import Pools

_NO_TOKENS: Final = "No valid tokens provided"


class State(Struct, frozen=True, kw_only=True):
    """How many accounts there are."""

    status: Literal["ok"] = "ok"
    size: int
    revision: int
    selection_strategy: str


class Synced(Struct, frozen=True, kw_only=True):
    """Nothing: accounts are always current here."""

    changed: bool = False
    revision: int


class Saved(Struct, frozen=True, kw_only=True):
    """How many of the accounts that were sent are there."""

    count: int
    status: str = "success"


class DeletedCount(Struct, frozen=True, kw_only=True):
    """How many accounts were deleted."""

    deleted: int


class EditRequest(Struct, frozen=True, kw_only=True):
    """Another credential or pool for an account."""

    old_token: str
    token: str
    pool: str = "basic"


class EditReply(Struct, frozen=True, kw_only=True):
    """The account as it is now."""

    token: Annotated[str, Meta(description="Masked.")]
    id: str
    pool: str
    status: str = "success"


class DisableRequest(Struct, frozen=True, kw_only=True):
    """One account to be switched off, or on."""

    token: str
    disabled: bool


class DisableReply(Struct, frozen=True, kw_only=True):
    """What it is now."""

    token: str
    disabled: bool
    status: str = "success"


class DisableManyRequest(Struct, frozen=True, kw_only=True):
    """Accounts to be switched off, or on."""

    tokens: list[str]
    disabled: bool


class Summary(Struct, frozen=True, kw_only=True):
    """How many were found."""

    total: int
    ok: int
    fail: int


class DisableManyReply(Struct, frozen=True, kw_only=True):
    """What became of them."""

    disabled: bool
    summary: Summary
    status: str = "success"


class PoolRequest(Struct, frozen=True, kw_only=True):
    """All accounts of a pool."""

    pool: str
    tokens: list[str]
    tags: list[str] = []


class PoolReply(Struct, frozen=True, kw_only=True):
    """How many of them are there."""

    pool: str
    count: int


@get("/status", summary="Tell how many accounts there are")
async def read_status(gateway: CurrentGateway) -> State:
    """Tell how many accounts there are, and how one is picked."""
    snapshot = gateway.settings.snapshot
    return State(
        size=len(gateway.tokens.records),
        revision=snapshot.revision,
        selection_strategy=snapshot.token.selection,
    )


@post("/sync", status_code=200, summary="Do nothing")
async def sync(gateway: CurrentGateway) -> Synced:
    """Answer as if accounts had been read anew."""
    return Synced(revision=gateway.settings.snapshot.revision)


@get("/tokens", summary="List all accounts", media_type=JSON)
async def list_tokens(gateway: CurrentGateway) -> Stream:
    """List every account, masked."""
    records = list((await settled_records(gateway)).values())
    return Stream(in_thread(_flat(records, gateway.tokens.pools)), media_type=JSON)


@post("/tokens", status_code=200, summary="Make pools what is sent")
async def save_tokens(
    request: Request[Any, Any, Any], gateway: CurrentGateway, act: CurrentAct
) -> Saved:
    """Replace the set of accounts of each named pool."""
    return Saved(count=_count(await _replace(gateway, act, await request.body())))


@delete("/tokens", status_code=200, summary="Delete accounts")
async def delete_tokens(
    gateway: CurrentGateway, act: CurrentAct, data: JSONBody[list[str]]
) -> DeletedCount:
    """Delete accounts; they can be restored."""
    ids = await _named(gateway, data)
    act.target = target_of(ids)
    await gateway.home.flush()
    return DeletedCount(deleted=len(await gateway.tokens.delete(ids)))


@put("/tokens/edit", summary="Change an account")
async def edit_token(
    gateway: CurrentGateway, act: CurrentAct, data: JSONBody[EditRequest]
) -> EditReply:
    """Give an account another credential or pool; its counters stay."""
    token = find_one(gateway, data.old_token)
    act.target = token
    change = Change(pool=pool_of(gateway, data.pool, gateway.tokens.records[token].upstream))
    same = gateway.tokens.find(data.token) == token
    new = None if same else credential_of(data.token, param="token")
    await gateway.home.flush()
    try:
        record = await gateway.tokens.edit(token, change, credential=new)
    except ValueError as error:
        raise InvalidRequest(str(error), param="token") from None
    pool = _pool_name(record.pool, gateway.tokens.pools)
    return EditReply(token=masked(record.credential), id=record.id, pool=pool)


@post("/tokens/disabled", status_code=200, summary="Switch an account off or on")
async def disable_token(
    gateway: CurrentGateway, act: CurrentAct, data: JSONBody[DisableRequest]
) -> DisableReply:
    """Switch one account off, or on again."""
    token = find_one(gateway, data.token)
    shown = masked(gateway.tokens.records[token].credential)
    await switch(gateway, act, [token], disabled=data.disabled)
    return DisableReply(token=shown, disabled=data.disabled)


@post("/tokens/disabled/batch", status_code=200, summary="Switch accounts off or on")
async def disable_tokens(
    gateway: CurrentGateway, act: CurrentAct, data: JSONBody[DisableManyRequest]
) -> DisableManyReply:
    """Switch accounts off, or on again."""
    ids = await _named(gateway, data.tokens)
    if not ids:
        raise ObjectNotFound("No matching accounts found", code="not_found")
    found = await switch(gateway, act, ids, disabled=data.disabled)
    total = len(dict.fromkeys(data.tokens))
    summary = Summary(total=total, ok=found.updated, fail=max(0, total - found.updated))
    return DisableManyReply(disabled=data.disabled, summary=summary)


@put("/tokens/pool", summary="Make a pool what is sent")
async def replace_pool(
    gateway: CurrentGateway, act: CurrentAct, data: JSONBody[PoolRequest]
) -> PoolReply:
    """Replace the set of accounts of one pool."""
    tags = {"tags": data.tags} if data.tags else {}
    entries = [{"token": token, **tags} for token in data.tokens]
    body = msgspec.json.encode({data.pool: entries})
    return PoolReply(pool=data.pool, count=_count(await _replace(gateway, act, body)))


HANDLERS: Final = (
    login.verify,
    config.read_config,
    config.change_config,
    *storage.HANDLERS,
    read_status,
    sync,
    list_tokens,
    save_tokens,
    delete_tokens,
    add_tokens,
    edit_token,
    disable_token,
    disable_tokens,
    replace_pool,
    *py2_batch.HANDLERS,
)


async def _replace(gateway: Gateway, act: CurrentAct, body: bytes) -> ImportReport:
    await gateway.home.flush()
    report = await gateway.tokens.replace_pools(body)
    if report is None:
        raise InvalidRequest(_NO_TOKENS, code="empty_payload")
    act.target = f"{_count(report)} accounts"
    return report


def _count(report: ImportReport) -> int:
    return sum(map(len, (report.added, report.restored, report.updated, report.unchanged)))


async def _named(gateway: Gateway, names: list[str]) -> list[str]:
    if not any(map(str.strip, names)):
        raise InvalidRequest(_NO_TOKENS, code="empty_payload")
    return (await chosen(gateway, names)).ids


def _flat(records: Iterable[TokenRecord], pools: Pools) -> Iterator[str]:
    shown = (msgspec.json.encode(_shown(record, pools)).decode() for record in records)
    yield '{"tokens":['
    yield from joined_parts(shown, ",")
    yield "]}"


def _shown(record: TokenRecord, pools: Pools) -> dict[str, Any]:
    state = record.state
    return {
        "token": masked(record.credential),
        "id": record.id,
        "pool": _pool_name(record.pool, pools),
        "status": state.status,
        "quota": {
            name: {"remaining": bucket.remaining, "total": bucket.total or 0}
            for name, bucket in state.buckets.items()
        },
        "use_count": state.use_count,
        "last_used_at": state.last_used_at_ms,
        "tags": record.tags,
    }


def _pool_name(pool: str, pools: Pools) -> str:
    return pools.tier(pool) or pool
