import asyncio
import gc
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import anyio
import pytest
import structlog
from msgspec import Struct, structs
from structlog.testing import capture_logs

from grokgate import errors
from grokgate.dispatch import Dispatch
from grokgate.dispatch.exchange import LiveExchange
from grokgate.plugin.context import Exchange
from grokgate.plugin.records import Call, Caller, CallRecord, CostRule, ModelCard
from grokgate.scheduler.cost import CostTable
from grokgate.scheduler.home import Want
from grokgate.scheduler.memory import MemoryHome
from grokgate.settings.core import (
    GrokSettings,
    LimitsSettings,
    TokenSettings,
    UpstreamsSettings,
)
from grokgate.testing.clock import FakeClock
from grokgate.testing.upstream import FakeUpstream
from grokgate.tokens.record import Bucket, TokenRecord, TokenState
from grokgate.upstream import (
    AccountFacts,
    Asset,
    Conversation,
    Event,
    Finished,
    ImageReady,
    Kind,
    Observation,
    Secret,
    Stage,
    Started,
    TextDelta,
    UpstreamContext,
    UpstreamFailure,
    UpstreamSession,
    Window,
    Wire,
)
from grokgate.upstreams import Upstreams

pytestmark = pytest.mark.anyio

HELLO = [TextDelta(text="Hel"), TextDelta(text="lo")]
ASK = Conversation.of_text("hi")


class Calm(Random):
    """Takes the first of equals, and never pauses."""

    def random(self) -> float:
        return 0.0


class Settings(Struct, frozen=True, kw_only=True):
    grok: GrokSettings = GrokSettings()
    token: TokenSettings = TokenSettings(save_delay_ms=0)
    limits: LimitsSettings = LimitsSettings()
    upstreams: UpstreamsSettings = UpstreamsSettings()


class World:
    """A dispatcher over a scripted upstream and a real home."""

    def __init__(
        self, fake: FakeUpstream, tokens: dict[str, int], *, rules: tuple[CostRule, ...] = ()
    ) -> None:
        self.fake = fake
        self.clock = FakeClock()
        self.settings = Settings()
        self.records = {name: _record(name, units) for name, units in tokens.items()}
        self.finished: list[CallRecord] = []
        self.on_finished: Callable[[CallRecord], None] = self.finished.append
        self.surveyed: list[str] = []
        self.on_survey: Callable[[], None] = lambda: None
        self.drift: list[tuple[str, str, str]] = []
        self.wires: list[tuple[str, Wire]] = [("web", Wire(name="w", buckets=("default",)))]
        spec = fake.spec()
        log = structlog.get_logger()
        self.home = MemoryHome(
            specs=[spec],
            settings=lambda: self.settings,
            clock=self.clock,
            rng=Calm(),
            log=log,
            writer=_write_nothing,
        )
        self.home.load(self.records.values())
        context = UpstreamContext[Any](settings=lambda: None, log=log, clock=self.clock)
        self.upstreams = Upstreams({"web": spec}, {"web": context}, self.records)
        self.dispatch = Dispatch(
            home=self.home,
            upstreams=self.upstreams,
            wires=lambda _card: self.wires,
            rules=CostTable(rules),
            settings=lambda: self.settings,
            clock=self.clock,
            rng=Calm(),
            log=log,
            finished=lambda _plugin, record: self.on_finished(record),
            survey=self._survey,
            drifted=lambda *drift: self.drift.append(drift),
        )

    async def _survey(self, tokens: Sequence[str]) -> float:
        self.surveyed += tokens
        self.on_survey()
        return 300.0

    def open(self, call: Call) -> Awaitable[Exchange]:
        return self.dispatch.for_plugin("chat").open(call)

    async def text(self, call: Call) -> str:
        async with await self.open(call) as exchange:
            return "".join([event.text async for event in exchange if type(event) is TextDelta])

    def left(self) -> dict[str, int]:
        return {state.id: state.buckets["default"].remaining for state in self.home.states()}

    def asked(self) -> list[str]:
        return [asked.account for asked in self.fake.asked]

    def tokens(self, status: str) -> int:
        counts = self.home.view().tokens.items()
        return sum(count for (_, found), count in counts if found == status)


def _record(name: str, units: int) -> TokenRecord:
    state = TokenState(id=name, buckets={"default": Bucket(remaining=units)})
    return TokenRecord(id=name, pool="ssoBasic", credential=Secret(name), state=state)


def _crash(_record: CallRecord) -> None:
    raise ZeroDivisionError


async def _write_nothing(_states: Any) -> None:
    """Keep nothing."""


