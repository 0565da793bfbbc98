"""From a call to its first output: attempts on one account after the other."""

from functools import partial

import anyio

from grokgate.dispatch.budget import pause_s
from grokgate.dispatch.course import Course
from grokgate.dispatch.deadline import TimeIsUp
from grokgate.dispatch.exchange import LiveExchange
from grokgate.dispatch.lease import lease_one, out_of_quota, with_tags
from grokgate.dispatch.route import Route, routes
from grokgate.dispatch.trial import Failure, Trial
from grokgate.errors import (
    GatewayError,
    InternalError,
    ModelNotFound,
    NoTokenAvailable,
    UpstreamTimeout,
)
from grokgate.scheduler.home import Lease
from grokgate.upstream import Kind

_OF_ONE = frozenset({Kind.QUOTA, Kind.PLAN})
"""What an account lacks, others may have."""


async def open_exchange(course: Course) -> LiveExchange:
    """Lease, send and wait for the first output, with as many attempts as are allowed.

    Raises:
        GatewayError: What the client is told.
    """
    try:
        return await _Opening(course).run()
    except GatewayError as error:
        course.failed(error)
        course.desk.notices.failed(course.call, error)
        raise
    except Exception as error:
        course.failed(InternalError())
        course.desk.log.exception("dispatch_failed", plugin=course.plugin)
        course.desk.blamed(course.plugin)
        raise InternalError from error
    except BaseException:
        course.end("cancelled")
        raise


class _Opening:
    """The attempts of one call."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._call = course.call
        self._desk = course.desk
        self._settings = course.desk.settings()
        # Only what counts per account is made anew elsewhere: others may have no second account.
        self._tried = course.request.spared if course.call.daily else frozenset[str]()
        self._incident = False

    async def run(self) -> LiveExchange:
        """Try until there is output, or no further attempt is allowed."""
        ways = self._routes()
        await self._course.charge()
        self._call = with_tags(self._desk, self._call, ways)
        answer = await self._try(*await self._lease(ways))
        while isinstance(answer, Failure):
            if not self._may_retry(answer):
                raise self._last_word(ways, answer)
            try:
                answer = await self._retry(ways, answer)
            finally:
                self._desk.budget.done()
        return answer

    def _routes(self) -> list[Route]:
        found = self._priced()
        if not found:
            raise ModelNotFound(self._course.call.card.id)
        usable = [route for route in found if self._desk.upstreams.is_open(route.upstream)]
        if not usable:
            raise InternalError
        return usable

    def _priced(self) -> list[Route]:
        """List all routes; a call that cannot be priced is its plugin's fault (I8)."""
        call, plugin = self._course.call, self._course.plugin
        try:
            return routes(
                call,
                self._desk.wires(call.card),
                specs=self._desk.upstreams.specs,
                rules=self._desk.rules,
                configured=self._settings.upstreams.order,
                fallback=self._settings.grok.mode_fallback,
            )
        except InternalError as error:
            self._desk.log.exception("call_not_priced", plugin=plugin, exc_info=error.__cause__)
            self._desk.blamed(plugin)
            raise

    async def _lease(self, ways: list[Route]) -> tuple[Route, Lease]:
        limits, timeout_s = self._settings.limits, self._course.call.timeout_s
        deadline = self._desk.clock.monotonic() + limits.queue_wait_sec
        if timeout_s is not None:
            deadline = min(deadline, self._course.began_at + timeout_s)
        spared = self._desk.days.full(self._course.call.daily)
        try:
            return await lease_one(
                self._desk,
                self._call,
                ways,
                tried=self._tried | spared,
                # A retry finds what is there.
                survey=self._course.attempts == 0,
                deadline=deadline,
            )
        except NoTokenAvailable:
            if spared - self._tried:
                raise self._desk.days.refusal() from None
            raise

    async def _try(self, route: Route, lease: Lease) -> LiveExchange | Failure:
        """Make one attempt; a cancelled one is settled and raised."""
        course = self._course
        trial = Trial(self._desk, course.plugin, course.call, route, lease)
        course.tries(trial)
        try:
            first = await course.deadline.limit(trial.begin)
        except BaseException as error:
            failure = course.fail(trial, error, timed_out=isinstance(error, TimeIsUp))
            self._tried |= {lease.token}
            self._incident = trial.settled is not None and trial.settled.incident
            await trial.close()
            if not isinstance(error, Exception):
                raise
            return failure
        course.answers()
        return LiveExchange(course, trial, first)

    def _may_retry(self, failure: Failure) -> bool:
        """Tell whether another account may try; takes from the retry budget if so."""
        call, grok = self._course.call, self._settings.grok
        return (
            call.account is None
            and not self._incident
            and (call.most_attempts is None or self._course.attempts < call.most_attempts)
            and self._course.request.may_retry(
                failure.observation,
                repeatable=call.repeatable,
                codes=grok.retry_status_codes,
                most=grok.max_retry,
            )
            and self._desk.budget.take(self._desk.clock.monotonic())
        )

    def _last_word(self, ways: list[Route], failure: Failure) -> GatewayError:
        """Return what the client is told; one account's reset is not when the next one is free."""
        if failure.observation.kind is Kind.QUOTA:
            return out_of_quota(self._desk, self._call, ways)
        return failure.error

    async def _retry(self, ways: list[Route], failure: Failure) -> LiveExchange | Failure:
        """Pause, and try on another account; without one the call ends with *failure*."""
        course = self._course
        course.request.retried(failure.observation)
        try:
            await course.deadline.limit(partial(self._pause, failure))
            route, lease = await self._lease(ways)
        except TimeIsUp:
            raise UpstreamTimeout from failure.error
        except NoTokenAvailable as error:
            # One account's quota or plan says nothing of the others; this one knows when the first
            # of them is back.
            raise (error if failure.observation.kind in _OF_ONE else failure.error) from None
        except GatewayError:
            raise failure.error from None
        return await self._try(route, lease)

    async def _pause(self, failure: Failure) -> None:
        """Wait before a retry; another account has nothing to do with this one's quota."""
        if failure.observation.kind is not Kind.QUOTA:
            await anyio.sleep(pause_s(self._desk.rng, self._course.request.retries))
