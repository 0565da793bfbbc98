import asyncio
import gc
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import structlog
from msgspec import Struct

from grokgate.errors import NoTokenAvailable, NoTokensConfigured, Overloaded, StoreUnavailable
from grokgate.scheduler.home import Lease, Settled, Want
from grokgate.scheduler.memory import MemoryHome
from grokgate.settings.core import LimitsSettings, TokenSettings
from grokgate.testing.clock import FakeClock
from grokgate.testing.upstream import FakeUpstream
from grokgate.tokens.record import Bucket, TokenRecord, TokenState
from grokgate.upstream import AccountFacts, Kind, Observation, Stage, Window

pytestmark = pytest.mark.anyio
MakeToken = Callable[..., TokenRecord]
D = ("default",)


class Settings(Struct, frozen=True, kw_only=True):
    token: TokenSettings = TokenSettings()
    limits: LimitsSettings = LimitsSettings()


class Store:
    """A writer that remembers, and can fail."""

    def __init__(self) -> None:
        self.states: dict[str, TokenState] = {}
        self.batches = 0
        self.failures = 0
        self.written = asyncio.Event()

    async def write(self, states: Sequence[TokenState]) -> None:
        self.batches += 1
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable
        self.states.update((state.id, state) for state in states)
        self.written.set()


class Setting:
    """A home with its clock and store."""

    def __init__(self, *records: TokenRecord, unclean: bool = False, **token: Any) -> None:
        self.clock = FakeClock()
        self.store = Store()
        self.doubted: list[str] = []
        self.settings = Settings(token=TokenSettings(**{"save_delay_ms": 0, **token}))
        self.home = MemoryHome(
            specs=[FakeUpstream().spec()],
            settings=lambda: self.settings,
            clock=self.clock,
            rng=Random(1),
            log=structlog.get_logger(),
            writer=self.store.write,
        )
        self.home.load(records, unclean=unclean)
        self.home.subscribe(self.doubted.append)

    def want(self, *, wait_s: float = 0.0, **changes: Any) -> Want:
        wanted: dict[str, Any] = {
            "request_id": "r",
            "key_id": "k",
            "model": "grok-4",
            "deadline": self.clock.monotonic() + wait_s,
            "upstream": "web",
            "pools": ("ssoBasic",),
            "buckets": D,
            "units": 1,
        }
        return Want(**{**wanted, **changes})

    async def lease(self, **changes: Any) -> Lease:
        return await self.home.acquire(self.want(**changes))

    def settle(
        self, lease: Lease, kind: Kind, stage: Stage = Stage.REFUSED, **fields: Any
    ) -> Settled:
        penalize = fields.pop("penalize", True)
        observation = Observation(operation="converse", kind=kind, stage=stage, **fields)
        return self.home.settle(lease, observation, units=1, penalize=penalize)

    def left(self, token: str) -> int:
        state = self.home.state(token)
        assert state is not None
        return state.buckets["default"].remaining

    def status(self, token: str) -> str:
        state = self.home.state(token)
        assert state is not None
        return state.status


@pytest.fixture
def basic(token: MakeToken) -> MakeToken:
    def make(name: str, units: int = 10, **fields: Any) -> TokenRecord:
        return token(name, units, "ssoBasic", **fields)

    return make


async def test_success_is_charged(basic: MakeToken) -> None:
    at = Setting(basic("a"))
    lease = await at.lease()

    at.settle(lease, Kind.OK, Stage.CONTENT)

    assert at.left("a") == 9
    assert at.home.view().leases_open == 0


async def test_rate_limited_token_is_not_charged_and_waits_for_its_reset(basic: MakeToken) -> None:
    at = Setting(basic("a"))
    at.settle(await at.lease(), Kind.QUOTA, reset_in_s=7)

    with pytest.raises(NoTokenAvailable) as caught:
        await at.lease()
    at.clock.advance(7)

    assert caught.value.retry_after_s == 7
    assert (await at.lease()).token == "a"


