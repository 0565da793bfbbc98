"""Pictures and videos as answers of conversations, against an upstream that is written down."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Any

import grokgate_chat
import grokgate_images
import grokgate_messages
import grokgate_responses
import grokgate_video
from grokgate.testing import RunningGateway, picture, running_gateway
from grokgate.upstream import Asset, ImageReady, VideoReady
from plugins.images_world import Images

CHAT, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/responses", "/v1/messages"
IMAGE, EDIT, VIDEO = "grok-imagine-1.0", "grok-imagine-1.0-edit", "grok-imagine-1.0-video"
MP4 = b"\0\0\0\x18ftypisom\0\0\0\0isomiso2" + bytes(64)
ALONE = 512
"""Units of a picture."""


def _without_cards(name: str, module: ModuleType) -> Any:
    return type(name, (Images,), {})(module)


@asynccontextmanager
async def conversing(*answers: Any, **settings: Any) -> AsyncIterator[RunningGateway]:
    """A gateway with all endpoints that answer conversations; *settings* have full keys."""
    plugins = {
        "Chat": grokgate_chat,
        "Responses": grokgate_responses,
        "Messages": grokgate_messages,
        "Pictures": grokgate_images,
        "Video": grokgate_video,
    }
    changed = {"downstream.enable_messages": True, **settings}
    modules = [_without_cards(name, module) for name, module in plugins.items()]
    async with running_gateway(*modules, settings=changed) as running:
        running.fake.contents |= {name: picture(name) for name in "abcd"} | {"v": MP4}
        running.fake.add(*answers)
        yield running


def ready(name: str = "a", slot: int = 0) -> ImageReady:
    """A finished picture."""
    return ImageReady(slot=slot, asset=Asset(ref=name, account=""))


def film(poster: str | None = None) -> VideoReady:
    """A finished video."""
    still = None if poster is None else Asset(ref=poster, account="")
    return VideoReady(asset=Asset(ref="v", account=""), poster=still)


def data_uri(name: str) -> str:
    return "data:image/png;base64," + base64.b64encode(picture(name)).decode()


def shows(*names: str, text: str = "make it") -> list[dict[str, Any]]:
    """Messages of a user who attaches pictures."""
    pictures = [{"type": "image_url", "image_url": {"url": data_uri(name)}} for name in names]
    return [{"role": "user", "content": [{"type": "text", "text": text}, *pictures]}]


async def chat(running: RunningGateway, **fields: Any) -> Any:
    messages = [{"role": "user", "content": "a red kite"}]
    body = {"model": "grok-4", "messages": messages, **fields}
    return await running.client.post(CHAT, json=body)


def message_of(reply: Any) -> dict[str, Any]:
    assert reply.status_code == 200, reply.text
    message: dict[str, Any] = reply.json()["choices"][0]["message"]
    return message


def chunks_of(reply: Any) -> list[Any]:
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    frames = reply.text.removesuffix("\n\n").split("\n\n")
    assert frames[-1] == "data: [DONE]"
    return [json.loads(frame.removeprefix("data: ")) for frame in frames[:-1]]


def joined(reply: Any, field: str = "content") -> str:
    """A field of all pieces of a stream."""
    choices = [choice for chunk in chunks_of(reply) for choice in chunk["choices"]]
    return "".join(choice["delta"].get(field) or "" for choice in choices)


def links_in(text: str) -> list[str]:
    """Addresses of the Markdown images, which stand on lines of their own at the end."""
    lines = [line for line in text.split("\n") if line.startswith("![")]
    assert text.endswith("\n".join(lines))
    return [line.partition("](")[2].removesuffix(")") for line in lines]


async def download(running: RunningGateway, link: str) -> bytes:
    """Open a link as a browser does, without the key."""
    path = link.partition("//")[2].partition("/")[2]
    reply = await running.client.get(f"/{path}", headers={"authorization": ""})
    assert reply.status_code == 200
    return reply.content


def error_of(reply: Any) -> tuple[int, str, str | None]:
    error = reply.json()["error"]
    return reply.status_code, error["code"], error["param"]
