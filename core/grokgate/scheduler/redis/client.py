"""The connection to the server: short limits, a breaker, its clock, and what it must be like.

The breaker opens with the first command that fails, and closes when the ledger has been joined
again. While it is open nothing waits for the server.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias, TypeVar

import anyio
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as NoAnswer

from grokgate.errors import StartupError, StateError, StoreUnavailable
from grokgate.scheduler.redis import scripts
from grokgate.scheduler.redis.check import OLDEST, POLICY, reason
from grokgate.scheduler.redis.operations import Batch, Operation
from grokgate.upstream import Clock, Secret

Join: TypeAlias = Callable[[], Awaitable[None]]
"""Takes part in the ledger as it is there now; raises `Lost`."""

_T = TypeVar("_T")
EMPTIED = "it has another ledger, or none"
_PASSING = ("MISCONF", "NOREPLICAS", "READONLY", "OOM", "MASTERDOWN", "BUSY", "LOADING")
"""Beginnings of what a server says that takes nothing now."""
_LOOK_S = 0.5
_AGAIN_S = 0.25
_FAILURES = (RedisError, OSError, TimeoutError)


class Lost(Exception):
    """The server does not answer, or has another ledger than before."""


class OtherLayout(Lost):
    """Processes of another version keep the ledger there in another way; says what to do."""


class Defect(Exception):
    """The server could not carry out a script: asking again would not help."""


class Link:
    """The connection of one process.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
        installation: Keeps the keys of installations apart.
        process: Unique among all processes there ever were.
        clock: Time of this process.
        log: Told when the server goes and comes.
        limit_s: For one command, and for connecting.
        lease_s: For how long a lease holds without a heartbeat.
    """

    def __init__(
        self,
        url: Secret,
        *,
        installation: str,
        process: str,
        clock: Clock,
        log: Any,
        limit_s: float = 0.25,
        lease_s: float = 60.0,
    ) -> None:
        self.keys = scripts.Keys(installation)
        self.process = process
        self.client: Any = _client(url, limit_s)  # its types leave open whether it decodes
        self.epoch: str | None = None
        """Of the ledger that was joined."""
        self.lead_ms = clock.now().timestamp() * 1000 - clock.monotonic() * 1000
        """The server's Unix milliseconds, less our monotonic ones."""
        self.failures = 0
        """How often the server went since the start."""
        self._url = url
        self._limit_s = limit_s
        self._lease_s = lease_s
        self._clock = clock
        self._log = log
        self._script = self.client.register_script(scripts.text())
        self._up = asyncio.Event()
        self._up_at = 0.0
        self._is_kept_out = False
        self._look = asyncio.Event()
        self._listeners: list[Callable[[], None]] = []

    @property
    def up(self) -> bool:
        """Whether the server answers and its ledger is ours."""
        return self._up.is_set()

    def up_s(self) -> float:
        """Return for how many seconds the server has been there without a break."""
        return self._clock.monotonic() - self._up_at if self.up else 0.0

    def subscribe(self, lost: Callable[[], None]) -> None:
        """Have *lost* called when the server goes."""
        self._listeners.append(lost)

    async def ready(self) -> None:
        """Wait until the server is there."""
        await self._up.wait()

    async def open(self, join: Join, *, within_s: float) -> None:
        """Connect for the first time; a server that is just beginning gets some time.

        Raises:
            StartupError: It does not answer.
            StateError: It is too old, may throw away what it holds, or has the ledger of another
                version.
        """
        deadline = self._clock.monotonic() + within_s
        try:
            while not self.up:
                await self._begin(join, last=self._clock.monotonic() >= deadline)
        finally:
            if not self.up:
                await self.aclose()

    async def run(self, join: Join) -> None:
        """Look after the connection until cancelled."""
        while True:
            self._look.clear()
            try:
                await self._look_after(join)
            except Lost as error:
                self._note(error)
            with anyio.move_on_after(_LOOK_S if self.up else _AGAIN_S):
                await self._look.wait()

    async def apply(
        self, number: int, operations: Sequence[Operation]
    ) -> tuple[Batch, dict[str, bytes]]:
        """Have a batch carried out; the same *number* again gets the same answer.

        Raises:
            Lost: Nobody knows whether it was.
            Defect: It was not, and never will be.
        """
        arguments = scripts.arguments(
            self.epoch or "", self.process, number, operations, self._lease_s
        )
        keys = self.keys.of_batch(self.process)
        with self.guard():
            reply = await _twice(lambda: self._script(keys=keys, args=arguments))
        return scripts.read(reply)

    def reader(self, block_s: float) -> Redis:
        """Return a connection for commands that wait for up to *block_s*."""
        return _client(self._url, self._limit_s, block_s + self._limit_s)

    @contextmanager
    def guard(self, *, aside: bool = False) -> Iterator[None]:
        """Turn failures of commands inside into `Lost` or `Defect`.

        Args:
            aside: They go over a connection of their own, so that they say little of ours.
        """
        try:
            yield
        except _FAILURES as error:
            if _is_defect(error):
                raise Defect(str(error)) from error
            if not aside:
                raise self.lose(_told(error)) from error
            self._look.set()
            raise Lost(_told(error)) from error

    def lose(self, why: str) -> Lost:
        """Note that the server, or the ledger in it, is gone; return what to raise."""
        if self.up:
            self._up.clear()
            self._look.set()
            self.failures += 1
            self._log.error("runtime_store_lost", error=why)
            for lost in self._listeners:
                lost()
        return Lost(why)

    async def measure(self) -> None:
        """Compare the clocks.

        Raises:
            Lost: The ledger is another one now.
        """
        before, seconds, epoch = await _twice(self._time)
        middle_s = (before + self._clock.monotonic()) / 2
        self.lead_ms = seconds[0] * 1000 + seconds[1] / 1000 - middle_s * 1000
        if self.up and (epoch or b"").decode() != self.epoch:
            raise self.lose(EMPTIED)

    async def _time(self) -> tuple[float, tuple[int, int], bytes | None]:
        """Return our time, then that of the server, and its epoch."""
        before = self._clock.monotonic()
        pipeline = self.client.pipeline(transaction=False)
        seconds, epoch = await pipeline.time().hget(self.keys.facts, "epoch").execute()
        return before, seconds, epoch

    async def aclose(self) -> None:
        """Leave nothing of this process there but its share of the ledger."""
        if self.up:
            with self._quietly():
                await self.client.delete(self.keys.answer(self.process))
        self._up.clear()
        with self._quietly():
            await self.client.aclose()

    async def _begin(self, join: Join, *, last: bool) -> None:
        """Try to connect for the first time; without success, say so at the *last* try."""
        try:
            with self.guard():
                await self._check()
                await self.measure()
                await join()
            self._rise()
        except OtherLayout as error:
            raise StateError(str(error)) from error
        except Lost as error:
            if last:
                raise StartupError(reason(error.__cause__ or error)) from error
            await anyio.sleep(_AGAIN_S)

    async def _look_after(self, join: Join) -> None:
        if not self.up:  # an old connection that is met later would be taken for another outage
            await self.client.connection_pool.disconnect(inuse_connections=False)
        with self.guard():
            await self.measure()
            if self.up:
                return
            await join()
        self._rise()
        self._log.info("runtime_store_back")

    def _note(self, error: Lost) -> None:
        """Log why the connection is not back; what only the operator can end, aloud and once."""
        if not isinstance(error, OtherLayout):
            self._log.debug("runtime_store_silent", error=str(error))
        elif not self._is_kept_out:
            self._log.error("runtime_store_of_another_version", detail=str(error))
        self._is_kept_out = isinstance(error, OtherLayout)

    def _rise(self) -> None:
        self._up_at = self._clock.monotonic()
        self._up.set()

    async def _check(self) -> None:
        server = await self.client.info("server")
        words = str(server.get("redis_version", "0")).split(".")
        version = tuple(int(word) for word in words[:2])
        if version < OLDEST:
            raise StateError(
                f"The Redis server is version {'.'.join(words)}; "
                f"{'.'.join(map(str, OLDEST))} or newer is needed."
            )
        policy = await self._policy()
        if policy != POLICY:
            raise StateError(
                f"The Redis server throws keys away when its memory is full ({policy}), and with "
                f"them what calls have used. Set its maxmemory-policy to {POLICY}."
            )

    async def _policy(self) -> str:
        """Return what happens when memory is full; where settings are hidden, INFO tells it."""
        memory = await self.client.info("memory")
        return str(memory.get("maxmemory_policy", POLICY))

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        try:
            yield
        except _FAILURES as error:
            self._log.debug("runtime_store_not_left", error=_told(error))


def gone() -> StoreUnavailable:
    """Return what clients are told while the server is gone."""
    return StoreUnavailable(
        "The gateway's shared state does not answer.", code="runtime_store_unavailable"
    )


async def _twice(ask: Callable[[], Awaitable[_T]]) -> _T:
    """Ask once more where an answer does not come: a moment without it is no outage yet."""
    try:
        return await ask()
    except (ConnectionLost, NoAnswer):
        return await ask()


def _client(url: Secret, limit_s: float, read_s: float | None = None) -> Redis:
    return Redis.from_url(
        url.reveal(),
        socket_timeout=limit_s if read_s is None else read_s,
        socket_connect_timeout=limit_s,
        retry=Retry(NoBackoff(), 0),
    )


def _is_defect(error: Exception) -> bool:
    """Tell whether a script is at fault, and not the state that the server is in."""
    told = str(error)
    at_fault = type(error) is ResponseError and "user_script" in told
    return at_fault and not any(word in told for word in _PASSING)


def _told(error: BaseException) -> str:
    """Name a failure without an address, which may hold a password."""
    return type(error).__name__ if not isinstance(error, ResponseError) else str(error)[:80]
