"""What chores do to one account: its quota, its content preference, its files.

A visit takes no lease: it costs no quota. What it learns of a dead credential it does not decide
on; the account is surveyed soon, and that decides.
"""

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from functools import partial
from typing import Any, Final, Protocol, TypeAlias, TypeVar

import anyio

from grokgate.chores import words
from grokgate.chores.details import Clearing, FileCounts, Loading, Preference
from grokgate.chores.events import Outcome
from grokgate.chores.task import Task
from grokgate.errors import Overloaded
from grokgate.permits import Permits
from grokgate.refresh import Refresh, Surveyed
from grokgate.settings.grok import GrokSettings
from grokgate.tokens.editing import Change
from grokgate.tokens.record import TokenRecord
from grokgate.upstream import (
    Clock,
    Kind,
    Observation,
    RemoteFile,
    Stage,
    UpstreamFailure,
    UpstreamSession,
)
from grokgate.upstreams import Line, Upstreams

T = TypeVar("T")
Editing: TypeAlias = Callable[[Sequence[str], Change], Awaitable[object]]
"""Changes tokens, given by their ids; those that are gone by now are passed over."""

CALL_S: Final = 60.0
"""Longest time for one call."""
LIST_S: Final = 600.0
"""Longest time for a list of all files of an account."""
TAG: Final = "nsfw"
"""Of accounts whose preference is on (F-NSFW-08)."""
_TELLING: Final = frozenset({Kind.AUTH_DEAD, Kind.AUTH_FAIL})
"""A survey should look at the account."""
_HOPELESS: Final = _TELLING | {Kind.CHALLENGE, Kind.ANTI_BOT, Kind.CONNECT, Kind.QUOTA}
"""Further calls for the account would end alike."""


class VisitSettings(Protocol):
    """What visits read of a settings snapshot."""

    @property
    def grok(self) -> GrokSettings:
        """Section ``grok``."""
        ...

    @property
    def performance(self) -> Any:
        """Section ``performance``."""
        ...


