"""From a decoded request to a checked one, with everything that earlier turns add to it."""

from typing import Any

from msgspec import Struct, structs

from grokgate.plugin import Caller, Offer, PluginContext
from grokgate_responses.kept.keeper_types import Keeper
from grokgate_responses.kept.sealing import open_summary
from grokgate_responses.request.reading import refuse
from grokgate_responses.request.schema import ResponsesRequest
from grokgate_responses.request.translate import Asked, History, ask, references


class Asking(Struct, frozen=True, kw_only=True):
    """A checked request and what it continues."""

    asked: Asked
    history: History | None


async def read_request(
    ctx: PluginContext[Any], caller: Caller, request: ResponsesRequest, keeper: Keeper
) -> Asking:
    """Check *request*; nothing is asked of the upstream.

    Args:
        ctx: Of the plugin.
        caller: Whose turns may be continued, and whose items referred to.
        request: Decoded. An empty ``model`` is left to whoever needs one.
        keeper: Knows the earlier turns.

    Raises:
        InvalidRequest: Names the field in ``param``.
        ObjectNotFound: An id that is unknown, or another key's.
        ModelNotFound: Nobody offers the model to this caller.
        StoreUnavailable: Earlier turns cannot be read.
    """
    offer = ctx.models.get(request.model, caller=caller) if request.model else None
    owner, previous = caller.key_id, request.previous_response_id
    wanted = references(request)
    history = await keeper.history(previous, owner=owner) if previous is not None else None
    asked = ask(
        request,
        options=ctx.shared.grok,
        history=history,
        resolved=await keeper.items(wanted, owner=owner) if wanted else None,
        unseal=lambda sealed: open_summary(ctx, sealed, owner=owner),
        strict=ctx.shared.compat.strict_params,
    )
    if offer is not None:
        asked = _for_model(asked, offer, strict=ctx.shared.compat.strict_params)
    return Asking(asked=asked, history=history)


def _for_model(asked: Asked, offer: Offer, *, strict: bool) -> Asked:
    """Read what the extensions say to the model, and note which of them it has no use for."""
    request = asked.request
    unused = request.configs.unused(offer)
    if strict and unused:
        refuse(unused[0], "This parameter is not supported here.", "unsupported_parameter")
    config = request.image_config
    is_drawn = offer.card.capability in ("image", "image_edit")
    return structs.replace(
        asked,
        ignored=(*asked.ignored, *unused),
        draws=is_drawn and config is not None and config.wants_contents,
    )
