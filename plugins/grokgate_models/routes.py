"""``/v1/models`` in both forms; the header ``anthropic-version`` asks for Anthropic's."""

from typing import Annotated

from litestar import get
from litestar.params import FromPath, FromQuery, HeaderParameter

from grokgate.plugin import Ctx, CurrentCaller, Settings
from grokgate_models.schema import AnthropicModel, AnthropicModelList, Model, ModelList
from grokgate_models.translate import to_anthropic, to_anthropic_list, to_list, to_model


@get("/v1/models", summary="List the models this key may use.")
async def list_models(
    ctx: Ctx[Settings],
    caller: CurrentCaller,
    anthropic_version: Annotated[str | None, HeaderParameter(name="anthropic-version")] = None,
    verbose: FromQuery[bool] = False,  # noqa: FBT002 - a query parameter, never positional
) -> ModelList | AnthropicModelList:
    """List what the caller may use: chat, image, edit, video; then by id."""
    cards = [offer.card for offer in ctx.models.offered(caller)]
    if anthropic_version is not None:
        return to_anthropic_list(cards)
    return to_list(cards, verbose=verbose)


@get("/v1/models/{model:path}", summary="Describe one model.")
async def get_model(
    ctx: Ctx[Settings],
    caller: CurrentCaller,
    model: FromPath[str],
    anthropic_version: Annotated[str | None, HeaderParameter(name="anthropic-version")] = None,
    verbose: FromQuery[bool] = False,  # noqa: FBT002 - a query parameter, never positional
) -> Model | AnthropicModel:
    """Describe the model of this id or alias."""
    card = ctx.models.get(model.removeprefix("/"), caller=caller).card
    return to_model(card, verbose=verbose) if anthropic_version is None else to_anthropic(card)
