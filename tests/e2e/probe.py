"""A gateway process in front of a sandbox that the test holds, and what probes ask of both."""

import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from itertools import count as counter
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import httpx

from e2e.calls import prompt_of
from e2e.endpoints import CHAT, Answer, Endpoint, Heard, Refusal
from e2e.wire import Connection, connect
from grokgate import control
from grokgate.sandbox import Account, AccountFixture, Exchange, Protocol, Sandbox, WindowFixture
from grokgate.testing import running_sandbox
from service import Service, service

T = TypeVar("T")

KEY = "sk-probe-0123456789abcdef0123456789abcdef"
AUTH = {"authorization": f"Bearer {KEY}"}
METRICS_KEY = "probe-metrics-0123456789abcdef"
BUCKET = "fast"
"""The one quota window that `e2e.endpoints.MODEL` draws from."""
QUOTA = 80

_NUMBERS = counter(1)
_POLL_S = 0.02
_SOON_S = 0.2
"""What an idle gateway needs to ask new accounts; after an import it makes a pause."""
_SETTINGS: Mapping[str, str] = {
    "APP__API_KEY": KEY,
    "APP__METRICS_KEY": METRICS_KEY,
    "DOWNSTREAM__ENABLE_MESSAGES": "true",
    "SERVER__SHUTDOWN_GRACE_SEC": "1",
    "TOKEN__SAVE_DELAY_MS": "20",
}