@asynccontextmanager
async def world(
    *answers: Any, tokens: dict[str, int] | None = None, **rest: Any
) -> AsyncIterator[World]:
    """Open a world; on leaving it nothing may be left behind."""
    at = World(FakeUpstream(*answers), {"a": 10, "b": 5} if tokens is None else tokens, **rest)
    async with at.upstreams.open():
        yield at
        view = at.home.view()
        assert (view.leases_open, view.queue_depth, view.ledger_imbalance) == (0, 0, 0)
        assert at.dispatch.budget.live == 0


def call(request_id: str = "r1", **changes: Any) -> Call:
    capability = changes.pop("capability", "chat")
    card = ModelCard(
        id="grok-4", capability=capability, tier="basic", effort="low", created=0, wire={}
    )
    fields: dict[str, Any] = {
        "caller": Caller(key_id="k", name="k", request_id=request_id),
        "card": card,
        "send": lambda session: session.converse(ASK),
    }
    return Call(**{**fields, **changes})


def seen(kind: Kind, stage: Stage = Stage.REFUSED, **fields: Any) -> Observation:
    return Observation(operation="converse", kind=kind, stage=stage, **fields)


def script(*events: Event, then: BaseException | None = None, hang: bool = False) -> Any:
    """Yield *events*, then fail, hang, or just stop."""

    async def play(_request: Any) -> AsyncGenerator[Event, None]:
        for event in events:
            yield event
        if hang:
            await asyncio.Event().wait()
        if then is not None:
            raise then

    return play


async def test_answer_is_read_and_charged() -> None:
    async with world([Started(fingerprint="f"), *HELLO]) as at:
        async with await at.open(call()) as exchange:
            events = [event async for event in exchange]

        assert events == [*HELLO, Finished()]
        assert exchange.started == Started(fingerprint="f")
        assert exchange.finished == Finished()
        assert at.left() == {"a": 9, "b": 5}


async def test_lease_is_back_when_the_end_marker_is_handed_out() -> None:
    async with world(HELLO) as at:
        exchange = await at.open(call())
        async for event in exchange:
            if isinstance(event, Finished):
                assert at.home.view().leases_open == 0


async def test_observers_are_told_once_after_the_lease_is_back() -> None:
    async with world(HELLO) as at:
        await at.text(call())
        (record,) = at.finished

        assert (record.plugin, record.model, record.upstream) == ("chat", "grok-4", "web")
        assert (record.outcome, record.units, record.outputs, record.attempts) == (
            "completed",
            1,
            1,
            1,
        )


async def test_observer_that_fails_does_no_harm() -> None:
    async with world(HELLO) as at:
        at.on_finished = _crash
        assert await at.text(call()) == "Hello"


async def test_ready_events_are_passed_on_without_suspending() -> None:
    async def ready(_request: Any) -> AsyncGenerator[Event, None]:
        for number in range(100):
            yield TextDelta(text=str(number))
        yield Finished()

    def send(_session: UpstreamSession) -> AsyncGenerator[Event, None]:
        return ready(None)

    async with world() as at:
        exchange = await at.open(call(send=send))
        for _ in range(101):
            with pytest.raises(StopIteration):
                exchange.__anext__().send(None)
        await exchange.aclose()


@pytest.mark.parametrize(
    "fault",
    [
        seen(Kind.TRANSIENT, Stage.SENT, status=503),
        seen(Kind.CONNECT, Stage.UNSENT),
        seen(Kind.QUOTA, status=429, reset_in_s=60),
        seen(Kind.AUTH_DEAD, status=401),
        seen(Kind.AUTH_FAIL, status=401),
        seen(Kind.FORBIDDEN, status=403),
        seen(Kind.PLAN, status=403),
        seen(Kind.EMPTY, Stage.SENT),
        seen(Kind.TIMEOUT, Stage.SENT, first_byte_timeout=True),
    ],
    ids=lambda fault: str(fault.kind),
)
async def test_another_account_is_tried(fault: Observation) -> None:
    async with world(fault, HELLO) as at:
        assert await at.text(call()) == "Hello"
        assert at.asked() == ["a", "b"]
        assert at.finished[0].attempts == 2


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (seen(Kind.MODERATION), errors.ContentRefused, "content policy"),
        (seen(Kind.BAD_REQUEST, status=400), errors.UpstreamError, "status 400"),
        (seen(Kind.TOO_LONG), errors.ContextTooLong, "too long"),
        (seen(Kind.NOT_ENTITLED), errors.NotEntitled, "entitled"),
        (seen(Kind.TIMEOUT, Stage.SENT), errors.UpstreamTimeout, "in time"),
    ],
    ids=lambda value: str(getattr(value, "kind", "")),
)
async def test_what_another_account_does_not_cure_is_told(
    fault: Observation, error: type[errors.GatewayError], words: str
) -> None:
    async with world(fault) as at:
        with pytest.raises(error, match=words):
            await at.open(call())
        assert at.asked() == ["a"]
        assert at.finished[0].outcome == "failed"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (seen(Kind.TRANSIENT, Stage.SENT, status=503), errors.UpstreamError),
        (seen(Kind.EMPTY, Stage.SENT), errors.EmptyResponse),
        (seen(Kind.FORBIDDEN, status=403), errors.UpstreamBlocked),
        (seen(Kind.PLAN, status=403), errors.NoTokensConfigured),
        (seen(Kind.AUTH_DEAD, status=401), errors.UpstreamError),
    ],
    ids=lambda value: str(getattr(value, "kind", "")),
)
async def test_last_failure_is_told_when_all_accounts_fail(
    fault: Observation, error: type[errors.GatewayError]
) -> None:
    async with world(fault, fault) as at:
        with pytest.raises(error) as caught:
            await at.open(call())
        assert type(caught.value) is error
        assert at.asked() == ["a", "b"]