async def test_rate_limit_without_a_reset_asks_for_a_survey(basic: MakeToken) -> None:
    at = Setting(basic("a"))
    at.settle(await at.lease(), Kind.QUOTA)

    assert at.doubted == ["a"]
    assert at.home.unsure(at.want()) == ["a"]


async def test_dead_credential_expires_its_token(basic: MakeToken) -> None:
    at = Setting(basic("a"))
    at.settle(await at.lease(), Kind.AUTH_DEAD, marker="session-not-found")

    state = at.home.state("a")
    assert state is not None
    assert (state.status, state.state_reason) == ("expired", "session-not-found")
    with pytest.raises(NoTokensConfigured):
        await at.lease()


async def test_plain_401_expires_at_the_threshold_in_a_row(basic: MakeToken) -> None:
    at = Setting(basic("a"), fail_threshold=3)
    for _ in range(2):
        at.settle(await at.lease(), Kind.AUTH_FAIL)
    at.settle(await at.lease(), Kind.OK, Stage.CONTENT)
    for _ in range(3):
        assert at.status("a") == "active"
        at.settle(await at.lease(), Kind.AUTH_FAIL)

    assert at.status("a") == "expired"


async def test_third_timeout_in_a_row_cools_its_token(basic: MakeToken) -> None:
    at = Setting(*(basic(name, units) for name, units in (("a", 50), ("b", 5))))
    for expected in ("active", "active", "cooling"):
        at.settle(await at.lease(), Kind.TIMEOUT, Stage.SENT, first_byte_timeout=True)
        assert at.status("a") == expected


async def test_server_errors_never_change_a_token(basic: MakeToken) -> None:
    at = Setting(*(basic(name, 50 if name == "a" else 5) for name in "ab"))
    for _ in range(9):
        at.settle(await at.lease(), Kind.TRANSIENT, Stage.SENT, status=503)

    assert at.status("a") == "active"


async def test_request_without_penalties_left_cools_nobody(basic: MakeToken) -> None:
    at = Setting(*(basic(name) for name in "abcd"))

    settled = at.settle(await at.lease(), Kind.FORBIDDEN, penalize=False)

    assert not settled.penalized
    assert at.home.view().tokens["ssoBasic", "cooling"] == 0


async def test_incident_freezes_penalties_until_the_first_success(basic: MakeToken) -> None:
    at = Setting(*(basic(name) for name in "abcdefgh"))
    settled = [at.settle(await at.lease(), Kind.FORBIDDEN) for _ in range(4)]

    assert [one.penalized for one in settled] == [True, True, False, False]
    assert [one.incident for one in settled] == [False, False, True, True]
    assert not at.settle(await at.lease(), Kind.OK, Stage.CONTENT).incident


async def test_busy_token_is_waited_for(basic: MakeToken) -> None:
    at = Setting(basic("a"), max_inflight=1)
    first = await at.lease()
    async with anyio.create_task_group() as group:
        got: list[Lease] = []

        async def second() -> None:
            got.append(await at.lease(wait_s=5))

        group.start_soon(second)
        await _until(lambda: at.home.view().queue_depth == 1)
        at.settle(first, Kind.OK, Stage.CONTENT)

    assert [lease.token for lease in got] == ["a"]


async def test_waiting_ends_at_the_deadline(basic: MakeToken) -> None:
    at = Setting(basic("a"), max_inflight=1)
    await at.lease()

    with pytest.raises(Overloaded):
        await at.lease(wait_s=0.01)
    assert at.home.view().queue_depth == 0


async def test_waiting_ends_when_the_quota_does(basic: MakeToken) -> None:
    at = Setting(basic("a"), max_inflight=1)
    lease = await at.lease()
    waiting = asyncio.ensure_future(at.lease(wait_s=60))
    await _until(lambda: at.home.view().queue_depth == 1)

    at.settle(lease, Kind.QUOTA, reset_in_s=50)

    with anyio.fail_after(2), pytest.raises(NoTokenAvailable):
        await waiting


