"""Files that accounts have at their upstream: count, list, delete (F-ADM-19, 24, 25, 36)."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Final

import anyio.to_thread
from litestar import Response, get, post
from litestar.params import FromQuery, JSONBody, QueryParameter
from msgspec import UNSET

from grokgate.admin import cache
from grokgate.admin.chores import (
    AtOnce,
    Chosen,
    Started,
    begin,
    items_of,
    named,
    result_of,
    started,
    usable,
)
from grokgate.admin.context import CurrentAct, CurrentGateway
from grokgate.admin.online_schema import (
    CacheState,
    ClearedMany,
    ClearedOne,
    ItemDeleted,
    ItemToDelete,
    Load,
    Online,
    OnlineAccount,
    OnlineDetail,
    OnlineFile,
    OnlineFiles,
)
from grokgate.admin.tokens_view import encoded
from grokgate.chores import Item, Result, Task
from grokgate.chores.details import Clearing, Loading
from grokgate.chores.visits import Refused
from grokgate.errors import ObjectNotFound, UpstreamError
from grokgate.gateway import Gateway
from grokgate.storage.acting import Act
from grokgate.tokens.mask import masked

_ALL: Final = "all"
_FILES: Final = "files"


@get("/cache", summary="Tell what is stored here, and what accounts have")
async def get_cache(
    gateway: CurrentGateway,
    act: CurrentAct,
    token: FromQuery[str | None] = None,
    tokens: Annotated[str | None, QueryParameter(description="Several, with commas.")] = None,
    reach: Annotated[
        str | None, QueryParameter(name="scope", description="`all`: every usable one.")
    ] = None,
) -> Response[CacheState]:
    """Count stored files, and those of the selected accounts, which takes a call or more each."""
    texts = [text.strip() for text in (token or "", *(tokens or "").split(",")) if text.strip()]
    if not texts and reach != _ALL:
        return await _reply(await _state(gateway, None))
    task = await _load(gateway, act, Load(tokens=texts, scope=reach))
    await result_of(task)
    return await _reply(await _state(gateway, task))


@post("/cache/online/load/async", status_code=200, summary="Count accounts' files, as a job")
async def load_online(
    gateway: CurrentGateway, act: CurrentAct, data: JSONBody[Load], concurrency: AtOnce = None
) -> Started:
    """Start a job whose result is what GET /cache tells."""
    return started(await _load(gateway, act, data, concurrency))


@post("/cache/online/clear", status_code=200, summary="Delete accounts' files")
async def clear_online(
    gateway: CurrentGateway, act: CurrentAct, data: JSONBody[Chosen], concurrency: AtOnce = None
) -> ClearedOne | ClearedMany:
    """Delete all files of the named accounts; they are gone for good."""
    if data.token:
        await _known(gateway, data.token)
    result = await result_of(await start_clearing(gateway, act, data, concurrency))
    if data.token and len(result.results) == 1:
        return _one(next(iter(result.results.values())))
    return ClearedMany(results=result.results, warning=result.warning)


@post("/cache/online/clear/async", status_code=200, summary="Delete accounts' files, as a job")
async def clear_online_async(
    gateway: CurrentGateway, act: CurrentAct, data: JSONBody[Chosen], concurrency: AtOnce = None
) -> Started:
    """Start a job that deletes all files of the named accounts."""
    return started(await start_clearing(gateway, act, data, concurrency))


@get("/cache/online/files", summary="List the files of an account")
async def list_online(gateway: CurrentGateway, token: FromQuery[str]) -> OnlineFiles:
    """List all files of one account, last used first."""
    try:
        files = await gateway.visits.files(await _known(gateway, token))
    except Refused as refused:
        raise UpstreamError(refused.sentence) from refused
    return OnlineFiles(
        items=[
            OnlineFile(
                asset_id=file.id,
                name=file.name,
                mime=file.mime,
                size_bytes=file.size,
                created_at=None if file.created_at is None else round(1000 * file.created_at),
            )
            for file in files
        ]
    )


@post("/cache/online/item/delete", status_code=200, summary="Delete one file of an account")
async def delete_online(
    gateway: CurrentGateway, act: CurrentAct, data: JSONBody[ItemToDelete]
) -> ItemDeleted:
    """Delete one file; one that is gone already is no error."""
    token = await _known(gateway, data.token)
    act.target = token
    try:
        await gateway.visits.delete_file(token, data.asset_id)
    except Refused as refused:
        raise UpstreamError(refused.sentence) from refused
    return ItemDeleted()


HANDLERS: Final = (
    get_cache,
    load_online,
    clear_online,
    clear_online_async,
    list_online,
    delete_online,
)


async def start_clearing(
    gateway: Gateway, act: Act, data: Chosen, concurrency: int | None = None
) -> Task:
    """Start to delete the files of the named accounts.

    Raises:
        InvalidRequest: None is named: nobody means any account.
        Conflict: It is being done already.
    """
    items = await named(gateway, data)
    return await begin(gateway, act, "assets_clear", items, at_once=concurrency, cut=data.is_cut)


async def _load(gateway: Gateway, act: Act, data: Load, concurrency: int | None = None) -> Task:
    is_all = data.scope == _ALL and not data.texts
    if is_all:
        items = await items_of(gateway, await usable(gateway, _FILES))
    else:
        items = await named(gateway, data)
    return await begin(
        gateway,
        act,
        "assets_load",
        items,
        at_once=concurrency,
        cut=data.is_cut,
        options=_ALL if is_all else "selected",
        conclude=partial(_state, gateway),
    )


async def _known(gateway: Gateway, text: str) -> str:
    """Return the id of a named account."""
    (item,) = await items_of(gateway, [text])
    if item.token is None:
        raise ObjectNotFound("There is no such account.", code="not_found")
    return item.token


def _one(cleared: Any) -> ClearedOne:
    assert isinstance(cleared, Clearing)
    if cleared.result is None:
        raise UpstreamError(cleared.error)
    return ClearedOne(result=cleared.result)


async def _reply(state: CacheState) -> Response[CacheState]:
    return await encoded(state, size=len(state.online_accounts))


async def _state(gateway: Gateway, task: Task | None) -> CacheState:
    """Return what is stored here and, after *task*, what the accounts have."""
    local = await cache.local_cache(gateway)
    accounts = await anyio.to_thread.run_sync(_accounts, gateway)
    if task is None:
        return CacheState(
            local_image=local.local_image,
            local_video=local.local_video,
            online=Online(count=0, status="not_loaded"),
            online_accounts=accounts,
            online_scope="none",
            online_details=[],
        )
    online, details = await anyio.to_thread.run_sync(_of_task, gateway, task)
    return CacheState(
        local_image=local.local_image,
        local_video=local.local_video,
        online=online,
        online_accounts=accounts,
        online_scope=task.options,
        online_details=details,
        warning=task.warning or UNSET,
    )


def _accounts(gateway: Gateway) -> list[OnlineAccount]:
    return [
        OnlineAccount(
            token=record.id,
            token_masked=masked(record.credential),
            pool=record.pool,
            status=record.state.status,
            last_asset_clear_at=record.last_asset_clear_at_ms,
        )
        for record in tuple(gateway.tokens.records.values())
        if record.upstream in gateway.specs and _FILES in gateway.specs[record.upstream].offers
    ]


def _of_task(gateway: Gateway, task: Task) -> tuple[Online, list[OnlineDetail]]:
    result = task.result()
    return _together(gateway, task.items, result), _details(task.items, result)


def _together(gateway: Gateway, items: Sequence[Item], result: Result) -> Online:
    found: list[Loading] = list(result.results.values())
    only = items[0].token if len(items) == 1 else None
    record = gateway.tokens.records.get(only or "")
    return Online(
        count=sum(one.count for one in found),
        bytes=sum(one.bytes for one in found),
        status="ok" if any(one.status == "ok" for one in found) or not found else "error",
        token=only,
        last_asset_clear_at=record.last_asset_clear_at_ms if record else None,
    )


def _details(items: Sequence[Item], result: Result) -> list[OnlineDetail]:
    return [
        OnlineDetail(
            token=item.token or "",
            token_masked=item.label,
            count=result.results[item.label].count,
            bytes=result.results[item.label].bytes,
            status=result.results[item.label].status,
        )
        for item in items
    ]
