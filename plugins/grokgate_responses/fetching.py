"""Pictures of an answer as items, fetched with the account that made them where need be."""

import binascii
from collections.abc import AsyncGenerator
from contextlib import aclosing

from msgspec import structs

from grokgate.errors import GatewayError
from grokgate.openai import image_type
from grokgate.plugin import Emulated
from grokgate.plugin.media import Answering, PictureText
from grokgate.plugin.media import Picture as MadePicture
from grokgate.upstream import Asset, Event, ImagePreview, ImageReady, ImageRefused
from grokgate_responses.answer.pictures import Picture

_MOST_BYTES = 32 * 2**20
"""A picture above it counts as failed."""


async def with_pictures(answer: Emulated | Answering) -> AsyncGenerator[Event | Picture, None]:
    """Read *answer*, with the pictures in place of the events that speak of them."""
    async for event in answer:
        if isinstance(answer, Emulated):
            yield await _fetched(event, answer)
        else:
            yield _to_picture(event.picture) if isinstance(event, PictureText) else event


async def _fetched(event: Event, answer: Emulated) -> Event | Picture:
    """Return *event*, or the picture it speaks of; one that cannot be had has no data."""
    match event:
        case ImagePreview():
            return await _picture(event.slot, event.asset, answer, preview=True)
        case ImageReady():
            return await _picture(event.slot, event.asset, answer, preview=False)
        case ImageRefused():
            return Picture(slot=event.slot, data=None)
        case _:
            return event


def _to_picture(made: MadePicture) -> Picture:
    """Return a picture that is here already, with its data."""
    return _encoded(made.slot, made.data or b"", made.mime)


async def _picture(slot: int, asset: Asset, answer: Emulated, *, preview: bool) -> Picture:
    try:
        data = await _read(asset, answer)
    except GatewayError:
        data = b""
    kind = image_type(data)
    if kind is None:
        return Picture(slot=slot, data=None, preview=preview)
    return structs.replace(_encoded(slot, data, kind), preview=preview)


def _encoded(slot: int, data: bytes, mime: str) -> Picture:
    text = binascii.b2a_base64(data, newline=False).decode()
    return Picture(slot=slot, data=text, format=mime.removeprefix("image/"))


async def _read(asset: Asset, answer: Emulated) -> bytes:
    """Return the content of *asset*; nothing where there is too much of it."""
    data = bytearray()
    async with aclosing(answer.fetch(asset)) as pieces:
        async for piece in pieces:
            data += piece
            if len(data) > _MOST_BYTES:
                return b""
    return bytes(data)