async def test_full_queue_refuses(basic: MakeToken) -> None:
    at = Setting(basic("a"), max_inflight=1)
    at.settings = Settings(token=at.settings.token, limits=LimitsSettings(queue_size=0))
    await at.lease()

    with pytest.raises(Overloaded, match="Too many"):
        await at.lease(wait_s=5)


async def test_cancelled_waiter_leaves_the_queue(basic: MakeToken) -> None:
    at = Setting(basic("a"), max_inflight=1)
    await at.lease()
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: at.lease(wait_s=60))
        await _until(lambda: at.home.view().queue_depth == 1)
        group.cancel_scope.cancel()

    assert at.home.view().queue_depth == 0


async def test_lease_granted_to_a_cancelled_waiter_is_given_back(basic: MakeToken) -> None:
    at = Setting(basic("a"), max_inflight=1)
    first = await at.lease()
    waiting = asyncio.ensure_future(at.lease(wait_s=60))
    await _until(lambda: at.home.view().queue_depth == 1)

    at.settle(first, Kind.OK, Stage.CONTENT)
    waiting.cancel()
    await asyncio.wait([waiting])

    assert waiting.cancelled()
    assert (at.home.view().leases_open, at.left("a")) == (0, 9)


async def test_waiter_is_served_when_a_token_has_cooled_down(basic: MakeToken) -> None:
    at = Setting(basic("a"), basic("b", 50), max_inflight=1)
    await at.lease()
    at.settle(await at.lease(), Kind.QUOTA, reset_in_s=0.01)
    with anyio.fail_after(2):
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: at.lease(wait_s=60))
            await _until(lambda: at.home.view().queue_depth == 1)
            at.clock.advance(1)
            await _until(lambda: at.home.view().queue_depth == 0)


async def test_waiter_is_served_at_a_reset_learned_while_it_waits(basic: MakeToken) -> None:
    at = Setting(basic("a", max_inflight=1), basic("b", max_inflight=1), basic("c"))
    far = await at.lease(only="c")
    at.settle(far, Kind.QUOTA, reset_in_s=5000.0)
    first, _ = await at.lease(only="a"), await at.lease(only="b")
    async with anyio.create_task_group() as group:
        granted: list[Lease] = []

        async def wait() -> None:
            granted.append(await at.lease(wait_s=10))

        group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        at.settle(first, Kind.QUOTA, reset_in_s=0.01)
        at.clock.advance(1)
        with anyio.fail_after(2):
            while not granted:  # noqa: ASYNC110 - a timer's to grant
                await anyio.sleep(0.005)

    assert granted[0].token == "a"


async def test_numbers_no_upstream_means_can_be_stored(basic: MakeToken) -> None:
    at = Setting(basic("a"))
    at.settle(await at.lease(), Kind.QUOTA, reset_in_s=1e308)
    window = Window(remaining=0, window_s=10**30, reset_in_s=float("inf"))
    at.home.learned("a", AccountFacts(windows={"other": window}), since=0)
    await at.home.flush()

    reset_at_ms = at.store.states["a"].buckets["default"].reset_at_ms
    assert reset_at_ms is not None
    assert reset_at_ms < 2**43


async def test_settling_twice_is_settling_once(basic: MakeToken) -> None:
    at = Setting(basic("a"))
    lease = await at.lease()
    at.settle(lease, Kind.OK, Stage.CONTENT)
    at.settle(lease, Kind.AUTH_DEAD)

    view = at.home.view()
    assert (at.left("a"), at.status("a"), view.fence_rejected) == (9, "active", 1)


async def test_numbers_seen_in_passing_are_learned(basic: MakeToken) -> None:
    at = Setting(basic("a"))
    lease = await at.lease()
    facts = AccountFacts(windows={"default": Window(remaining=30)}, keep={"user": "u1"})

    at.home.learned("a", facts, since=lease.fence)

    state = at.home.state("a")
    assert state is not None
    assert (at.left("a"), state.kept, state.sync_count) == (30, {"user": "u1"}, 0)