class Refused(Exception):
    """An account was not asked, or did not do what it was asked."""

    def __init__(self, code: str, seen: Observation | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.seen = seen

    @property
    def sentence(self) -> str:
        """What to tell the operator."""
        return words.sentence(self.code)


class Visits:
    """Acts as one given account at a time; methods may run side by side.

    Args:
        upstreams: Asked.
        records: Tokens by id, always current.
        refresh: Surveys.
        edit: Changes tokens.
        settings: Returns the settings now.
        clock: Time.
        log: A bound structlog logger.
        turn_s: Longest wait for the turn of a call for files, seconds.
    """

    def __init__(
        self,
        *,
        upstreams: Upstreams,
        records: Mapping[str, TokenRecord],
        refresh: Refresh,
        edit: Editing,
        settings: Callable[[], VisitSettings],
        clock: Clock,
        log: Any,
        turn_s: float = LIST_S,
    ) -> None:
        self._upstreams = upstreams
        self._records = records
        self._refresh = refresh
        self._edit = edit
        self._settings = settings
        self._clock = clock
        self._log = log
        self._calls = Permits(
            limit=lambda: settings().performance.assets_max_concurrent,
            wait_s=lambda: turn_s,
        )

    # -- quota -------------------------------------------------------------------------------

    async def refresh(self, token: str, _task: Task) -> Outcome:
        """Ask for the quota; an expired account that answers is active again."""
        outcomes: list[Surveyed] = []

        async def report(outcome: Surveyed) -> None:
            outcomes.append(outcome)

        await self._refresh.ask([token], report)
        failure = outcomes[0].failure
        if failure is None:
            return Outcome(ok=True)
        return Outcome(ok=False, error=words.sentence(failure))

    # -- preference --------------------------------------------------------------------------

    async def prefer(self, token: str, _task: Task, *, on: bool) -> Outcome:
        """Switch the account's own content preference, and nothing else (D3, F-NSFW-08)."""

        async def switch(session: UpstreamSession) -> None:
            with anyio.fail_after(CALL_S):
                await session.prefer_nsfw(on)

        try:
            await self._visit(token, "prefer_nsfw", switch)
        except Refused as refused:
            return Outcome(ok=False, detail=_refused(refused), error=refused.sentence)
        change = Change(add_tags=(TAG,)) if on else Change(remove_tags=(TAG,))
        await self._edit([token], change)
        return Outcome(ok=True, detail=Preference(success=True, http_status=200, grpc_status=0))

    # -- files -------------------------------------------------------------------------------

    async def load(self, token: str, _task: Task) -> Outcome:
        """Count the account's files."""
        try:
            found = await self.files(token)
        except Refused as refused:
            return Outcome(
                ok=False,
                detail=Loading(status="error", error=refused.sentence),
                error=refused.sentence,
            )
        size = sum(file.size for file in found)
        return Outcome(ok=True, detail=Loading(status="ok", count=len(found), bytes=size))

    async def clear(self, token: str, _task: Task) -> Outcome:
        """Delete all files of the account."""
        try:
            counts = await self._visit(token, "files", partial(self._clear, token))
        except Refused as refused:
            return Outcome(
                ok=False,
                detail=Clearing(status="error", error=refused.sentence),
                error=refused.sentence,
            )
        if counts.failed:
            sentence = f"{counts.failed} of {counts.total} files could not be deleted."
            return Outcome(
                ok=False,
                detail=Clearing(status="error", result=counts, error=sentence),
                error=sentence,
            )
        now_ms = int(self._clock.now().timestamp() * 1000)
        await self._edit([token], Change(last_asset_clear_at_ms=now_ms))
        return Outcome(ok=True, detail=Clearing(status="ok", result=counts))

    async def files(self, token: str) -> list[RemoteFile]:
        """List the account's files, last used first.

        Raises:
            Refused: It was not asked, or did not answer.
        """
        return await self._visit(token, "files", self._list)

    async def delete_file(self, token: str, file_id: str) -> None:
        """Delete a file of the account; one that is gone already is no error.

        Raises:
            Refused: It was not asked, or did not do it.
        """
        await self._visit(token, "files", partial(self._delete, file_id=file_id))

    async def _list(self, session: UpstreamSession) -> list[RemoteFile]:
        async with aclosing(session.files()) as files, self._call(LIST_S):
            return [file async for file in files]

    async def _delete(self, session: UpstreamSession, *, file_id: str) -> None:
        async with self._call(CALL_S):
            await session.delete_file(file_id)

    @asynccontextmanager
    async def _call(self, seconds: float) -> AsyncIterator[None]:
        """Wait for the turn of a call, and give it so long.

        Raises:
            TimeoutError: It is over, or no turn came.
        """
        try:
            permit = await self._calls.take()
        except Overloaded as error:
            raise TimeoutError from error
        try:
            with anyio.fail_after(seconds):
                yield
        finally:
            permit.release()

    async def _clear(self, token: str, session: UpstreamSession) -> FileCounts:
        waiting = deque(file.id for file in await self._list(session))
        total, deleted = len(waiting), 0
        if not total:
            return FileCounts(total=0, success=0, failed=0, skipped=True)

        async def work_off() -> None:
            nonlocal deleted
            while waiting:
                try:
                    await self._delete(session, file_id=waiting.popleft())
                    deleted += 1
                except (UpstreamFailure, TimeoutError) as error:
                    seen = _observed(error, "delete_file")
                    self._note(token, seen)
                    if seen.kind in _HOPELESS:
                        waiting.clear()

        at_once = self._settings().performance.assets_delete_batch_size
        async with anyio.create_task_group() as group:
            for _ in range(min(at_once, total)):
                group.start_soon(work_off)
        return FileCounts(total=total, success=deleted, failed=total - deleted)

    # -- any visit ---------------------------------------------------------------------------

    async def _visit(
        self, token: str, operation: str, act: Callable[[UpstreamSession], Awaitable[T]]
    ) -> T:
        """Act as an account that may be asked.

        Raises:
            Refused: It may not, or it failed.
        """
        self._check(token, operation)
        first_s = self._settings().grok.stream_first_byte_timeout
        line = Line(first_s=first_s, idle_s=first_s)
        try:
            async with self._upstreams.visit(token, line) as session:
                return await act(session)
        except (UpstreamFailure, TimeoutError) as error:
            seen = _observed(error, operation)
            self._note(token, seen)
            raise Refused(words.code_of(seen), seen) from error

    def _check(self, token: str, operation: str) -> None:
        record = self._records.get(token)
        if record is None:
            raise Refused(words.GONE)
        if record.state.status == "disabled":
            raise Refused(words.DISABLED)
        if not self._upstreams.is_open(record.upstream):
            raise Refused(words.NOT_LOADED)
        if operation not in self._upstreams.specs[record.upstream].offers:
            raise Refused(words.NOT_OFFERED)

    def _note(self, token: str, seen: Observation) -> None:
        """Log a failed call; have an account looked at whose credential may be dead."""
        self._log.info(
            "visit_failed",
            token=token,
            operation=seen.operation,
            kind=str(seen.kind),
            status=seen.status,
            marker=seen.marker,
        )
        if seen.kind in _TELLING:
            self._refresh.soon(token)


def _observed(error: UpstreamFailure | TimeoutError, operation: str) -> Observation:
    if isinstance(error, UpstreamFailure):
        return error.observation
    return Observation(operation=operation, kind=Kind.TIMEOUT, stage=Stage.SENT)


def _refused(refused: Refused) -> Preference:
    return Preference(
        success=False,
        http_status=refused.seen.status if refused.seen is not None else None,
        error=refused.sentence,
        code=refused.code,
    )