async def test_all_out_of_quota_names_the_earliest_reset() -> None:
    answers = [seen(Kind.QUOTA, status=429, reset_in_s=wait_s) for wait_s in (7, 90)]
    async with world(*answers) as at:
        with pytest.raises(errors.NoTokenAvailable) as caught:
            await at.open(call())
        assert caught.value.retry_after_s == 7


@pytest.mark.parametrize(("others", "wait_s"), [(5, 1.0), (0, 60.0)])
async def test_quota_without_a_retry_names_when_the_next_account_is_free(
    others: int, wait_s: float
) -> None:
    fault = seen(Kind.QUOTA, status=429, reset_in_s=7000.0)
    async with world(fault, tokens={"a": 10, "b": others}) as at:
        at.settings = Settings(grok=GrokSettings(max_retry=0))
        facts = AccountFacts(windows={"default": Window(remaining=others, reset_in_s=60.0)})
        at.home.learned("b", facts, since=0)
        with pytest.raises(errors.NoTokenAvailable) as caught:
            await at.open(call())

        assert caught.value.retry_after_s == wait_s


async def test_known_resets_are_answered_without_asking_upstream() -> None:
    async with world(tokens={"a": 10}) as at:
        lease = await at.home.acquire(_plain_want())
        at.home.settle(lease, seen(Kind.QUOTA, reset_in_s=50), units=1)
        with pytest.raises(errors.NoTokenAvailable) as caught:
            await at.open(call())
        assert caught.value.retry_after_s == 50
        assert (at.asked(), at.surveyed) == ([], [])


async def test_unknown_reset_is_surveyed_before_giving_up() -> None:
    async with world(HELLO, tokens={"a": 0}) as at:
        facts = AccountFacts(windows={"default": Window(remaining=3)})
        at.on_survey = lambda: at.home.learned("a", facts, since=0, asked=frozenset({"default"}))
        assert await at.text(call()) == "Hello"
        assert at.surveyed == ["a"]


async def test_survey_that_finds_nothing_names_the_next_one() -> None:
    async with world(tokens={"a": 0}) as at:
        with pytest.raises(errors.NoTokenAvailable) as caught:
            await at.open(call())
        assert caught.value.retry_after_s == 300


async def test_no_token_at_all() -> None:
    async with world(tokens={}) as at:
        with pytest.raises(errors.NoTokensConfigured):
            await at.open(call())
        assert at.finished[0].attempts == 0


async def test_at_most_three_retries_per_request() -> None:
    fault = seen(Kind.TRANSIENT, Stage.SENT, status=500)
    caller = Caller(key_id="k", name="k", request_id="r1")
    async with world(*[fault] * 9, tokens=dict.fromkeys("abcdefgh", 9)) as at:
        for _ in range(2):
            with pytest.raises(errors.UpstreamError):
                await at.open(call(caller=caller))
        assert len(at.asked()) == 4 + 1


async def test_requests_that_chose_the_same_id_share_no_retries() -> None:
    fault = seen(Kind.TRANSIENT, Stage.SENT, status=500)
    async with world(*[fault] * 9, tokens=dict.fromkeys("abcdefgh", 9)) as at:
        for _ in range(2):
            with pytest.raises(errors.UpstreamError):
                await at.open(call("chosen"))
        assert len(at.asked()) == 4 + 4


async def test_retry_budget_bounds_an_outage() -> None:
    fault = seen(Kind.TRANSIENT, Stage.SENT, status=500)
    async with world(*[fault] * 999, tokens=dict.fromkeys("abcdefgh", 999)) as at:
        for number in range(100):
            with pytest.raises(errors.UpstreamError):
                await at.open(call(f"r{number}"))
        assert len(at.asked()) <= 130
        assert at.dispatch.budget.exhausted > 0


