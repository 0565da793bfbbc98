"""Pictures that a conversation makes, and changed ones (`upstream-protocol.md` 6.1, 6.5, 6.6)."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from msgspec.structs import replace

from grokgate.upstream import (
    Attachment,
    Conversation,
    Event,
    ImageRequest,
    Kind,
    Message,
    Observation,
    Stage,
    Text,
    UpstreamFailure,
    Wire,
)
from grokgate_web.actor import Actor, unfit
from grokgate_web.decode.film import file_id
from grokgate_web.hosts import TrustedHosts
from grokgate_web.making import made
from grokgate_web.opening import form_refused, open_chat, upload_all
from grokgate_web.payload_media import edit_body
from grokgate_web.posts import post_picture
from grokgate_web.talk import LinesTalk, Purpose, Talk
from grokgate_web.uploads import Uploaded

_CHAT = "converse"
"""Of a conversation that draws: for the upstream it is one like any other."""
_IMAGINE = "imagine"
_NO_POST = frozenset((Kind.BAD_REQUEST, Kind.MALFORMED, Kind.TRANSIENT, Kind.TIMEOUT))
"""Failures of a media post that an edit can do without."""


async def draw(actor: Actor, request: ImageRequest) -> AsyncGenerator[Event, None]:
    """Have a conversation draw what the prompt says, or change the pictures attached to it."""
    wire = actor.wire
    if wire is None or not request.prompt.strip():
        raise unfit(_IMAGINE)
    # The card of a product of its own names besides it the model that draws in conversations.
    name = str(wire.params.get("chat", wire.name))
    talk = await open_chat(
        replace(actor, wire=replace(wire, name=name)),
        _asked(actor, request),
        sought=actor.sought(most=request.count, previews=request.previews),
    )
    async with aclosing(_pictures(actor, talk, operation=_CHAT)) as events:
        async for event in events:
            yield event


async def edit(actor: Actor, request: ImageRequest) -> AsyncGenerator[Event, None]:
    """Change the pictures of the request, in the form of the profile."""
    if actor.wire is None or not request.references or not request.prompt.strip():
        raise unfit(_IMAGINE)
    uploaded = await upload_all(actor, request.references, purpose="edit")
    talk = await _order(actor, request, actor.wire, await _sources(actor, uploaded))
    async with aclosing(_pictures(actor, talk, operation=_IMAGINE)) as events:
        async for event in events:
            yield event


def _asked(actor: Actor, request: ImageRequest) -> Conversation:
    images = actor.profile.images
    prefix = images.edit_prefix if request.references else images.prefix
    files = (Attachment(blob=blob, kind="image") for blob in request.references)
    said = Message(role="user", parts=(Text(text=prefix + request.prompt), *files))
    return Conversation(messages=(said,))


async def _pictures(actor: Actor, talk: Talk, *, operation: str) -> AsyncGenerator[Event, None]:
    making = made(actor, talk, operation=operation, enough=lambda answer: answer.pictures.full)
    async with aclosing(making) as events:
        async for event in events:
            yield event


async def _sources(actor: Actor, uploaded: list[Uploaded]) -> Mapping[str, Any]:
    """Name the uploaded pictures as the shape of the profile does."""
    if actor.profile.edit.shape == "assets":
        return {"assets": [file.id for file in uploaded]}
    urls = addresses(actor, uploaded)
    return {"references": urls, "parent": await _parent(actor, urls[0])}


def addresses(actor: Actor, uploaded: list[Uploaded]) -> list[str]:
    """Return where uploaded files lie.

    Raises:
        UpstreamFailure: The upstream did not say.
    """
    if any(file.uri is None for file in uploaded):
        raise UpstreamFailure(
            Observation(
                operation="upload",
                kind=Kind.MALFORMED,
                stage=Stage.UNSENT,
                drift=(actor.profile.upload.uri_field,),
            )
        )
    base = TrustedHosts.of(actor.identity.settings, actor.profile.hosts).base
    return [f"{base}/{file.uri}" for file in uploaded]


async def _parent(actor: Actor, url: str) -> str | None:
    """Make a post of the picture at *url*; without one its own id will do, or none at all."""
    try:
        return await post_picture(
            actor.caller,
            actor.profile.post,
            url,
            operation=_IMAGINE,
            first_s=actor.attempt.first_s,
        )
    except UpstreamFailure as failure:
        if failure.observation.kind not in _NO_POST:
            raise
        return file_id(url)


async def _order(
    actor: Actor, request: ImageRequest, wire: Wire, sources: Mapping[str, Any]
) -> Talk:
    """Send an edit, in the other form the profile knows where the first one is refused."""
    order, settings = actor.profile.edit, actor.identity.settings
    talk = LinesTalk(
        actor.caller,
        actor.identity,
        actor.attempt,
        purpose=Purpose(operation=_IMAGINE, path=order.path, referer=order.referer),
        sought=actor.sought(most=request.count, previews=request.previews, attached=True),
    )
    forms: list[tuple[str, str | None]] = [(wire.name, None)]
    if order.second:
        forms.append((order.second["model"], order.second.get("mode")))
    for model, mode in forms:
        body = edit_body(order, request, model=model, mode=mode, sources=sources, settings=settings)
        try:
            await talk.open(body)
        except UpstreamFailure as failure:
            if (model, mode) == forms[-1] or not form_refused(failure.observation):
                raise
        else:
            return talk
    raise AssertionError("the last form either answers or raises")
