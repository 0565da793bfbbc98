"""What can be done with a stored response (`openai-contract.md` 4.7).

Whatever belongs to another key, has expired or was deleted reads like what never was: 404
``response_not_found``, with the same words.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from litestar import delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Struct, structs

from grokgate.errors import InvalidRequest, ObjectNotFound
from grokgate.openai import estimate_prompt
from grokgate.plugin import Ctx, CurrentCaller, EventStream, PluginContext
from grokgate.upstream import Blob
from grokgate_responses.answer.objects import ResponseObject, in_full
from grokgate_responses.asking import read_request
from grokgate_responses.kept.background import running, settled, stop
from grokgate_responses.kept.keeper import StoredTurns
from grokgate_responses.kept.records import Record, without_contents
from grokgate_responses.kept.replay import followed, replayed
from grokgate_responses.request.items import Item
from grokgate_responses.request.schema import ResponsesRequest
from grokgate_responses.request.translate import conversation, sources
from grokgate_responses.settings import ResponsesSettings

PATH: Final = "/v1/responses/{response_id:str}"
_UNREAD: Final = Blob.of_bytes(b"", mime="application/octet-stream", name="attachment")
"""Stands for an attachment: each counts the same."""


class DeletedResponse(Struct, frozen=True, kw_only=True):
    """That a response is gone."""

    id: str
    object: Literal["response"] = "response"
    deleted: Literal[True] = True


class ItemList(Struct, frozen=True, kw_only=True):
    """A page of input items."""

    object: Literal["list"] = "list"
    data: Sequence[dict[str, Any]]
    first_id: str | None
    last_id: str | None
    has_more: bool


class TokensRequest(ResponsesRequest, frozen=True, kw_only=True):
    """A request whose input is to be counted."""

    model: str = ""
    """The same count holds for all models; one that is named must exist."""


class InputTokens(Struct, frozen=True, kw_only=True):
    """How much a request would read."""

    object: Literal["response.input_tokens"] = "response.input_tokens"
    input_tokens: int


@get(PATH, summary="Retrieve a response, or replay one that was made in the background.")
async def retrieve_response(
    ctx: Ctx[ResponsesSettings],
    caller: CurrentCaller,
    response_id: FromPath[str],
    *,
    stream: FromQuery[bool] = False,
    starting_after: Annotated[int | None, QueryParameter(ge=0)] = None,
) -> ResponseObject | EventStream:
    """Return a response as it stands, or its events."""
    record = await find_record(ctx, response_id, owner=caller.key_id)
    if not stream:
        return in_full(record.response)
    after = -1 if starting_after is None else starting_after
    recording = running(ctx, response_id, owner=caller.key_id)
    if recording is None:
        return await replayed(ctx, record, after=after, owner=caller.key_id)
    return followed(ctx, recording, after=after)


@delete(PATH, status_code=200, summary="Delete a response.")
async def delete_response(
    ctx: Ctx[ResponsesSettings], caller: CurrentCaller, response_id: FromPath[str]
) -> DeletedResponse:
    """Delete a response; one that is being made is cancelled first."""
    record = await find_record(ctx, response_id, owner=caller.key_id)
    await stop(ctx, record, owner=caller.key_id)
    await StoredTurns(ctx).delete(response_id, owner=caller.key_id)
    return DeletedResponse(id=response_id)


@post(f"{PATH}/cancel", status_code=200, summary="Cancel a response made in the background.")
async def cancel_response(
    ctx: Ctx[ResponsesSettings], caller: CurrentCaller, response_id: FromPath[str]
) -> ResponseObject:
    """Cancel a response; one that has ended is returned as it is."""
    record = await find_record(ctx, response_id, owner=caller.key_id)
    if not record.response.background:
        raise InvalidRequest("Only a response made in the background can be cancelled.")
    await stop(ctx, record, owner=caller.key_id)
    return in_full((await find_record(ctx, response_id, owner=caller.key_id)).response)


@get(f"{PATH}/input_items", summary="List the input items of a response.")
async def list_input_items(
    ctx: Ctx[ResponsesSettings],
    caller: CurrentCaller,
    response_id: FromPath[str],
    *,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
    order: FromQuery[Literal["asc", "desc"]] = "desc",
    after: FromQuery[str | None] = None,
) -> ItemList:
    """List what a response was asked with, a page at a time."""
    record = await find_record(ctx, response_id, owner=caller.key_id)
    items = record.items if order == "asc" else tuple(reversed(record.items))
    return page(items, after=after, limit=limit)


@post("/v1/responses/input_tokens", status_code=200, summary="Count the input of a request.")
async def count_input_tokens(
    ctx: Ctx[ResponsesSettings], caller: CurrentCaller, data: JSONBody[TokensRequest]
) -> InputTokens:
    """Count what a request would read; attachments are neither fetched nor opened."""
    asking = await read_request(ctx, caller, data, StoredTurns(ctx))
    asked = asking.asked
    contents = [_UNREAD] * len(sources(asked))
    prompt = conversation(asked, asking.history, contents)
    return InputTokens(input_tokens=estimate_prompt(prompt) + asked.wanted.units)


async def find_record(
    ctx: PluginContext[ResponsesSettings], response_id: str, *, owner: str
) -> Record:
    """Return what is kept of a response, with the response as it stands now.

    Raises:
        ObjectNotFound: ``response_not_found``.
        StoreUnavailable: Nothing can be read.
    """
    recording = running(ctx, response_id, owner=owner)
    record = await StoredTurns(ctx).find(response_id, owner=owner)
    if record is None:
        raise ObjectNotFound("No such response.", code="response_not_found")
    if recording is not None:
        return structs.replace(record, response=recording.response())
    return await settled(ctx, record, owner=owner)


def page(items: Sequence[Item], *, after: str | None, limit: int) -> ItemList:
    """Return the *limit* items that stand behind the one with the id *after*.

    Raises:
        InvalidRequest: There is none with that id.
    """
    ids = [item["id"] for item in items]
    if after is not None and after not in ids:
        raise InvalidRequest("No item of this response has that id.", param="after")
    first = 0 if after is None else ids.index(after) + 1
    shown = [dict(without_contents(item)) for item in items[first : first + limit]]
    return ItemList(
        data=shown,
        first_id=shown[0]["id"] if shown else None,
        last_id=shown[-1]["id"] if shown else None,
        has_more=first + limit < len(items),
    )