async def test_unknown_403_is_tried_once_more_and_penalizes_one_account() -> None:
    fault = seen(Kind.FORBIDDEN, status=403)
    async with world(*[fault] * 9, tokens=dict.fromkeys("abcdefgh", 9)) as at:
        with pytest.raises(errors.UpstreamBlocked):
            await at.open(call())
        assert len(at.asked()) == 2
        assert at.tokens("cooling") == 1


async def test_incident_ends_retries() -> None:
    fault = seen(Kind.FORBIDDEN, status=403)
    async with world(*[fault] * 9, tokens=dict.fromkeys("abcdefgh", 9)) as at:
        for number in range(3):
            with pytest.raises(errors.UpstreamBlocked):
                await at.open(call(f"r{number}"))
        assert len(at.asked()) == 2 + 1 + 1
        assert at.home.view().incidents == 1


async def test_first_byte_timeout_is_repeated_once() -> None:
    fault = seen(Kind.TIMEOUT, Stage.SENT, first_byte_timeout=True)
    async with world(*[fault] * 9, tokens=dict.fromkeys("abcdefgh", 9)) as at:
        with pytest.raises(errors.UpstreamTimeout):
            await at.open(call())
        assert len(at.asked()) == 2


async def test_status_not_listed_is_not_retried() -> None:
    async with world(seen(Kind.QUOTA, status=429, reset_in_s=5)) as at:
        at.settings = Settings(grok=GrokSettings(retry_status_codes=(401,)))
        with pytest.raises(errors.NoTokenAvailable):
            await at.open(call())
        assert at.asked() == ["a"]


@pytest.mark.parametrize(
    ("stage", "attempts"), [(Stage.UNSENT, 2), (Stage.REFUSED, 2), (Stage.SENT, 1)]
)
async def test_what_leaves_something_behind_is_repeated_only_if_not_accepted(
    stage: Stage, attempts: int
) -> None:
    async with world(*[seen(Kind.TRANSIENT, stage)] * 2) as at:
        with pytest.raises(errors.UpstreamError):
            await at.open(call(repeatable=False))
        assert len(at.asked()) == attempts


async def test_owner_of_an_asset_is_not_replaced() -> None:
    async with world(seen(Kind.CONNECT, Stage.UNSENT)) as at:
        with pytest.raises(errors.UpstreamError):
            await at.open(call(account="b"))
        assert at.asked() == ["b"]


@pytest.mark.parametrize(
    ("fault", "left"),
    [
        (seen(Kind.CONNECT, Stage.UNSENT), 10),
        (seen(Kind.BAD_REQUEST), 10),
        (seen(Kind.MODERATION, Stage.CONTENT), 9),
        (seen(Kind.TRANSIENT, Stage.SENT, status=500), -1),
    ],
    ids=["unsent", "refused", "content", "unknown"],
)
async def test_stage_decides_the_charge(fault: Observation, left: int) -> None:
    async with world(fault, tokens={"a": 10}) as at:
        with pytest.raises(errors.GatewayError):
            await at.open(call())
        assert at.left() == {"a": left}


@pytest.mark.parametrize(
    ("end", "error"),
    [
        (None, errors.UpstreamError),
        (UpstreamFailure(seen(Kind.TRUNCATED, Stage.CONTENT)), errors.UpstreamError),
        (UpstreamFailure(seen(Kind.TIMEOUT, Stage.SENT)), errors.UpstreamTimeout),
    ],
    ids=["no end marker", "cut", "idle"],
)
async def test_broken_answer_is_an_error_and_is_charged(
    end: BaseException | None, error: type[errors.GatewayError]
) -> None:
    async with world(script(*HELLO, then=end)) as at:
        exchange = await at.open(call())
        events = [await anext(exchange) for _ in HELLO]
        with pytest.raises(error):
            await anext(exchange)
        assert (events, at.asked(), at.left()) == (HELLO, ["a"], {"a": 9, "b": 5})
        assert at.finished[0].outcome == "failed"
        with pytest.raises(StopAsyncIteration):
            await anext(exchange)


async def test_end_without_output_is_tried_elsewhere() -> None:
    async with world([Started(), Finished()], script(Started()), tokens={"a": 9, "b": 5}) as at:
        with pytest.raises(errors.EmptyResponse):
            await at.open(call())
        assert at.asked() == ["a", "b"]


async def test_refusal_without_output_is_moderation() -> None:
    async with world([Finished(reason="refused")]) as at:
        with pytest.raises(errors.ContentRefused):
            await at.open(call())
        assert at.asked() == ["a"]


