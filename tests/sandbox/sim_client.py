"""A tiny ASGI client for the sandbox: whole answers, and answers one can leave."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from grokgate.sandbox.request import AbruptClose

App: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]

ORIGIN = "http://127.0.0.1:9"
CHAT = "/rest/app-chat/conversations/new"


def headers(token: str = "t", *, referer: str = "/", **more: Any) -> dict[str, str]:
    """The header set of an API call, complete for a strict sandbox."""
    known: dict[str, str | None] = {
        "host": "127.0.0.1:9",
        "accept": "*/*",
        "accept-encoding": "gzip, deflate, br, zstd",
        "accept-language": "en",
        "content-type": "application/json",
        "origin": ORIGIN,
        "referer": ORIGIN + referer,
        "user-agent": "Mozilla/5.0",
        "x-xai-request-id": str(uuid.uuid4()),
        "cookie": f"sso={token}; sso-rw={token}",
    }
    known |= {name.replace("_", "-"): value for name, value in more.items()}
    return {name: value for name, value in known.items() if value is not None}


def prompt(message: str, *, mode: Any = "fast", **more: Any) -> dict[str, Any]:
    return {"modeId": mode, "message": message, "temporary": True, **more}


class Talk:
    """One request under way."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.chunks: list[bytes] = []
        self.ended = False
        self.cut = False
        self._left = asyncio.Event()
        self._news = asyncio.Event()

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def objects(self) -> list[Any]:
        return [json.loads(line) for line in self.body.splitlines()]

    @property
    def responses(self) -> list[dict[str, Any]]:
        results = [known["result"] for known in self.objects if "result" in known]
        return [result["response"] for result in results if "response" in result]

    def said(self, *, thinking: bool = False) -> str:
        return "".join(
            response.get("token", "")
            for response in self.responses
            if response.get("isThinking") is thinking
        )

    def leave(self) -> None:
        self._left.set()

    async def until(self, test: Callable[[], bool]) -> None:
        while not test():
            self._news.clear()
            await self._news.wait()

    async def run(self, app: App, scope: dict[str, Any], body: bytes) -> None:
        parts = [{"type": "http.request", "body": body}]

        async def receive() -> dict[str, Any]:
            if parts:
                return parts.pop()
            await self._left.wait()
            return {"type": "http.disconnect"}

        try:
            await app(scope, receive, self._take)
        except AbruptClose:
            self.cut = True
        self._news.set()

    async def _take(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.chunks += [chunk] if (chunk := message.get("body")) else []
            self.ended = not message.get("more_body", False)
        self._news.set()


@asynccontextmanager
async def talk(
    app: App,
    method: str,
    path: str,
    content: Any = None,
    *,
    sent: dict[str, str],
    client: tuple[str, int] = ("127.0.0.1", 1),
) -> AsyncIterator[Talk]:
    """Start a request; it runs until it ends or the block does."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "scheme": "http",
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        "client": client,
    }
    talking = Talk()
    task = asyncio.create_task(talking.run(app, scope, body if content is not None else b""))
    try:
        yield talking
    finally:
        talking.leave()
        await task


async def ask(app: App, method: str, path: str, content: Any = None, **more: Any) -> Talk:
    """Send a request and read its whole answer."""
    async with talk(app, method, path, content, **more) as talking:
        async with asyncio.timeout(5):
            await talking.until(lambda: talking.ended or talking.cut)
        return talking


async def chat(app: App, message: str, *, token: str = "t", **more: Any) -> Talk:
    return await ask(app, "POST", CHAT, prompt(message, **more), sent=headers(token))