class Probe:
    """One running gateway, its sandbox and an HTTP client with a key."""

    def __init__(self, running: Service, sandbox: Sandbox, http: httpx.AsyncClient) -> None:
        self.service = running
        self.sandbox = sandbox
        self.http = http

    async def fill(self, *quotas: int) -> list[str]:
        """Replace all accounts by fresh ones with these quotas; returns their credentials.

        Rules and the journal of the sandbox are emptied too, so that probes share a gateway and
        nothing else.
        """
        self.sandbox.rules.clear()
        tokens = await self.add(*quotas, mode="replace")
        self.sandbox.journal.clear()
        return tokens

    async def add(self, *quotas: int, mode: str = "add") -> list[str]:
        """Add fresh accounts that the gateway has asked for their quota already."""
        tokens = [f"credential-of-a-probe-{next(_NUMBERS):06}" for _ in quotas]
        for token, quota in zip(tokens, quotas, strict=True):
            window = WindowFixture(total=quota, window_s=7200)
            self.sandbox.accounts.put(AccountFixture(token=token, buckets={BUCKET: window}))
        await self.give(tokens, mode=mode)
        await self._survey(tokens)
        return tokens

    async def give(self, tokens: Sequence[str], *, mode: str = "add") -> None:
        """Import credentials, whether the sandbox knows them or not."""
        arguments = {"text": "\n".join(tokens), "mode": mode}
        await control.ask(self.service.data_dir, "tokens.import", arguments)

    async def rows(self) -> dict[str, dict[str, Any]]:
        """Return what the gateway says about each account, by the last digits of its credential."""
        rows = await control.ask(self.service.data_dir, "tokens.list", {})
        return {row["masked"].removeprefix("…"): row for row in rows}

    async def status(self, token: str) -> str:
        """Return the gateway's word for the state of one account."""
        return str((await self.rows())[token[-6:]]["state"]["status"])

    async def quota(self) -> int:
        """Return what the gateway believes all accounts have left."""
        states = [row["state"] for row in (await self.rows()).values()]
        return sum(state["buckets"][BUCKET]["remaining"] for state in states)

    async def used(self) -> int:
        """Return the units that the gateway has charged."""
        return sum(row["state"]["consumed"] for row in (await self.rows()).values())

    def account(self, token: str) -> Account:
        """Return an account of the sandbox."""
        return self.sandbox.accounts[token]

    async def ask(self, to: Endpoint, prompt: str = "hi", **more: Any) -> httpx.Response:
        """Ask for an answer that is not streamed."""
        return await self.http.post(to.path, json=to.body(prompt, **more))

    async def refused(self, to: Endpoint, prompt: str = "hi", **more: Any) -> Refusal:
        """Ask for what is not to be had; returns how that was said."""
        reply = await self.ask(to, prompt, **more)
        return Refusal(reply.status_code, to.name(reply.json()["error"]))

    async def chat(self, prompt: str = "hi", **more: Any) -> httpx.Response:
        """Ask for a chat answer that is not streamed."""
        return await self.ask(CHAT, prompt, **more)

    @asynccontextmanager
    async def stream(
        self, prompt: str = "hi", *, to: Endpoint = CHAT, **more: Any
    ) -> AsyncIterator[httpx.Response]:
        """Ask for a streamed answer; leaving early closes the connection."""
        asked = to.body(prompt, stream=True, **more)
        async with self.http.stream("POST", to.path, json=asked) as response:
            yield response

    @asynccontextmanager
    async def asked(
        self, prompt: str = "hi", *, to: Endpoint = CHAT, **more: Any
    ) -> AsyncIterator[Connection]:
        """Ask by hand: nothing of the answer is read unless the test does."""
        asked = json.dumps(to.body(prompt, **more)).encode()
        async with connect(self.service.base) as connection:
            await connection.send("POST", to.path, AUTH, asked)
            yield connection

    async def read(self, prompt: str = "hi", **more: Any) -> Answer:
        """Read a streamed chat answer to its end."""
        async with self.stream(prompt, **more) as response:
            return Answer(response.status_code, (await response.aread()).decode())

    async def hear(self, to: Endpoint, prompt: str = "hi", **more: Any) -> Heard:
        """Read a streamed answer to its end; its form is checked."""
        async with self.stream(prompt, to=to, **more) as response:
            whole = await response.aread()
            assert response.status_code == httpx.codes.OK, whole
            return to.hear(*re.findall(rb"(?s).+?(?:\n\n|\Z)", whole))

    def calls(self, word: str = "") -> list[Exchange]:
        """Return the chat calls that reached the sandbox, with *word* in the prompt, in order."""
        return [call for call in self.sandbox.journal.of("chat") if word in prompt_of(call)]

    def asking(self) -> int:
        """Count the chat calls under way whose prompt has arrived."""
        calls = self.sandbox.journal.of("chat")
        return sum(call.outcome == "open" and prompt_of(call) != "" for call in calls)

    def accounts_asked(self, word: str = "") -> list[str | None]:
        """Return the accounts of those calls."""
        return [exchange.account for exchange in self.calls(word)]

    def peak_mib(self) -> float:
        """Return the most memory that any process of the gateway ever had."""
        texts = [Path(f"/proc/{pid}/status").read_text() for pid in self.service.pids]
        return max(int(kib) for kib in re.findall(r"VmHWM:\s+(\d+) kB", "".join(texts))) / 1024

    async def metrics(self) -> str:
        """Return the text of ``/metrics``."""
        headers = {"authorization": f"Bearer {METRICS_KEY}"}
        return (await self.http.get("/metrics", headers=headers)).text

    async def gauge(self, name: str) -> float:
        """Return the value of a metric without labels."""
        found = re.search(rf"^grokgate_{name} (\S+)$", await self.metrics(), re.MULTILINE)
        assert found, f"no {name} in the metrics"
        return float(found[1])

    async def counted(self, status: int) -> int:
        """Return how many requests ended with *status*, over all routes."""
        line = rf'^grokgate_requests_total{{.*status="{status}"}} (\S+)$'
        return int(sum(map(float, re.findall(line, await self.metrics(), re.MULTILINE))))

    async def idle(self, within_s: float) -> None:
        """Wait until no lease is open and nobody queues; the books must agree then."""
        await self.becomes((0, 0), self._busy, within_s=within_s)
        assert await self.gauge("ledger_imbalance") == 0

    async def becomes(
        self, wanted: object, read: Callable[[], Awaitable[object]], *, within_s: float = 2
    ) -> None:
        """Wait until ``read()`` returns *wanted*."""
        deadline = time.monotonic() + within_s
        while (found := await read()) != wanted:
            assert time.monotonic() < deadline, f"{found!r} is not {wanted!r}\n{self.log}"
            await anyio.sleep(_POLL_S)

    async def until(self, test: Callable[[], bool], within_s: float) -> None:
        """Wait until the sandbox is in a state."""
        with self.within(within_s, "the sandbox never got there"):
            while not test():  # noqa: ASYNC110 - what is asked of the sandbox announces nothing
                await anyio.sleep(_POLL_S)

    @contextmanager
    def within(self, seconds: float, problem: str) -> Iterator[None]:
        """Fail with *problem* and what the gateway printed when the block takes longer."""
        try:
            with anyio.fail_after(seconds):
                yield
        except TimeoutError:
            raise AssertionError(f"{problem} after {seconds} s\n{self.log}") from None

    @property
    def log(self) -> str:
        """What the gateway printed, without the probe's own questions."""
        return "".join(line for line in self.service.output if "control_operation" not in line)

    async def stop(self, *, timeout_s: float = 60) -> int:
        """Send SIGTERM and return the exit code, while the sandbox goes on."""
        return await anyio.to_thread.run_sync(lambda: self.service.stop(timeout_s=timeout_s))

    async def _survey(self, tokens: Sequence[str]) -> None:
        """Have accounts asked for their quota, without the pause between two imports."""
        until = time.monotonic() + _SOON_S
        while await self._unasked(tokens) and time.monotonic() < until:  # noqa: ASYNC110 - a process
            await anyio.sleep(_POLL_S)
        if ids := await self._unasked(tokens):
            with self.within(10, "accounts were not asked"):
                await control.ask(self.service.data_dir, "tokens.refresh", {"ids": ids})
        await self.becomes([], lambda: self._unasked(tokens), within_s=10)

    async def _unasked(self, tokens: Sequence[str]) -> list[str]:
        """Return the ids of accounts without numbers, or without the pool that follows them."""
        rows = await self.rows()
        wanted = [rows[token[-6:]] for token in tokens]
        return [
            row["id"]
            for row in wanted
            if not row["state"]["last_sync_at_ms"] or row["pool"] == "auto"
        ]

    async def _busy(self) -> tuple[float, float]:
        return await self.gauge("leases_open"), await self.gauge("queue_depth")


