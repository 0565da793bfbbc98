"""The worker processes that one start runs in one data folder, as one of them sees the others.

```text
start   one after the other: the first makes what a first start makes, and announces it
seat    the number of a worker, free again when it ends; the one that replaces it takes it over
front   one worker answers the command line; when it ends, another one does
asking  each answers the others about what it alone knows, on a socket of its own
```
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeAlias

import anyio

from grokgate import control
from grokgate.background import background
from grokgate.errors import StartupError, StateError
from grokgate.operations import OperationFailed, Progress
from grokgate.storage.seats import LOCKS, hold_when_free, take_seat

Answer: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[Any]]
"""Takes arguments and returns a result in JSON types."""

ANSWER_S: Final = 0.25
"""Seconds that the others have for an answer; who needs longer is left out."""
_SOCKET: Final = re.compile(r"worker-(\d+)\.sock\Z")
_LOOK_S: Final = 0.05
"""Between two looks at a file."""


class Workers:
    """This worker, and what it knows of the others; belongs to one event loop.

    Args:
        folder: The data folder of all.
        starts_file: Theirs (`RunOptions.starts_file`).
        refusal_file: Theirs (`RunOptions.refusal_file`).
        count: How many there are to be.
        log: A bound structlog logger.
    """

    def __init__(
        self, folder: Path, starts_file: Path, refusal_file: Path | None, *, count: int, log: Any
    ) -> None:
        self.count = count
        self.seat = 0
        """Number of this one, from 1; 0: it has not started."""
        self.start = str(starts_file)
        """Names this start: its file lies in a folder that was made for it."""
        self.is_first = False
        """Whether no other one had started before it."""
        self._folder = folder
        self._starts = starts_file
        self._refusal = refusal_file
        self._log = log

    @property
    def restarts(self) -> int:
        """How many have started in place of others so far."""
        return max(0, self._started() - self.count)

    @asynccontextmanager
    async def starting(self, stack: AsyncExitStack) -> AsyncIterator[None]:
        """Take a seat until *stack* is left, and start alone: others wait until the context is.

        Raises:
            StartupError: Another one was refused before any has started.
        """
        async with hold_when_free(self._folder, "start.lock", waiting=self._heed_refusal):
            self.seat = stack.enter_context(take_seat(self._folder))
            yield
            self.is_first = not self._started()
            with self._starts.open("ab") as file:
                file.write(b".")
            if self._refusal is not None and not self.is_first:
                self._refusal.unlink(missing_ok=True)  # of an earlier try; the first one ends all

    async def all_started(self) -> None:
        """Wait until as many have started as there are to be."""
        while self._started() < self.count:  # noqa: ASYNC110 - a file tells nobody that it grew
            await anyio.sleep(_LOOK_S)

    @asynccontextmanager
    async def front(self, operations: control.Answers) -> AsyncIterator[None]:
        """Answer the command line as long as this worker is the one to do so."""
        looked = anyio.Event()

        async def serve() -> None:
            try:
                async with (
                    hold_when_free(self._folder, "front.lock", waiting=looked.set),
                    control.serve(self._folder, operations, log=self._log),
                ):
                    looked.set()
                    await anyio.sleep_forever()
            finally:
                looked.set()

        async with background(serve, log=self._log):
            await looked.wait()
            yield

    @asynccontextmanager
    async def answering(self, answers: Mapping[str, Answer]) -> AsyncIterator[None]:
        """Answer what the others ask by these names."""
        path = self._folder / LOCKS / f"worker-{self.seat}.sock"
        told = _Told(answers)
        async with control.serve_at(path, told, log=self._log, stop_s=ANSWER_S, quiet=answers):
            yield

    async def ask_others(self, name: str, **arguments: Any) -> Mapping[int, Any]:
        """Return what the other workers answer in time, by seat."""
        replies: dict[int, Any] = {}

        async def ask(seat: int, path: Path) -> None:
            with suppress(OSError, StateError, OperationFailed):  # gone, or about to go
                replies[seat] = await control.ask_at(path, name, arguments)

        with anyio.move_on_after(ANSWER_S):
            async with anyio.create_task_group() as group:
                for seat, path in self._others().items():
                    group.start_soon(ask, seat, path)
        return {seat: replies[seat] for seat in sorted(replies)}

    def _others(self) -> Mapping[int, Path]:
        found = {
            int(match[1]): path
            for path in (self._folder / LOCKS).iterdir()
            if (match := _SOCKET.match(path.name))
        }
        found.pop(self.seat, None)
        return found

    def _started(self) -> int:
        try:
            return self._starts.stat().st_size
        except FileNotFoundError:
            return 0

    def _heed_refusal(self) -> None:
        if self._refusal is None or self._started():
            return
        with suppress(FileNotFoundError):
            if reason := self._refusal.read_text(encoding="utf-8"):  # empty: it is being written
                raise StartupError(reason)


class _Told:
    """A table of answers, as the control socket takes it."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self._answers = answers

    async def run(
        self, name: str, arguments: Mapping[str, Any], _progress: Progress | None = None
    ) -> Any:
        """Return the answer called *name*."""
        if name not in self._answers:
            raise OperationFailed(f"unknown question {name!r}")
        return await self._answers[name](arguments)