async def test_closing_early_aborts_and_charges() -> None:
    async with world(script(*HELLO, hang=True)) as at:
        exchange = await at.open(call())
        await exchange.aclose()
        await exchange.aclose()

        assert at.fake.closed == 1
        assert at.left() == {"a": 9, "b": 5}
        assert [record.outcome for record in at.finished] == ["cancelled"]


async def test_closing_in_another_task_ends_the_reader() -> None:
    async with world(script(*HELLO, hang=True)) as at:
        exchange = await at.open(call())
        reader = asyncio.ensure_future(_collect(exchange))
        await _settled()
        await exchange.aclose()
        with anyio.fail_after(2):
            assert await reader == HELLO
        assert at.fake.closed == 1


async def test_closing_from_two_tasks_closes_once() -> None:
    async with world(script(*HELLO, hang=True)) as at:
        exchange = await at.open(call())
        reader = asyncio.ensure_future(_collect(exchange))
        await _settled()
        with capture_logs() as lines, anyio.fail_after(2):
            await asyncio.gather(exchange.aclose(), exchange.aclose())
            await reader

        assert (at.fake.closed, lines) == (1, [])


async def test_closing_while_the_total_limit_fires() -> None:
    async with world(script(*HELLO, hang=True)) as at:
        exchange = await at.open(call(timeout_s=60))
        assert isinstance(exchange, LiveExchange)
        reader = asyncio.ensure_future(_collect(exchange))
        await _settled()
        exchange._deadline._fire()
        with capture_logs() as lines, anyio.fail_after(2):
            await exchange.aclose()
            assert await reader == HELLO

        assert (at.fake.closed, lines) == (1, [])
        assert [record.outcome for record in at.finished] == ["cancelled"]


async def test_cancel_is_not_taken_for_the_total_limit_that_follows_it() -> None:
    async with world(script(*HELLO, hang=True)) as at:
        exchange = await at.open(call(timeout_s=60))
        assert isinstance(exchange, LiveExchange)
        reader = asyncio.ensure_future(_collect(exchange))
        await _settled()
        reader.cancel()
        exchange._deadline._fire()
        await asyncio.wait([reader], timeout=2)

        assert reader.cancelled()


async def test_end_marker_is_not_followed_by_a_wait_for_the_upstream() -> None:
    async def lingers(_request: Any) -> AsyncGenerator[Event, None]:
        yield HELLO[0]
        yield Finished()
        await asyncio.Event().wait()

    async with world(lingers) as at:
        exchange = await at.open(call())
        with anyio.fail_after(0.5):
            assert await _collect(exchange) == [HELLO[0], Finished()]
        assert [record.outcome for record in at.finished] == ["completed"]


async def test_forgotten_exchange_gives_its_lease_back() -> None:
    async with world(script(*HELLO, hang=True)) as at:
        with capture_logs() as lines:
            await at.open(call())
            for _ in range(2):
                gc.collect()
                await _settled()

        assert [line["event"] for line in lines] == ["exchange_forgotten"]
        assert at.left() == {"a": 9, "b": 5}
        assert at.fake.closed == 1


async def test_cancelled_reader_frees_the_lease_at_once() -> None:
    async with world(script(*HELLO, hang=True)) as at:
        exchange = await at.open(call())
        reader = asyncio.ensure_future(_collect(exchange))
        await _settled()
        reader.cancel()
        await asyncio.wait([reader], timeout=2)

        assert reader.cancelled()
        assert at.fake.closed == 1


@pytest.mark.parametrize("stage", ["connecting", "silent", "started"])
async def test_cancel_before_the_first_output_frees_the_lease(stage: str) -> None:
    reached = asyncio.Event()

    async def wait(_request: Any) -> AsyncGenerator[Event, None]:
        if stage == "started":
            yield Started()
        reached.set()
        await asyncio.Event().wait()

    async with world(wait) as at:
        if stage == "connecting":
            at.upstreams._drivers["web"] = _Unreachable(reached)
        opening = asyncio.ensure_future(at.open(call()))
        await reached.wait()
        opening.cancel()
        await asyncio.wait([opening], timeout=2)

        assert opening.cancelled()
        assert at.left()["a"] == (10 if stage == "connecting" else -1)
        assert at.finished[0].outcome == "cancelled"


class _Unreachable(FakeUpstream):
    """A driver that never gets a connection."""

    def __init__(self, reached: asyncio.Event) -> None:
        super().__init__()
        self._reached = reached

    @asynccontextmanager
    async def session(self, *account: Any) -> AsyncIterator[Any]:
        self._reached.set()
        await asyncio.Event().wait()
        yield account


