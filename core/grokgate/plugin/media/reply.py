"""Pictures as the answer of an image endpoint, whole or streamed (`openai-contract.md` 5, 6)."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from grokgate.errors import GatewayError
from grokgate.openai import envelope, frame
from grokgate.plugin.context import PluginContext
from grokgate.plugin.media.asking import Asked, ask
from grokgate.plugin.media.pictures import Pictures, open_pictures
from grokgate.plugin.media.records import Made, Method, Picture, PictureEvent, Preview, Rotation
from grokgate.plugin.media.render import format_of, link_of, size_of, usage_reply
from grokgate.plugin.media.whole import WholeReply, read_whole
from grokgate.plugin.media.wire import CompletedImage, PartialImage, PictureOptions
from grokgate.plugin.patient import patiently
from grokgate.plugin.records import Caller, Offer
from grokgate.plugin.stream import EventStream

_ANY_ACCOUNT = Rotation()
_DONE = 100


def asked_for(
    ctx: PluginContext[Any],
    options: PictureOptions,
    prompt: str,
    offer: Offer,
    *,
    default_ratio: str | None,
) -> Asked:
    """Apply `ask` with what the operator says now.

    Raises:
        InvalidRequest: Names the field in ``param``.
    """
    return ask(
        options,
        prompt,
        offer,
        default_ratio=default_ratio,
        formats=ctx.shared.app,
        has_base=ctx.media.has_base,
        keeps_base64=ctx.shared.cache.keep_base64_cache,
    )


async def answer_pictures(
    ctx: PluginContext[Any],
    caller: Caller,
    offer: Offer,
    asked: Asked,
    *,
    events: str = "image_generation",
    method: Method | None = None,
    rotation: Rotation = _ANY_ACCOUNT,
) -> WholeReply | EventStream:
    """Have pictures made and answer with them.

    Args:
        ctx: Of the plugin.
        caller: Whose request it is.
        offer: Of the model.
        asked: The checked request.
        events: First word of the names of a stream's events.
        method: As in `open_pictures`.
        rotation: As in `open_pictures`.

    Raises:
        GatewayError: There will be no picture.
    """
    grok = ctx.shared.grok
    pictures = await open_pictures(
        ctx,
        caller,
        offer,
        asked.wish,
        method=method,
        rotation=rotation,
        timeout_s=grok.stream_total_timeout if asked.streamed else grok.timeout,
    )
    created = int(ctx.clock.now().timestamp())
    if asked.streamed:
        writer = StreamWriter(pictures, created, events, as_links=asked.as_links)
        return EventStream(
            pictures,
            writer.frames,
            failure=failure,
            keepalive_s=grok.sse_keepalive_sec,
            headers=_headers(pictures),
        )
    try:
        reply = await patiently(
            lambda: read_whole(pictures, created, as_links=asked.as_links), grok, body=iter
        )
    except BaseException:
        await pictures.aclose()
        raise
    if isinstance(reply, EventStream):
        return reply
    missing = {"x-grokgate-missing": str(pictures.missing)} if pictures.missing else {}
    return WholeReply(reply, {**_headers(pictures), **missing})


class StreamWriter:
    """Turns the events of one request's pictures into frames."""

    def __init__(self, pictures: Pictures, created: int, events: str, *, as_links: bool) -> None:
        self._pictures = pictures
        self._created = created
        self._partial = f"{events}.partial_image"
        self._completed = f"{events}.completed"
        self._as_links = as_links
        self._percents: dict[int, int] = {}

    def frames(self, event: PictureEvent) -> Iterable[bytes]:
        """Render one event; how far a picture is, its next frame tells."""
        match event:
            case Made():
                return (self._made(event.picture),)
            case Preview():
                return (self._preview(event),)
            case _:
                self._percents[event.slot] = event.percent
                return ()

    def _preview(self, preview: Preview) -> bytes:
        body = PartialImage(
            type=self._partial,
            b64_json=preview.data,
            partial_image_index=preview.index,
            created_at=self._created,
            size=size_of(preview),
            output_format=format_of(preview.mime),
            index=preview.slot,
            progress=self._percents.get(preview.slot, 0),
        )
        return frame(msgspec.json.encode(body), self._partial)

    def _made(self, picture: Picture) -> bytes:
        used = self._pictures.usage
        body = CompletedImage(
            type=self._completed,
            b64_json=picture.data or b"",
            created_at=self._created,
            size=size_of(picture),
            output_format=format_of(picture.mime),
            index=picture.slot,
            progress=_DONE,
            usage=usage_reply(used.of_one()),
            url=link_of(picture) if self._as_links else UNSET,
        )
        return frame(msgspec.json.encode(body), self._completed)


def failure(error: GatewayError) -> Iterable[bytes]:
    """Render an error after the headers (`openai-contract.md` 1.4)."""
    body = {"type": "error", "error": envelope(error).error}
    return (frame(msgspec.json.encode(body), "error"),)


def _headers(pictures: Pictures) -> Mapping[str, str]:
    return {"x-grokgate-image-method": pictures.method}
