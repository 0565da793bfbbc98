"""One job: its name, its work, its end."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from anyio import CancelScope
from msgspec import Struct

from grokgate.errors import InternalError
from grokgate.openai.tally import Tally

Work: TypeAlias = Callable[[], Awaitable[None]]

_NAME_CHARS: Final = 32


class JobId(Struct, frozen=True, kw_only=True):
    """What tells running jobs apart."""

    plugin: str
    kind: str
    key: str
    owner: str

    @property
    def name(self) -> str:
        """What other processes know it by; tells nobody what or whose it is."""
        text = f"{self.plugin}\0{self.kind}\0{self.key}\0{self.owner}"
        return hashlib.sha256(text.encode()).hexdigest()[:_NAME_CHARS]


class JobEnd(Struct, frozen=True, kw_only=True):
    """How a job ended."""

    id: JobId
    seconds: float
    tally: Tally
    """What it used; carries the request id of the request that started it, if one did."""
    defect: bool
    """It raised, which is its plugin's fault."""

    @property
    def error(self) -> str | None:
        """Code of what went wrong, as far as a client could be told."""
        return InternalError.default_code if self.defect else self.tally.error


class Job:
    """A job that was started (`grokgate.plugin.Job`); used from its event loop only."""

    def __init__(self, work: Work, *, on_cancel: Callable[[], None], ending_s: float) -> None:
        self.work = work
        """What it was started with."""
        self._on_cancel = on_cancel
        self._ending_s = ending_s
        self._scope = CancelScope()
        self._ended = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._forced = False

    def cancel(self) -> None:
        """Cancel the work, and end it by force if it is still there after its time to end."""
        if self._scope.cancel_called or self._ended.is_set():
            return
        self._scope.cancel()
        asyncio.get_running_loop().call_later(self._ending_s, self._end)

    def cancel_for_owner(self) -> None:
        """Cancel the work because its owner wants that; it is told so before it notices."""
        self.cancel()
        self._on_cancel()

    async def wait(self) -> None:
        """Wait until the work has ended in whatever way."""
        await self._ended.wait()

    async def run(self) -> None:
        """Do the work; called once, in a task of its own."""
        self._task = asyncio.current_task()
        try:
            with self._scope:
                await self.work()
        except asyncio.CancelledError:
            if not self._forced:
                raise
        finally:
            self._task = None
            self._ended.set()

    def _end(self) -> None:
        """Cancel the task itself, which no shield keeps out."""
        if self._task is not None:
            self._forced = True
            self._task.cancel()