async def test_cancel_in_the_queue_leaves_it() -> None:
    async with world(script(*HELLO, hang=True), tokens={"a": 10}) as at:
        at.settings = Settings(token=TokenSettings(max_inflight=1))
        async with await at.open(call()):
            waiting = asyncio.ensure_future(at.open(call("r2")))
            await _settled()
            assert at.home.view().queue_depth == 1
            waiting.cancel()
            await asyncio.wait([waiting], timeout=2)
        assert at.finished[0].outcome == "cancelled"


@pytest.mark.parametrize("output", [True, False])
async def test_total_limit_passes(*, output: bool) -> None:
    async with world(script(*(HELLO if output else ()), hang=True)) as at:
        with anyio.fail_after(2), pytest.raises(errors.UpstreamTimeout):
            await _collect(await at.open(call(timeout_s=0.02)))

        assert at.asked() == ["a"]
        assert at.tokens("active") == 2
        observation, task = at.finished[0].observation, asyncio.current_task()
        assert observation is not None
        assert observation.total_timeout
        assert task is not None
        assert task.cancelling() == 0


async def test_total_limit_that_passes_between_reads_counts_at_the_next() -> None:
    async with world(script(*HELLO, hang=True)) as at:
        exchange = await at.open(call(timeout_s=0.01))
        await anext(exchange)
        with anyio.fail_after(2):
            while not exchange._deadline.passed:  # noqa: ASYNC110 - a timer tells nobody
                await asyncio.sleep(0)
        with anyio.fail_after(2), pytest.raises(errors.UpstreamTimeout):
            await anext(exchange)


async def test_plugin_that_crashes_is_an_internal_error() -> None:
    async def send(session: UpstreamSession) -> AsyncGenerator[Event, None]:
        async for event in session.converse(ASK):
            yield event
            raise ZeroDivisionError

    async with world(HELLO) as at:
        exchange = await at.open(call(send=send))
        with pytest.raises(errors.InternalError):
            await _collect(exchange)
        assert at.tokens("active") == 2


async def test_error_a_plugin_raises_itself_reaches_the_client() -> None:
    async def send(session: UpstreamSession) -> AsyncGenerator[Event, None]:
        async for event in session.converse(ASK):
            yield event
            raise errors.InvalidRequest("bad tool")

    async with world(HELLO) as at:
        exchange = await at.open(call(send=send))
        with pytest.raises(errors.InvalidRequest, match="bad tool"):
            await _collect(exchange)


async def test_driver_that_cannot_close_does_not_hold_up_the_call() -> None:
    def send(_session: UpstreamSession) -> AsyncGenerator[Event, None]:
        return _stubborn()

    async with world() as at:
        exchange = await at.open(call(send=send))
        await exchange.aclose()

        assert at.finished[0].outcome == "cancelled"


async def _stubborn() -> AsyncGenerator[Event, None]:
    try:
        yield HELLO[0]
        await asyncio.Event().wait()
    finally:
        raise RuntimeError("cannot close")


async def test_fallback_entries_are_tried_when_the_usual_bucket_is_empty() -> None:
    fast = Wire(name="fast", buckets=("fast",))
    async with world(HELLO, tokens={"a": 0}) as at:
        at.wires = [("web", Wire(name="auto", buckets=("default",), otherwise=(fast,)))]
        assert await at.text(call()) == "Hello"
        assert at.fake.asked[0].wire == fast


async def test_fallback_entries_are_left_alone_when_switched_off() -> None:
    fast = Wire(name="fast", buckets=("fast",))
    async with world(tokens={"a": 0}) as at:
        at.settings = Settings(grok=GrokSettings(mode_fallback=False))
        at.wires = [("web", Wire(name="auto", buckets=("default",), otherwise=(fast,)))]
        with pytest.raises(errors.NoTokenAvailable):
            await at.open(call())


async def test_fact_of_the_call_chooses_its_bucket() -> None:
    wire = Wire(name="w", buckets=("default",), buckets_when={"resolution=720p": ("hd",)})
    async with world(HELLO) as at:
        at.wires = [("web", wire)]
        await at.text(call(facts={"resolution": "720p"}))
        assert at.left() == {"a": 10, "b": 5}


async def test_rule_per_output_charges_what_was_seen() -> None:
    rule = CostRule(units=2, capability="image", per="output")
    pictures = [ImageReady(slot=n, asset=Asset(ref=str(n), account="a")) for n in range(3)]
    async with world(pictures, rules=(rule,)) as at:
        await _collect(await at.open(call(capability="image", outputs=4)))

        assert at.left()["a"] == 4
        assert (at.finished[0].units, at.finished[0].outputs) == (6, 3)


