"""A gateway with the web driver in front of a sandbox, as its operator sees it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import msgspec
from msgspec import Struct

import grokgate_chat
import grokgate_web
from grokgate.admin.mounting import BASE
from grokgate.sandbox import AccountFixture, Protocol, Sandbox
from grokgate.sandbox.accounts import StoredFile
from grokgate.testing import RunningGateway, running_gateway, running_sandbox

PICTURE = b"\xff\xd8" + bytes(1022)


class World(Struct):
    """What a test asks, and what it looks at."""

    running: RunningGateway
    sandbox: Sandbox
    admin: httpx.AsyncClient

    def id_of(self, token: str) -> str:
        found = self.running.gateway.tokens.find(token)
        assert found is not None
        return found

    def tags(self, token: str) -> tuple[str, ...]:
        return self.running.gateway.tokens.records[self.id_of(token)].tags

    def keep(self, token: str, count: int = 1) -> list[str]:
        """Put files into an account; returns their ids."""
        account = self.sandbox.accounts[token]
        ids = [f"00000000-0000-4000-8000-{number:012}" for number in range(count)]
        for number, file_id in enumerate(ids):
            file = StoredFile(
                id=file_id,
                name=f"{number}.jpg",
                mime="image/jpeg",
                content=PICTURE,
                created_at=number,
                used_at=number,
            )
            account.keep(file)
        return ids

    async def post(self, path: str, body: Any = None, **query: Any) -> httpx.Response:
        with anyio.fail_after(20):
            return await self.admin.post(path, json={} if body is None else body, params=query)

    async def get(self, path: str, **query: Any) -> httpx.Response:
        with anyio.fail_after(20):
            return await self.admin.get(path, params=query)

    async def events(self, task_id: str) -> list[dict[str, Any]]:
        """Follow a job to its end."""
        reply = await self.get(f"/batch/{task_id}/stream")
        lines = reply.text.split("\n\n")
        return [msgspec.json.decode(line[6:]) for line in lines if line.startswith("data: ")]


@asynccontextmanager
async def world(
    *accounts: AccountFixture,
    protocol: Protocol = "2026-08",
    tokens: Sequence[str] | None = None,
    **settings: Any,
) -> AsyncIterator[World]:
    """Run a gateway whose pool has the tokens of *accounts*, unless *tokens* says otherwise."""
    async with running_sandbox(protocol=protocol, accounts=accounts) as (sandbox, base):
        (spec,) = grokgate_web.grokgate_upstreams()
        assert spec.sandbox is not None
        changed = {**spec.sandbox(base), "grok.protocol": protocol, **settings}
        async with running_gateway(
            grokgate_web, grokgate_chat, tokens={}, settings=changed
        ) as running:
            texts = [one.token for one in accounts] if tokens is None else list(tokens)
            await running.gateway.tokens.import_text(msgspec.json.encode({"ssoBasic": texts}))
            async with running.operator() as admin:
                assert str(admin.base_url).rstrip("/").endswith(BASE)
                yield World(running, sandbox, admin)
