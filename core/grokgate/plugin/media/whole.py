"""Pictures as one JSON body that is never in memory as a whole (S17).

A picture is encoded as soon as it is made, and kept in that form alone; the body leaves piece by
piece.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from litestar import Response
from litestar.types import Receive, Scope, Send
from msgspec import UNSET, Struct

from grokgate.plugin.media.pictures import Pictures
from grokgate.plugin.media.records import Made, Picture
from grokgate.plugin.media.render import format_of, link_of, size_of, usage_reply
from grokgate.plugin.media.wire import ImageData, ImagesReply

_DATA = b'"data":['


class _Encoded(Struct, frozen=True):
    """A picture as it stands in the body, and what the reply says of it."""

    json: bytes
    format: str
    size: str


async def read_whole(pictures: Pictures, created: int, *, as_links: bool) -> list[bytes]:
    """Read *pictures* to their end; return an `ImagesReply` in pieces, the pictures by their slots.

    Raises:
        GatewayError: There is no picture.
    """
    made: dict[int, _Encoded] = {}
    async with pictures:
        async for event in pictures:
            if isinstance(event, Made):
                made[event.picture.slot] = _encoded(event.picture, as_links=as_links)
    ordered = [made[slot] for slot in sorted(made)]
    reply = ImagesReply(
        created=created,
        output_format=ordered[0].format,
        size=ordered[0].size,
        data=(),
        usage=usage_reply(pictures.usage),
    )
    head, _, tail = msgspec.json.encode(reply).partition(_DATA)
    between = [piece for one in ordered for piece in (b",", one.json)][1:]
    return [head + _DATA, *between, tail]


class WholeReply(Response[Any]):
    """An `ImagesReply` in *pieces*, each of which is let go once it was sent; delivered once."""

    def __init__(self, pieces: Iterable[bytes], headers: Mapping[str, str]) -> None:
        self._pieces = deque(pieces)
        length = sum(map(len, self._pieces))
        super().__init__(
            None,
            headers={
                "content-type": "application/json",
                "content-length": str(length),
                **headers,
            },
        )

    def to_asgi_response(self, *_: Any, headers: Mapping[str, str] | None = None, **__: Any) -> Any:
        """Return the application that sends the pieces."""
        merged = {**(headers or {}), **self.headers}
        head = [(key.lower().encode("latin-1"), value.encode()) for key, value in merged.items()]

        async def deliver(_scope: Scope, _receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": head})
            while self._pieces:
                piece, more = self._pieces.popleft(), bool(self._pieces)
                await send({"type": "http.response.body", "body": piece, "more_body": more})

        return deliver


def _encoded(picture: Picture, *, as_links: bool) -> _Encoded:
    data = ImageData(
        url=link_of(picture) if as_links else UNSET,
        b64_json=UNSET if as_links else picture.data or b"",
        revised_prompt=UNSET if picture.revised_prompt is None else picture.revised_prompt,
    )
    return _Encoded(msgspec.json.encode(data), format_of(picture.mime), size_of(picture))
