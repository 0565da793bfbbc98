"""Deleting and switching many accounts as jobs, whose progress can be watched (F-UI-25)."""

from typing import Final

from litestar import post
from litestar.params import JSONBody
from msgspec.structs import replace

from grokgate.admin.chores import Started, begin, items_of, started
from grokgate.admin.context import CurrentAct, CurrentGateway
from grokgate.admin.tokens_choice import chosen
from grokgate.admin.tokens_edit import switchable, switched
from grokgate.admin.tokens_schema import DisabledManyRequest, TokensRequest
from grokgate.tokens import Change


@post("/tokens/delete/async", status_code=200, summary="Delete accounts, as a job")
async def delete_tokens_async(
    gateway: CurrentGateway, act: CurrentAct, data: JSONBody[TokensRequest]
) -> Started:
    """Start a job that hides accounts until they are restored, or erased."""
    choice = await chosen(gateway, (*data.tokens, *data.ids), data.filter)
    await gateway.home.flush()
    task = await begin(gateway, act, "tokens_delete", await items_of(gateway, choice.ids))
    return replace(started(task), unknown=choice.unknown)


@post(
    "/tokens/disabled/batch/async", status_code=200, summary="Switch accounts off or on, as a job"
)
async def disable_tokens_async(
    gateway: CurrentGateway, act: CurrentAct, data: JSONBody[DisabledManyRequest]
) -> Started:
    """Start a job that switches accounts off, or on again; expired ones have to answer first."""
    choice = await chosen(gateway, (*data.tokens, *data.ids), data.filter)
    fit = await switchable(gateway, choice.ids, disabled=data.disabled)
    change = Change(status="disabled" if data.disabled else "active")
    items = await items_of(gateway, fit)
    task = await begin(gateway, act, "tokens_edit", items, options=change)
    act.action, act.detail = switched(disabled=data.disabled), {"disabled": data.disabled}
    return replace(started(task), unknown=choice.unknown)


HANDLERS: Final = (delete_tokens_async, disable_tokens_async)