async def test_failed_survey_changes_nothing_but_a_dead_token(basic: MakeToken) -> None:
    at = Setting(basic("a"))
    for kind, status in ((Kind.FORBIDDEN, "active"), (Kind.AUTH_DEAD, "expired")):
        at.home.survey_failed("a", Observation(operation="survey", kind=kind, stage=Stage.REFUSED))
        assert at.status("a") == status


async def test_affinity_reports_a_move(basic: MakeToken) -> None:
    at = Setting(basic("a"), basic("b"))
    first = await at.lease(affinity="chat1")
    again = await at.lease(affinity="chat1")
    await at.lease(affinity="chat1", tried=frozenset({first.token}))

    assert again.token == first.token
    assert [decision.moved for decision in at.home.decisions("r")] == [False, False, True]


async def test_edits_count_at_once(basic: MakeToken) -> None:
    record = basic("a")
    at = Setting(record)
    off = TokenRecord(**{**_fields(record), "state": TokenState(id="a", status="disabled")})

    await at.home.edited([off, basic("b")])

    assert (await at.lease()).token == "b"


async def test_deleted_token_is_leased_no_more(basic: MakeToken) -> None:
    record = basic("a")
    at = Setting(record)

    await at.home.edited([TokenRecord(**{**_fields(record), "deleted_at_ms": 1})])

    with pytest.raises(NoTokensConfigured):
        await at.lease()


async def test_changes_are_written_behind(basic: MakeToken) -> None:
    at = Setting(basic("a"), basic("b"))
    async with anyio.create_task_group() as group:
        group.start_soon(at.home.run)
        at.settle(await at.lease(only="a"), Kind.OK, Stage.CONTENT)
        with anyio.fail_after(2):
            await at.store.written.wait()
        group.cancel_scope.cancel()

    assert at.store.states.keys() == {"a"}
    assert at.store.states["a"].buckets["default"].remaining == 9


async def test_failed_write_is_repeated_with_what_is_true_then(basic: MakeToken) -> None:
    at = Setting(basic("a"))
    at.store.failures = 1
    at.settle(await at.lease(), Kind.OK, Stage.CONTENT)
    with pytest.raises(StoreUnavailable):
        await at.home.flush()
    at.settle(await at.lease(), Kind.OK, Stage.CONTENT)

    await at.home.flush()

    assert at.store.states["a"].buckets["default"].remaining == 8
    assert at.store.batches == 2


async def test_stop_ends_forgotten_leases_and_writes(basic: MakeToken) -> None:
    at = Setting(basic("a"))
    at.home.sent(await at.lease())

    await at.home.aclose()

    assert at.home.view().leases_open == 0
    assert at.store.states["a"].buckets["default"].remaining == -1


async def test_token_used_just_before_a_crash_starts_unknown(basic: MakeToken) -> None:
    used_at_ms = int(FakeClock().now().timestamp() * 1000) - 59_000
    at = Setting(
        basic("a", last_used_at_ms=used_at_ms),
        basic("b", last_used_at_ms=used_at_ms - 2000),
        unclean=True,
    )

    assert (at.left("a"), at.left("b")) == (-1, 10)


async def test_settled_call_on_old_numbers_asks_for_a_survey(token: MakeToken) -> None:
    now_ms = int(FakeClock().now().timestamp() * 1000)
    buckets = {"default": Bucket(remaining=9, synced_at_ms=now_ms)}
    at = Setting(token("a", buckets, "ssoBasic"))
    at.settle(await at.lease(), Kind.OK, Stage.CONTENT)
    assert at.doubted == []

    at.clock.advance(301)
    at.settle(await at.lease(), Kind.OK, Stage.CONTENT)

    assert at.doubted == ["a"]


