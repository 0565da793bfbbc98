"""Asks an account what it has left (`upstream-protocol.md` 4).

1. One call for each window of chat, and one for all pictures and videos, side by side.
2. The tier follows from the totals. A paid account is asked for its weekly pool, which decides over
   the windows of chat.

A call that fails, or that this generation does not have, costs its own windows only: they keep
their numbers. But an account that is not let in has no numbers at all, neither has one of which
every call failed, and one that was asked too often keeps those it had (12.5).
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeAlias

from msgspec import Struct

from grokgate.upstream import (
    AccountFacts,
    Clock,
    Kind,
    Observation,
    Stage,
    UpstreamFailure,
    Window,
)
from grokgate_web.call import WebCall
from grokgate_web.caller import Caller
from grokgate_web.classify import Evidence
from grokgate_web.decode import known
from grokgate_web.decode.credits import WeeklyPool, weekly_pool
from grokgate_web.decode.grpc import HTTP_STATUSES, read_answer
from grokgate_web.parallel import in_parallel
from grokgate_web.payload import quota_body
from grokgate_web.profile import Credits, ImagineQuota, Quota
from grokgate_web.usage import infer_tier, parse_products, parse_window, under_pool

Windows: TypeAlias = Mapping[str, Window]
Question: TypeAlias = Callable[[], Awaitable["Part"]]

_SURVEY = "survey"
_SURVEY_S = 12.0
"""For each of the two rounds: the core waits 30 seconds for both."""
_AT_ONCE = 6
"""All windows there are: five of chat, and the products."""
_NO_WINDOW = (400, 404)
_NOT_LET_IN = frozenset((Kind.AUTH_DEAD, Kind.AUTH_FAIL))
_TELLS_NOTHING = _NOT_LET_IN | {Kind.QUOTA}
"""Refusals that are about the account and not about one window."""
_EMPTY_MESSAGE = bytes(5)
_OTHER_STATUS = 502


class Part(Struct, frozen=True, kw_only=True):
    """What one question of a survey brought."""

    windows: Windows = {}
    unknown: frozenset[str] = frozenset()
    """Those it was about, if it failed."""
    failure: UpstreamFailure | None = None


class Survey:
    """One survey of one account.

    Args:
        caller: Acts as the account.
        quota: What the profile knows to ask.
        clock: Resets count from here.
        log: Told of the weekly pool's failures, which cost nothing.
    """

    def __init__(self, caller: Caller, quota: Quota, *, clock: Clock, log: Any) -> None:
        self._caller = caller
        self._quota = quota
        self._clock = clock
        self._log = log

    async def ask(self, buckets: frozenset[str]) -> AccountFacts:
        """Ask for those of *buckets* that the profile knows.

        Raises:
            UpstreamFailure: Nothing was learned.
        """
        chat = tuple(bucket for bucket in self._quota.names if bucket in buckets)
        answers = await in_parallel(self._questions(chat, buckets), limit=_AT_ONCE)
        failures = [answer.failure for answer in answers if answer.failure is not None]
        if failures and len(failures) == len(answers):
            raise failures[0]
        windows = {name: window for answer in answers for name, window in answer.windows.items()}
        unknown = self._untold(buckets).union(*(answer.unknown for answer in answers))
        tier = infer_tier(windows, self._quota)
        if self._quota.credits is not None and chat and tier != "basic":
            pool = await self._pool(self._quota.credits)
            spoken = {bucket: windows[bucket] for bucket in chat if bucket in windows}
            windows |= under_pool(spoken, pool, self._clock.now())
        return AccountFacts(windows=windows, unknown=unknown, tier=tier)

    def _questions(self, chat: Iterable[str], buckets: frozenset[str]) -> list[Question]:
        questions: list[Question] = [
            partial(self._part, (bucket,), partial(self._chat, bucket)) for bucket in chat
        ]
        imagine = self._quota.imagine
        offered = imagine.products.items() if imagine else ()
        products = {bucket: key for bucket, key in offered if bucket in buckets}
        if imagine and products:
            ask = partial(self._imagine, imagine, products)
            questions.append(partial(self._part, tuple(products), ask))
        return questions

    def _untold(self, buckets: frozenset[str]) -> frozenset[str]:
        """Name those that this generation has no question for: they may hold something."""
        imagine = self._quota.imagine
        return buckets - {*self._quota.names, *(imagine.products if imagine else ())}

    async def _part(self, buckets: Iterable[str], ask: Callable[[], Awaitable[Windows]]) -> Part:
        """Ask for *buckets*; they stay unknown if that fails for no reason of the account's."""
        try:
            return Part(windows=await ask())
        except UpstreamFailure as failure:
            if failure.observation.kind in _TELLS_NOTHING:
                raise
            return Part(unknown=frozenset(buckets), failure=failure)

    async def _chat(self, bucket: str) -> Windows:
        """Ask for one window; empty: this account has no such window."""
        quota = self._quota
        call = WebCall(
            operation=_SURVEY,
            path=quota.path,
            referer=quota.referer,
            body=quota_body(quota.body, quota.names[bucket]),
            first_s=_SURVEY_S,
            known=known.QUOTA,
        )
        try:
            window = parse_window((await self._caller.fetch(call)).body, quota)
        except UpstreamFailure as failure:
            observation = failure.observation
            if observation.kind is Kind.BAD_REQUEST and observation.status in _NO_WINDOW:
                return {}
            raise
        except ValueError as error:
            raise _unreadable() from error
        return {} if window is None else {bucket: window}

    async def _imagine(self, imagine: ImagineQuota, products: Mapping[str, str]) -> Windows:
        call = WebCall(
            operation=_SURVEY,
            path=imagine.path,
            referer=imagine.referer,
            body=b"{}",
            first_s=_SURVEY_S,
            known=known.PRODUCTS,
        )
        answer = await self._caller.fetch(call)
        try:
            return parse_products(answer.body, products, self._clock.now())
        except ValueError as error:
            raise _unreadable() from error

    async def _pool(self, about: Credits) -> WeeklyPool | None:
        """Ask for the weekly pool; without an answer the windows stand as they are."""
        try:
            return await self._ask_pool(about)
        except UpstreamFailure as failure:
            if failure.observation.kind in _NOT_LET_IN:
                raise
            self._log.info("credits_unknown", kind=failure.observation.kind)
            return None

    async def _ask_pool(self, about: Credits) -> WeeklyPool | None:
        call = WebCall(
            operation=_SURVEY,
            path=about.path,
            referer=about.referer,
            headers="grpc",
            body=_EMPTY_MESSAGE,
            first_s=_SURVEY_S,
        )
        answer = await self._caller.fetch(call)
        try:
            told = read_answer(answer.body, answer.headers)
            if told.status == 0:
                return weekly_pool(told.message)
        except ValueError as error:
            raise _unreadable() from error
        status = HTTP_STATUSES.get(told.status, _OTHER_STATUS)
        evidence = Evidence(status=status, codes=(told.status,), text=told.text.lower())
        raise self._caller.judged(evidence, _SURVEY, Stage.SENT)


def _unreadable() -> UpstreamFailure:
    return UpstreamFailure(Observation(operation=_SURVEY, kind=Kind.MALFORMED, stage=Stage.SENT))
