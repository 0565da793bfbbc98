"""Replicas of a gateway: real processes on one database, one Valkey, and one upstream."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
from redis import Redis

from e2e.probe import Probe, probe
from grokgate.admin.mounting import BASE as ADMIN
from grokgate.sandbox import Sandbox
from grokgate.upstream import Secret
from services.valkey import ValkeyServer

PASSWORD = "a password of the operator"
FOLLOWED_S = 2.0
"""Within which every process does what another one was told."""
_KEY_FILE = "data/secret.key"
_SETTINGS = {"APP__APP_KEY": PASSWORD}


class Replicas:
    """Makes replicas in folders of their own.

    Args:
        folder: Holds those folders.
        database: Of all of them.
        valkey_url: Of all of them.
        environ: Settings as ``SECTION__KEY``.
    """

    def __init__(
        self,
        folder: Path,
        database: Secret,
        valkey_url: str,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.sandbox = Sandbox(accounts=())
        self._folder = folder
        self._environ = {**_SETTINGS, **(environ or {})}
        self._variables = {
            "SERVER_STORAGE_TYPE": "pgsql",
            "SERVER_STORAGE_URL": database.reveal(),
            "SERVER_REDIS_URL": valkey_url,
        }
        self._key: bytes | None = None

    @asynccontextmanager
    async def run(
        self, name: str, variables: Mapping[str, str] | None = None
    ) -> AsyncIterator[Probe]:
        """Run the replica *name*; all have the key that the first one made.

        Args:
            name: Of its folder.
            variables: Of the environment, besides those of all replicas.
        """
        folder = self._folder / name
        (folder / "data").mkdir(parents=True, exist_ok=True)
        if self._key is not None:
            (folder / _KEY_FILE).write_bytes(self._key)
        all_variables = {**self._variables, **(variables or {})}
        running = probe(folder, self._environ, sandbox=self.sandbox, variables=all_variables)
        async with running as replica:
            self._key = (folder / _KEY_FILE).read_bytes()
            yield replica


class Pair:
    """Two replicas, an operator who is logged in to the first, and what makes further ones."""

    def __init__(
        self, one: Probe, two: Probe, operator: httpx.AsyncClient, replicas: Replicas
    ) -> None:
        self.one = one
        self.two = two
        self.operator = operator
        self.replicas = replicas

    @property
    def both(self) -> Sequence[Probe]:
        return self.one, self.two

    async def fill(self, *quotas: int) -> list[str]:
        """Replace all accounts; returns when both know the new ones, and nothing of the old."""
        tokens = await self.one.fill(*quotas)
        await knows(self.two, tokens)
        return tokens


@asynccontextmanager
async def paired(replicas: Replicas) -> AsyncIterator[Pair]:
    """Run two, and log in to the first."""
    async with (
        replicas.run("one") as one,
        replicas.run("two") as two,
        operating(one) as operator,
    ):
        yield Pair(one, two, operator, replicas)


async def knows(replica: Probe, tokens: Sequence[str]) -> None:
    """Wait until a replica has followed what another one was given: these accounts alone."""

    async def asked() -> set[str]:
        rows = await replica.rows()
        return {name for name, row in rows.items() if row["state"]["last_sync_at_ms"]}

    await replica.becomes({token[-6:] for token in tokens}, asked, within_s=10)


async def film(replica: Probe, prompt: str) -> str:
    """Have a video made; returns the path of its job."""
    reply = await replica.http.post("/v1/videos", json={"prompt": prompt})
    assert reply.status_code == httpx.codes.OK, reply.text
    return f"/v1/videos/{reply.json()['id']}"


async def look_at_film(replica: Probe, path: str) -> str:
    """Return how far a video is."""
    return str((await replica.http.get(path)).json()["status"])


def forget_the_dead(valkey: ValkeyServer) -> None:
    """Let the time pass after which what a dead replica did is over; the others do nothing now."""
    with Redis.from_url(valkey.url, decode_responses=True) as client:
        (name,) = client.keys("*:going-on")
        client.delete(name)
        client.hset(f"{name}-told", "since", 0)


@asynccontextmanager
async def operating(replica: Probe) -> AsyncIterator[httpx.AsyncClient]:
    """Log in to the admin API; paths begin with ``/``."""
    base = replica.service.base + ADMIN
    async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=30) as http:
        reply = await http.post("/login", json={"password": PASSWORD})
        http.headers["authorization"] = f"Bearer {reply.json()['token']}"
        yield http


async def chats(replicas: Sequence[Probe], count: int, **more: Any) -> list[httpx.Response]:
    """Ask *count* times at once, each replica in turn."""
    replies: list[httpx.Response] = []

    async def ask(replica: Probe) -> None:
        replies.append(await replica.chat(**more))

    async with anyio.create_task_group() as group:
        for number in range(count):
            group.start_soon(ask, replicas[number % len(replicas)])
    return replies