@pytest.mark.parametrize(
    ("corrected", "left"), [(1, 9), (99, 7), (-5, 10), (None, 7)], ids=["less", "more", "-", "bad"]
)
async def test_rule_may_lower_its_charge_and_nothing_else(corrected: Any, left: int) -> None:
    rule = CostRule(units=3, capability="chat", correct=lambda _record: corrected)
    async with world(HELLO, rules=(rule,)) as at:
        await at.text(call())
        assert at.left()["a"] == left


async def test_all_calls_of_a_request_open_or_none() -> None:
    async with world(HELLO, seen(Kind.MODERATION)) as at:
        with pytest.raises(errors.ContentRefused):
            await at.dispatch.for_plugin("chat").open_all([call(), call()])
        assert sorted(record.outcome for record in at.finished) in (
            ["cancelled", "failed"],
            ["completed", "failed"],
        )


async def test_leases_of_calls_opened_together_are_back_before_any_is_closed() -> None:
    closing, go = asyncio.Event(), asyncio.Event()

    async def slow(_session: UpstreamSession) -> AsyncGenerator[Event, None]:
        try:
            yield HELLO[0]
            await asyncio.Event().wait()
        finally:
            closing.set()
            await go.wait()

    async with world(seen(Kind.MODERATION)) as at:
        calls = [call(send=slow), call(send=slow), call()]
        opening = asyncio.ensure_future(at.dispatch.for_plugin("chat").open_all(calls))
        with anyio.fail_after(2):
            await closing.wait()
        open_then = at.home.view().leases_open
        go.set()
        with pytest.raises(errors.ContentRefused):
            await opening

        assert open_then == 0


async def test_calls_opened_together_are_in_order() -> None:
    async with world(HELLO, HELLO) as at:
        exchanges = await at.dispatch.for_plugin("chat").open_all([call(), call()])
        texts = [await _collect(exchange) for exchange in exchanges]
        assert texts == [[*HELLO, Finished()]] * 2


async def test_asset_is_fetched_with_its_own_account() -> None:
    async with world(HELLO) as at, await at.open(call()) as exchange:
        pieces = [piece async for piece in exchange.fetch(Asset(ref="x", account="b"))]
        assert pieces == [b"x"]
        with pytest.raises(errors.UpstreamError):
            await anext(exchange.fetch(Asset(ref="x", account="gone")))


async def test_model_nobody_serves_any_more_is_not_found() -> None:
    async with world() as at:
        at.wires = []
        with pytest.raises(errors.ModelNotFound):
            await at.open(call())


async def test_numbers_and_drift_seen_in_passing_reach_the_core() -> None:
    @asynccontextmanager
    async def session(account: Any, wire: Any, attempt: Any) -> AsyncIterator[Any]:
        attempt.learned(AccountFacts(windows={"default": Window(remaining=70)}))
        attempt.drifted("converse", "result.new")
        async with at.fake.session(account, wire, attempt) as inner:
            yield inner

    async with world(HELLO) as at:
        at.upstreams._drivers["web"] = type("Driver", (), {"session": staticmethod(session)})()
        await at.text(call())
        assert at.left()["a"] == 70
        assert at.drift == [("web", "converse", "result.new")]


def _plain_want() -> Want:
    return Want(
        request_id="",
        key_id="k",
        model="m",
        deadline=0,
        upstream="web",
        pools=("ssoBasic",),
        buckets=("default",),
        units=1,
    )


async def _collect(exchange: Exchange) -> list[Event]:
    return [event async for event in exchange]


