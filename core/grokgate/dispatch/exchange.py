"""An answered call being read."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from typing import Self

from grokgate.dispatch.course import Course
from grokgate.dispatch.trial import COUNTED, Trial
from grokgate.errors import UpstreamError
from grokgate.upstream import (
    Asset,
    Event,
    Finished,
    ImageRefused,
    Kind,
    Started,
    UpstreamFailure,
)
from grokgate.upstreams import Line, UnknownAccount


class LiveExchange:
    """`grokgate.plugin.Exchange`: events from the first output to the end marker, it included.

    The lease ends in plain code, before anything is awaited: with the end marker, with a failure,
    or with `aclose`. May be opened in one task and read in another; `aclose` may come from a third.
    One that is forgotten gives its lease back when it is collected.
    """

    def __init__(self, course: Course, trial: Trial, first: Event) -> None:
        assert trial.events is not None
        self.started: Started | None = trial.started
        self.finished: Finished | None = None
        self._course = course
        self._trial = trial
        self._first: Event | None = first
        self._next = trial.events.__anext__
        self._deadline = course.deadline
        self._loop = asyncio.get_running_loop()
        self._ended = False

    def __aiter__(self) -> AsyncIterator[Event]:
        """Return itself."""
        return self

    async def __anext__(self) -> Event:
        """Return the next event; one that is ready is passed on without suspending."""
        if self._first is not None:
            event, self._first = self._first, None
            return event
        if self._ended:
            await self._trial.close()
            raise StopAsyncIteration
        deadline = self._deadline
        if deadline.passed:
            return await self._break_off(asyncio.CancelledError(), ours=True)
        deadline.begin()
        try:
            event = await self._next()
        except BaseException as error:  # noqa: BLE001 - every end settles; _break_off raises
            return await self._break_off(error, ours=deadline.end())
        if deadline.end():
            return await self._break_off(asyncio.CancelledError(), ours=True)
        kind = type(event)
        if kind in COUNTED:
            self._trial.count(event)
        elif kind is ImageRefused:
            self._trial.withhold(event)
        elif kind is Finished:
            self._complete(event)
        return event

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close it."""
        await self.aclose()

    async def aclose(self) -> None:
        """End the call, if it has not ended: the upstream is aborted at once."""
        self.cancel()
        if not self._deadline.interrupt():
            await self._trial.close()

    def cancel(self) -> None:
        """Give the lease of an unended call back without waiting; `aclose` does the rest."""
        self._first = None
        if not self._ended:
            self._ended = True
            self._course.cancel(self._trial)

    def __del__(self) -> None:
        """Give the lease back: nobody can read or close this any more."""
        if not self._ended:
            with suppress(RuntimeError):  # the loop is closed, and with it the gateway
                self._loop.call_soon_threadsafe(self._course.forget, self._trial)

    async def fetch(self, asset: Asset, /) -> AsyncGenerator[bytes, None]:
        """Stream something the call produced, with the account that made it."""
        grok = self._course.desk.settings().grok
        line = Line(first_s=grok.stream_first_byte_timeout, idle_s=grok.stream_idle_timeout)
        try:
            async with aclosing(self._course.desk.upstreams.fetch(asset, line)) as pieces:
                async for piece in pieces:
                    yield piece
        except UnknownAccount:
            self._course.lose(self._trial, asset)
            raise UpstreamError("The account that made this is gone.") from None
        except UpstreamFailure as failure:
            self._course.lose(self._trial, asset)
            raise UpstreamError("The upstream did not hand out the file.") from failure

    def _complete(self, finished: Event) -> None:
        assert isinstance(finished, Finished)
        self.finished = finished
        self._ended = True
        self._course.settle(self._trial, self._trial.observation(Kind.OK))
        self._course.end("completed")

    async def _break_off(self, error: BaseException, *, ours: bool) -> Event:
        """Settle after *error*, close, and raise what it means.

        Args:
            error: What the wait for the next event raised.
            ours: Our own deadline, or `aclose` in another task, cancelled that wait.
        """
        if self._ended:
            await self._trial.close()
            raise (StopAsyncIteration if ours else error)
        self._ended = True
        failure = self._course.fail(self._trial, error, timed_out=ours)
        cancelled = not isinstance(error, Exception) and not ours
        if cancelled:
            self._course.end("cancelled")
        else:
            self._course.failed(failure.error)
        await self._trial.close()
        if cancelled:
            raise error
        raise failure.error from error
