"""Jobs under the names of a predecessor (F-ADM-33): thin, the work is that of their own pages."""

from typing import Annotated, Final

from litestar import post
from litestar.params import JSONBody, QueryParameter

from grokgate.admin.batch import cancel_batch, stream_batch
from grokgate.admin.chores import (
    AtOnce,
    Chosen,
    Started,
    begin,
    items_of,
    prefer,
    result_of,
    started,
    texts_of,
    usable,
)
from grokgate.admin.context import CurrentAct, CurrentGateway
from grokgate.admin.online import start_clearing
from grokgate.chores import Result, Task

_InBackground = Annotated[bool, QueryParameter(name="async", description="Start a job.")]


@post("/batch/nsfw", status_code=200, summary="Switch the content preference")
async def batch_nsfw(
    gateway: CurrentGateway,
    act: CurrentAct,
    data: JSONBody[Chosen],
    *,
    enabled: Annotated[bool, QueryParameter()] = True,
    in_background: _InBackground = False,
    concurrency: AtOnce = None,
) -> Result | Started:
    """Switch the preference of the named accounts, or of all usable ones."""
    kind: Final = "nsfw_enable" if enabled else "nsfw_disable"
    return await _answer(
        await prefer(gateway, act, kind, data, concurrency), in_background=in_background
    )


@post("/batch/refresh", status_code=200, summary="Ask accounts for their quota")
async def batch_refresh(
    gateway: CurrentGateway,
    act: CurrentAct,
    data: JSONBody[Chosen],
    *,
    in_background: _InBackground = False,
    concurrency: AtOnce = None,
) -> Result | Started:
    """Ask the named accounts, or all usable ones."""
    texts = await texts_of(gateway, data)
    if texts is None:
        texts = await usable(gateway, "survey")
    items = await items_of(gateway, texts)
    task = await begin(gateway, act, "refresh_usage", items, at_once=concurrency, cut=True)
    return await _answer(task, in_background=in_background)


@post("/batch/cache-clear", status_code=200, summary="Delete accounts' files")
async def batch_cache_clear(
    gateway: CurrentGateway,
    act: CurrentAct,
    data: JSONBody[Chosen],
    *,
    in_background: _InBackground = False,
    concurrency: AtOnce = None,
) -> Result | Started:
    """Delete all files of the named accounts."""
    return await _answer(
        await start_clearing(gateway, act, data, concurrency), in_background=in_background
    )


HANDLERS: Final = (batch_nsfw, batch_refresh, batch_cache_clear, stream_batch, cancel_batch)


async def _answer(task: Task, *, in_background: bool) -> Result | Started:
    return started(task) if in_background else await result_of(task)
