"""A running gateway, and what a client asks of its files and links."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx

from grokgate.testing import FakeClock, RunningGateway, running_gateway

PNG: Final = b"\x89PNG\r\n\x1a\n" + bytes(192)
HOUR_S: Final = 3600
NO_FIELDS: Final[Mapping[str, str]] = {}


@asynccontextmanager
async def running(**settings: Any) -> AsyncIterator[RunningGateway]:
    keys = {f"{name.replace('__', '.')}": value for name, value in settings.items()}
    async with running_gateway(settings=keys, clock=FakeClock()) as gateway:
        yield gateway


async def upload(
    gw: RunningGateway, content: bytes = b"hello", fields: Mapping[str, str] = NO_FIELDS
) -> httpx.Response:
    form = {"purpose": "user_data", **fields}
    return await gw.client.post("/v1/files", files={"file": ("notes.txt", content)}, data=form)


async def linked(gw: RunningGateway, content: bytes = PNG, name: str = "a.png") -> str:
    """Upload a picture; return the address behind the origin."""
    reply = await gw.client.post("/v1/uploads/image", files={"file": (name, content)})
    assert reply.status_code == 200, reply.text
    return str(reply.json()["url"]).removeprefix("http://127.0.0.1:8000")


async def asked(gw: RunningGateway, path: str, method: str = "GET", **headers: str) -> Any:
    """Ask as a stranger, without a key."""
    request = gw.client.build_request(method, path, headers=headers)
    if "authorization" not in headers:
        del request.headers["authorization"]
    return await gw.client.send(request)


def code(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]