async def test_view_counts_tokens_by_pool_and_status(basic: MakeToken) -> None:
    at = Setting(basic("a"), basic("b", 0), basic("c", status="disabled"))
    lease = await at.lease()

    view = at.home.view()

    assert (view.leases_open, view.queue_depth, view.ledger_imbalance) == (1, 0, 0)
    counts = {status: n for (pool, status), n in view.tokens.items() if pool == "ssoBasic"}
    assert counts == {"active": 1, "cooling": 1, "expired": 0, "disabled": 1}
    at.settle(lease, Kind.OK, Stage.CONTENT)


def _fields(record: TokenRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__struct_fields__}


async def _until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(2):
        while not condition():  # noqa: ASYNC110 - the state has no event, one turn is enough
            await asyncio.sleep(0)


async def test_jump_of_the_wall_clock_is_counted_and_changes_nothing(basic: MakeToken) -> None:
    at = Setting(basic("a"), basic("b", 0))
    lease = await at.lease()
    at.settle(lease, Kind.QUOTA, reset_in_s=60.0)
    at.clock.jump(3600)

    assert at.home.explain(at.want()).chosen is None
    assert at.home.view().clock_jumps == 1


async def test_tokens_in_doubt_after_a_crash_are_counted(basic: MakeToken) -> None:
    used_at_ms = int(FakeClock().now().timestamp() * 1000) - 5000
    at = Setting(basic("a", last_used_at_ms=used_at_ms), basic("b"), unclean=True)

    assert at.home.view().recovered == 1


async def test_incident_is_shown_while_it_lasts(basic: MakeToken) -> None:
    at = Setting(*(basic(name) for name in "abcdef"))
    for lease in [await at.lease() for _ in range(3)]:
        at.settle(lease, Kind.FORBIDDEN, penalize=False)
    assert at.home.view().incident == {"web"}

    at.settle(await at.lease(), Kind.OK, Stage.CONTENT)
    assert at.home.view().incident == frozenset()


async def test_wait_in_the_queue_is_part_of_the_decision(basic: MakeToken) -> None:
    at = Setting(basic("a"), max_inflight=1)
    held = await at.lease()
    async with anyio.create_task_group() as group:
        group.start_soon(at.home.acquire, at.want(request_id="waiter", wait_s=9.0))
        await anyio.wait_all_tasks_blocked()
        at.clock.advance(2.0)
        at.settle(held, Kind.OK, Stage.CONTENT)

    [decision] = at.home.decisions("waiter")
    assert (decision.chosen, decision.queued_s) == ("a", 2.0)


async def test_unsure_tokens_are_looked_for_once_a_second(basic: MakeToken) -> None:
    at = Setting(basic("a", 0), basic("b"), on_demand_max_tokens=1)
    first = at.home.unsure(at.want())
    at.home.learned("a", AccountFacts(windows={"default": Window(remaining=3)}), since=0)

    assert first == at.home.unsure(at.want()) == ["a"]
    at.clock.advance(1.0)
    assert at.home.unsure(at.want()) == []


async def test_calls_in_flight_are_counted_per_token(basic: MakeToken) -> None:
    at = Setting(basic("a"))
    await at.lease()

    assert (at.home.inflight("a"), at.home.inflight("gone")) == (1, 0)


async def test_preparing_lets_calls_pass(basic: MakeToken) -> None:
    at = Setting(*(basic(f"t{number}") for number in range(2500)))
    async with anyio.create_task_group() as group:
        group.start_soon(at.home.prepare, [at.want(prefer_tags=("nsfw",))])
        await anyio.lowlevel.checkpoint()

        lease = await at.lease()

    at.settle(lease, Kind.OK, Stage.CONTENT)
    assert at.left(lease.token) == 9


async def test_large_import_lets_calls_pass(basic: MakeToken) -> None:
    at = Setting(basic("there"))
    async with anyio.create_task_group() as group:
        group.start_soon(at.home.edited, [basic(f"t{number}") for number in range(1200)])
        await anyio.lowlevel.checkpoint()

        known = len(at.home.states())

    assert known < len(at.home.states()) == 1201


async def test_garbage_collector_is_on_after_a_load(basic: MakeToken) -> None:
    Setting(basic("a"))

    assert gc.isenabled()