async def _settled() -> None:
    """Let other tasks run until they wait."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_record_tells_every_attempt() -> None:
    fault = seen(Kind.TRANSIENT, Stage.SENT, status=500)
    async with world(fault, HELLO) as at:
        await at.text(call())

        first, second = at.finished[0].tries
        assert (first.account, first.observation.kind, first.units) == ("a", Kind.TRANSIENT, 1)
        assert (second.account, second.observation.kind) == ("b", Kind.OK)
        chosen = [decision.chosen for decision in at.home.decisions("r1")]
        assert chosen == ["a", "b"]
        assert [decision.number for decision in at.home.decisions("r1")] == [
            first.decision,
            second.decision,
        ]


async def test_record_of_a_failed_call_names_its_error() -> None:
    async with world(tokens={}) as at:
        with pytest.raises(errors.NoTokensConfigured):
            await at.open(call())

        assert at.finished[0].error == "no_tokens_configured"
        assert at.finished[0].tries == ()


async def test_only_one_attempt_took_the_penalty() -> None:
    fault = seen(Kind.FORBIDDEN, status=403)
    async with world(*[fault] * 9, tokens=dict.fromkeys("abcdefgh", 9)) as at:
        with pytest.raises(errors.UpstreamBlocked):
            await at.open(call())

        assert [attempt.penalized for attempt in at.finished[0].tries] == [True, False]


async def test_requests_pass_with_one_attempt_during_an_incident() -> None:
    fault = seen(Kind.FORBIDDEN, status=403)
    async with world(*[fault] * 4, HELLO, tokens=dict.fromkeys("abcdefgh", 9)) as at:
        for number in range(3):
            with pytest.raises(errors.UpstreamBlocked):
                await at.open(call(f"r{number}"))
        assert at.home.view().incident == {"web"}

        assert await at.text(call("r4")) == "Hello"
        assert at.home.view().incident == frozenset()


async def test_plugin_that_crashes_is_blamed() -> None:
    async with world() as at:
        blamed: list[str] = []
        at.dispatch = _dispatch(at, blamed=blamed.append)

        def send(_session: UpstreamSession) -> AsyncGenerator[Event, None]:
            raise ValueError

        with pytest.raises(errors.InternalError):
            await at.open(call(send=send))
        assert blamed == ["chat"]


async def test_upstream_that_crashes_is_blamed() -> None:
    async with world(tokens={"a": 10}) as at:
        blamed: list[str] = []
        at.dispatch = _dispatch(at, blamed=blamed.append)
        at.upstreams._drivers["web"] = type("Driver", (), {})()
        with pytest.raises(errors.InternalError):
            await at.open(call())

        assert blamed == ["web"]
        assert at.left() == {"a": 10}


async def test_upstream_that_does_not_open_costs_only_itself() -> None:
    at = World(FakeUpstream(HELLO), {"a": 10})

    def broken(_context: Any) -> Any:
        raise RuntimeError

    good = at.upstreams.specs["web"]
    at.upstreams.specs = {"bad": structs.replace(good, id="bad", open=broken), "web": good}
    at.upstreams._contexts = {"bad": at.upstreams._contexts["web"], **at.upstreams._contexts}
    wire = Wire(name="w", buckets=("default",))
    with capture_logs() as logs:
        async with at.upstreams.open():
            at.wires = [("bad", wire), ("web", wire)]
            assert await at.text(call()) == "Hello"
            at.wires = [("bad", wire)]
            with pytest.raises(errors.InternalError):
                await at.open(call("r2"))

    assert at.home.view().leases_open == 0
    assert logs[0]["event"] == "upstream_not_opened"


async def test_call_that_cannot_be_priced_is_its_plugins_fault() -> None:
    rule = CostRule(units=1, capability="chat", per="output")
    async with world(rules=(rule,)) as at:
        blamed: list[str] = []
        at.dispatch = _dispatch(at, rules=(rule,), blamed=blamed.append)
        with pytest.raises(errors.InternalError):
            await at.open(call(outputs="many"))

        assert (blamed, at.home.decisions("r1")) == (["chat"], [])


async def test_correction_that_raises_is_its_plugins_fault() -> None:
    def correct(_record: CallRecord) -> int:
        raise ValueError

    rule = CostRule(units=4, capability="chat", correct=correct)
    async with world(HELLO) as at:
        blamed: list[str] = []
        at.dispatch = _dispatch(at, rules=(rule,), blamed=blamed.append)
        await at.text(call())

        assert (blamed, at.left()["a"]) == (["chat"], 6)


async def test_time_to_abort_is_told() -> None:
    async with world(script(*HELLO, hang=True)) as at:
        aborted: list[float] = []
        at.dispatch = _dispatch(at, aborted=aborted.append)
        async with await at.open(call()) as exchange:
            await anext(exchange)

        assert len(aborted) == 1


async def test_cause_of_refusals_is_logged_once_a_minute() -> None:
    async with world(tokens={"a": 0}) as at:
        with capture_logs() as logs:
            for number, seconds in enumerate((0, 0, 61)):
                at.clock.advance(seconds)
                with pytest.raises(errors.NoTokenAvailable):
                    await at.open(call(f"r{number}"))

        told = [entry for entry in logs if entry["event"] == "no_account"]
        assert [entry["more_before"] for entry in told] == [0, 1]
        assert told[0]["cause"] == "All accounts that could serve this model are out of quota."
        assert told[0]["out"] == {"empty": 1}


def _dispatch(at: World, *, rules: tuple[CostRule, ...] = (), **rest: Any) -> Dispatch:
    return Dispatch(
        home=at.home,
        upstreams=at.upstreams,
        wires=lambda _card: at.wires,
        rules=CostTable(rules),
        settings=lambda: at.settings,
        clock=at.clock,
        rng=Calm(),
        log=structlog.get_logger(),
        finished=lambda _plugin, record: at.on_finished(record),
        survey=at._survey,
        **rest,
    )