@asynccontextmanager
async def probe(
    folder: Path,
    environ: Mapping[str, str],
    *,
    protocol: Protocol = "2026-08",
    sandbox: Sandbox | None = None,
    variables: Mapping[str, str] | None = None,
) -> AsyncIterator[Probe]:
    """Run a gateway in *folder* in front of a sandbox of the test's own loop.

    Args:
        folder: Working folder; data and logs of an earlier start are used again.
        environ: Settings as ``SECTION__KEY``, over those every probe has.
        protocol: Profile of the gateway and generation of the accounts.
        sandbox: None: one without accounts.
        variables: Of the environment, by their whole names.
    """
    world = sandbox or Sandbox(accounts=(), protocol=protocol)
    async with running_sandbox(world) as (_, base):
        bases = {
            "GROK__PROTOCOL": protocol,
            "GROK__WEB_BASE": base,
            "GROK__ASSETS_BASE": f"{base}/__assets",
        }
        settings = {**_SETTINGS, **bases, **environ}
        names = {f"GROKGATE__{key}": value for key, value in settings.items()}
        with service(folder, environ={**names, **(variables or {})}, wait=False) as running:
            try:
                await anyio.to_thread.run_sync(running.wait_for, "Ready")
                async with _client(running) as http:
                    yield Probe(running, world, http)
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(running.stop)


def _client(running: Service) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=running.base,
        headers=AUTH,
        timeout=30,
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        trust_env=False,
    )


async def timed(work: Callable[[], Awaitable[T]]) -> tuple[float, T]:
    """Await ``work()`` and return the seconds it took, with its result."""
    began = time.monotonic()
    result = await work()
    return time.monotonic() - began, result


async def at_once(count: int, work: Callable[[int], Awaitable[T]]) -> list[T]:
    """Run ``work(0)`` to ``work(count - 1)`` at the same time; returns results in that order."""
    results: dict[int, T] = {}

    async def run(number: int) -> None:
        results[number] = await work(number)

    async with anyio.create_task_group() as group:
        for number in range(count):
            group.start_soon(run, number)
    return [results[number] for number in range(count)]
