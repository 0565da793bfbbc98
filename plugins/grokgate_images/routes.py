"""``/v1/images/*``: from HTTP to a wish, and the pictures' way back (`openai-contract.md` 5, 6)."""

from typing import Any, Final

from litestar import Response, get, post
from litestar.params import JSONBody
from msgspec.structs import replace

from grokgate.errors import ModelNotFound, UnknownUrl
from grokgate.plugin import (
    Caller,
    Capability,
    Ctx,
    CurrentBody,
    CurrentCaller,
    EventStream,
    Offer,
    PluginContext,
)
from grokgate.plugin.media import (
    CompletedImage,
    ImagesReply,
    PictureOptions,
    PromptedRequest,
    answer_pictures,
    asked_for,
    check,
    fixed,
)
from grokgate_images.references import FILE_FIELDS, Edit, check_fit, load, pictures_of, read_edit
from grokgate_images.schema import (
    EDIT_OPERATION,
    VARIATION_OPERATION,
    MethodReply,
)
from grokgate_images.settings import ImagesSettings

DEFAULT_RATIO: Final = "2:3"
VARIATION: Final = "Make a variation of this picture."
_FIRST: Final = {"image": "grok-imagine-1.0", "image_edit": "grok-imagine-1.0-edit"}
"""Named where a model is missing altogether."""


@post(
    "/v1/images/generations",
    status_code=200,
    summary="Make pictures from a prompt.",
    opt={"event": CompletedImage},
)
async def create_images(
    ctx: Ctx[ImagesSettings], caller: CurrentCaller, data: JSONBody[PromptedRequest]
) -> ImagesReply | Response[ImagesReply] | EventStream:
    """Make pictures, whole or streamed."""
    check(data, data.prompt)
    offer = _find(ctx, caller, data.model, "image")
    options = fixed(data, offer, ctx.shared)
    asked = asked_for(ctx, options, data.prompt, offer, default_ratio=DEFAULT_RATIO)
    return await answer_pictures(ctx, caller, offer, asked)


@get("/v1/images/method", summary="Tell how pictures are made.")
async def get_method(ctx: Ctx[ImagesSettings]) -> MethodReply:
    """Tell the method in force; kept for older front ends (F-IMG-12)."""
    return MethodReply(image_generation_method=ctx.shared.grok.image_generation_method)


@post(
    "/v1/images/edits",
    status_code=200,
    summary="Change pictures.",
    operation_class=EDIT_OPERATION,
    opt={"event": CompletedImage},
)
async def edit_images(
    ctx: Ctx[ImagesSettings], caller: CurrentCaller, content: CurrentBody
) -> ImagesReply | Response[ImagesReply] | EventStream:
    """Change pictures as a prompt says; all of them go upstream."""
    edit = await read_edit(content)
    check(edit.options, edit.prompt)
    return await _edit(ctx, caller, edit)


@post(
    "/v1/images/variations",
    status_code=200,
    summary="Make variations of a picture.",
    operation_class=VARIATION_OPERATION,
    opt={"event": CompletedImage},
)
async def vary_images(
    ctx: Ctx[ImagesSettings], caller: CurrentCaller, content: CurrentBody
) -> ImagesReply | Response[ImagesReply] | EventStream:
    """Change a picture by a prompt of our own, where the operator offers that."""
    if not ctx.settings.variations:
        raise UnknownUrl(
            "This gateway does not offer POST /v1/images/variations.",
            code="endpoint_not_supported",
        )
    options, form = await content.form(PictureOptions, file_fields=FILE_FIELDS)
    check(options, VARIATION)
    edit = Edit(options=options, prompt=VARIATION, pictures=pictures_of(form))
    return await _edit(ctx, caller, edit)


async def _edit(
    ctx: PluginContext[ImagesSettings], caller: Caller, edit: Edit
) -> Response[ImagesReply] | EventStream:
    offer = _find(ctx, caller, edit.options.model, "image_edit")
    check_fit(edit, offer)
    asked = asked_for(ctx, edit.options, edit.prompt, offer, default_ratio=None)
    wish = replace(asked.wish, references=await load(edit.pictures, ctx, caller))
    events = "image_edit" if ctx.settings.edit_event_names else "image_generation"
    return await answer_pictures(ctx, caller, offer, replace(asked, wish=wish), events=events)


def _find(
    ctx: PluginContext[Any], caller: Caller, model: str | None, capability: Capability
) -> Offer:
    """Find a model; without a name the first one that is offered."""
    if model is not None:
        return ctx.models.find(model, capability=capability, caller=caller)
    offers = ctx.models.offered(caller)
    for offer in offers:
        if offer.card.capability == capability:
            return offer
    raise ModelNotFound(_FIRST[capability])
